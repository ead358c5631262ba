//! Sends what is due and survives being stopped at any line. The only place where ledger and API meet.
//!
//! Read in this order: `import` (a file's rows, all in the ledger first), this file (the one loop), `decide` (whether a row is
//! sent, and what follows from an outcome), `attempt` (one request for one row); then what these lean on.

mod api;
mod attempt;
mod decide;
mod events;
mod import;
mod limiter;
mod stop;
mod team;

pub use api::{Api, ApiError, Clock, Credentials};
pub use decide::{Wishes, plan};
pub use events::{Observer, SendEvent, Tally};
pub use import::{ImportOptions, Seen, Sheet, SheetError, Verdict, import, make_due};
pub use limiter::{Limiter, Limits, Permit};
pub use stop::{StopReason, StopSignal, Stopped};

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::task::{JoinError, JoinSet};
use tokio_util::time::DelayQueue;

use crate::error::Error;
use crate::ledger::Writer;
use crate::model::{Failure, RowNumber, RunId, Status, Why};
use crate::register::Claim;
use attempt::{Attempted, Attempts, Ended, Job};
use decide::{History, Next, RetryPolicy};
use team::{elsewhere, left_elsewhere};

pub struct SendOptions {
    /// The run whose due rows are sent.
    pub run: RunId,
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
}

/// How far sending came.
pub struct Sent {
    pub tally: Tally,
    /// `--limit` is what kept further rows from being begun.
    pub limit_reached: bool,
}

/// Sends all that is due in the run that `ledger` writes: invitations where `api` can log in, else sessions.
pub async fn send(
    options: SendOptions,
    api: Api,
    ledger: Writer,
    observer: Arc<dyn Observer>,
    start: Tally,
) -> Sent {
    let stop = Arc::clone(&api.stop);
    let clocked = tokio::spawn(stop_after(options.max_duration, Arc::clone(&stop)));
    let sending = Sending {
        attempts: Arc::new(Attempts {
            policy: RetryPolicy {
                max_attempts: options.max_attempts,
                can_log_in: api.can_log_in(),
            },
            api: api.for_run(options.max_attempts, ledger.clone()),
            ledger: ledger.clone(),
        }),
        due: DueRows {
            ledger,
            run: options.run,
            page: VecDeque::new(),
            read_to: RowNumber(0),
            exhausted: false,
            allowance: options.limit.unwrap_or(u64::MAX),
        },
        waiting: DelayQueue::new(),
        under_way: JoinSet::new(),
        failures_in_a_row: 0,
        left_elsewhere: 0,
        options,
        observer,
        tally: start,
    };
    // A task of its own: where it ran on the caller's thread, every answer would cross threads.
    let sent = tokio::spawn(sending.run()).await.unwrap_or_else(|error| {
        stop.stop(panicked(&error));
        Sent {
            tally: start,
            limit_reached: false,
        }
    });
    clocked.abort();
    sent
}

async fn stop_after(limit: Option<Duration>, stop: Arc<StopSignal>) {
    if let Some(limit) = limit {
        tokio::time::sleep(limit).await;
        stop.stop(StopReason::Duration);
    }
}

fn panicked(error: &JoinError) -> StopReason {
    tracing::debug!("{error}");
    StopReason::Broken(
        Error::unexpected(
            "internal_error",
            "A fault of this program ended the run; nothing more was sent.",
        )
        .hint("Run the command again: it goes on where it stopped. Please report the fault."),
    )
}

/// How often a row that is on its way from another computer is looked at again, twice as long after each time; then it is left.
const LOOKS_ELSEWHERE: u32 = 5;

/// The loop: the rows that are due, those under way, and those that wait for their next attempt.
struct Sending {
    attempts: Arc<Attempts>,
    due: DueRows,
    waiting: DelayQueue<Job>,
    under_way: JoinSet<Result<Ended, Stopped>>,
    failures_in_a_row: u32,
    /// Rows left to another computer, on whose way they are.
    left_elsewhere: u64,
    options: SendOptions,
    observer: Arc<dyn Observer>,
    tally: Tally,
}

impl Sending {
    /// Sends until all is done or the run stops.
    async fn run(mut self) -> Sent {
        let stop = Arc::clone(&self.attempts.api.stop);
        loop {
            let has_room = self.under_way.len() < self.options.concurrency;
            if has_room && let Err(error) = self.due.refill().await {
                stop.stop(StopReason::Broken(error));
            }
            if self.under_way.is_empty() && self.waiting.is_empty() && self.due.next().is_none() {
                break;
            }
            let may_begin = has_room && self.due.next().is_some();
            tokio::select! {
                biased;
                () = stop.stopped() => break,
                Some(ended) = self.under_way.join_next() => self.follow(ended),
                Some(job) = poll_fn(|context| self.waiting.poll_expired(context)), if has_room => {
                    self.begin(job.into_inner());
                }
                () = std::future::ready(()), if may_begin => {
                    if let Some(job) = self.due.begin_next() {
                        self.begin(job);
                    }
                }
            }
        }
        while let Some(ended) = self.under_way.join_next().await {
            self.follow(ended);
        }
        if self.left_elsewhere > 0 {
            self.stop(StopReason::Register(left_elsewhere(self.left_elsewhere)));
        }
        Sent {
            tally: self.tally,
            limit_reached: self.due.is_limit_reached(),
        }
    }

    fn tell(&self, event: &SendEvent) {
        self.observer.see(event, &self.tally);
    }

    fn begin(&mut self, job: Job) {
        self.under_way
            .spawn(Arc::clone(&self.attempts).attempt(job));
    }

    fn follow(&mut self, ended: Result<Result<Ended, Stopped>, JoinError>) {
        let attempted = match ended {
            Ok(Ok(Ended::Attempted(attempted))) => attempted,
            Ok(Ok(Ended::Elsewhere(job, claim))) => return self.leave(job, &claim),
            Ok(Err(Stopped)) => return,
            Err(error) => return self.stop(panicked(&error)),
        };
        let Attempted {
            job,
            outcome,
            decision,
        } = attempted;
        let row = job.row;
        self.tally.requests += 1;
        let failure = outcome.as_ref().err();
        if let Some(Why::Throttled(_)) = failure.map(|failure| failure.why) {
            self.tally.throttled += 1;
        }
        if decision.status != Status::Pending {
            self.end(row, decision.status, failure);
        }
        if let Some(wait) = decision.pause {
            self.tell(&SendEvent::Paused { wait });
        }
        match decision.next {
            Next::Done => {}
            Next::Again(wait) => {
                self.waiting.insert(job, wait);
                let why = failure.map_or("created", |failure| failure.why.into());
                self.tell(&SendEvent::Again { row, why, wait });
            }
            Next::WithFreshToken => self.due.begin_again(job),
            Next::Stop(reason) => self.stop(reason),
        }
    }

    /// A row is another computer's: it has its status from there, or is looked at again.
    fn leave(&mut self, mut job: Job, claim: &Claim) {
        self.due.give_back();
        let Some(status) = claim.status else {
            job.found_elsewhere += 1;
            if job.found_elsewhere < LOOKS_ELSEWHERE {
                let wait = Duration::from_millis(500) * 2_u32.pow(job.found_elsewhere);
                self.waiting.insert(job, wait);
            } else {
                self.left_elsewhere += 1;
            }
            return;
        };
        self.tally.end(status, true);
        self.tell(&SendEvent::Ended {
            row: job.row,
            status,
            code: Some("elsewhere".to_owned()),
            message: Some(elsewhere(status, claim)),
        });
    }

    /// A row has its status for this run.
    fn end(&mut self, row: RowNumber, status: Status, failure: Option<&Failure>) {
        let code = failure.map(|failure| failure.why.code());
        let message = failure.map(|failure| failure.message.clone());
        if matches!(status, Status::Failed | Status::Uncertain) {
            self.failures_in_a_row += 1;
            if self.failures_in_a_row >= self.options.max_consecutive_failures {
                self.stop(StopReason::Failures(message.clone().unwrap_or_default()));
            }
        } else {
            self.failures_in_a_row = 0;
        }
        self.tally.end(status, false);
        self.tell(&SendEvent::Ended {
            row,
            status,
            code,
            message,
        });
    }

    fn stop(&self, reason: StopReason) {
        self.attempts.api.stop.stop(reason);
    }
}

/// Rows fetched from the ledger at a time.
const PAGE: usize = 512;

/// The rows of a run that are due, read page by page.
struct DueRows {
    ledger: Writer,
    run: RunId,
    page: VecDeque<Job>,
    /// The last row read; none is read twice.
    read_to: RowNumber,
    exhausted: bool,
    /// How many more rows may be begun (`--limit`).
    allowance: u64,
}

impl DueRows {
    async fn refill(&mut self) -> Result<(), Error> {
        if self.exhausted || !self.page.is_empty() {
            return Ok(());
        }
        let page = self.ledger.due(self.run, self.read_to, PAGE).await?;
        self.exhausted = page.len() < PAGE;
        if let Some(last) = page.last() {
            self.read_to = last.row;
        }
        self.page.extend(page.into_iter().map(|due| Job {
            row: due.row,
            invitation: due.invitation,
            customer: due.customer,
            overcome: due.overcome,
            body: Bytes::from(due.body),
            history: History::default(),
            found_elsewhere: 0,
        }));
        Ok(())
    }

    fn next(&self) -> Option<&Job> {
        self.page.front().filter(|_| self.allowance > 0)
    }

    fn begin_next(&mut self) -> Option<Job> {
        self.next()?;
        self.allowance -= 1;
        self.page.pop_front()
    }

    /// This row goes next: it had begun.
    fn begin_again(&mut self, job: Job) {
        self.allowance += 1;
        self.page.push_front(job);
    }

    /// A row that had begun was not sent after all.
    fn give_back(&mut self) {
        self.allowance = self.allowance.saturating_add(1);
    }

    fn is_limit_reached(&self) -> bool {
        self.allowance == 0 && (!self.exhausted || !self.page.is_empty())
    }
}
