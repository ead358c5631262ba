//! The tally of `check` as one screen of text: the verdict, problems worst first, repairs, duplicates, how the file was read, and
//! the next step.

use std::io::{self, Write};

use crate::report::words::{Look, counted, quoted, rows, thousands};

use super::tally::{CheckTally, Group};

/// Lines of a screen, of which none should scroll away.
const SCREEN: usize = 40;
/// Columns with repairs shown.
const REPAIRS: usize = 4;

/// How much is told of the problems.
#[derive(Clone, Copy)]
struct Detail {
    groups: usize,
    examples: usize,
    /// Whether blank lines part the groups.
    is_airy: bool,
}

/// From the fullest to the barest; the first that fits on the screen is shown.
const DETAILS: [Detail; 6] = [
    Detail::of(8, 3, true),
    Detail::of(8, 3, false),
    Detail::of(8, 1, false),
    Detail::of(6, 1, false),
    Detail::of(4, 1, false),
    Detail::of(2, 1, false),
];

impl Detail {
    const fn of(groups: usize, examples: usize, is_airy: bool) -> Detail {
        Detail {
            groups,
            examples,
            is_airy,
        }
    }
}

impl CheckTally {
    /// Writes the result for people. `notes` say how the file was read; `options` is what every further command needs to meet the
    /// same settings, as typed. Values are masked.
    pub fn write_text(
        &self,
        out: &mut dyn Write,
        source: &str,
        notes: &[String],
        options: &str,
        look: Look,
    ) -> io::Result<()> {
        let mut screen = Vec::new();
        for detail in DETAILS {
            screen.clear();
            self.write_screen(&mut screen, source, notes, options, (detail, look))?;
            if screen.split(|&byte| byte == b'\n').count() <= SCREEN + 1 {
                break;
            }
        }
        out.write_all(&screen)
    }

    fn write_screen(
        &self,
        out: &mut dyn Write,
        source: &str,
        notes: &[String],
        options: &str,
        (detail, look): (Detail, Look),
    ) -> io::Result<()> {
        look.paragraph(out, "", &look.strong(&self.verdict(source)))?;
        for note in notes {
            look.paragraph(out, "  ", &look.faint(note))?;
        }
        self.write_problems(out, detail, look)?;
        self.write_repairs(out, look)?;
        self.write_duplicates(out, look)?;
        self.write_already_created(out, look)?;
        self.write_next_step(out, source, options, look)
    }

    fn verdict(&self, source: &str) -> String {
        let source = if source == "-" {
            "Standard input"
        } else {
            source
        };
        let mut parts = vec![format!("{} valid", thousands(self.valid))];
        if self.invalid > 0 {
            parts.push(format!("{} invalid", thousands(self.invalid)));
        }
        if self.duplicate > 0 {
            parts.push(counted(self.duplicate, "duplicate", "duplicates"));
        }
        format!("{source}: {}, {}.", rows(self.rows()), parts.join(", "))
    }

    fn write_problems(&self, out: &mut dyn Write, detail: Detail, look: Look) -> io::Result<()> {
        let groups = self.problems();
        let shown = groups.len().min(detail.groups);
        for (at, (column, code, group)) in groups.iter().take(shown).enumerate() {
            if detail.is_airy || at == 0 {
                writeln!(out)?;
            }
            let place = if column.is_empty() {
                "the row as a whole".to_owned()
            } else {
                look.strong(&on_one_line(column))
            };
            let what = match group.examples.first() {
                Some(first) if group.is_uniform => &first.message,
                _ => code.meaning(),
            };
            let lead = format!("{:>9}  ", thousands(group.count));
            look.paragraph(out, &look.bad(&lead), &format!("{place}: {what}"))?;
            write_examples(out, group, detail.examples, look)?;
        }
        let rest: u64 = groups
            .iter()
            .skip(shown)
            .map(|(_, _, group)| group.count)
            .sum();
        if rest > 0 {
            let kinds = counted((groups.len() - shown) as u64, "other kind", "other kinds");
            let text = format!(
                "{} of {kinds}; --json lists them all.",
                counted(rest, "problem", "problems")
            );
            if detail.is_airy {
                writeln!(out)?;
            }
            look.paragraph(out, "           ", &text)?;
        }
        Ok(())
    }

    fn write_repairs(&self, out: &mut dyn Write, look: Look) -> io::Result<()> {
        if self.repaired == 0 {
            return Ok(());
        }
        writeln!(out)?;
        let groups = self.repairs();
        let text = format!(
            "{} mended; the sheet itself is not touched:",
            counted(self.repaired, "value was", "values were")
        );
        look.paragraph(out, "", &text)?;
        for (column, group) in groups.iter().take(REPAIRS) {
            let lead = format!("{:>9}  ", thousands(group.count));
            let example = group.examples.first().map_or(String::new(), |example| {
                format!(
                    ", row {}: {} goes out as {}",
                    example.row, example.value, example.message
                )
            });
            look.paragraph(
                out,
                &lead,
                &format!("{}{example}", look.strong(&on_one_line(column))),
            )?;
        }
        if groups.len() > REPAIRS {
            let more = counted(
                (groups.len() - REPAIRS) as u64,
                "other column",
                "other columns",
            );
            look.paragraph(out, "           ", &format!("and in {more}"))?;
        }
        Ok(())
    }

    fn write_duplicates(&self, out: &mut dyn Write, look: Look) -> io::Result<()> {
        if self.duplicate == 0 {
            return Ok(());
        }
        let pairs: Vec<String> = self
            .duplicates
            .iter()
            .map(|(row, first)| format!("row {row} repeats row {first}"))
            .collect();
        let end = if self.duplicate > self.duplicates.len() as u64 {
            ", …"
        } else {
            "."
        };
        let text = format!(
            "{} of an earlier row, not sent: {}{end}",
            counted(self.duplicate, "duplicate", "duplicates"),
            pairs.join(", ")
        );
        writeln!(out)?;
        look.paragraph(out, "", &text)
    }

    fn write_already_created(&self, out: &mut dyn Write, look: Look) -> io::Result<()> {
        if self.already_created == 0 {
            return Ok(());
        }
        let were = counted(self.already_created, "row was", "rows were");
        let mut text = format!("{were} invited by an earlier run and would not be sent again");
        let examples: Vec<String> = self
            .created_earlier
            .iter()
            .map(|(row, earlier)| {
                format!(
                    "row {row} (run {}, row {} of {})",
                    earlier.run, earlier.row, earlier.source
                )
            })
            .collect();
        if !examples.is_empty() {
            text.push_str(": ");
            text.push_str(&examples.join(", "));
        }
        let is_all = examples.is_empty() || self.already_created == examples.len() as u64;
        text.push_str(if is_all { "." } else { ", …" });
        if self.changed > 0 {
            let have = counted(self.changed, "of them has", "of them have");
            text.push(' ');
            text.push_str(&have);
            text.push_str(" changed since; --resend-changed sends what changed.");
        }
        writeln!(out)?;
        look.paragraph(out, "", &text)
    }

    fn write_next_step(
        &self,
        out: &mut dyn Write,
        source: &str,
        options: &str,
        look: Look,
    ) -> io::Result<()> {
        let space = if options.is_empty() { "" } else { " " };
        let command = |verb: &str| format!("vlens-batch {verb} {}{space}{options}", quoted(source));
        writeln!(out)?;
        if self.rows() == 0 {
            return look.paragraph(out, "", "There are no rows to send.");
        }
        if self.invalid > 0 {
            look.paragraph(
                out,
                "",
                "Correct the sheet and check again; every problem is marked in its cell by:",
            )?;
            look.command_line(out, 2, &command("check --annotate marked.xlsx"))?;
        }
        let due = self.valid.saturating_sub(self.already_created);
        if due > 0 {
            let what = if self.invalid > 0 {
                format!(
                    "Or create invitations for the {} alone:",
                    counted(due, "valid row", "valid rows")
                )
            } else {
                "Create the invitations:".to_owned()
            };
            look.paragraph(out, "", &what)?;
            look.command_line(out, 2, &command("run"))?;
        } else if self.invalid == 0 {
            look.paragraph(out, "", "There is nothing left to send.")?;
        }
        Ok(())
    }
}

/// Where a message is that of all, the places alone; else each example with its own.
fn write_examples(
    out: &mut dyn Write,
    group: &Group,
    at_most: usize,
    look: Look,
) -> io::Result<()> {
    const LEAD: &str = "           ";
    let examples = &group.examples[..group.examples.len().min(at_most)];
    if group.is_uniform {
        let places: Vec<String> = examples.iter().map(|e| place(e.row, &e.value)).collect();
        let is_all = group.count == places.len() as u64;
        let more = if is_all { "" } else { ", …" };
        let text = format!("{}{more}", places.join(", "));
        return look.paragraph(out, LEAD, &look.faint(&text));
    }
    for example in examples {
        let text = format!(
            "{}: {}",
            place(example.row, &example.value),
            example.message
        );
        look.paragraph(out, LEAD, &text)?;
    }
    Ok(())
}

fn place(row: crate::model::RowNumber, value: &str) -> String {
    if value.is_empty() {
        format!("row {row}")
    } else {
        format!("row {row} ({value})")
    }
}

/// A template's header has a line for each language.
fn on_one_line(header: &str) -> String {
    header
        .lines()
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" / ")
}
