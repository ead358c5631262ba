//! Makes rows of cells on a thread of its own.
//!
//! calamine's streaming reader borrows the workbook, so the two cannot live in one value; a thread can own both. It works
//! ahead by a few batches, ends when nobody listens any more, and keeps a crash in a foreign parser away from the run.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::domain::{Cell, Complaint, Row, RowNumber};
use crate::source::READER_THREAD;
use crate::source::kind::damaged;
use crate::source::rows::Rows;

const ROWS_IN_BATCH: usize = 256;
/// Wide rows make shorter batches.
const CELLS_IN_BATCH: usize = 1 << 14;
const BATCHES_AHEAD: usize = 4;
/// The width of a sheet in Excel.
const MAX_COLUMNS: usize = 16_384;

enum Message {
    Rows(Vec<Row>),
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
    is_stopped: Arc<AtomicBool>,
    batch: Vec<Row>,
    cells_in_batch: usize,
    row: Row,
}

impl Assembler {
    /// Adds a cell; row and column count from zero.
    pub(super) fn push(&mut self, row: u32, column: u32, cell: Cell) -> Result<(), Halt> {
        if self.is_stopped.load(Ordering::Relaxed) {
            return Err(Halt::Unheard);
        }
        if cell.is_empty() {
            return Ok(());
        }
        let number = row.saturating_add(1);
        if number < self.row.number.0 {
            let why = format!("row {number} stands behind row {}", self.row.number);
            return Err(Halt::Failed(damaged(&self.file, &why)));
        }
        if number > self.row.number.0 {
            self.end_row()?;
            self.row.number = RowNumber(number);
        }
        let column = column as usize;
        if column >= MAX_COLUMNS {
            let why = format!("row {number} has more cells than a sheet can have");
            return Err(Halt::Failed(damaged(&self.file, &why)));
        }
        if self.row.cells.len() <= column {
            self.row.cells.resize(column + 1, Cell::Empty);
        }
        if self.row.cells[column] != Cell::Empty {
            let why = format!("row {number} stands in it twice");
            return Err(Halt::Failed(damaged(&self.file, &why)));
        }
        self.row.cells[column] = cell;
        Ok(())
    }

    fn end_row(&mut self) -> Result<(), Halt> {
        if self.row.cells.is_empty() {
            return Ok(());
        }
        let width = self.row.cells.len();
        let next = Row {
            number: self.row.number,
            cells: Vec::with_capacity(width),
        };
        self.batch.push(std::mem::replace(&mut self.row, next));
        self.cells_in_batch += width;
        if self.batch.len() < ROWS_IN_BATCH && self.cells_in_batch < CELLS_IN_BATCH {
            return Ok(());
        }
        self.cells_in_batch = 0;
        let full = std::mem::replace(&mut self.batch, Vec::with_capacity(ROWS_IN_BATCH));
        self.send(Message::Rows(full))
    }

    fn send(&self, message: Message) -> Result<(), Halt> {
        self.sender.send(message).map_err(|_| Halt::Unheard)
    }

    fn finish(mut self, outcome: Result<(), Halt>) {
        let told = match outcome {
            Ok(()) => self
                .end_row()
                .and_then(|()| {
                    let last = std::mem::take(&mut self.batch);
                    self.send(Message::Rows(last))
                })
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
    let is_stopped = Arc::new(AtomicBool::new(false));
    let mut assembler = Assembler {
        file: file.to_owned(),
        sender,
        is_stopped: Arc::clone(&is_stopped),
        batch: Vec::with_capacity(ROWS_IN_BATCH),
        cells_in_batch: 0,
        row: Row::new(),
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
        is_stopped,
        batch: Vec::new().into_iter(),
        is_done: false,
        last_number: 0,
        blank_rows: 0,
    })
}

/// The reading end.
pub(super) struct AssembledRows {
    file: String,
    receiver: Receiver<Message>,
    is_stopped: Arc<AtomicBool>,
    batch: std::vec::IntoIter<Row>,
    is_done: bool,
    last_number: u32,
    blank_rows: u64,
}

impl Rows for AssembledRows {
    fn next(&mut self, row: &mut Row) -> Result<bool, Complaint> {
        while !self.is_done {
            if let Some(next) = self.batch.next() {
                *row = next;
                let gap = row
                    .number
                    .0
                    .saturating_sub(self.last_number.saturating_add(1));
                self.blank_rows += u64::from(gap);
                self.last_number = row.number.0;
                return Ok(true);
            }
            match self.receiver.recv() {
                Ok(Message::Rows(rows)) => self.batch = rows.into_iter(),
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
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn text(text: &str) -> Cell {
        Cell::Text(text.to_owned())
    }

    fn failed(halt: Result<(), Halt>) -> Option<Complaint> {
        match halt {
            Err(Halt::Failed(complaint)) => Some(complaint),
            _ => None,
        }
    }

    #[test]
    fn cells_become_rows_with_their_numbers_and_blank_rows_are_counted() {
        let mut rows = rows_of("a.xlsx", |sheet| {
            sheet.push(0, 0, text("name"))?;
            sheet.push(3, 1, text("Mona"))?;
            sheet.push(3, 2, Cell::Empty)?;
            sheet.push(9, 0, text("  "))
        })
        .unwrap();
        let mut row = Row::new();
        assert!(rows.next(&mut row).unwrap());
        assert_eq!((row.number.0, row.cells.len()), (1, 1));
        assert!(rows.next(&mut row).unwrap());
        assert_eq!(
            (row.number.0, &row.cells[..]),
            (4, &[Cell::Empty, text("Mona")][..])
        );
        assert!(!rows.next(&mut row).unwrap());
        assert_eq!(rows.blank_rows(), 2);
    }

    #[test]
    fn all_batches_arrive() {
        let mut rows = rows_of("a.xlsx", |sheet| {
            (0..5000).try_for_each(|row| sheet.push(row, 0, text("x")))
        })
        .unwrap();
        let mut row = Row::new();
        let mut count = 0;
        while rows.next(&mut row).unwrap() {
            count += 1;
            assert_eq!(row.number.0, count);
        }
        assert_eq!(count, 5000);
    }

    #[test]
    fn the_thread_ends_when_nobody_reads_any_more() {
        let endless = rows_of("a.xlsx", |sheet| {
            (0..u32::MAX).try_for_each(|row| sheet.push(row, 0, text("x")))
        })
        .unwrap();
        let flag = Arc::clone(&endless.is_stopped);
        drop(endless);
        let began = Instant::now();
        while Arc::strong_count(&flag) > 1 {
            assert!(
                began.elapsed() < Duration::from_secs(20),
                "the thread goes on"
            );
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    #[test]
    fn a_row_out_of_order_is_a_damaged_sheet() {
        let (sender, _receiver) = sync_channel(1);
        let mut sheet = Assembler {
            file: "a.xlsx".to_owned(),
            sender,
            is_stopped: Arc::default(),
            batch: Vec::new(),
            cells_in_batch: 0,
            row: Row::new(),
        };
        assert!(sheet.push(5, 0, text("x")).is_ok());
        assert_eq!(
            failed(sheet.push(4, 0, text("x"))).unwrap().code,
            "workbook_damaged"
        );
    }

    #[test]
    fn a_row_that_stands_twice_is_a_damaged_sheet_and_no_row_is_lost() {
        let mut rows = rows_of("a.xlsx", |sheet| {
            sheet.push(1, 0, text("Mona"))?;
            sheet.push(1, 0, text("Ahmed"))
        })
        .unwrap();
        let complaint = rows.next(&mut Row::new()).unwrap_err();
        assert_eq!(complaint.code, "workbook_damaged");
        assert!(complaint.message.contains("row 2"), "{}", complaint.message);
    }

    #[test]
    fn a_failure_in_the_thread_is_a_complaint() {
        let complaint = Complaint::new("workbook_damaged", "cut");
        let expected = complaint.clone();
        let mut rows = rows_of("a.xlsx", |_| Err(Halt::Failed(complaint))).unwrap();
        assert_eq!(rows.next(&mut Row::new()), Err(expected));
    }
}
