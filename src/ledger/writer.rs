//! One thread writes for many tasks: whatever waits shares one transaction, and everyone hears of it once it is durable.

use std::iter;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread;

use tokio::sync::oneshot;

use super::open::Ledger;
use crate::error::{Error, Result};

/// No transaction takes in more than this, so that nobody waits long behind a crowd.
const MAX_BATCH: usize = 1024;

/// A handle to the writing thread; clones write through the same thread. When the last one is gone, the thread ends.
#[derive(Debug, Clone)]
pub struct Writer {
    messages: Sender<Message>,
    /// Why the first write that failed did.
    failed: Arc<OnceLock<Error>>,
}

enum Message {
    Begin(Command),
    Note(Command),
    Stop(oneshot::Sender<Ledger>),
}

/// Part of a transaction. What it gives tells whoever asked, once the transaction is over.
type Command = Box<dyn FnOnce(&Ledger) -> Result<Answer> + Send>;
type Answer = Box<dyn FnOnce() + Send>;

/// What is asked for within a transaction.
pub trait Work<T>: FnOnce(&Ledger) -> Result<T> + Send + 'static {}
impl<T, W: FnOnce(&Ledger) -> Result<T> + Send + 'static> Work<T> for W {}

impl Writer {
    /// Hands the ledger to a thread of its own.
    pub fn start(ledger: Ledger) -> Result<Writer> {
        let (messages, inbox) = mpsc::channel();
        let failed = Arc::new(OnceLock::new());
        let why = Arc::clone(&failed);
        let thread = thread::Builder::new().name("ledger".to_owned());
        match thread.spawn(move || serve(ledger, &inbox, &why)) {
            Ok(_) => Ok(Writer { messages, failed }),
            Err(error) => Err(Error::of("no_runtime", &[&error])),
        }
    }

    /// Writes what begins something new, which must not be once a write has failed. When this returns, it is durable.
    pub async fn begin<T: Send + 'static>(&self, work: impl Work<T>) -> Result<T> {
        self.ask(Message::Begin, work).await
    }

    /// Writes what became of something, or reads. When this returns, it is durable.
    pub async fn note<T: Send + 'static>(&self, work: impl Work<T>) -> Result<T> {
        self.ask(Message::Note, work).await
    }

    /// Gives the ledger back, once everything asked for before is written. Other handles get errors from then on.
    pub async fn stop(self) -> Result<Ledger> {
        let (reply, ledger) = oneshot::channel();
        // Where the thread has ended, nobody will answer.
        let _ = self.messages.send(Message::Stop(reply));
        ledger.await.map_err(|_| self.why())
    }

    async fn ask<T: Send + 'static>(
        &self,
        message: fn(Command) -> Message,
        work: impl Work<T>,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        let command: Command = Box::new(move |ledger| match work(ledger) {
            // A receiver that has gone away misses nothing.
            Ok(done) => Ok(Box::new(move || drop(reply.send(Ok(done))))),
            Err(error) => {
                drop(reply.send(Err(error.clone())));
                Err(error)
            }
        });
        let _ = self.messages.send(message(command));
        answer.await.map_err(|_| self.why())?
    }

    /// Why there is no answer.
    fn why(&self) -> Error {
        let stopped = || Error::of("ledger_failed.stopped", &[]);
        self.failed.get().cloned().unwrap_or_else(stopped)
    }
}

/// Once a write has failed the run ends: what was under way is still recorded if that can be, but nothing new is begun. A request
/// recorded now would never leave, and nobody could tell.
fn serve(ledger: Ledger, inbox: &Receiver<Message>, failed: &OnceLock<Error>) {
    while let Ok(first) = inbox.recv() {
        let mut batch = Vec::new();
        for message in iter::once(first).chain(inbox.try_iter().take(MAX_BATCH - 1)) {
            match message {
                Message::Begin(_) if failed.get().is_some() => {}
                Message::Begin(command) | Message::Note(command) => batch.push(command),
                Message::Stop(reply) => {
                    write(&ledger, batch, failed);
                    // Whoever asked may have gone away; then the ledger closes here.
                    drop(reply.send(ledger));
                    return;
                }
            }
        }
        write(&ledger, batch, failed);
    }
}

/// One transaction. Where it fails, everyone finds why in `failed`: answers and what was not tried are dropped only after that is set.
fn write(ledger: &Ledger, batch: Vec<Command>, failed: &OnceLock<Error>) {
    if batch.is_empty() {
        return;
    }
    let (mut answers, mut batch) = (Vec::new(), batch.into_iter());
    let written = ledger.write(|ledger| {
        batch.by_ref().try_for_each(|command| {
            answers.push(command(ledger)?);
            Ok(())
        })
    });
    match written.and_then(|()| ledger.write_log_back_in_time()) {
        Ok(()) => answers.into_iter().for_each(|answer| answer()),
        // The first one counts.
        Err(error) => drop(failed.set(error)),
    }
}
