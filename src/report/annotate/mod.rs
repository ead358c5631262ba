//! `check --annotate`: gives the sheet back as a workbook, every cell with a problem coloured and explained in a note, mended cells
//! in another colour, a `_problems` column to filter by, and a first sheet that sums up. Rows keep their numbers.
//!
//! Values are in full: the user asked for this file. The column's name begins with `_`, so that the corrected workbook can be run
//! as it is.

mod cells;
mod overview;

use std::collections::HashMap;
use std::io::Write;

use rust_xlsxwriter::{Note, Workbook, Worksheet};

use crate::error::Error;
use crate::model::{OVERVIEW_SHEET, Problem, Repair, Row, RowNumber};

use super::CheckTally;
use super::spreadsheet;
use cells::{Cells, Mark};

/// The sheet that is given back.
#[derive(Debug, Clone, Copy)]
pub struct SheetShape<'a> {
    /// The source's sheet, whose name is kept.
    pub name: &'a str,
    /// Its headers.
    pub columns: &'a [String],
    /// The row that they stand in.
    pub header_row: RowNumber,
    /// Whether its columns run from right to left.
    pub right_to_left: bool,
}

/// Takes the rows one by one, in order, and writes the workbook at the end.
pub struct Annotator {
    workbook: Workbook,
    cells: Cells,
    /// Where each header stands; of two alike, the first.
    places: HashMap<String, usize>,
    columns: usize,
    header_row: u32,
    sheet_name: String,
    next_row: u32,
    problem_notes: usize,
    repair_notes: usize,
    tally: CheckTally,
}

const PROBLEMS_COLUMN: &str = "_problems";
/// Its width in letters.
const PROBLEMS_WIDTH: u8 = 56;
const OVERVIEW: usize = 0;
const ROWS: usize = 1;
/// Notes are kept in memory until the end, some 12 KB each, and slow a spreadsheet down: past these, colour and the problems'
/// column tell.
const MOST_PROBLEM_NOTES: usize = 10_000;
const MOST_REPAIR_NOTES: usize = 2_500;

impl Annotator {
    /// Begins the workbook.
    pub fn new(shape: SheetShape<'_>) -> Result<Self, Error> {
        spreadsheet::column_count(shape.columns.len() + 1)?;
        let header_row = spreadsheet::next_row(shape.header_row.0.saturating_sub(1))?;
        let mut workbook = Workbook::new();
        let complaint = |error| spreadsheet::complaint(&error);
        workbook
            .add_worksheet()
            .set_name(OVERVIEW_SHEET)
            .map_err(complaint)?;
        let sheet = workbook
            .add_worksheet_with_constant_memory()
            .map_err(complaint)?;
        // A name that a CSV's path or another program left may be none that Excel takes.
        if sheet.set_name(shape.name).is_err() || shape.name == OVERVIEW_SHEET {
            sheet.set_name("Rows").map_err(complaint)?;
        }
        let sheet_name = sheet.name();
        let names =
            std::iter::once(PROBLEMS_COLUMN).chain(shape.columns.iter().map(String::as_str));
        spreadsheet::start_sheet(sheet, header_row, names, shape.right_to_left)?;
        sheet
            .set_column_width(0, PROBLEMS_WIDTH)
            .and_then(|sheet| sheet.set_repeat_rows(header_row, header_row))
            .map_err(complaint)?;
        sheet.set_landscape().set_print_fit_to_pages(1, 0);
        let mut places = HashMap::new();
        for (place, name) in shape.columns.iter().enumerate() {
            places.entry(name.clone()).or_insert(place);
        }
        Ok(Annotator {
            workbook,
            cells: Cells::new(),
            places,
            columns: shape.columns.len(),
            header_row,
            sheet_name,
            next_row: header_row + 1,
            problem_notes: 0,
            repair_notes: 0,
            tally: CheckTally::new(),
        })
    }

    /// Writes one row with what was found in it.
    pub fn row(
        &mut self,
        row: &Row,
        problems: &[Problem],
        repairs: &[Repair],
        duplicate_of: Option<RowNumber>,
    ) -> Result<(), Error> {
        self.count(row, problems, repairs, duplicate_of);
        let at = spreadsheet::next_row(row.number.0.saturating_sub(1).max(self.next_row))?;
        self.next_row = at + 1;
        let sheet = self
            .workbook
            .worksheet_from_index(ROWS)
            .map_err(|error| spreadsheet::complaint(&error))?;
        let told = told(problems, duplicate_of);
        let mark = match (problems, duplicate_of) {
            ([], None) => Mark::None,
            ([], Some(_)) => Mark::Duplicate,
            _ => Mark::Problem,
        };
        self.cells.told(sheet, (at, 0), &told, mark, row.number)?;
        let findings = Findings {
            places: &self.places,
            problems,
            repairs,
        };
        for (place, cell) in row.cells.iter().enumerate() {
            let Some(column) = column_at(place) else {
                break;
            };
            let mark = findings.mark(place, self.columns);
            self.cells
                .cell(sheet, (at, column), cell, mark, row.number)?;
        }
        // A required cell beyond the row's end is empty and wrong all the same.
        for place in row.cells.len()..self.columns {
            if let (Mark::Problem, Some(column)) =
                (findings.mark(place, self.columns), column_at(place))
            {
                self.cells.blank(sheet, (at, column), Mark::Problem)?;
            }
        }
        self.write_notes(at, problems, repairs)
    }

    /// Writes the workbook.
    pub fn finish(mut self, out: impl Write + Send) -> Result<(), Error> {
        let complaint = |error| spreadsheet::complaint(&error);
        let last_column = spreadsheet::column_count(self.columns)?;
        let sheet = self
            .workbook
            .worksheet_from_index(ROWS)
            .map_err(complaint)?;
        sheet
            .autofilter(self.header_row, 0, self.next_row - 1, last_column)
            .map_err(complaint)?;
        let notes_end =
            self.problem_notes >= MOST_PROBLEM_NOTES || self.repair_notes >= MOST_REPAIR_NOTES;
        let sheet = self
            .workbook
            .worksheet_from_index(OVERVIEW)
            .map_err(complaint)?;
        overview::write(sheet, &self.tally, &self.sheet_name, notes_end).map_err(complaint)?;
        spreadsheet::save(&mut self.workbook, out)
    }

    fn count(
        &mut self,
        row: &Row,
        problems: &[Problem],
        repairs: &[Repair],
        duplicate_of: Option<RowNumber>,
    ) {
        match (problems, duplicate_of) {
            ([], None) => self.tally.see_valid(),
            ([], Some(first)) => self.tally.see_duplicate(row.number, first),
            _ => self.tally.see_invalid(),
        }
        for problem in problems {
            self.tally.see_problem(problem);
        }
        for repair in repairs {
            self.tally.see_repair(repair);
        }
    }

    /// One note a cell; problems before repairs.
    fn write_notes(
        &mut self,
        at: u32,
        problems: &[Problem],
        repairs: &[Repair],
    ) -> Result<(), Error> {
        let mut notes: Vec<(usize, String)> = Vec::new();
        for problem in problems {
            let place = problem
                .column
                .as_ref()
                .and_then(|name| self.places.get(name));
            if let Some(&place) = place.filter(|_| self.problem_notes < MOST_PROBLEM_NOTES) {
                self.problem_notes += 1;
                add(&mut notes, place, &problem.message);
            }
        }
        for repair in repairs {
            let place = self.places.get(&repair.column);
            if let Some(&place) = place.filter(|_| self.repair_notes < MOST_REPAIR_NOTES) {
                self.repair_notes += 1;
                add(&mut notes, place, &format!("Goes out as {}", repair.to));
            }
        }
        if notes.is_empty() {
            return Ok(());
        }
        let sheet = self
            .workbook
            .worksheet_from_index(ROWS)
            .map_err(|error| spreadsheet::complaint(&error))?;
        for (place, text) in notes {
            if let Some(column) = column_at(place) {
                insert_note(sheet, (at, column), &text)?;
            }
        }
        Ok(())
    }
}

/// What was found in one row, by the place of its cells.
struct Findings<'a> {
    places: &'a HashMap<String, usize>,
    problems: &'a [Problem],
    repairs: &'a [Repair],
}

impl Findings<'_> {
    fn mark(&self, place: usize, columns: usize) -> Mark {
        let stands_here = |name: &String| self.places.get(name) == Some(&place);
        if self.problems.is_empty() && self.repairs.is_empty() {
            Mark::None
        } else if place >= columns
            || self
                .problems
                .iter()
                .any(|problem| problem.column.as_ref().is_some_and(stands_here))
        {
            Mark::Problem
        } else if self
            .repairs
            .iter()
            .any(|repair| stands_here(&repair.column))
        {
            Mark::Repair
        } else {
            Mark::None
        }
    }
}

/// The text of the problems' column.
fn told(problems: &[Problem], duplicate_of: Option<RowNumber>) -> String {
    let mut told: Vec<String> = problems
        .iter()
        .map(|problem| match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        })
        .collect();
    if let Some(first) = duplicate_of {
        told.push(format!("Repeats row {first}; not sent."));
    }
    told.join("\n")
}

/// The sheet's column of a cell: one further, since the problems stand first.
fn column_at(place: usize) -> Option<u16> {
    u16::try_from(place + 1)
        .ok()
        .filter(|&column| usize::from(column) < spreadsheet::MAX_COLUMNS)
}

fn add(notes: &mut Vec<(usize, String)>, place: usize, text: &str) {
    if let Some((_, note)) = notes.iter_mut().find(|(there, _)| *there == place) {
        note.push('\n');
        note.push_str(text);
    } else {
        notes.push((place, text.to_owned()));
    }
}

fn insert_note(sheet: &mut Worksheet, (row, column): (u32, u16), text: &str) -> Result<(), Error> {
    let note = Note::new(text)
        .set_author("vlens-batch")
        .add_author_prefix(false)
        .set_width(260)
        .set_height(90);
    sheet
        .insert_note(row, column, &note)
        .map(|_| ())
        .map_err(|error| spreadsheet::complaint(&error))
}

#[cfg(test)]
mod tests;
