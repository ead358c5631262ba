//! One thread writes for many tasks: whatever waits shares one transaction, and everyone hears of it once it is durable.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use tokio::sync::oneshot;

use super::attempts::{AttemptId, Closing, Event};
use super::open::{Ledger, Outcome};
use super::status::{DueRow, InvitationId};
use crate::error::Error;
use crate::model::{Moment, RowNumber, RunId};

/// No transaction takes in more than this, so that nobody waits long behind a crowd.
const MAX_BATCH: usize = 1024;

/// A handle to the writing thread; clones write through the same thread. When the last one is gone, the thread ends.
#[derive(Debug, Clone)]
pub struct Writer {
    messages: Sender<Message>,
}

enum Message {
    Do(Box<dyn Command>),
    Stop(oneshot::Sender<Ledger>),
}

/// Part of a transaction, and whoever waits for its end.
trait Command: Send {
    /// Whether it begins something new, which must not be once a write has failed.
    fn is_new(&self) -> bool;
    fn perform(&mut self, ledger: &Ledger) -> Outcome<()>;
    fn answer(self: Box<Self>, written: &Result<(), Error>);
}

struct Asked<T, W> {
    is_new: bool,
    work: Option<W>,
    done: Option<T>,
    reply: oneshot::Sender<Result<T, Error>>,
}

impl<T: Send, W: FnOnce(&Ledger) -> Outcome<T> + Send> Command for Asked<T, W> {
    fn is_new(&self) -> bool {
        self.is_new
    }

    fn perform(&mut self, ledger: &Ledger) -> Outcome<()> {
        self.done = self.work.take().map(|work| work(ledger)).transpose()?;
        Ok(())
    }

    fn answer(self: Box<Self>, written: &Result<(), Error>) {
        let told = match written {
            Ok(()) => self.done.ok_or_else(stopped),
            Err(error) => Err(error.clone()),
        };
        // A receiver that has gone away misses nothing.
        drop(self.reply.send(told));
    }
}

impl Writer {
    /// Hands the ledger to a thread of its own. Its process must have begun.
    pub fn start(ledger: Ledger) -> Result<Writer, Error> {
        let (messages, inbox) = mpsc::channel();
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || serve(ledger, &inbox))
            .map_err(|error| {
                Error::unexpected(
                    "ledger_write_failed",
                    format!("No thread can be started for the ledger ({error})."),
                )
            })?;
        Ok(Writer { messages })
    }

    /// Records a request for an invitation. Only when this has returned may the request leave.
    pub async fn open_attempt(
        &self,
        invitation: InvitationId,
        opened: &Moment,
    ) -> Result<AttemptId, Error> {
        let opened = opened.clone();
        self.ask(true, move |ledger| {
            ledger.open_attempt(Some(invitation), &opened)
        })
        .await
    }

    /// Notes what became of a request. Only when this has returned may it be reported.
    pub async fn close_attempt(
        &self,
        attempt: AttemptId,
        closing: Closing,
        closed: &Moment,
    ) -> Result<(), Error> {
        let closed = closed.clone();
        self.ask(false, move |ledger| {
            ledger.close_attempt(attempt, &closing, &closed)
        })
        .await
    }

    /// Records a request that is about no invitation (a login, say): it counts against the limits as well.
    pub async fn open_call(&self, opened: &Moment) -> Result<AttemptId, Error> {
        let opened = opened.clone();
        self.ask(true, move |ledger| ledger.open_attempt(None, &opened))
            .await
    }

    /// Notes that such a request has been answered, whatever came of it.
    pub async fn close_call(&self, call: AttemptId, closed: &Moment) -> Result<(), Error> {
        let closing = Closing {
            event: Event::Answered,
            status: None,
            token: None,
            code: None,
            message: None,
        };
        self.close_attempt(call, closing, closed).await
    }

    /// Rows of a run's sheet that are due, in the sheet's order, from behind row `after` on. Rows on their way are among them:
    /// whoever sends goes forward and does not look back.
    pub async fn due(
        &self,
        run: RunId,
        after: RowNumber,
        limit: usize,
    ) -> Result<Vec<DueRow>, Error> {
        self.ask(false, move |ledger| ledger.due(run, after, limit))
            .await
    }

    /// Gives the ledger back, once everything asked for before is written. Other handles get errors from then on.
    pub async fn stop(self) -> Result<Ledger, Error> {
        let (reply, ledger) = oneshot::channel();
        self.messages
            .send(Message::Stop(reply))
            .map_err(|_| stopped())?;
        ledger.await.map_err(|_| stopped())
    }

    async fn ask<T: Send + 'static>(
        &self,
        is_new: bool,
        work: impl FnOnce(&Ledger) -> Outcome<T> + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked {
            is_new,
            work: Some(work),
            done: None,
            reply,
        };
        self.messages
            .send(Message::Do(Box::new(asked)))
            .map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> Error {
    Error::unexpected(
        "ledger_write_failed",
        "The ledger is no longer being written.",
    )
}

/// Once a write has failed the run ends: what was under way is still recorded if that can be, but nothing new is begun. A request
/// recorded now would never leave, and nobody could tell.
fn serve(ledger: Ledger, inbox: &Receiver<Message>) {
    let mut failed: Option<Error> = None;
    while let Ok(first) = inbox.recv() {
        let mut batch = Vec::new();
        let mut stop = None;
        for message in std::iter::once(first).chain(inbox.try_iter().take(MAX_BATCH - 1)) {
            match (message, &failed) {
                (Message::Do(command), Some(error)) if command.is_new() => {
                    command.answer(&Err(error.clone()));
                }
                (Message::Do(command), _) => batch.push(command),
                (Message::Stop(reply), _) => {
                    stop = Some(reply);
                    break;
                }
            }
        }
        if !batch.is_empty() {
            let mut commands = batch.iter_mut();
            let written =
                ledger.write(|ledger| commands.try_for_each(|command| command.perform(ledger)));
            if let Err(error) = &written {
                failed.get_or_insert_with(|| error.clone());
            }
            for command in batch {
                command.answer(&written);
            }
        }
        if let Some(reply) = stop {
            // Whoever asked may have gone away; then the ledger closes here.
            drop(reply.send(ledger));
            return;
        }
    }
}
