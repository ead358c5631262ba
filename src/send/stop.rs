//! The signal that stops a run. No new request starts after it; of several reasons, the gravest is told.

use std::fmt::Display;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Kind};
use crate::model::{Refusal, Stop, Timestamp};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    Signal,
    /// Vlens refuses every request.
    Refused(Refusal, String),
    /// Too many rows in a row failed or became uncertain, or nobody could log in.
    Failures(String),
    /// Vlens asks to wait until then, which nobody sits out.
    Paused(Timestamp),
    /// `--max-duration` has passed.
    Duration,
    /// The team's register is out of reach, or not to be trusted: nobody knows what other computers sent.
    Register(Error),
    /// The ledger can no longer be written: nothing may be sent that cannot be recorded.
    Broken(Error),
}

impl StopReason {
    /// Vlens has asked at `now` for a wait that nobody sits out.
    pub(super) fn paused(now: Timestamp, wait: Duration) -> StopReason {
        let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        StopReason::Paused(Timestamp(now.0.saturating_add(ms)))
    }

    /// A later reason that is graver takes the place of an earlier one: exit 1 before 6, 6 before 4.
    fn gravity(&self) -> u8 {
        match self {
            StopReason::Broken(_) => 2,
            StopReason::Refused(..) => 1,
            StopReason::Register(error) => u8::from(error.kind == Kind::Refused),
            StopReason::Signal
            | StopReason::Failures(_)
            | StopReason::Paused(_)
            | StopReason::Duration => 0,
        }
    }

    /// How a run is told to have stopped early; not by a fault of our own. Whatever stopped it, with nothing left to send it did not; a
    /// refusal must be told all the same.
    pub fn of_run(why: Option<&StopReason>, is_done: bool, limit_reached: bool) -> Option<Stop> {
        match why {
            Some(StopReason::Refused(..)) => Some(Stop::Refused),
            _ if is_done => None,
            None => limit_reached.then_some(Stop::Limit),
            Some(StopReason::Signal) => Some(Stop::Signal),
            Some(StopReason::Register(_)) => Some(Stop::Register),
            Some(StopReason::Failures(_) | StopReason::Paused(_)) => Some(Stop::Failures),
            Some(StopReason::Duration) => Some(Stop::Duration),
            Some(StopReason::Broken(_)) => None,
        }
    }

    /// What there is to say beyond the word for it.
    pub fn said(&self) -> Option<String> {
        let whole = |error: &Error| match &error.hint {
            Some(hint) => format!("{} {hint}", error.message),
            None => error.message.clone(),
        };
        Some(match self {
            StopReason::Signal | StopReason::Duration => return None,
            StopReason::Register(error) => whole(error),
            StopReason::Refused(refusal, message) => whole(&refused(*refusal, message)),
            StopReason::Failures(last) => format!("The last one: {}.", last.trim_end_matches('.')),
            StopReason::Paused(until) => format!(
                "Vlens asks to wait until {}; nothing is sent before.",
                local(*until)
            ),
            StopReason::Broken(error) => error.message.clone(),
        })
    }
}

/// As the clock on the wall here shows it.
pub fn local(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(at.0).unwrap_or_default();
    let at = at.to_zoned(jiff::tz::TimeZone::system());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// What it means that every invitation is refused; `said` is what was observed.
pub(super) fn refused(refusal: Refusal, said: &dyn Display) -> Error {
    let name = match refusal {
        Refusal::Credentials => "credentials_refused",
        Refusal::Rights => "rights_missing.invitations",
        Refusal::NotTheApi => "not_the_api",
    };
    Error::of(name, &[said])
}

/// Shared by everybody who may stop the run and everybody who must notice.
#[derive(Debug, Default)]
pub struct StopSignal(watch::Sender<Option<StopReason>>);

/// The run is stopping: leave without starting anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl StopSignal {
    /// Stops the run. Of reasons of the same gravity, the first is kept.
    pub fn stop(&self, why: StopReason) {
        self.0.send_if_modified(|known| {
            let is_graver = known.as_ref().map(StopReason::gravity) < Some(why.gravity());
            if is_graver {
                *known = Some(why);
            }
            is_graver
        });
    }

    pub fn is_stopping(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub fn why(&self) -> Option<StopReason> {
        self.0.borrow().clone()
    }

    pub async fn stopped(&self) {
        // Its sender is here, so there is always an end.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }

    /// Waits for `work`, unless the run stops first.
    pub async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, Stopped> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Stopped),
            done = work => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_reason_is_told_and_of_two_alike_the_first() {
        let broken = || StopReason::Broken(Error::of("ledger_failed.stopped", &[]));
        let refused = || StopReason::Refused(Refusal::Rights, "no".to_owned());
        let stop = StopSignal::default();
        for (next, told) in [
            (StopReason::Signal, StopReason::Signal),
            (StopReason::Duration, StopReason::Signal),
            (refused(), refused()),
            (StopReason::Failures("20".to_owned()), refused()),
            (broken(), broken()),
            (StopReason::Signal, broken()),
        ] {
            stop.stop(next);
            assert!(stop.is_stopping());
            assert_eq!(stop.why(), Some(told));
        }
    }
}
