//! What `run` looks at before the first request: `--on-invalid stop`, `--expect`; and `--dry-run`, which ends there.

use super::world::Target;
use crate::cli::args::{OnInvalid, RunArgs};
use crate::cli::settings::Settings;
use crate::error::{Ended, Error, Kind};
use crate::ledger::{Reader, refuse_loss};
use crate::model::{Plan, RunSummary, Stop, Verdict};
use crate::report::{Look, counted, texts};
use crate::send::{Sheet, StopSignal, Wishes, plan};

/// Everything up to the first request, with the ledger only read.
pub fn dry_run(
    args: &RunArgs,
    settings: &Settings,
    wishes: Wishes,
    stop: &StopSignal,
    sheet: &mut Sheet,
    target: &Target,
) -> Ended {
    let path = settings.ledger(args.send.sandbox)?;
    refuse_loss(&path, &settings.again(args.send.sandbox, Some(args)))?;
    let reader = Reader::open(&path)?.map(Reader::hold).transpose()?;
    if let Some(reader) = &reader {
        reader.require(&target.binding)?;
        reader.tell_apart_by(sheet.mapping.told_by())?;
    }
    let mut tally = Forecast {
        dry_run: true,
        source: args.file.display().to_string(),
        ..Forecast::default()
    };
    sheet.walk(stop, |judged| {
        tally.rows += 1;
        match &judged.verdict {
            Verdict::Aside(_) => tally.rows -= 1,
            Verdict::Invalid(_) => tally.invalid += 1,
            Verdict::Duplicate(_) => tally.duplicate += 1,
            Verdict::Valid(invitation) => {
                let known = match &reader {
                    Some(reader) => reader.standing(invitation)?,
                    None => None,
                };
                match plan(known.map(|(_, standing)| standing), wishes) {
                    Plan::Send => tally.would_send += 1,
                    Plan::Skip => tally.already_created += 1,
                    Plan::Hold => tally.held += 1,
                }
            }
        }
        Ok(())
    })?;
    if let Some(limit) = args.send.limit {
        tally.would_send = tally.would_send.min(limit);
    }
    let text = |look: Look| look.text(texts::DRY_RUN, &tally);
    settings.output.show(&tally, text)?;
    ended(&tally, args)
}

/// What a run would come to.
#[derive(Debug, Default, serde::Serialize)]
pub struct Forecast {
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

impl Forecast {
    /// Invitations that the file asks for, created before or not.
    pub fn asked_for(&self) -> u64 {
        self.rows - self.invalid - self.duplicate
    }
}

fn ended(tally: &Forecast, args: &RunArgs) -> Ended {
    let (asked_for, needing) = (tally.asked_for(), tally.invalid + tally.held);
    let why = match args.expect {
        Some(expected) if expected != asked_for => {
            format!("it asks for {asked_for} invitations, not for {expected}")
        }
        _ if needing > 0 => format!("{} a person", counted(needing, "row needs", "rows need")),
        _ => return Ok(None),
    };
    let message = format!("{}: {why}.", tally.source);
    let code = "dry_run_needs_a_person";
    Err(Error::new(Kind::NeedsPerson, code, message))
}

/// Why nothing is to be sent, and what there is to say beyond that.
pub type Held = (Stop, Option<String>);

pub fn held_back(args: &RunArgs, run: &RunSummary) -> Option<Held> {
    if args.on_invalid == OnInvalid::Stop && run.counts.invalid > 0 {
        return Some((Stop::InvalidRows, None));
    }
    let expected = args.expect?;
    // Sent before or not, so that the number stays the same after an interruption.
    let asked_for = run.rows - run.counts.invalid - run.counts.duplicate;
    let why = format!("Expected: {expected}; the file asks for {asked_for}.");
    (asked_for != expected).then_some((Stop::Expectation, Some(why)))
}
