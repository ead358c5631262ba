//! The assembler and the rows it makes, without a workbook.

use std::time::{Duration, Instant};

use super::*;
use crate::model::{Cell, RowNumber};

fn text(text: &str) -> Cell {
    Cell::Text(text.to_owned())
}

fn failed(halt: Result<(), Halt>) -> Option<Error> {
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
    let (_spare, spares) = channel();
    let mut sheet = Assembler::new("a.xlsx", sender, spares, Arc::default());
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
    let complaint = Error::unusable("workbook_damaged", "cut");
    let expected = complaint.clone();
    let mut rows = rows_of("a.xlsx", |_| Err(Halt::Failed(complaint))).unwrap();
    assert_eq!(rows.next(&mut Row::new()), Err(expected));
}

/// The cells of a row, by their columns; out of order now and then, as a sheet may have them.
fn cells_of(row: u32) -> Vec<(u32, Cell)> {
    let cell = |column: u32| match (row / 3 + column * 5) % 7 {
        0 => Cell::Number(f64::from(row)),
        1 => Cell::Empty,
        2 => text("  "),
        3 => text(&"long ".repeat(300)),
        _ => text(&format!("{row} {column}")),
    };
    let width = match row % 50 {
        0 => 0,
        1 => 200,
        _ => row % 11,
    };
    let mut cells: Vec<_> = (0..width).map(|column| (column, cell(column))).collect();
    if row.is_multiple_of(4) {
        cells.reverse();
    }
    cells
}

#[test]
fn nothing_of_an_earlier_row_is_left_in_a_buffer_used_again() {
    let mut rows = rows_of("a.xlsx", |sheet| {
        (0..4000).try_for_each(|row| {
            cells_of(row)
                .into_iter()
                .try_for_each(|(column, cell)| match cell {
                    Cell::Text(text) => sheet.push_text(row, column, &text),
                    cell => sheet.push(row, column, cell),
                })
        })
    })
    .unwrap();
    let mut row = Row::new();
    for number in 0..4000 {
        let mut expected = Row::new();
        for (column, cell) in cells_of(number) {
            let column = column as usize;
            if !cell.is_empty() {
                let width = expected.cells.len().max(column + 1);
                expected.cells.resize(width, Cell::Empty);
                expected.cells[column] = cell;
            }
        }
        if !expected.cells.is_empty() {
            expected.number = RowNumber(number + 1);
            assert!(rows.next(&mut row).unwrap());
            assert_eq!(row, expected);
        }
    }
    assert!(!rows.next(&mut row).unwrap());
}
