//! Sends what is due and survives being stopped at any line. The only place where ledger and API meet.
//!
//! Read in this order: `import` (a file's rows, all in the ledger first), this file (the one loop), `decide` (whether a row is
//! sent, and what follows from an outcome), `attempt` (one request for one row), `api` (every request's way); then what these lean on.

mod api;
mod attempt;
mod calls;
mod decide;
mod import;
mod limiter;
mod stop;

pub use api::{Api, Clock, Credentials};
pub use decide::{Wishes, plan};
pub use import::{ImportOptions, Seen, Sheet, SheetError, Verdict, import, make_due};
pub use limiter::{Limiter, Limits, Permit};
pub use stop::{StopReason, StopSignal, Stopped};

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinError, JoinSet};
use tokio_util::time::DelayQueue;

use crate::error::Error;
use crate::ledger::Writer;
use crate::model::{Counts, Failure, Outcome, RowNumber, RunId, Status, Why};
use crate::register::Claim;
use attempt::{Ended, Job, elsewhere};
use decide::{Decision, History, Next};

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

/// Something that happened, for those who watch: progress, log, metrics. Holds no personal data.
#[derive(Debug, Clone)]
pub enum SendEvent {
    /// A row has its status for this run, and the ledger has it durably.
    Ended {
        row: RowNumber,
        status: Status,
        /// The vendor's code or the reason, when it was not created.
        code: Option<String>,
        /// The same for people, values masked.
        message: Option<String>,
    },
    /// A row goes again later.
    Again {
        row: RowNumber,
        /// `unreachable`, `throttled` or `unavailable`.
        why: &'static str,
        wait: Duration,
    },
    /// Nobody sends for this long.
    Paused { wait: Duration },
}

/// How far the run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    pub counts: Counts,
    /// Requests for invitations in this run.
    pub requests: u64,
    /// Those answered 429.
    pub throttled: u64,
}

/// Somebody who watches what happens, and how far the run is then; must not take long.
type Observer = Box<dyn Fn(&SendEvent, &Tally) + Send>;

/// Sends all that is due in the run that `ledger` writes: invitations where `api` can log in, else sessions.
pub async fn send(
    options: SendOptions,
    mut api: Api,
    ledger: Writer,
    observer: Observer,
    start: Tally,
) -> Sent {
    let stop = Arc::clone(&api.stop);
    let clocked = tokio::spawn(stop_after(options.max_duration, Arc::clone(&stop)));
    api.max_attempts = options.max_attempts;
    api.ledger = Some(ledger.clone());
    let sending = Sending {
        api: Arc::new(api),
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

/// Rows that another computer was still sending when all else was done.
fn left_elsewhere(rows: u64) -> Error {
    let (rows, are) = match rows {
        1 => ("1 row".to_owned(), "is"),
        n => (format!("{n} rows"), "are"),
    };
    let message = format!("{rows} {are} on the way from another computer of the team.");
    Error::stopped("claimed_elsewhere", message).hint("Run the command again in a minute or two.")
}

/// How often a row that is on its way from another computer is looked at again, twice as long after each time; then it is left.
const LOOKS_ELSEWHERE: u32 = 5;

/// The loop: the rows that are due, those under way, and those that wait for their next attempt.
struct Sending {
    api: Arc<Api>,
    due: DueRows,
    waiting: DelayQueue<Job>,
    under_way: JoinSet<Result<Ended, Stopped>>,
    failures_in_a_row: u32,
    /// Rows left to another computer, on whose way they are.
    left_elsewhere: u64,
    options: SendOptions,
    observer: Observer,
    tally: Tally,
}

impl Sending {
    /// Sends until all is done or the run stops.
    async fn run(mut self) -> Sent {
        let stop = Arc::clone(&self.api.stop);
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
        (self.observer)(event, &self.tally);
    }

    fn begin(&mut self, job: Job) {
        self.under_way.spawn(Arc::clone(&self.api).attempt(job));
    }

    fn follow(&mut self, ended: Result<Result<Ended, Stopped>, JoinError>) {
        match ended {
            Ok(Ok(Ended::Attempted(job, outcome, decision))) => {
                self.attempted(job, &outcome, decision);
            }
            Ok(Ok(Ended::Elsewhere(job, claim))) => self.leave(job, &claim),
            Ok(Err(Stopped)) => {}
            Err(error) => self.stop(panicked(&error)),
        }
    }

    fn attempted(&mut self, job: Job, outcome: &Outcome, decision: Decision) {
        let (row, failure) = (job.due.row, outcome.as_ref().err());
        self.tally.requests += 1;
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
        let (code, message) = ("elsewhere".to_owned(), elsewhere(status, claim));
        self.count(job.due.row, status, Some(code), Some(message), true);
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
        self.count(row, status, code, message, false);
    }

    fn count(
        &mut self,
        row: RowNumber,
        status: Status,
        code: Option<String>,
        message: Option<String>,
        is_elsewhere: bool,
    ) {
        let counts = &mut self.tally.counts;
        match status {
            Status::Created if is_elsewhere => counts.already_created += 1,
            Status::Created => counts.created += 1,
            Status::Rejected => counts.rejected += 1,
            Status::Failed => counts.failed += 1,
            Status::Uncertain => counts.uncertain += 1,
            // Not ends of a row that was under way.
            Status::Pending | Status::Invalid | Status::Duplicate => return,
        }
        counts.pending = counts.pending.saturating_sub(1);
        self.tell(&SendEvent::Ended {
            row,
            status,
            code,
            message,
        });
    }

    fn stop(&self, reason: StopReason) {
        self.api.stop.stop(reason);
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
            due,
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
