//! All that a row needs before its request leaves: a slot from the gate, a good token, its intent durable, a place on the
//! wire. In this order, so that a slot is counted before anything could be sent with it.

use std::time::Duration;

use super::queue::{Job, Trouble};
use super::road::Road;
use super::send::Sender;
use super::stop::Stopped;
use super::tokens::Bearer;
use super::wire::Place;
use crate::failpoint;
use crate::ledger::AttemptId;

/// Tokens that may grow old in the queue for a slot before one is sent with all the same.
const MOST_STALE_TOKENS: u32 = 1;

/// A row that may leave: it has a slot, a token that is good, and its intent is durable.
pub(super) struct Leaving {
    pub(super) job: Job,
    pub(super) bearer: Option<Bearer>,
    pub(super) attempt: AttemptId,
}

impl Sender {
    /// The next row, once it may leave; none when all is done.
    pub(super) async fn next(&self) -> Result<Option<Leaving>, Stopped> {
        let road = &self.road;
        match self.queue.next(&*road.clock, &road.stop).await {
            Ok(Some(job)) => {
                let bearer = self.leave(road).await?;
                self.put_on_paper(job, bearer).await.map(Some)
            }
            Ok(None) => Ok(None),
            Err(Trouble::Stopped) => Err(Stopped),
            Err(Trouble::Ledger(complaint)) => Err(road.broken(complaint)),
        }
    }

    /// The next row, if nothing but the disk has to be waited for until it may leave.
    pub(super) async fn at_hand(&self) -> Result<Option<Leaving>, Stopped> {
        let road = &self.road;
        let bearer = match &self.tokens {
            Some(tokens) => match tokens.at_hand(road) {
                Some(bearer) => Some(bearer),
                None => return Ok(None),
            },
            None => None,
        };
        let may_leave = || !road.stop.is_stopping() && road.gate.enter_at_once(&*road.clock);
        match self.queue.at_hand(may_leave) {
            Some(job) => self.put_on_paper(job, bearer).await.map(Some),
            None => Ok(None),
        }
    }

    /// Waits for a slot, with a token that is good when the slot comes.
    async fn leave(&self, road: &Road) -> Result<Option<Bearer>, Stopped> {
        let Some(tokens) = &self.tokens else {
            road.gate.enter(&*road.clock, &road.stop).await?;
            return Ok(None);
        };
        let mut stale = 0;
        loop {
            let bearer = tokens.bearer(road).await?;
            road.gate.enter(&*road.clock, &road.stop).await?;
            // Where tokens live shorter than the wait for a slot, renewing them for ever would send nothing else. The
            // server has the last word.
            if tokens.is_good(&bearer, road).await || stale == MOST_STALE_TOKENS {
                return Ok(Some(bearer));
            }
            road.gate.not_sent();
            stale += 1;
        }
    }

    /// Makes a row's intent durable.
    async fn put_on_paper(&self, job: Job, bearer: Option<Bearer>) -> Result<Leaving, Stopped> {
        let road = &self.road;
        failpoint::pass("before_intent");
        let opened = road.clock.moment();
        match road.ledger.open_attempt(job.invitation, &opened).await {
            Ok(attempt) => {
                failpoint::pass("after_intent");
                Ok(Leaving {
                    job,
                    bearer,
                    attempt,
                })
            }
            Err(complaint) => {
                road.gate.not_sent();
                Err(road.broken(complaint))
            }
        }
    }

    /// Waits for a place on the wire. None when the row must not leave any more.
    pub(super) async fn place(&self, leaving: &Leaving) -> Option<Place<'_>> {
        let place = if let Some(free) = self.wire.free_place() {
            free
        } else {
            let next = self.wire.next_place();
            self.road.stop.or_stop(next).await.ok()??
        };
        self.may_still_leave(leaving).then_some(place)
    }

    /// Whether what gave leave has held while the row was put on paper and stood by.
    fn may_still_leave(&self, leaving: &Leaving) -> bool {
        let road = &self.road;
        let is_token_refused = match (&self.tokens, &leaving.bearer) {
            (Some(tokens), Some(bearer)) => tokens.is_refused(bearer),
            _ => false,
        };
        !is_token_refused && !road.stop.is_stopping() && !road.gate.is_paused(&*road.clock)
    }

    /// Takes a row that has not left off the paper again: it is due as before.
    pub(super) async fn take_back(&self, leaving: Leaving) -> Result<(), Stopped> {
        let road = &self.road;
        road.gate.not_sent();
        if let Err(complaint) = road.ledger.withdraw_attempt(leaving.attempt).await {
            return Err(road.broken(complaint));
        }
        self.queue.again(leaving.job, Duration::ZERO).await;
        Ok(())
    }
}
