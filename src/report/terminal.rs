//! What commands tell at a terminal; the words stand in `templates/`. It says "invitation created", never "sent": whether a customer
//! hears of it is the tenant's doing.

use std::time::Duration;

use minijinja::value::Serde;
use minijinja::{Value, context};

use crate::mapping::names::Shown;
use crate::model::{
    ContractTypeId, FollowSummary, RowHistory, RowNumber, RunSummary, Stop, Timestamp,
};

use super::text::{Look, counted, duration, rendered};
use super::words::Language;

/// What further commands must be given to meet the same ledger and config, as typed.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize)]
pub struct Further {
    /// FILE, as it is found from here.
    pub file: String,
    /// For those that name no file and read or settle: `--ledger b.db`.
    pub reading: String,
    /// For those that name no file and send: `--sandbox`, say.
    pub sending: String,
    /// For `check FILE`: `--sheet June`, say.
    pub checking: String,
    /// For `run FILE`.
    pub running: String,
}

/// What `follow` found. Headers that look like a customer's values are masked.
pub fn follow_text(summary: &FollowSummary, further: &Further, look: Look) -> String {
    let headers = [&summary.match_column, &summary.stage].into_iter();
    let shown = Shown::of(headers.chain(&summary.at).map(String::as_str));
    let values = context! {
        s => Serde(summary),
        match => shown.header(&summary.match_column),
        stage => shown.header(&summary.stage),
        at => summary.at.as_deref().map(|at| shown.header(at)),
        further => Serde(further),
    };
    look.text(include_str!("templates/follow.txt"), values)
}

/// A command that can be typed as it stands.
pub fn command(words: &str, options: &str) -> String {
    format!("vlens-batch {words} {options}")
        .trim_end()
        .to_owned()
}

/// So many changed rows are listed.
pub const CHANGED_SHOWN: u32 = 20;

/// Where a run stands: one that goes on, has ended, or was killed. `changed`: its rows with other content than what was
/// created, as far as they are listed.
pub fn summary_text(
    summary: &RunSummary,
    changed: &[RowNumber],
    further: &Further,
    look: Look,
) -> String {
    let changed: Vec<String> = changed.iter().map(ToString::to_string).collect();
    let values = context! {
        s => Serde(summary),
        changed => changed.join(", "),
        more_changed => summary.changed > CHANGED_SHOWN.into(),
        needing => summary.counts.needing_a_person(),
        ..Value::from(Serde(further))
    };
    look.text(include_str!("templates/summary.txt"), values)
}

/// Why a run stopped early: what stopped it, and what whoever stopped it said (Vlens' refusal, say).
pub fn reason(stop: Stop, said: Option<&str>) -> String {
    let sentence = Language::English.word(&format!("stop_{stop}"));
    let parts: Vec<&str> = std::iter::once(sentence).chain(said).collect();
    parts.join(" ")
}

/// Why a run still asks for somebody, in one line.
pub fn not_done(summary: &RunSummary) -> String {
    let needing = summary.counts.needing_a_person();
    let values = context! { s => Serde(summary), needing };
    rendered(include_str!("templates/not_done.txt"), values)
}

/// The one question before a run sends: how many, where, for whom, and how long it takes.
pub fn question(invitations: u64, base_url: &str, tenancy_name: &str, least: Duration) -> String {
    let invitations = counted(invitations, "invitation", "invitations");
    let tenant = match tenancy_name {
        "" => String::new(),
        name => format!(" for the tenant {name}"),
    };
    let time = match least.as_secs() {
        ..10 => "a few seconds".to_owned(),
        _ => format!("about {}", duration(least.as_secs_f64())),
    };
    format!("Create {invitations} at {base_url}{tenant}? At this rate it takes {time}.")
}

/// What a run would come to.
#[derive(Debug, Default, serde::Serialize)]
pub struct DryRun {
    /// By this a script knows the document.
    pub dry_run: bool,
    pub source: String,
    /// Rows of the file.
    pub rows: u64,
    /// Invitations that would be created now.
    pub would_send: u64,
    /// Rows whose invitation was created earlier.
    pub already_created: u64,
    /// Rows that wait for a person: rejected or uncertain.
    pub held: u64,
    pub invalid: u64,
    pub duplicate: u64,
}

impl DryRun {
    /// Invitations that the file asks for, created before or not.
    pub fn asked_for(&self) -> u64 {
        self.rows - self.invalid - self.duplicate
    }
}

/// What a dry run found.
pub fn dry_run_text(tally: &DryRun, look: Look) -> String {
    let values = context! { tally => Serde(tally) };
    look.text(include_str!("templates/dry_run.txt"), values)
}

/// The runs in the order given; a ledger without runs says so.
pub fn runs_text(runs: &[RunSummary], look: Look) -> String {
    let letters = if look.is_narrow() { 10 } else { 16 };
    let values = context! { runs => Serde(runs), letters };
    look.text(include_str!("templates/runs.txt"), values)
}

/// One contract type of the tenant.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TypeLine {
    pub id: ContractTypeId,
    /// Empty when there is none.
    pub name: String,
    /// When its form was stored, if it was.
    pub form_pulled_at: Option<Timestamp>,
}

/// The contract types; a tenant without any is told so.
pub fn contract_types_text(types: &[TypeLine], look: Look) -> String {
    let template = include_str!("templates/contract_types.txt");
    look.text(template, context! { types => Serde(types) })
}

/// One column of the sheet and what `init` takes it for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct GuessLine {
    pub column: String,
    /// One of its values, masked.
    pub sample: String,
    /// What it feeds, when that is sure.
    pub target: Option<String>,
    /// What else it may feed.
    pub candidates: Vec<String>,
}

pub fn guesses_text(guesses: &[GuessLine], look: Look) -> String {
    let template = include_str!("templates/guesses.txt");
    look.text(template, context! { guesses => Serde(guesses) })
}

/// How serious a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// There is nothing to tell.
    Nothing,
    Ok,
    /// Not looked at on this system.
    Unknown,
    /// Works, but a person should know.
    Warning,
    /// Does not work.
    Failure,
}

/// One thing that `doctor` looked at.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Finding {
    /// A stable word.
    pub check: &'static str,
    pub level: Level,
    /// What was found. Holds no secret.
    pub message: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl Finding {
    /// One that has no word yet.
    pub fn new(level: Level, message: impl Into<String>, remedy: Option<String>) -> Finding {
        Finding {
            check: "",
            level,
            message: message.into(),
            remedy,
        }
    }
}

/// The findings in their order, and a line that sums them up.
pub fn doctor_text(findings: &[Finding], look: Look) -> String {
    let values = Value::from(Serde(doctor_json(findings)));
    look.text(include_str!("templates/doctor.txt"), values)
}

/// Where the team's register stands.
pub fn register_text(overview: &impl serde::Serialize, look: Look) -> String {
    let values = context! { o => Serde(overview) };
    look.text(include_str!("templates/register.txt"), values)
}

/// The findings as a document.
pub fn doctor_json(findings: &[Finding]) -> serde_json::Value {
    let levels = findings.iter().map(|finding| finding.level);
    let count = |wanted| levels.clone().filter(|level| *level == wanted).count();
    serde_json::json!({
        "failures": count(Level::Failure),
        "warnings": count(Level::Warning),
        "checks": findings,
    })
}

/// A row's present state and everything that happened to it, oldest first.
pub fn history_text(history: &RowHistory, look: Look) -> String {
    let attempts = history.attempts.iter();
    let took = attempts.map(|attempt| Some(attempt.answered_at?.ms_since(attempt.sent_at).max(0)));
    let took: Vec<Option<i64>> = took.collect();
    let values = context! { took, ..Value::from(Serde(history_json(history))) };
    look.text(include_str!("templates/history.txt"), values)
}

/// The same as a document. It holds neither cells nor token.
pub fn history_json(history: &RowHistory) -> serde_json::Value {
    let result = &history.result;
    serde_json::json!({
        "row": result.row,
        "status": result.status,
        "duplicate_of": history.duplicate_of,
        "error_code": result.error_code,
        "error": result.error,
        "attempts": result.attempts,
        "sent_at": result.sent_at,
        "history": history.attempts,
    })
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::model::{Counts, RunId, Stop, Timestamp};

    /// A run with a bit of everything.
    pub(crate) fn a_summary() -> RunSummary {
        RunSummary {
            run: RunId(3),
            source: "customers.csv".to_owned(),
            base_url: "https://api.vlenseg.com".to_owned(),
            tenancy_name: "acme".to_owned(),
            started_at: Timestamp(1_795_293_540_000),
            finished_at: Some(Timestamp(1_795_294_527_000)),
            stopped: None,
            rows: 12_040,
            counts: Counts {
                created: 11_980,
                already_created: 40,
                invalid: 12,
                duplicate: 1,
                rejected: 4,
                failed: 1,
                uncertain: 2,
                pending: 0,
            },
            changed: 1,
            without_token: 0,
            requests: 11_990,
            throttled: 3,
            seconds: 987.2,
            ledger: "acme.db".to_owned(),
            running: false,
            reason: None,
        }
    }

    fn text(summary: &RunSummary, look: Look) -> String {
        let further = Further {
            file: summary.source.clone(),
            reading: "--ledger b.db".to_owned(),
            sending: "--sandbox".to_owned(),
            checking: "--ledger b.db".to_owned(),
            running: "--sandbox".to_owned(),
        };
        summary_text(summary, &[RowNumber(7)], &further, look)
    }

    #[test]
    fn a_run_says_what_needs_a_person_and_how() {
        insta::assert_snapshot!(text(&a_summary(), Look::new(60, false)), @r"
        Run 3 of customers.csv is finished; 19 rows need a person.

           11,980  invitations created
               40  created before, not sent again
                1  duplicate of an earlier row
                1  row changed after its invitation was created (row
                   7); not sent again without --resend-changed
        11,990 requests to Vlens in 16m 27s, 3 told to wait (429);
        tenant acme at https://api.vlenseg.com; ledger acme.db

               12  invalid: these rows do not pass validation; they
                   were not sent.
                   See what to correct, correct it in the file, and
                   run again:
                     vlens-batch check customers.csv --ledger b.db

                4  rejected by Vlens: Vlens answered that it will
                   not create these invitations.
                   See why, correct the rows, and run again:
                     vlens-batch export 3 --only rejected --output rejected.xlsx --ledger b.db
                   If nothing in them was wrong, try them as they
                   are:
                     vlens-batch retry 3 --rejected --sandbox

                1  failed: certainly not created, and every attempt
                   is used up.
                   Try again:
                     vlens-batch retry 3 --failed --sandbox

                2  uncertain: nobody can tell whether these
                   invitations were created; they are held back.
                   Find out from Vlens whether they were created:
                     vlens-batch export 3 --only uncertain --output uncertain.xlsx --ledger b.db
                   Then say so, row by row. As created, a row is
                   left without a link, which was in the lost
                   answer; as not-created, it is due again:
                     vlens-batch settle 3 --row N --as created --ledger b.db
                     vlens-batch settle 3 --row N --as not-created --ledger b.db
                   Or send it once more for a new link, though the
                   customer may be invited a second time:
                     vlens-batch retry 3 --row N --uncertain --sandbox
        ");
        // A refused run of standard input points to the doctor, and goes on from the ledger.
        let mut summary = a_summary();
        summary.stopped = Some(Stop::Refused);
        summary.counts.pending = 500;
        summary.source = "-".to_owned();
        summary.reason = Some(reason(Stop::Refused, Some("Vlens answered 403.")));
        let text = text(&summary, Look::new(80, false));
        for line in [
            "Run 3 of standard input stopped early.",
            "Vlens refuses every request, so nothing more was sent. Vlens answered 403.",
            "             vlens-batch export 3 --only invalid --output invalid.xlsx --ledger b.db",
            "  vlens-batch doctor --ledger b.db",
            "  vlens-batch resume 3 --sandbox",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
    }
}
