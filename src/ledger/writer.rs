//! One thread writes for many tasks: whatever waits shares one transaction, and everyone hears of it once it is durable.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use tokio::sync::oneshot;

use super::attempts::{AttemptId, Closing, RegisterId};
use super::open::Ledger;
use super::sql::Outcome;
use super::status::{DueRow, InvitationId, due};
use crate::error::Error;
use crate::model::{Moment, RowNumber, RunId, Status};

/// No transaction takes in more than this, so that nobody waits long behind a crowd.
const MAX_BATCH: usize = 1024;

/// A handle to the writing thread; clones write through the same thread. When the last one is gone, the thread ends.
#[derive(Debug, Clone)]
pub struct Writer {
    messages: Sender<Message>,
}

enum Message {
    Do {
        /// Begins something new, which must not be once a write has failed.
        is_new: bool,
        command: Command,
    },
    Stop(oneshot::Sender<Ledger>),
}

/// Part of a transaction; without a ledger nothing is done. What it gives back tells whoever asked, once the transaction is over.
type Command = Box<dyn FnOnce(Option<&Ledger>) -> (Outcome<()>, Answer) + Send>;
type Answer = Box<dyn FnOnce(&Result<(), Error>) + Send>;

impl Writer {
    /// Hands the ledger to a thread of its own.
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

    /// Records a request, for an invitation or about none (a login, say), which counts against the limits as well. Only when this has
    /// returned may the request leave.
    pub async fn open_attempt(
        &self,
        invitation: Option<InvitationId>,
        register_id: Option<RegisterId>,
        opened: &Moment,
    ) -> Result<AttemptId, Error> {
        let opened = opened.clone();
        self.ask(true, move |ledger| {
            ledger.open_attempt(invitation, register_id, &opened)
        })
        .await?
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

    /// Notes that the team's register knows what became of a request.
    pub async fn note_told(&self, register_id: RegisterId) -> Result<(), Error> {
        self.ask(false, move |ledger| ledger.note_told(register_id))
            .await
    }

    /// Notes what the team's register says of an invitation that another computer claimed.
    pub async fn note_elsewhere(
        &self,
        invitation: InvitationId,
        status: Status,
        words: String,
        now: &Moment,
    ) -> Result<(), Error> {
        let now = now.clone();
        self.ask(false, move |ledger| {
            ledger.note_elsewhere(invitation, status, &words, &now)
        })
        .await
    }

    /// Rows of a run's sheet that are due, in the sheet's order, from behind row `after` on. Rows on their way are among them:
    /// whoever sends goes forward and does not look back.
    pub async fn due(
        &self,
        run: RunId,
        after: RowNumber,
        limit: usize,
    ) -> Result<Vec<DueRow>, Error> {
        self.ask(false, move |ledger| {
            due(&ledger.conn, &ledger.salt, run, after, limit)
        })
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
        let command: Command = Box::new(move |ledger| {
            let (outcome, done) = match ledger.map(work).transpose() {
                Ok(done) => (Ok(()), done),
                Err(fault) => (Err(fault), None),
            };
            let answer = move |written: &Result<(), Error>| {
                let told = written.clone().and_then(|()| done.ok_or_else(stopped));
                // A receiver that has gone away misses nothing.
                drop(reply.send(told));
            };
            (outcome, Box::new(answer))
        });
        self.messages
            .send(Message::Do { is_new, command })
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
                (
                    Message::Do {
                        is_new: true,
                        command,
                    },
                    Some(error),
                ) => {
                    command(None).1(&Err(error.clone()));
                }
                (Message::Do { command, .. }, _) => batch.push(command),
                (Message::Stop(reply), _) => {
                    stop = Some(reply);
                    break;
                }
            }
        }
        if !batch.is_empty() {
            write(&ledger, batch, &mut failed);
        }
        if let Some(reply) = stop {
            // Whoever asked may have gone away; then the ledger closes here.
            drop(reply.send(ledger));
            return;
        }
    }
}

/// One transaction; everyone hears of its end.
fn write(ledger: &Ledger, batch: Vec<Command>, failed: &mut Option<Error>) {
    let mut answers = Vec::with_capacity(batch.len());
    let mut batch = batch.into_iter();
    let written = ledger.write(|ledger| {
        batch.by_ref().try_for_each(|command| {
            let (outcome, answer) = command(Some(ledger));
            answers.push(answer);
            outcome
        })
    });
    let written = written.and_then(|()| ledger.write_log_back_in_time());
    if let Err(error) = &written {
        failed.get_or_insert_with(|| error.clone());
    }
    // Whoever comes behind a failed command has not been tried.
    answers.extend(batch.map(|command| command(None).1));
    for answer in answers {
        answer(&written);
    }
}
