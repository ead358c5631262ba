//! The text at the end of a run, and of `status`: what was created, what a person must see to and by which command, and why it
//! stopped. It says "invitation created", never "sent": whether a customer hears of it is the tenant's doing.

use std::io::{self, Write};

use crate::model::{RunRecord, RunSummary, Stop};

use super::words::{Look, counted, duration, quoted, rows, thousands};

/// How a run ended, with what its summary alone does not say.
#[derive(Debug, Clone, Copy)]
pub struct Ending<'a> {
    /// The run's numbers.
    pub summary: &'a RunSummary,
    /// Why it ended early, in the words of whoever stopped it (Vlens' refusal, say); without personal data.
    pub why: Option<&'a str>,
    /// What further commands must be given to meet the same ledger and config.
    pub further: &'a Further,
}

/// What further commands must be given to meet the same ledger and config, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Further {
    /// For those that read or settle: `--ledger b.db`.
    pub reading: String,
    /// For those that send: `--sandbox`, say.
    pub sending: String,
}

impl Further {
    /// A whole command line.
    fn command(&self, rest: &str) -> String {
        let sends = ["run ", "resume ", "retry "]
            .iter()
            .any(|verb| rest.starts_with(verb));
        let options = if sends { &self.sending } else { &self.reading };
        let space = if options.is_empty() { "" } else { " " };
        format!("vlens-batch {rest}{space}{options}")
    }
}

/// Writes the text that ends `run`, `resume` and `retry`.
pub fn write_summary(out: &mut dyn Write, ending: &Ending<'_>, look: Look) -> io::Result<()> {
    look.paragraph(out, "", &look.strong(&headline(ending.summary)))?;
    if let Some(stop) = ending.summary.stopped {
        look.paragraph(out, "", &look.warn(stop_sentence(stop)))?;
    }
    if let Some(why) = ending.why {
        look.paragraph(out, "", why)?;
    }
    write_body(out, ending, look)
}

/// Writes the text of `status`: the same numbers of a run that goes on, has ended, or was killed.
pub fn write_status(
    out: &mut dyn Write,
    record: &RunRecord,
    further: &Further,
    look: Look,
) -> io::Result<()> {
    let ending = Ending {
        summary: &record.summary,
        why: None,
        further,
    };
    let summary = &record.summary;
    if record.in_progress {
        let dealt_with = summary.rows.saturating_sub(summary.counts.pending);
        let text = format!(
            "Run {} of {} is going on: {} of {} dealt with.",
            summary.run,
            source_name(summary),
            thousands(dealt_with),
            rows(summary.rows)
        );
        look.paragraph(out, "", &look.strong(&text))?;
        return write_numbers(out, &ending, look);
    }
    if summary.finished_at.is_none() {
        let text = format!(
            "Run {} of {} was cut off before its end.",
            summary.run,
            source_name(summary)
        );
        look.paragraph(out, "", &look.strong(&text))?;
        return write_body(out, &ending, look);
    }
    write_summary(out, &ending, look)
}

fn write_body(out: &mut dyn Write, ending: &Ending<'_>, look: Look) -> io::Result<()> {
    write_numbers(out, ending, look)?;
    write_needs(out, ending, look)?;
    write_way_on(out, ending, look)
}

fn headline(summary: &RunSummary) -> String {
    let run = format!("Run {} of {}", summary.run, source_name(summary));
    let needing = summary.counts.needing_a_person();
    let need = if needing == 1 { "needs" } else { "need" };
    match (summary.stopped, needing) {
        (Some(_), _) => format!("{run} stopped early."),
        (None, 0) if summary.counts.pending > 0 => format!("{run} ended with rows still to send."),
        (None, 0) => format!("{run} is done: every row is dealt with."),
        (None, _) => format!("{run} is finished; {} {need} a person.", rows(needing)),
    }
}

fn stop_sentence(stop: Stop) -> &'static str {
    match stop {
        Stop::Signal => "It was told to stop; requests under way were ended and recorded.",
        Stop::Refused => "Vlens refuses every request, so nothing more was sent.",
        Stop::Failures => {
            "Too many rows in a row failed or became uncertain, or the login was out of reach."
        }
        Stop::Limit => "The number of rows given by --limit was sent.",
        Stop::Duration => "The time given by --max-duration was used up.",
        Stop::InvalidRows => {
            "Rows are invalid and --on-invalid stop was given, so nothing was sent."
        }
        Stop::Expectation => {
            "The number of rows to send is not the one given by --expect, so nothing was sent."
        }
    }
}

fn write_numbers(out: &mut dyn Write, ending: &Ending<'_>, look: Look) -> io::Result<()> {
    let summary = ending.summary;
    let counts = &summary.counts;
    writeln!(out)?;
    let created = number_line(counts.created, "invitation created", "invitations created");
    let lead = match counts.created {
        0 => created.0,
        _ => look.good(&created.0),
    };
    look.paragraph(out, &lead, &created.1)?;
    let quiet = [
        (
            counts.already_created,
            "created before, not sent again",
            "created before, not sent again",
        ),
        (
            counts.duplicate,
            "duplicate of an earlier row",
            "duplicates of an earlier row",
        ),
        (counts.pending, "row not tried yet", "rows not tried yet"),
        (
            summary.changed,
            "row changed after its invitation was created; not sent again without --resend-changed",
            "rows changed after their invitation was created; not sent again without --resend-changed",
        ),
    ];
    for (count, one, many) in quiet.into_iter().filter(|&(count, _, _)| count > 0) {
        let (lead, text) = number_line(count, one, many);
        look.paragraph(out, &lead, &text)?;
    }
    let throttled = if summary.throttled > 0 {
        format!(", {} told to wait (429)", thousands(summary.throttled))
    } else {
        String::new()
    };
    let requests = format!(
        "{} to Vlens in {}{throttled}; tenant {} at {}",
        counted(summary.requests, "request", "requests"),
        duration(summary.seconds),
        summary.tenancy_name,
        summary.base_url
    );
    look.paragraph(out, "", &look.faint(&requests))
}

/// The right-aligned number, and the words behind it.
fn number_line(count: u64, one: &str, many: &str) -> (String, String) {
    let words = if count == 1 { one } else { many };
    (format!("{:>9}  ", thousands(count)), words.to_owned())
}

/// What needs a person, kind by kind, each with what to do and the commands to type.
fn write_needs(out: &mut dyn Write, ending: &Ending<'_>, look: Look) -> io::Result<()> {
    let counts = &ending.summary.counts;
    let kinds = [
        (counts.invalid, "invalid", Need::Invalid),
        (counts.rejected, "rejected by Vlens", Need::Rejected),
        (counts.failed, "failed", Need::Failed),
        (counts.uncertain, "uncertain", Need::Uncertain),
    ];
    for (count, word, need) in kinds.into_iter().filter(|&(count, _, _)| count > 0) {
        writeln!(out)?;
        let lead = format!("{:>9}  ", thousands(count));
        let head = format!("{}: {}", look.strong(word), need.meaning(count == 1));
        look.paragraph(out, &look.bad(&lead), &head)?;
        for (advice, command) in need.advice(ending) {
            if !advice.is_empty() {
                look.paragraph(out, "           ", advice)?;
            }
            look.command_line(out, 13, &command)?;
        }
    }
    Ok(())
}

/// How the rest is sent, when rows are still due.
fn write_way_on(out: &mut dyn Write, ending: &Ending<'_>, look: Look) -> io::Result<()> {
    let summary = ending.summary;
    if summary.counts.pending == 0 {
        return Ok(());
    }
    writeln!(out)?;
    if summary.stopped == Some(Stop::Refused) {
        look.paragraph(
            out,
            "",
            "First see what is wrong with the credentials, rights or address:",
        )?;
        look.command_line(out, 2, &command("doctor", ending))?;
    }
    let go_on = match summary.stopped {
        Some(Stop::InvalidRows) => {
            "Correct the rows and run the file again; or send the valid rows alone:"
        }
        Some(Stop::Expectation) => {
            "When the number is right, run again with it, or without --expect:"
        }
        _ => "Run again to go on with the rows not tried yet; nothing is sent twice:",
    };
    look.paragraph(out, "", go_on)?;
    look.command_line(out, 2, &way_on(ending))
}

fn way_on(ending: &Ending<'_>) -> String {
    match file(ending.summary) {
        Some(file) => command(&format!("run {file}"), ending),
        None => command(&format!("resume {}", ending.summary.run), ending),
    }
}

/// What a person has to see to.
#[derive(Clone, Copy)]
enum Need {
    Invalid,
    Rejected,
    Failed,
    Uncertain,
}

impl Need {
    fn meaning(self, single: bool) -> &'static str {
        match (self, single) {
            (Need::Invalid, true) => "the row does not pass validation; it was not sent.",
            (Need::Invalid, false) => "these rows do not pass validation; they were not sent.",
            (Need::Rejected, true) => "Vlens answered that it will not create this invitation.",
            (Need::Rejected, false) => "Vlens answered that it will not create these invitations.",
            (Need::Failed, _) => "certainly not created, and every attempt is used up.",
            (Need::Uncertain, true) => {
                "nobody can tell whether the invitation was created; it is held back."
            }
            (Need::Uncertain, false) => {
                "nobody can tell whether these invitations were created; they are held back."
            }
        }
    }

    /// What to do, and the command for it; a further command for the same advice has none of its own.
    fn advice(self, ending: &Ending<'_>) -> Vec<(&'static str, String)> {
        let run = ending.summary.run;
        let export = |status: &str| {
            command(
                &format!("export {run} --only {status} --output {status}.csv"),
                ending,
            )
        };
        match self {
            Need::Invalid => match file(ending.summary) {
                Some(file) => vec![(
                    "See what to correct, correct it in the file, and run again:",
                    command(&format!("check {file}"), ending),
                )],
                None => vec![(
                    "Take the rows out, correct them, and run that file:",
                    export("invalid"),
                )],
            },
            Need::Rejected => vec![
                (
                    "See why, correct the rows, and run again:",
                    export("rejected"),
                ),
                (
                    "If nothing in them was wrong, try them as they are:",
                    command(&format!("retry {run} --rejected"), ending),
                ),
            ],
            Need::Failed => vec![(
                "Try again:",
                command(&format!("retry {run} --failed"), ending),
            )],
            Need::Uncertain => vec![
                (
                    "Find out from Vlens whether they were created:",
                    export("uncertain"),
                ),
                (
                    "Then say so, row by row; not-created makes a row due again:",
                    command(&format!("settle {run} --row N --as created"), ending),
                ),
                (
                    "",
                    command(&format!("settle {run} --row N --as not-created"), ending),
                ),
            ],
        }
    }
}

fn command(rest: &str, ending: &Ending<'_>) -> String {
    ending.further.command(rest)
}

/// The source as it must be typed; none when it was standard input and is gone.
fn file(summary: &RunSummary) -> Option<String> {
    (summary.source != "-").then(|| quoted(&summary.source))
}

fn source_name(summary: &RunSummary) -> &str {
    if summary.source == "-" {
        "standard input"
    } else {
        &summary.source
    }
}

#[cfg(test)]
pub(super) mod tests;
