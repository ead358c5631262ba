//! Sends what is due: workers that each carry one row at a time to Vlens and its outcome back to the ledger.
//!
//! The promise hangs on an order: leave from the gate, the intent durable (both in `Leaving`), a place on the wire, the
//! request, the outcome durable (all in `attempt`). Nobody hears of an outcome before it is durable.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::breaker::Breaker;
use super::clock::Clock;
use super::events::{Journal, Observer, SendEvent, Tally};
use super::gate::Gate;
use super::judge::{Circumstances, Next, Policy, Verdict, judge};
use super::leaving::Leaving;
use super::queue::{Job, Queue};
use super::road::Road;
use super::stop::{StopReason, StopSignal, Stopped};
use super::tokens::{Bearer, Credentials, Tokens};
use super::wire::{Wire, standing_by};
use crate::error::Error;
use crate::failpoint;
use crate::ledger::{self, Closing, Writer};
use crate::model::{NotCreated, Outcome, RunId, Status};
use crate::send::limiter::{Backoff, Limiter};
use crate::vlens::Client;

/// How to send.
pub struct SendOptions {
    /// The run whose due rows are sent.
    pub run: RunId,
    /// For `CreateInvitation`; without them `CreateAuthSession` is called, which takes the API key alone.
    pub credentials: Option<Credentials>,
    /// Requests under way at a time.
    pub concurrency: usize,
    /// Attempts a row has in this run.
    pub max_attempts: u32,
    /// Rows in a row that may fail or become uncertain before the run stops.
    pub max_consecutive_failures: u32,
    /// Rows to begin at the most.
    pub limit: Option<u64>,
    /// When to stop although rows are left.
    pub max_duration: Option<Duration>,
    /// The limiter, seeded with the requests of the last minute.
    pub limiter: Limiter,
}

/// Sends all that is due in the run that `ledger` writes. Returns how far it came, and whether `--limit` ended it.
pub async fn send(
    options: SendOptions,
    client: Client,
    ledger: Writer,
    clock: Arc<dyn Clock>,
    stop: Arc<StopSignal>,
    observer: Arc<dyn Observer>,
    start: Tally,
) -> (Tally, bool) {
    let crew = options.concurrency + standing_by(options.concurrency, &options.limiter);
    let journal = Journal::new(start, observer);
    let sender = Arc::new(Sender {
        wire: Wire::new(options.concurrency),
        queue: Queue::new(ledger.clone(), options.run, options.limit),
        breaker: Breaker::new(options.max_consecutive_failures),
        policy: Policy {
            max_attempts: options.max_attempts,
            backoff: Backoff::default(),
            can_log_in: options.credentials.is_some(),
        },
        tokens: options.credentials.map(Tokens::new),
        road: Road {
            client,
            clock,
            stop: Arc::clone(&stop),
            gate: Gate::new(options.limiter),
            ledger,
            journal: journal.clone(),
            max_attempts: options.max_attempts,
            backoff: Backoff::default(),
            chance: Mutex::new(fastrand::Rng::new()),
        },
    });
    journal.note(&SendEvent::Sending);
    let clocked = tokio::spawn(stop_after(options.max_duration, Arc::clone(&stop)));
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..crew {
        workers.spawn(Arc::clone(&sender).work());
    }
    while let Some(ended) = workers.join_next().await {
        if ended.is_err() {
            // Its row is open in the ledger, and the others would wait for it for ever.
            stop.stop(StopReason::Broken(worker_panicked()));
        }
    }
    clocked.abort();
    let limited = sender.queue.is_limit_reached().await;
    (journal.tally(), limited)
}

fn worker_panicked() -> Error {
    Error::unexpected(
        "internal_error",
        "A fault of this program ended the run; nothing more was sent.",
    )
    .hint("Run the command again: it goes on where it stopped. Please report the fault.")
}

async fn stop_after(limit: Option<Duration>, stop: Arc<StopSignal>) {
    if let Some(limit) = limit {
        tokio::time::sleep(limit).await;
        stop.stop(StopReason::Duration);
    }
}

/// What the workers share.
pub(super) struct Sender {
    pub(super) queue: Queue,
    pub(super) tokens: Option<Tokens>,
    pub(super) wire: Wire,
    pub(super) road: Road,
    breaker: Breaker,
    policy: Policy,
}

impl Sender {
    async fn work(self: Arc<Self>) {
        let mut at_hand = None;
        loop {
            let leaving = match at_hand.take() {
                Some(leaving) => leaving,
                None => match self.next().await {
                    Ok(Some(leaving)) => leaving,
                    Ok(None) | Err(Stopped) => return,
                },
            };
            match self.attempt(leaving).await {
                Ok(next) => at_hand = next,
                Err(Stopped) => return,
            }
        }
    }

    /// One request for one row, once there is a place for it, and what follows from its answer. Returns the next row, when
    /// it was put on paper along with this one's outcome.
    async fn attempt(&self, leaving: Leaving) -> Result<Option<Leaving>, Stopped> {
        let road = &self.road;
        let Some(place) = self.place(&leaving).await else {
            self.take_back(leaving).await?;
            return Ok(None);
        };
        let Leaving {
            mut job,
            bearer,
            attempt,
        } = leaving;
        road.journal.request();
        let outcome = self.request(bearer.as_ref(), &job).await;
        failpoint::pass("after_answer");
        let verdict = self.judge(&outcome, &mut job);
        if let Some(pause) = verdict.pause {
            // Before this request's slot is free, and before the disk is waited for: the others would go on meanwhile.
            road.pause(pause);
        }
        road.gate.answered(&*road.clock);
        let now = road.clock.moment();
        let closing = closing(&outcome, verdict.status);
        let closed = road.ledger.close_attempt(attempt, closing, &now);
        let is_well = matches!(verdict.status, Status::Created | Status::Rejected);
        // What did not end well may stop the run: then nobody leaves in its place before that is clear.
        let _kept = (!is_well).then_some(place);
        // After a row that ended well, the next one's intent shares its commit: one wait for the disk instead of two.
        let next = async {
            if is_well {
                self.at_hand().await
            } else {
                Ok(None)
            }
        };
        let (closed, next) = tokio::join!(closed, next);
        if let Err(complaint) = closed {
            return Err(road.broken(complaint));
        }
        failpoint::pass("after_outcome");
        self.follow(verdict, &outcome, job, bearer).await?;
        next
    }

    async fn request(&self, bearer: Option<&Bearer>, job: &Job) -> Outcome {
        let client = &self.road.client;
        let body = job.body.clone();
        let answer = match bearer {
            Some(bearer) => client.create_invitation(&bearer.secret, body).await,
            None => client.create_auth_session(body).await,
        };
        answer.outcome
    }

    fn judge(&self, outcome: &Outcome, job: &mut Job) -> Verdict {
        let road = &self.road;
        let refusals_in_a_row = match outcome {
            Outcome::NotCreated(NotCreated::Throttled { .. }) => {
                road.journal.throttled();
                road.gate.refused()
            }
            // Says nothing about the limiter.
            Outcome::NotCreated(NotCreated::Unreachable { .. }) => 0,
            _ => {
                road.gate.accepted();
                0
            }
        };
        let circumstances = Circumstances {
            now: road.clock.wall(),
            chance: road.chance(),
            refusals_in_a_row,
        };
        judge(outcome, &mut job.history, self.policy, circumstances)
    }

    async fn follow(
        &self,
        verdict: Verdict,
        outcome: &Outcome,
        job: Job,
        bearer: Option<Bearer>,
    ) -> Result<(), Stopped> {
        let road = &self.road;
        if verdict.status != Status::Pending {
            road.journal
                .note(&SendEvent::ended(job.row, verdict.status, outcome));
        }
        match verdict.status {
            Status::Created | Status::Rejected => self.breaker.good(),
            Status::Failed | Status::Uncertain if self.breaker.bad() => {
                let last = outcome.message().unwrap_or_default();
                road.stop.stop(StopReason::Failures(last));
            }
            _ => {}
        }
        match verdict.next {
            Next::Done => self.queue.done().await,
            Next::Again(wait) => {
                road.journal.note(&SendEvent::again(job.row, outcome, wait));
                self.queue.again(job, road.clock.steady() + wait).await;
            }
            Next::WithFreshToken => {
                if let (Some(tokens), Some(bearer)) = (&self.tokens, bearer) {
                    tokens.refused(bearer.generation).await;
                }
                self.queue.again(job, Duration::ZERO).await;
            }
            Next::Stop(why) => {
                road.stop.stop(why);
                return Err(Stopped);
            }
        }
        Ok(())
    }
}

/// What the ledger keeps of an outcome.
fn closing(outcome: &Outcome, status: Status) -> Closing {
    let event = match outcome {
        Outcome::Created { .. } => ledger::Event::Created,
        Outcome::Rejected { .. } => ledger::Event::Rejected,
        Outcome::Uncertain { .. } => ledger::Event::Uncertain,
        Outcome::NotCreated(NotCreated::Unreachable { .. }) => ledger::Event::Unreachable,
        Outcome::NotCreated(NotCreated::Throttled { .. }) => ledger::Event::Throttled,
        Outcome::NotCreated(NotCreated::Unavailable { .. }) => ledger::Event::Unavailable,
        Outcome::NotCreated(NotCreated::Unauthorized { .. }) => ledger::Event::Unauthorized,
        Outcome::NotCreated(NotCreated::Refused { .. }) => ledger::Event::Refused,
    };
    let token = match outcome {
        Outcome::Created { token } => Some(token.clone()),
        _ => None,
    };
    Closing {
        event,
        status: (status != Status::Pending).then_some(status),
        token,
        code: outcome.code(),
        message: outcome.message(),
    }
}
