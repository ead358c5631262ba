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
pub use import::{ImportOptions, Sheet, import, make_due};
pub use limiter::{Limiter, Limits, Permit};
pub use stop::{StopReason, StopSignal, Stopped};

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::{JoinError, JoinSet};

use crate::error::Error;
use crate::ledger::{DueRow, Writer};
use crate::model::{Counts, Failure, Outcome, RowNumber, RunId, Status, Why};
use crate::register::Claim;
use attempt::{Attempted, elsewhere};
use decide::{Decision, History, Next};

pub struct SendOptions {
    /// The run whose due rows are sent.
    pub run: RunId,
    /// Of them these alone; none: all.
    pub only: Option<BTreeSet<RowNumber>>,
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
    /// `--limit`, or which rows were meant, is what kept further rows from being begun.
    pub limit_reached: bool,
}

/// Something that happened, for those who watch: progress, log, metrics. Holds no personal data.
#[derive(Debug, Clone)]
pub enum SendEvent {
    /// A row has its status for this run, and the ledger has it durably.
    Ended {
        row: RowNumber,
        status: Status,
        /// When it was not created: the vendor's code or the reason, and the same for people, values masked.
        why: Option<(String, String)>,
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
    api.max_attempts = options.max_attempts;
    api.ledger = Some(ledger.clone());
    let stop = Arc::clone(&api.stop);
    let sending = Arc::new(Sending {
        api,
        places: Arc::new(Semaphore::new(options.concurrency)),
        max_consecutive_failures: options.max_consecutive_failures,
        state: Mutex::new(State {
            tally: start,
            failures_in_a_row: 0,
            left_elsewhere: 0,
            observer,
        }),
    });
    let mut due = DueRows::of(options.run, options.only, ledger, options.limit);
    let mut begun = JoinSet::new();
    let time_is_up = tokio::time::sleep(options.max_duration.unwrap_or(Duration::MAX));
    tokio::pin!(time_is_up);
    loop {
        if let Err(error) = due.refill().await {
            stop.stop(StopReason::Broken(error));
        }
        let may_begin = due.may_begin();
        if begun.is_empty() && !may_begin {
            break;
        }
        tokio::select! {
            biased;
            () = stop.stopped() => break,
            () = &mut time_is_up => stop.stop(StopReason::Duration),
            Some(ended) = begun.join_next() => due.ended(ended, &stop),
            place = Arc::clone(&sending.places).acquire_owned(), if may_begin => {
                if let (Some(row), Ok(place)) = (due.begin_next(), place) {
                    begun.spawn(Arc::clone(&sending).deliver(row, place));
                }
            }
        }
    }
    while let Some(ended) = begun.join_next().await {
        due.ended(ended, &stop);
    }
    let state = sending.state();
    if state.left_elsewhere > 0 {
        stop.stop(StopReason::Register(left_elsewhere(state.left_elsewhere)));
    }
    Sent {
        tally: state.tally,
        limit_reached: due.is_limit_reached(),
    }
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

/// What all rows share. Each is a task of its own, from its first attempt until it has its status.
struct Sending {
    api: Api,
    /// For as many requests as may be under way.
    places: Arc<Semaphore>,
    max_consecutive_failures: u32,
    state: Mutex<State>,
}

struct State {
    tally: Tally,
    failures_in_a_row: u32,
    /// Rows left to another computer, on whose way they are.
    left_elsewhere: u64,
    observer: Observer,
}

impl Sending {
    /// Sends a row until it has its status for this run; while it waits for its next attempt, its place is another's. False when no
    /// request was made for it.
    async fn deliver(
        self: Arc<Self>,
        row: DueRow,
        mut place: OwnedSemaphorePermit,
    ) -> Result<bool, Stopped> {
        let stop = &self.api.stop;
        let mut history = History::default();
        let (mut is_sent, mut looks) = (false, 0);
        loop {
            let wait = match self.api.attempt(&row, &mut history).await? {
                Attempted::Answered(outcome, decision) => {
                    is_sent = true;
                    self.follow(row.row, &outcome, decision)
                }
                Attempted::Elsewhere(claim) => {
                    looks += 1;
                    self.found_elsewhere(row.row, &claim, looks)
                }
            };
            let Some(wait) = wait else {
                return Ok(is_sent);
            };
            drop(place);
            stop.or_stop(tokio::time::sleep(wait)).await?;
            let free = Arc::clone(&self.places).acquire_owned();
            place = stop.or_stop(free).await?.map_err(|_| Stopped)?;
        }
    }

    /// What follows from an outcome: how long the row waits for its next attempt, if it goes again.
    fn follow(&self, row: RowNumber, outcome: &Outcome, decision: Decision) -> Option<Duration> {
        let mut state = self.state();
        let failure = outcome.as_ref().err();
        state.tally.requests += 1;
        if let Some(Why::Throttled(_)) = failure.map(|failure| failure.why) {
            state.tally.throttled += 1;
        }
        if decision.status != Status::Pending {
            self.end(&mut state, row, decision.status, failure);
        }
        if let Some(wait) = decision.pause {
            state.tell(&SendEvent::Paused { wait });
        }
        match decision.next {
            Next::Done => None,
            Next::WithFreshToken => Some(Duration::ZERO),
            Next::Again(wait) => {
                let why = failure.map_or("created", |failure| failure.why.into());
                state.tell(&SendEvent::Again { row, why, wait });
                Some(wait)
            }
            Next::Stop(reason) => {
                self.api.stop.stop(reason);
                None
            }
        }
    }

    /// A row is another computer's: it has its status from there, or is looked at again.
    fn found_elsewhere(&self, row: RowNumber, claim: &Claim, looks: u32) -> Option<Duration> {
        let mut state = self.state();
        match claim.status {
            Some(status) => {
                let why = ("elsewhere".to_owned(), elsewhere(status, claim));
                state.count(row, status, Some(why), true);
                None
            }
            None if looks < LOOKS_ELSEWHERE => Some(Duration::from_millis(500) * 2_u32.pow(looks)),
            None => {
                state.left_elsewhere += 1;
                None
            }
        }
    }

    /// A row has its status for this run.
    fn end(&self, state: &mut State, row: RowNumber, status: Status, failure: Option<&Failure>) {
        let why = failure.map(|failure| (failure.why.code(), failure.message.clone()));
        if matches!(status, Status::Failed | Status::Uncertain) {
            state.failures_in_a_row += 1;
            if state.failures_in_a_row >= self.max_consecutive_failures {
                let last = why.as_ref().map_or("", |(_, message)| message).to_owned();
                self.api.stop.stop(StopReason::Failures(last));
            }
        } else {
            state.failures_in_a_row = 0;
        }
        state.count(row, status, why, false);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Plain numbers; a panic elsewhere cannot leave them half-written.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&self, event: &SendEvent) {
        (self.observer)(event, &self.tally);
    }

    fn count(
        &mut self,
        row: RowNumber,
        status: Status,
        why: Option<(String, String)>,
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
        self.tell(&SendEvent::Ended { row, status, why });
    }
}

/// Rows fetched from the ledger at a time.
const PAGE: usize = 512;

/// The rows of a run that are due, read page by page.
struct DueRows {
    ledger: Writer,
    run: RunId,
    only: Option<BTreeSet<RowNumber>>,
    page: VecDeque<DueRow>,
    /// The last row read; none is read twice.
    read_to: RowNumber,
    exhausted: bool,
    /// How many more rows may be begun (`--limit`).
    allowance: u64,
}

impl DueRows {
    fn of(
        run: RunId,
        only: Option<BTreeSet<RowNumber>>,
        ledger: Writer,
        limit: Option<u64>,
    ) -> Self {
        DueRows {
            ledger,
            run,
            only,
            page: VecDeque::new(),
            read_to: RowNumber(0),
            exhausted: false,
            allowance: limit.unwrap_or(u64::MAX),
        }
    }

    async fn refill(&mut self) -> Result<(), Error> {
        while self.page.is_empty() && !self.exhausted {
            let (run, after) = (self.run, self.read_to);
            let due = self.ledger.note(move |ledger| ledger.due(run, after, PAGE));
            let page = due.await?;
            self.exhausted = page.len() < PAGE;
            if let Some(last) = page.last() {
                self.read_to = last.row;
            }
            let only = self.only.as_ref();
            let is_meant = |due: &DueRow| only.is_none_or(|only| only.contains(&due.row));
            self.page.extend(page.into_iter().filter(is_meant));
        }
        Ok(())
    }

    fn may_begin(&self) -> bool {
        self.allowance > 0 && !self.page.is_empty()
    }

    fn begin_next(&mut self) -> Option<DueRow> {
        let row = self.page.pop_front()?;
        self.allowance -= 1;
        Some(row)
    }

    fn ended(&mut self, ended: Result<Result<bool, Stopped>, JoinError>, stop: &StopSignal) {
        match ended {
            Ok(Ok(true) | Err(Stopped)) => {}
            // A row that had begun was not sent after all: another may be.
            Ok(Ok(false)) => self.allowance = self.allowance.saturating_add(1),
            Err(error) => {
                tracing::debug!("{error}");
                let message = "A fault of this program ended the run; nothing more was sent.";
                stop.stop(StopReason::Broken(
                    Error::unexpected("internal_error", message).hint(
                        "Run the command again: it goes on where it stopped. Please report the fault.",
                    ),
                ));
            }
        }
    }

    fn is_limit_reached(&self) -> bool {
        self.only.is_some() || self.allowance == 0 && (!self.exhausted || !self.page.is_empty())
    }
}
