//! `check --annotate`: gives the sheet back as a workbook, every cell with a problem coloured and explained in a note, mended cells
//! in another colour, a `_problems` column to filter by, and a first sheet that sums up. Rows keep their numbers.
//!
//! Values are in full: the user asked for this file. The column's name begins with `_`, so that the corrected workbook can be run
//! as it is.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use rust_xlsxwriter::{Format, FormatAlign, Workbook, Worksheet, XlsxError};

use crate::error::Error;
use crate::model::{Cell, OVERVIEW_SHEET, RowNumber, printable, printable_lines};

use super::check::{CheckTally, Findings};
use super::text::as_float;
use super::workbook::{Book, Fill, Value, failed, header_format, note, within_sheet};

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
    book: Book,
    sheet_name: String,
    columns: usize,
    /// Where each header stands; of two alike, the first.
    places: HashMap<String, usize>,
    next_row: u32,
    problem_notes: usize,
    repair_notes: usize,
}

const PROBLEMS_COLUMN: &str = "_problems";
/// Its width in letters.
const PROBLEMS_WIDTH: u16 = 56;
/// Notes are kept in memory until the end, some 12 KB each, and slow a spreadsheet down: past these, colour and the problems'
/// column tell.
const MOST_PROBLEM_NOTES: usize = 10_000;
const MOST_REPAIR_NOTES: usize = 2_500;
/// Groups of problems listed on the first sheet; the sheet behind has every one.
const GROUPS: usize = 200;

const PROBLEM: Fill = Fill::Red;
const REPAIR: Fill = Fill::Blue;
const DUPLICATE: Fill = Fill::Grey;

type ByPlace = BTreeMap<usize, (Fill, Vec<String>)>;

impl Annotator {
    pub fn new(shape: SheetShape<'_>) -> Result<Self, Error> {
        let mut workbook = Workbook::new();
        let overview = workbook.add_worksheet();
        overview.set_name(OVERVIEW_SHEET).map_err(failed)?;
        let columns: Vec<String> = std::iter::once(PROBLEMS_COLUMN.to_owned())
            .chain(shape.columns.iter().cloned())
            .collect();
        let header_row = shape.header_row.0.saturating_sub(1);
        let is_taken = shape.name.eq_ignore_ascii_case(OVERVIEW_SHEET);
        let name = if is_taken { "Rows" } else { shape.name };
        let mut book = Book::begin(workbook, name, header_row, columns, shape.right_to_left)?;
        let sheet = book.sheet()?;
        let sheet_name = sheet.name();
        sheet.set_column_width(0, PROBLEMS_WIDTH).map_err(failed)?;
        let places = shape.columns.iter().cloned().enumerate().rev();
        Ok(Annotator {
            book,
            sheet_name,
            columns: shape.columns.len(),
            places: places.map(|(place, name)| (name, place)).collect(),
            next_row: header_row + 1,
            problem_notes: 0,
            repair_notes: 0,
        })
    }

    /// Writes one row with what was found in it.
    pub fn row(&mut self, found: &Findings<'_>) -> Result<(), Error> {
        let row = found.row;
        let at = within_sheet(row.number.0.saturating_sub(1).max(self.next_row))?;
        self.next_row = at + 1;
        self.write_told(at, &told(found))?;
        let by_place = self.by_place(found);
        let is_clean = found.problems.is_empty() && found.repairs.is_empty();
        for place in 0..row.cells.len().max(self.columns) {
            let fill = match by_place.get(&place) {
                Some((fill, _)) => *fill,
                // A cell beyond the header is wrong only if something was found in the row.
                None if place >= self.columns && !is_clean => PROBLEM,
                None => Fill::None,
            };
            let cell = row.cell(place);
            let shown;
            let value = match cell {
                Cell::Number(number) => Value::Number(*number),
                Cell::Boolean(is) => Value::Boolean(*is),
                // Before 1900 Excel knows no dates.
                Cell::Date(date) if date.year() >= 1900 => Value::Date(*date),
                cell => {
                    shown = cell.as_shown();
                    Value::Text(&shown)
                }
            };
            self.book.write(at, place + 1, value, fill)?;
        }
        self.write_notes(at, by_place)
    }

    /// By the place of their cells: the colour, and a line for each finding. Problems come before repairs.
    fn by_place(&self, found: &Findings<'_>) -> ByPlace {
        let problems = found.problems.iter().filter_map(|problem| {
            let place = *self.places.get(problem.column.as_ref()?)?;
            Some((place, PROBLEM, problem.message.clone()))
        });
        let repairs = found.repairs.iter().filter_map(|repair| {
            let place = *self.places.get(&repair.column)?;
            Some((place, REPAIR, format!("Goes out as {}", repair.to)))
        });
        let mut by_place = ByPlace::new();
        for (place, fill, line) in problems.chain(repairs) {
            let (_, lines) = by_place.entry(place).or_insert((fill, Vec::new()));
            lines.push(line);
        }
        by_place
    }

    fn write_notes(&mut self, row: u32, by_place: ByPlace) -> Result<(), Error> {
        for (place, (fill, lines)) in by_place {
            let (count, most) = match fill {
                PROBLEM => (&mut self.problem_notes, MOST_PROBLEM_NOTES),
                _ => (&mut self.repair_notes, MOST_REPAIR_NOTES),
            };
            if *count >= most {
                continue;
            }
            *count += 1;
            let column = u16::try_from(place + 1).unwrap_or(u16::MAX);
            let note = note(&printable_lines(&lines.join("\n")), 260, 90);
            let sheet = self.book.sheet()?;
            sheet.insert_note(row, column, &note).map_err(failed)?;
        }
        Ok(())
    }

    /// What was found in the row, and a height for it: not every spreadsheet fits rows to their text by itself.
    fn write_told(&mut self, row: u32, (told, fill): &(String, Fill)) -> Result<(), Error> {
        const LINE: usize = 15;
        const MOST: usize = 400;
        if told.is_empty() {
            return Ok(());
        }
        let lines: usize = told
            .lines()
            .map(|line| line.chars().count().div_ceil(PROBLEMS_WIDTH.into()).max(1))
            .sum();
        let height = u16::try_from((lines * LINE).min(MOST)).unwrap_or(0);
        self.book.write(row, 0, Value::Told(told), *fill)?;
        let sheet = self.book.sheet()?;
        sheet.set_row_height(row, height).map_err(failed)?;
        Ok(())
    }

    /// Writes the workbook, with the sums of its rows on the first sheet.
    pub fn finish(mut self, tally: &CheckTally, out: impl Write + Send) -> Result<(), Error> {
        let sheet = self.book.workbook.worksheet_from_name(OVERVIEW_SHEET);
        let steps = next_steps(
            tally,
            &self.sheet_name,
            self.problem_notes >= MOST_PROBLEM_NOTES || self.repair_notes >= MOST_REPAIR_NOTES,
        );
        sheet
            .and_then(|sheet| write_overview(sheet, tally, &steps))
            .map_err(failed)?;
        self.book.finish(self.next_row - 1, out)
    }
}

/// The text of the problems' column, and its colour.
fn told(found: &Findings<'_>) -> (String, Fill) {
    let mut told: Vec<String> = found
        .problems
        .iter()
        .map(|problem| match &problem.column {
            Some(column) => format!("{}: {}", printable(column), problem.message),
            None => problem.message.clone(),
        })
        .collect();
    let fill = if told.is_empty() { DUPLICATE } else { PROBLEM };
    if let Some(first) = found.duplicate_of {
        told.push(format!("Repeats row {first}; not sent."));
    }
    (told.join("\n"), fill)
}

fn next_steps(tally: &CheckTally, sheet_name: &str, notes_end: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if tally.invalid > 0 {
        lines.push(format!(
            "On the sheet {sheet_name:?}, filter {PROBLEMS_COLUMN} for cells that are not empty; each note says what to change."
        ));
        lines.push(
            "Save, then check and run this file as it is: this sheet is passed over.".to_owned(),
        );
    }
    if notes_end {
        lines.push(format!(
            "There are more findings than notes; {PROBLEMS_COLUMN} has every one."
        ));
    }
    lines
}

/// How many rows, what is wrong with them, what the colours mean, and what to do next.
fn write_overview(
    sheet: &mut Worksheet,
    tally: &CheckTally,
    steps: &[String],
) -> Result<(), XlsxError> {
    // Arabic names and counts beside English words.
    let left = Format::new().set_align(FormatAlign::Left);
    let title = Format::new().set_bold().set_font_size(14);
    for (column, width) in (0u16..).zip([44, 84, 12]) {
        sheet.set_column_width(column, width)?;
    }
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    sheet.write_string_with_format(0, 0, "What vlens-batch found in this sheet", &title)?;
    let repeats = "Duplicates: the invitation of an earlier row";
    let counts = [
        ("Rows", tally.rows(), Fill::None),
        ("Valid", tally.valid, Fill::None),
        ("Invalid: correct the marked cells", tally.invalid, PROBLEM),
        (repeats, tally.duplicate, DUPLICATE),
        ("Values mended: nothing to do", tally.repaired, REPAIR),
    ];
    for (row, (label, count, fill)) in (2..).zip(counts) {
        sheet.write_string_with_format(row, 0, label, &fill.format())?;
        sheet.write_number_with_format(row, 1, as_float(count), &left)?;
    }
    let mut rows = 8u32..;
    for (step, row) in steps.iter().zip(&mut rows) {
        sheet.write_string(row, 0, printable(step))?;
    }
    let head = rows.nth(1).unwrap_or(0);
    sheet.write_row_with_format(head, 0, ["Column", "Problem", "Times"], &header_format())?;
    for (group, row) in tally.problems().into_iter().take(GROUPS).zip(rows) {
        let column = if group.column.is_empty() {
            "–"
        } else {
            &printable(&group.column)
        };
        sheet.write_string_with_format(row, 0, column, &left)?;
        sheet.write_string(row, 1, group.meaning)?;
        sheet.write_number(row, 2, as_float(group.count))?;
    }
    Ok(())
}
