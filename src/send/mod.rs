//! Sends what is due and survives being stopped at any line. The only place where ledger and API meet.
//!
//! Read in this order: `import` (a file's rows, all in the ledger first), this file (the one loop, and a row's way through it), `decide`
//! (whether a row is sent, and what follows from an outcome), `api` (every request's way); then what these lean on.

mod api;
mod decide;
mod import;
mod limiter;
mod stop;

pub use api::{Api, Credentials};
pub use decide::{Wishes, plan};
pub use import::{Sheet, Wanted, import};
pub use limiter::{Limiter, Limits};
pub use stop::{StopReason, StopSignal, local};

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_util::task::AbortOnDropHandle;

use crate::clock;
use crate::error::Error;
use crate::failpoint;
use crate::ledger::{Closing, DueRow, Ledger};
use crate::model::{Failure, Outcome, RowNumber, RunId, Status, Stop, Why};
use crate::register::Claim;
use crate::report::counted;
use decide::{Circumstances, Decision, History, decide};
use stop::Unsent;

#[derive(Clone, Copy)]
pub struct SendOptions {
    pub concurrency: usize,
    pub max_attempts: u32,
    /// Rows in a row that may fail or become uncertain before the run stops.
    pub max_consecutive_failures: u32,
    pub limit: Option<u64>,
    pub max_duration: Option<Duration>,
}

/// Something that happened, for those who watch: progress, log, metrics. Holds no personal data.
#[derive(Debug)]
pub enum SendEvent {
    /// A row has its status for this run, and the ledger has it durably.
    Ended {
        row: RowNumber,
        status: Status,
        /// When it was not created: the vendor's code or the reason, and the same for people, values masked.
        why: Option<(String, String)>,
    },
    /// Nobody sends for this long.
    Paused { wait: Duration },
}

/// Sends all that is due in a run (`only`: of these rows), by its ledger: invitations and sessions. True when, unless the run stopped, `--limit`, or
/// which rows were meant, is what left the others due. Whoever watches hears of the `events` until it is over, and holds up nothing.
pub async fn send(
    run: RunId,
    only: Option<BTreeSet<RowNumber>>,
    options: SendOptions,
    mut api: Api,
    events: Sender<SendEvent>,
) -> bool {
    api.max_attempts = options.max_attempts;
    let _timer = options.max_duration.map(|most| {
        let stop = Arc::clone(&api.stop);
        AbortOnDropHandle::new(tokio::spawn(async move {
            tokio::time::sleep(most).await;
            stop.stop(StopReason::of(Stop::Duration, None));
        }))
    });
    let sending = Arc::new(Sending {
        api,
        places: Arc::new(Semaphore::new(options.concurrency)),
        max_consecutive_failures: options.max_consecutive_failures,
        failures_in_a_row: AtomicU32::new(0),
        events,
    });
    let mut due = DueRows {
        run,
        only,
        page: VecDeque::new(),
        read_to: Some(RowNumber(0)),
        allowance: options.limit.unwrap_or(u64::MAX),
    };
    let (stop, mut begun, mut left_elsewhere) = (&sending.api.stop, JoinSet::new(), Vec::new());
    loop {
        let ended = match due.next(&sending.api).await {
            Some(row) => {
                if let Ok(place) = sending.place().await {
                    begun.spawn(Arc::clone(&sending).deliver(row, place));
                }
                begun.try_join_next()
            }
            None if begun.is_empty() => break,
            None => begun.join_next().await,
        };
        match ended {
            // A panic, which is told as such.
            Some(Err(_)) => stop.stop(StopReason::broken(Error::of("internal_error", &[]))),
            Some(Ok(Err(Unsent::Elsewhere(claim)))) => {
                due.allowance += 1;
                left_elsewhere.extend(claim.told().is_none().then_some(claim));
            }
            _ => {}
        }
    }
    // Rows that another computer was still sending when all else was done.
    if let [.., Claim { by, at, .. }] = &left_elsewhere[..] {
        let rows = counted(left_elsewhere.len() as u64, "row is", "rows are");
        let left = Error::of("claimed_elsewhere", &[&rows, by, at]);
        stop.stop(StopReason::register(left));
    }
    due.only.is_some() || due.allowance == 0
}

/// Rows fetched from the ledger at a time.
const PAGE: usize = 512;

/// The rows of a run that are due, read page by page.
struct DueRows {
    run: RunId,
    only: Option<BTreeSet<RowNumber>>,
    page: VecDeque<DueRow>,
    /// The last row read, as none is read twice; none where there is no page behind this one.
    read_to: Option<RowNumber>,
    /// How many more rows may be begun (`--limit`).
    allowance: u64,
}

impl DueRows {
    /// The next one that may be begun, unless the run stops.
    async fn next(&mut self, api: &Api) -> Option<DueRow> {
        while self.allowance > 0 && !api.stop.is_stopping() {
            if let Some(row) = self.page.pop_front() {
                let only = self.only.as_ref();
                if only.is_none_or(|only| only.contains(&row.row)) {
                    self.allowance -= 1;
                    return Some(row);
                }
            } else {
                let (run, after) = (self.run, self.read_to?);
                let page = api.note(move |ledger| ledger.due(run, after, PAGE)).await;
                self.page = page.ok()?.into();
                let last = self.page.back().filter(|_| self.page.len() == PAGE);
                self.read_to = last.map(|last| last.row);
            }
        }
        None
    }
}

/// How often a row that is on its way from another computer is looked at again, twice as long after each time; then it is left.
const LOOKS_ELSEWHERE: u32 = 5;

/// What all rows share. Each is a task of its own, from its first attempt until it has its status.
struct Sending {
    api: Api,
    /// For as many requests as may be under way.
    places: Arc<Semaphore>,
    max_consecutive_failures: u32,
    failures_in_a_row: AtomicU32,
    events: Sender<SendEvent>,
}

impl Sending {
    async fn place(&self) -> Result<OwnedSemaphorePermit, Unsent> {
        let free = Arc::clone(&self.places).acquire_owned();
        self.api
            .stop
            .or_stop(free)
            .await?
            .map_err(|_| Unsent::Stopped)
    }

    /// Sends a row until it has its status for this run; while it waits for its next attempt, its place is another's. An error if another
    /// computer has it.
    async fn deliver(
        self: Arc<Self>,
        mut row: DueRow,
        mut place: OwnedSemaphorePermit,
    ) -> Result<(), Unsent> {
        let (mut history, mut looks) = (History::default(), 0);
        loop {
            let wait = match self.attempt(&mut row, &mut history).await {
                Ok((outcome, decision)) => self.follow(row.row, outcome, decision),
                Err(Unsent::Elsewhere(claim)) => {
                    looks += 1;
                    Some(self.found_elsewhere(&row, claim, looks).await?)
                }
                Err(unsent) => return Err(unsent),
            };
            let Some(wait) = wait else {
                return Ok(());
            };
            drop(place);
            self.api.sit_out(wait).await?;
            place = self.place().await?;
        }
    }

    /// One request for one row: its intent durable, the request, its outcome durable.
    async fn attempt(
        &self,
        row: &mut DueRow,
        history: &mut History,
    ) -> Result<(Outcome, Decision), Unsent> {
        let api = &self.api;
        failpoint::pass("before_claim");
        let (slot, bearer) = api.admit(row).await?;
        failpoint::pass("before_intent");
        let intent = slot.open(Some(row.invitation)).await?;
        row.last_request = intent.request.or(row.last_request);
        failpoint::pass("after_intent");
        let (bearer, body) = (bearer.as_ref(), row.customer.body.clone().into());
        let outcome = api.client.create(bearer, body, intent.fence()).await;
        failpoint::pass("after_answer");
        let why = outcome.as_ref().map_err(|failure| failure.why).err();
        let throttled_in_a_row = match why {
            // Says nothing about the pace.
            Some(Why::Unreachable | Why::Unprocessed) => 0,
            _ => api.limiter().heard(matches!(why, Some(Why::Throttled(_)))),
        };
        let circumstances = Circumstances {
            max_attempts: api.max_attempts,
            can_log_in: bearer.is_some(),
            chance: fastrand::f64(),
            throttled_in_a_row,
        };
        let decision = decide(&outcome, history, circumstances);
        let closing = Closing {
            outcome: Some(outcome.clone()),
            status: Some(decision.status).filter(|&status| status != Status::Pending),
            pause: decision.pause,
        };
        intent.close(closing).await?;
        failpoint::pass("after_told");
        // With neither slot nor outcome in hand: a renewal under way is waited for, and itself waits for a slot.
        if let (Some(Why::Unauthorized), Some(bearer)) = (why, bearer) {
            api.renew_soon(bearer).await;
        }
        Ok((outcome, decision))
    }

    /// What follows from an outcome: how long the row waits for its next attempt, if it goes again.
    fn follow(&self, row: RowNumber, outcome: Outcome, decision: Decision) -> Option<Duration> {
        if decision.status != Status::Pending {
            let failure = outcome.err();
            if matches!(decision.status, Status::Failed | Status::Uncertain) {
                let failures = self.failures_in_a_row.fetch_add(1, Ordering::SeqCst) + 1;
                if failures >= self.max_consecutive_failures {
                    let last = failure.as_ref().map_or("", |failure| &failure.message);
                    self.api.stop.stop(StopReason::failures(last));
                }
            } else {
                self.failures_in_a_row.store(0, Ordering::SeqCst);
            }
            let why = failure.map(|Failure { why, message }| (why.code(), message));
            let status = decision.status;
            let _ = self.events.send(SendEvent::Ended { row, status, why });
        }
        if let Some(wait) = decision.pause {
            let _ = self.events.send(SendEvent::Paused { wait });
        }
        if let Some(reason) = decision.stop {
            self.api.stop.stop(reason);
        }
        decision.again
    }

    /// A row is another computer's: it has its status from there, durable here before it is told, or is looked at again after this time,
    /// and at last is left to that computer.
    async fn found_elsewhere(
        &self,
        row: &DueRow,
        claim: Claim,
        looks: u32,
    ) -> Result<Duration, Unsent> {
        if let Some((status, words)) = claim.told() {
            let why = Some(("elsewhere".to_owned(), words.clone()));
            let (about, request) = (row.invitation, claim.request);
            let now = clock::moment();
            let note =
                move |ledger: &Ledger| ledger.note_elsewhere(about, status, &words, request, &now);
            self.api.note(note).await?;
            let row = row.row;
            let _ = self.events.send(SendEvent::Ended { row, status, why });
        } else if looks < LOOKS_ELSEWHERE {
            return Ok(Duration::from_millis(500) * 2_u32.pow(looks));
        }
        Err(Unsent::Elsewhere(claim))
    }
}
