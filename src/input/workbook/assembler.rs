//! Puts cells into rows and rows into batches, in buffers that were used before.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender};

use crate::error::Error;
use crate::input::kind::damaged;
use crate::input::rows::write_text;
use crate::model::{Cell, Row, RowNumber};

const ROWS_IN_BATCH: usize = 256;
/// Wide rows make shorter batches.
const CELLS_IN_BATCH: usize = 1 << 14;
/// Wider rows do not keep their room, so that batches at rest take no more memory than full ones.
const MAX_KEPT_CELLS: usize = CELLS_IN_BATCH / ROWS_IN_BATCH;
/// The width of a sheet in Excel.
const MAX_COLUMNS: usize = 16_384;

/// Rows that travel together; those beyond the ones in use are buffers from an earlier journey.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) rows: Vec<Row>,
    pub(super) in_use: usize,
}

/// What passes between the thread that makes rows and the one that reads them.
pub(super) enum Message {
    Rows(Batch),
    Failed(Error),
    End,
}

/// Why a thread stops feeding cells.
pub(super) enum Halt {
    /// Nobody reads any more.
    Unheard,
    /// The sheet cannot be read further.
    Failed(Error),
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
    pub(super) fn new(
        file: &str,
        sender: SyncSender<Message>,
        spares: Receiver<Batch>,
        is_stopped: Arc<AtomicBool>,
    ) -> Self {
        Assembler {
            file: file.to_owned(),
            sender,
            spares,
            is_stopped,
            batch: Batch::default(),
            cells_in_batch: 0,
            number: 0,
            width: 0,
        }
    }

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

    /// Hands on what is left, and how it ended.
    pub(super) fn finish(mut self, outcome: Result<(), Halt>) {
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
