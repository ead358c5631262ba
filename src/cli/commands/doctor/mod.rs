//! `doctor`: looks at everything that a run needs, and says what to do about each failure. Changes nothing; the requests that
//! it makes count against the limits like any other.

mod api;
mod ledger;
mod settings;

use crate::cli::args::{DoctorArgs, Global};
use crate::cli::output::Output;
use crate::cli::settings::Place;
use crate::error::{Ended, Error, Kind};
use crate::report::{Finding, Level, doctor_json, write_doctor};

/// Runs the command.
pub async fn doctor(args: &DoctorArgs, global: &Global, output: Output) -> Ended {
    let mut chart = Chart::default();
    match Place::find(global, None) {
        Ok(place) => Box::pin(examine(&place, args, output, &mut chart)).await,
        Err(failure) => settings::config_unusable(failure, &mut chart),
    }
    if output.json {
        output.print_json(&doctor_json(&chart.findings))?;
    } else {
        output.print(|out| write_doctor(out, &chart.findings, output.look()))?;
    }
    Ok(chart.ended_as())
}

async fn examine(place: &Place, args: &DoctorArgs, output: Output, chart: &mut Chart) {
    let ready = settings::examine(place, args.allow_insecure_http, chart);
    let standing = ledger::examine(
        &place.ledger(false),
        ready.as_ref().map(|ready| &ready.binding),
        chart,
    );
    match ready {
        Some(ready) => api::examine(place, ready, standing, output, chart).await,
        None => chart.warning(
            "login",
            "Not tried: the settings above are not complete.",
            "Mend them first, then run `vlens-batch doctor` again.",
        ),
    }
}

/// All findings so far, and the kinds that the failures among them ask for.
#[derive(Default)]
struct Chart {
    findings: Vec<Finding>,
    kinds: Vec<Kind>,
}

impl Chart {
    /// As it should be; `what` is a fact rather than a sentence.
    fn ok(&mut self, check: &'static str, what: impl Into<String>) {
        self.note(check, Level::Ok, what.into(), None);
    }

    fn warning(
        &mut self,
        check: &'static str,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        let message = as_sentence(&message.into());
        self.note(check, Level::Warning, message, Some(remedy.into()));
    }

    fn failure(&mut self, check: &'static str, error: Error) {
        self.kinds.push(error.kind);
        self.note(
            check,
            Level::Failure,
            as_sentence(&error.message),
            error.hint,
        );
    }

    fn note(&mut self, check: &'static str, level: Level, message: String, remedy: Option<String>) {
        self.findings.push(Finding {
            check,
            level,
            message,
            remedy: remedy.filter(|remedy| !remedy.is_empty()),
        });
    }

    /// A damaged ledger before all else, then what must be mended here before Vlens can be asked at all.
    fn ended_as(&self) -> Option<Kind> {
        [
            Kind::Unexpected,
            Kind::Unusable,
            Kind::Refused,
            Kind::Stopped,
        ]
        .into_iter()
        .find(|kind| self.kinds.contains(kind))
    }
}

/// With a capital and a full stop, whichever room the words come from.
fn as_sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let rest = chars.as_str();
    // A file's or variable's name keeps its letters.
    let first_word = text.split(' ').next().unwrap_or_default();
    let is_word = first_word.chars().all(|c| c.is_ascii_lowercase());
    let first: String = if is_word {
        first.to_uppercase().collect()
    } else {
        first.to_string()
    };
    let stop = if text.ends_with(['.', '?', '!', ':']) {
        ""
    } else {
        "."
    };
    format!("{first}{rest}{stop}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_failure_tells_the_exit() {
        let mut chart = Chart::default();
        assert_eq!(chart.ended_as(), None);
        chart.warning("place", "a folder", "move it");
        assert_eq!(chart.ended_as(), None);
        for (kind, expected) in [
            (Kind::Stopped, Kind::Stopped),
            (Kind::Unusable, Kind::Unusable),
            (Kind::Stopped, Kind::Unusable),
            (Kind::Unexpected, Kind::Unexpected),
        ] {
            chart.failure("x", Error::new(kind, "x", "x"));
            assert_eq!(chart.ended_as(), Some(expected));
        }
    }

    #[test]
    fn words_of_every_room_become_sentences() {
        for (text, expected) in [
            ("no tenant is named", "No tenant is named."),
            ("The ledger is sound.", "The ledger is sound."),
            ("vlens-batch.toml is read", "vlens-batch.toml is read."),
            ("VLENS_API_KEY is not set", "VLENS_API_KEY is not set."),
            ("", ""),
        ] {
            assert_eq!(as_sentence(text), expected);
        }
    }
}
