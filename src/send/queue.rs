//! What is still to be sent: fresh rows page by page from the ledger, and rows that wait for their next attempt.
//!
//! Rows that wait block nobody: whoever asks gets the first row that may go now.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use tokio::sync::{Mutex, Notify};

use super::clock::Clock;
use super::judge::History;
use super::stop::{StopSignal, Stopped};
use crate::error::Error;
use crate::ledger::{InvitationId, Writer};
use crate::model::{RowNumber, RunId};

/// Rows fetched from the ledger at a time.
const PAGE: usize = 512;

/// One row to be sent, with what happened to it in this run.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) row: RowNumber,
    pub(super) invitation: InvitationId,
    pub(super) body: bytes::Bytes,
    pub(super) history: History,
}

/// The queue, shared by all workers.
pub(super) struct Queue {
    inner: Mutex<Inner>,
    changed: Notify,
}

struct Inner {
    ledger: Writer,
    run: RunId,
    fresh: VecDeque<Job>,
    /// The last row fetched; none is fetched twice.
    fetched_to: RowNumber,
    exhausted: bool,
    /// How many more rows may be begun (`--limit`).
    allowance: Option<u64>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    under_way: usize,
}

/// What a worker gets when it asks for work.
enum Next {
    Job(Job),
    Wait(Option<Duration>),
    Done,
}

impl Queue {
    pub(super) fn new(ledger: Writer, run: RunId, limit: Option<u64>) -> Self {
        Queue {
            inner: Mutex::new(Inner {
                ledger,
                run,
                fresh: VecDeque::new(),
                fetched_to: RowNumber(0),
                exhausted: false,
                allowance: limit,
                waiting: BinaryHeap::new(),
                under_way: 0,
            }),
            changed: Notify::new(),
        }
    }

    /// The next row that may go, or none when all is done. Whoever gets one, here or by
    /// [`Queue::at_hand`], calls [`Queue::done`] or [`Queue::again`].
    pub(super) async fn next(
        &self,
        clock: &dyn Clock,
        stop: &StopSignal,
    ) -> Result<Option<Job>, Trouble> {
        loop {
            if stop.is_stopping() {
                return Err(Trouble::Stopped);
            }
            let changed = self.changed.notified();
            let next = self.inner.lock().await.next(clock.steady()).await?;
            match next {
                Next::Job(job) => return Ok(Some(job)),
                Next::Done => return Ok(None),
                Next::Wait(Some(wait)) => {
                    let either = async {
                        tokio::select! {
                            () = tokio::time::sleep(wait) => {}
                            () = changed => {}
                        }
                    };
                    stop.or_stop(either).await?;
                }
                Next::Wait(None) => stop.or_stop(changed).await?,
            }
        }
    }

    /// The next fresh row, if it is here, no other has to go before it, and `may_leave`. Waits for nothing.
    pub(super) fn at_hand(&self, may_leave: impl FnOnce() -> bool) -> Option<Job> {
        let mut inner = self.inner.try_lock().ok()?;
        let is_here = !inner.fresh.is_empty() && inner.waiting.is_empty();
        if !is_here || inner.allowance == Some(0) || !may_leave() {
            return None;
        }
        inner.under_way += 1;
        inner.take_fresh()
    }

    /// The row has its status for this run.
    pub(super) async fn done(&self) {
        self.inner.lock().await.under_way -= 1;
        self.changed.notify_waiters();
    }

    /// The row is to be tried again at `not_before`.
    pub(super) async fn again(&self, job: Job, not_before: Duration) {
        let mut inner = self.inner.lock().await;
        inner.under_way -= 1;
        inner.waiting.push(Reverse(Waiting { not_before, job }));
        drop(inner);
        self.changed.notify_waiters();
    }

    /// Whether `--limit` is what kept further rows from being begun.
    pub(super) async fn is_limit_reached(&self) -> bool {
        let inner = self.inner.lock().await;
        inner.allowance == Some(0) && (!inner.exhausted || !inner.fresh.is_empty())
    }
}

impl Inner {
    async fn next(&mut self, now: Duration) -> Result<Next, Error> {
        if self
            .waiting
            .peek()
            .is_some_and(|Reverse(first)| first.not_before <= now)
            && let Some(Reverse(waiting)) = self.waiting.pop()
        {
            self.under_way += 1;
            return Ok(Next::Job(waiting.job));
        }
        if let Some(job) = self.fresh().await? {
            self.under_way += 1;
            return Ok(Next::Job(job));
        }
        Ok(match self.waiting.peek() {
            Some(Reverse(first)) => Next::Wait(Some(first.not_before.saturating_sub(now))),
            None if self.under_way > 0 => Next::Wait(None),
            None => Next::Done,
        })
    }

    async fn fresh(&mut self) -> Result<Option<Job>, Error> {
        if self.fresh.is_empty() && !self.exhausted {
            self.fetch().await?;
        }
        Ok(self.take_fresh())
    }

    fn take_fresh(&mut self) -> Option<Job> {
        match &mut self.allowance {
            Some(0) => return None,
            Some(left) if !self.fresh.is_empty() => *left -= 1,
            _ => {}
        }
        self.fresh.pop_front()
    }

    async fn fetch(&mut self) -> Result<(), Error> {
        let page = self.ledger.due(self.run, self.fetched_to, PAGE).await?;
        self.exhausted = page.len() < PAGE;
        if let Some(last) = page.last() {
            self.fetched_to = last.row;
        }
        self.fresh.extend(page.into_iter().map(|due| Job {
            row: due.row,
            invitation: due.invitation,
            body: bytes::Bytes::from(due.body),
            history: History::default(),
        }));
        Ok(())
    }
}

/// Why there is no next row although there may be more.
pub(super) enum Trouble {
    Stopped,
    Ledger(Error),
}

impl From<Stopped> for Trouble {
    fn from(_: Stopped) -> Self {
        Trouble::Stopped
    }
}

impl From<Error> for Trouble {
    fn from(complaint: Error) -> Self {
        Trouble::Ledger(complaint)
    }
}

struct Waiting {
    not_before: Duration,
    job: Job,
}

/// Earlier first; of two at the same time, the one higher up in the sheet.
impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.not_before, self.job.row).cmp(&(other.not_before, other.job.row))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Waiting {}
