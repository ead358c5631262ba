//! Rows of a workbook, made on a thread of their own.
//!
//! calamine's streaming reader borrows the workbook, so the two cannot live in one value; a thread can own both. It works
//! ahead by a few batches, ends when nobody listens any more, and keeps a crash in a foreign parser away from the run.
//! Batches come back once they are read, so that rows and texts find their buffers again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

use super::assembler::{Assembler, Batch, Halt, Message};
use crate::error::Error;
use crate::input::READER_THREAD;
use crate::input::kind::damaged;
use crate::input::rows::Rows;
use crate::model::Row;

const BATCHES_AHEAD: usize = 4;

/// Rows that a thread makes of what `feed` pushes.
pub(super) fn rows_of<F>(file: &str, feed: F) -> Result<AssembledRows, Error>
where
    F: FnOnce(&mut Assembler) -> Result<(), Halt> + Send + 'static,
{
    let (sender, receiver) = sync_channel(BATCHES_AHEAD);
    let (spare, spares) = channel();
    let is_stopped = Arc::new(AtomicBool::new(false));
    let mut assembler = Assembler::new(file, sender, spares, Arc::clone(&is_stopped));
    std::thread::Builder::new()
        .name(READER_THREAD.to_owned())
        .spawn(move || {
            let outcome = feed(&mut assembler);
            assembler.finish(outcome);
        })
        .map_err(|error| {
            Error::unusable(
                "file_unreadable",
                format!("{file} cannot be read: {error}."),
            )
        })?;
    Ok(AssembledRows {
        file: file.to_owned(),
        receiver,
        spare,
        is_stopped,
        batch: Batch::default(),
        read: 0,
        is_done: false,
        last_number: 0,
        blank_rows: 0,
    })
}

/// The reading end.
pub(super) struct AssembledRows {
    file: String,
    receiver: Receiver<Message>,
    spare: Sender<Batch>,
    is_stopped: Arc<AtomicBool>,
    batch: Batch,
    /// How many rows of the batch were read.
    read: usize,
    is_done: bool,
    last_number: u32,
    blank_rows: u64,
}

impl Rows for AssembledRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, Error> {
        while !self.is_done {
            if self.read < self.batch.in_use {
                std::mem::swap(row, &mut self.batch.rows[self.read]);
                self.read += 1;
                let gap = row
                    .number
                    .0
                    .saturating_sub(self.last_number.saturating_add(1));
                self.blank_rows += u64::from(gap);
                self.last_number = row.number.0;
                return Ok(true);
            }
            match self.receiver.recv() {
                Ok(Message::Rows(batch)) => {
                    let spare = std::mem::replace(&mut self.batch, batch);
                    self.read = 0;
                    // The thread may be done already.
                    let _ = self.spare.send(spare);
                }
                Ok(Message::End) => self.is_done = true,
                Ok(Message::Failed(complaint)) => {
                    self.is_done = true;
                    return Err(complaint);
                }
                // The thread is gone without a word: the parser broke down.
                Err(_) => {
                    self.is_done = true;
                    return Err(damaged(&self.file, "its sheet cannot be made sense of"));
                }
            }
        }
        Ok(false)
    }

    fn blank_rows(&self) -> u64 {
        self.blank_rows
    }
}

impl Drop for AssembledRows {
    fn drop(&mut self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
