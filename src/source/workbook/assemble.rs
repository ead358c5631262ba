//! Makes rows of cells on a thread of its own.
//!
//! calamine's streaming reader borrows the workbook, so the two cannot live in one value; a thread can own both. It works
//! ahead by a few batches, ends when nobody listens any more, and keeps a crash in a foreign parser away from the run.
//! Batches come back once they are read, so that rows and texts find their buffers again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::domain::{Cell, Complaint, Row, RowNumber};
use crate::source::READER_THREAD;
use crate::source::kind::damaged;
use crate::source::rows::{Rows, write_text};

const ROWS_IN_BATCH: usize = 256;
/// Wide rows make shorter batches.
const CELLS_IN_BATCH: usize = 1 << 14;
const BATCHES_AHEAD: usize = 4;
/// Wider rows do not keep their room, so that batches at rest take no more memory than full ones.
const MAX_KEPT_CELLS: usize = CELLS_IN_BATCH / ROWS_IN_BATCH;
/// The width of a sheet in Excel.
const MAX_COLUMNS: usize = 16_384;

/// Rows that travel together; those beyond the ones in use are buffers from an earlier journey.
#[derive(Default)]
struct Batch {
    rows: Vec<Row>,
    in_use: usize,
}

enum Message {
    Rows(Batch),
    Failed(Complaint),
    End,
}

/// Why a thread stops feeding cells.
pub(super) enum Halt {
    /// Nobody reads any more.
    Unheard,
    /// The sheet cannot be read further.
    Failed(Complaint),
}

/// Takes cells in the order of the sheet, and hands on rows.
pub(super) struct Assembler {
    file: String,
    sender: SyncSender<Message>,
    spares: Receiver<Batch>,
    is_stopped: Arc<AtomicBool>,
    /// The row at hand stands behind those in use.
    batch: Batch,
    cells_in_batch: usize,
    /// The row at hand, from one; zero before the first.
    number: u32,
    /// How many of its cells are its own, and not left there by another row.
    width: usize,
}

impl Assembler {
    /// Adds a cell; row and column count from zero.
    pub(super) fn push(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), Halt> {
        self.check_heard()?;
        if cell.is_empty() {
            return Ok(());
        }
        *self.place(row, column)? = cell;
        Ok(())
    }

    /// Adds a text cell, in a buffer that is there already if possible.
    pub(super) fn push_text(&mut self, row: u32, column: u32, text: &str) -> Result<(), Halt> {
        self.check_heard()?;
        if text.chars().all(char::is_whitespace) {
            return Ok(());
        }
        write_text(self.place(row, column)?, text);
        Ok(())
    }

    fn check_heard(&self) -> Result<(), Halt> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return Err(Halt::Unheard);
        }
        Ok(())
    }

    /// The place for a cell that is not empty. What stands in it belongs to an earlier row.
    fn place(&mut self, row: u32, column: u32) -> Result<&mut Cell, Halt> {
        let number = row.saturating_add(1);
        if number < self.number {
            let why = format!("row {number} stands behind row {}", self.number);
            return Err(self.damaged(&why));
        }
        if number > self.number {
            self.end_row()?;
            self.number = number;
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            return Err(self.damaged(&format!(
                "row {number} has more cells than a sheet can have"
            )));
        }
        if self.batch.rows.len() == self.batch.in_use {
            self.batch.rows.push(Row::new());
        }
        let cells = &mut self.batch.rows[self.batch.in_use].cells;
        if self.width == 0 && cells.capacity() > MAX_KEPT_CELLS {
            *cells = Vec::new();
        }
        if cells.len() <= column {
            cells.resize(column + 1, Cell::Empty);
        }
        if column >= self.width {
            cells[self.width..column].fill(Cell::Empty);
            self.width = column + 1;
        } else if cells[column] != Cell::Empty {
            let why = format!("row {number} stands in it twice");
            return Err(self.damaged(&why));
        }
        Ok(&mut self.batch.rows[self.batch.in_use].cells[column])
    }

    fn damaged(&self, why: &str) -> Halt {
        Halt::Failed(damaged(&self.file, why))
    }

    fn end_row(&mut self) -> Result<(), Halt> {
        let width = std::mem::take(&mut self.width);
        if width == 0 {
            return Ok(());
        }
        let row = &mut self.batch.rows[self.batch.in_use];
        row.number = RowNumber(self.number);
        row.cells.truncate(width);
        self.batch.in_use += 1;
        self.cells_in_batch += width;
        if self.batch.in_use < ROWS_IN_BATCH && self.cells_in_batch < CELLS_IN_BATCH {
            return Ok(());
        }
        self.send_batch()
    }

    fn send_batch(&mut self) -> Result<(), Halt> {
        self.cells_in_batch = 0;
        let mut next = self.spares.try_recv().unwrap_or_default();
        next.in_use = 0;
        let full = std::mem::replace(&mut self.batch, next);
        self.send(Message::Rows(full))
    }

    fn send(&self, message: Message) -> Result<(), Halt> {
        self.sender.send(message).map_err(|_| Halt::Unheard)
    }

    fn finish(mut self, outcome: Result<(), Halt>) {
        let told = match outcome {
            Ok(()) => self
                .end_row()
                .and_then(|()| self.send_batch())
                .and_then(|()| self.send(Message::End)),
            Err(Halt::Failed(complaint)) => self.send(Message::Failed(complaint)),
            Err(Halt::Unheard) => Ok(()),
        };
        // When nobody listens, there is nobody to tell.
        drop(told);
    }
}

/// Rows that a thread makes of what `feed` pushes.
pub(super) fn rows_of<F>(file: &str, feed: F) -> Result<AssembledRows, Complaint>
where
    F: FnOnce(&mut Assembler) -> Result<(), Halt> + Send + 'static,
{
    let (sender, receiver) = sync_channel(BATCHES_AHEAD);
    let (spare, spares) = channel();
    let is_stopped = Arc::new(AtomicBool::new(false));
    let mut assembler = Assembler {
        file: file.to_owned(),
        sender,
        spares,
        is_stopped: Arc::clone(&is_stopped),
        batch: Batch::default(),
        cells_in_batch: 0,
        number: 0,
        width: 0,
    };
    std::thread::Builder::new()
        .name(READER_THREAD.to_owned())
        .spawn(move || {
            let outcome = feed(&mut assembler);
            assembler.finish(outcome);
        })
        .map_err(|error| {
            Complaint::new(
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
    fn next(&mut self, row: &mut Row) -> Result<bool, Complaint> {
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
