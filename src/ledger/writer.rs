//! One thread writes for many tasks: whatever waits shares one transaction, and everyone hears of it once it is durable.

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use tokio::sync::oneshot;

use super::Ledger;
use super::attempts::{AttemptId, Closing, Event};
use super::books::Books;
use super::fault::Result;
use super::process::Process;
use super::runs::{self, DueRow, InvitationId};
use crate::error::Error;
use crate::model::{Moment, RowNumber, RunId};

/// No transaction takes in more than this, so that nobody waits long behind a crowd.
const MAX_BATCH: usize = 1024;

/// A handle to the writing thread; clones write through the same thread. When the last one is gone, the thread ends.
#[derive(Debug, Clone)]
pub struct Writer {
    commands: Sender<Command>,
    process: Process,
}

type Told<T> = std::result::Result<T, Error>;
type Reply<T> = oneshot::Sender<Told<T>>;

#[derive(Debug)]
enum Command {
    Open {
        invitation: Option<InvitationId>,
        opened_ms: i64,
        reply: Reply<AttemptId>,
    },
    Close {
        attempt: AttemptId,
        closing: Closing,
        closed_ms: i64,
        reply: Reply<()>,
    },
    Withdraw {
        attempt: AttemptId,
        reply: Reply<()>,
    },
    Due {
        run: RunId,
        after: RowNumber,
        limit: usize,
        reply: Reply<Vec<DueRow>>,
    },
    Stop {
        reply: oneshot::Sender<Ledger>,
    },
}

impl Writer {
    /// Hands the ledger to a thread of its own. Its process must have begun.
    pub fn start(ledger: Ledger) -> Told<Writer> {
        let process = ledger
            .books
            .process()
            .cloned()
            .map_err(|fault| fault.writing(&ledger.path))?;
        let (commands, inbox) = mpsc::channel();
        thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || serve(ledger, &inbox))
            .map_err(|error| {
                Error::unexpected(
                    "ledger_write_failed",
                    format!("No thread can be started for the ledger ({error})."),
                )
            })?;
        Ok(Writer { commands, process })
    }

    /// Puts a request for an invitation on paper. Only when this has returned may the request leave.
    pub async fn open_attempt(&self, invitation: InvitationId, opened: &Moment) -> Told<AttemptId> {
        let opened_ms = self.process.steady_ms(opened);
        self.ask(|reply| Command::Open {
            invitation: Some(invitation),
            opened_ms,
            reply,
        })
        .await
    }

    /// Notes what became of a request. Only when this has returned may it be reported.
    pub async fn close_attempt(
        &self,
        attempt: AttemptId,
        closing: Closing,
        closed: &Moment,
    ) -> Told<()> {
        let closed_ms = self.process.steady_ms(closed);
        self.ask(|reply| Command::Close {
            attempt,
            closing,
            closed_ms,
            reply,
        })
        .await
    }

    /// Takes a request for an invitation off the paper again: it has not left, and now never will.
    pub async fn withdraw_attempt(&self, attempt: AttemptId) -> Told<()> {
        self.ask(|reply| Command::Withdraw { attempt, reply }).await
    }

    /// Puts a request that is about no invitation on paper (a login, say): it counts against the limits as well.
    pub async fn open_call(&self, opened: &Moment) -> Told<AttemptId> {
        let opened_ms = self.process.steady_ms(opened);
        self.ask(|reply| Command::Open {
            invitation: None,
            opened_ms,
            reply,
        })
        .await
    }

    /// Notes that such a request has been answered, whatever came of it.
    pub async fn close_call(&self, call: AttemptId, closed: &Moment) -> Told<()> {
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
    pub async fn due(&self, run: RunId, after: RowNumber, limit: usize) -> Told<Vec<DueRow>> {
        self.ask(|reply| Command::Due {
            run,
            after,
            limit,
            reply,
        })
        .await
    }

    /// Gives the ledger back, once everything asked for before is written. Other handles complain from then on.
    pub async fn stop(self) -> Told<Ledger> {
        let (reply, ledger) = oneshot::channel();
        self.commands
            .send(Command::Stop { reply })
            .map_err(|_| stopped())?;
        ledger.await.map_err(|_| stopped())
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Told<T> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> Error {
    Error::unexpected(
        "ledger_write_failed",
        "The ledger is no longer being written.",
    )
}

fn serve(mut ledger: Ledger, inbox: &Receiver<Command>) {
    let mut failed = None;
    while let Ok(first) = inbox.recv() {
        let mut batch = vec![first];
        batch.extend(inbox.try_iter().take(MAX_BATCH - 1));
        if let Some(complaint) = &failed {
            batch = refuse_new_requests(batch, complaint);
        }
        if let Some(reply) = work_through(&mut ledger, batch, &mut failed) {
            // Whoever asked may have gone away; then the ledger closes here.
            let _ = reply.send(ledger);
            return;
        }
    }
}

/// Once a write has failed the run ends: what was under way is still recorded if that can be, but nothing new is begun.
/// A request begun on paper now would never leave, and nobody could tell.
fn refuse_new_requests(batch: Vec<Command>, complaint: &Error) -> Vec<Command> {
    let (new, others): (Vec<_>, Vec<_>) = batch
        .into_iter()
        .partition(|command| matches!(command, Command::Open { .. }));
    for command in new {
        command.refuse(complaint.clone(), &mut None);
    }
    others
}

/// Does a batch in one transaction and answers. Returns whom to give the ledger to, when that was asked for.
fn work_through(
    ledger: &mut Ledger,
    batch: Vec<Command>,
    failed: &mut Option<Error>,
) -> Option<oneshot::Sender<Ledger>> {
    let mut stop = None;
    let mut done = Vec::with_capacity(batch.len());
    let mut batch = batch.into_iter();
    let written = ledger.write(|books| {
        for command in batch.by_ref() {
            match command {
                Command::Stop { reply } => {
                    stop = Some(reply);
                    break;
                }
                command => command.perform(books, &mut done)?,
            }
        }
        Ok(())
    });
    if let Err(complaint) = &written {
        failed.get_or_insert_with(|| complaint.clone());
    }
    for answer in done {
        answer.tell(&written);
    }
    for command in batch {
        command.refuse(written.clone().err().unwrap_or_else(stopped), &mut stop);
    }
    stop
}

/// What was done in a transaction, to be told after its commit.
enum Done {
    Opened(Reply<AttemptId>, Option<AttemptId>),
    Closed(Reply<()>),
    Due(Reply<Vec<DueRow>>, Vec<DueRow>),
}

impl Command {
    /// Does it; whoever asked is in `done` even if that fails.
    fn perform(self, books: &mut Books, done: &mut Vec<Done>) -> Result<()> {
        match self {
            Command::Open {
                invitation,
                opened_ms,
                reply,
            } => {
                let opened = books.open_attempt(invitation, opened_ms);
                done.push(Done::Opened(reply, opened.as_ref().ok().copied()));
                opened.map(|_| ())
            }
            Command::Close {
                attempt,
                closing,
                closed_ms,
                reply,
            } => {
                done.push(Done::Closed(reply));
                books.close_attempt(attempt, &closing, closed_ms)
            }
            Command::Withdraw { attempt, reply } => {
                done.push(Done::Closed(reply));
                books.withdraw_attempt(attempt)
            }
            Command::Due {
                run,
                after,
                limit,
                reply,
            } => {
                let rows = runs::due(&books.conn, run, after, limit);
                match rows {
                    Ok(rows) => {
                        done.push(Done::Due(reply, rows));
                        Ok(())
                    }
                    Err(fault) => {
                        done.push(Done::Due(reply, Vec::new()));
                        Err(fault)
                    }
                }
            }
            Command::Stop { .. } => Ok(()),
        }
    }

    fn refuse(self, complaint: Error, stop: &mut Option<oneshot::Sender<Ledger>>) {
        // A receiver that has gone away misses nothing.
        match self {
            Command::Open { reply, .. } => drop(reply.send(Err(complaint))),
            Command::Close { reply, .. } | Command::Withdraw { reply, .. } => {
                drop(reply.send(Err(complaint)));
            }
            Command::Due { reply, .. } => drop(reply.send(Err(complaint))),
            Command::Stop { reply } => *stop = Some(reply),
        }
    }
}

impl Done {
    fn tell(self, written: &Told<()>) {
        // A receiver that has gone away misses nothing.
        match (self, written) {
            (Done::Opened(reply, Some(attempt)), Ok(())) => drop(reply.send(Ok(attempt))),
            (Done::Opened(reply, None), Ok(())) => drop(reply.send(Err(stopped()))),
            (Done::Closed(reply), Ok(())) => drop(reply.send(Ok(()))),
            (Done::Due(reply, rows), Ok(())) => drop(reply.send(Ok(rows))),
            (Done::Opened(reply, _), Err(complaint)) => drop(reply.send(Err(complaint.clone()))),
            (Done::Closed(reply), Err(complaint)) => drop(reply.send(Err(complaint.clone()))),
            (Done::Due(reply, _), Err(complaint)) => drop(reply.send(Err(complaint.clone()))),
        }
    }
}
