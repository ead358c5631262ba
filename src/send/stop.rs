//! The signal that stops a run. No new request starts after it; of several reasons, the gravest is told.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::error::{Error, Kind};
use crate::model::{Failure, Refusal, Stop, Timestamp};
use crate::register::Claim;

/// Why a run stops early: the word for it, and what there is to say beyond that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StopReason {
    /// None by a fault of our own: the ledger can no longer be written, and nothing may be sent that cannot be recorded.
    pub stop: Option<Stop>,
    pub error: Option<Error>,
}

impl StopReason {
    pub fn of(stop: Stop, error: Option<Error>) -> StopReason {
        let stop = Some(stop);
        StopReason { stop, error }
    }

    pub(super) fn broken(error: Error) -> StopReason {
        let (stop, error) = (None, Some(error));
        StopReason { stop, error }
    }

    /// Every invitation would be refused; `said` is what was observed.
    pub(super) fn refused(refusal: Refusal, said: &dyn Display) -> StopReason {
        StopReason::of(Stop::Refused, Some(refusal_of(refusal, said)))
    }

    /// Nothing may be sent past the team's register. One that is not to be trusted is worse than one that is away: trying again is of no use.
    pub fn register(error: Error) -> StopReason {
        let is_refused = error.kind == Kind::Refused;
        let stop = if is_refused {
            Stop::Refused
        } else {
            Stop::Register
        };
        StopReason::of(stop, Some(error))
    }

    /// Too many rows in a row failed or became uncertain, or nobody could log in.
    pub(super) fn failures(last: &str) -> StopReason {
        let last = last.trim_end_matches('.');
        StopReason::of(Stop::Failures, Some(Error::of("failures", &[&last])))
    }

    /// Vlens has asked at `now` for a wait that nobody sits out.
    pub(super) fn paused(now: Timestamp, wait: Duration) -> StopReason {
        let ms = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        let until = local(Timestamp(now.0.saturating_add(ms)));
        StopReason::of(Stop::Failures, Some(Error::of("paused", &[&until])))
    }

    /// A later reason that is graver takes the place of an earlier one: exit 1 before 6, 6 before 4.
    fn gravity(&self) -> (bool, bool) {
        let kind = self.error.as_ref().map(|error| error.kind);
        (self.stop.is_none(), kind == Some(Kind::Refused))
    }

    /// How a run is told to have stopped early. Whatever stopped it, with nothing left to send it did not; a refusal must be told all the
    /// same.
    pub fn of_run(why: Option<&StopReason>, is_done: bool, limit_reached: bool) -> Option<Stop> {
        let limit = limit_reached.then_some(Stop::Limit);
        let stop = why.map_or(limit, |why| why.stop);
        stop.filter(|stop| !is_done || *stop == Stop::Refused)
    }

    pub fn said(&self) -> Option<String> {
        let Error { message, hint, .. } = self.error.as_ref()?;
        Some(match hint {
            Some(hint) => format!("{message} {hint}"),
            None => message.clone(),
        })
    }
}

/// As the clock on the wall here shows it.
pub fn local(at: Timestamp) -> String {
    let at = at.local(&jiff::tz::TimeZone::system());
    at.strftime("%Y-%m-%d %H:%M").to_string()
}

/// What it means that every invitation is refused; `said` is what was observed.
pub(super) fn refusal_of(refusal: Refusal, said: &dyn Display) -> Error {
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

/// Why no request was made for a row, or why a call gave nothing.
pub enum Unsent {
    /// The run is stopping, for the reason that its signal has: leave without starting anything.
    Stopped,
    /// The customer is another computer's.
    Elsewhere(Claim),
    /// What a call came to that had to be made.
    Failed(Failure),
}

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

    /// One that stops with another, which does not stop with it.
    pub fn below(above: &Arc<StopSignal>) -> Arc<StopSignal> {
        let stop = Arc::new(StopSignal(watch::Sender::new(above.why())));
        let (above, below) = (Arc::clone(above), Arc::downgrade(&stop));
        tokio::spawn(async move {
            above.stopped().await;
            if let (Some(below), Some(why)) = (below.upgrade(), above.why()) {
                below.stop(why);
            }
        });
        stop
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
    pub async fn or_stop<T>(&self, work: impl Future<Output = T>) -> Result<T, Unsent> {
        tokio::select! {
            biased;
            () = self.stopped() => Err(Unsent::Stopped),
            done = work => Ok(done),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_reason_is_told_and_of_two_alike_the_first() {
        let broken = || StopReason::broken(Error::of("ledger_failed.stopped", &[]));
        let refused = || StopReason::refused(Refusal::Rights, &"no");
        let of = |stop| StopReason::of(stop, None);
        let stop = StopSignal::default();
        for (next, told) in [
            (of(Stop::Signal), of(Stop::Signal)),
            (of(Stop::Duration), of(Stop::Signal)),
            (refused(), refused()),
            (StopReason::failures("20"), refused()),
            (broken(), broken()),
            (of(Stop::Signal), broken()),
        ] {
            stop.stop(next);
            assert!(stop.is_stopping());
            assert_eq!(stop.why(), Some(told));
        }
    }
}
