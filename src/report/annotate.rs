//! `check --annotate`: gives the sheet back as a workbook, every cell with a problem coloured and explained in a note, mended cells
//! in another colour, a `_problems` column to filter by, and a first sheet that sums up. Rows keep their numbers, columns their widths
//! and number formats.
//!
//! Values are in full: the user asked for this file. The column's name begins with `_`, so that the corrected workbook can be run
//! as it is.

use std::collections::{BTreeMap, HashMap};
use std::io::Write;

use rust_xlsxwriter::{DocProperties, Format, Workbook, Worksheet, XlsxError};

use super::check::{CheckTally, Findings};
use super::text::as_float;
use super::words::Language;
use super::workbook::{
    Book, Fill, TOLD_WIDTH, Value, failed, header_format, note, side, within_sheet,
};
use crate::error::Error;
use crate::model::{Cell, Layout, OVERVIEW_SHEET, Row, RowNumber, printable};

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
    pub layout: &'a Layout,
    /// What is told is told in it.
    pub language: Language,
}

/// Takes the rows one by one, in order, and writes the workbook at the end.
pub struct Annotator {
    book: Book,
    sheet_name: String,
    language: Language,
    columns: usize,
    /// Where each header stands; of two alike, the first.
    places: HashMap<String, usize>,
    layout: Layout,
    next_row: u32,
    problem_notes: usize,
    repair_notes: usize,
}

/// The document property that names the second in which the book was written. Whoever changes the book changes the file's own time.
pub const WRITTEN_AT: &str = "vlens-batch written at";
/// Notes are kept in memory until the end, some 12 KB each, and slow a spreadsheet down: past these, colour and the problems'
/// column tell.
const MOST_PROBLEM_NOTES: usize = 10_000;
const MOST_REPAIR_NOTES: usize = 2_500;
/// Groups of problems listed on the first sheet; the sheet behind has every one.
const GROUPS: usize = 200;

const PROBLEM: Fill = Fill::Red;
const REPAIR: Fill = Fill::Blue;
const LEFT_OUT: Fill = Fill::Grey;

type ByPlace = BTreeMap<usize, (Fill, Vec<String>)>;

impl Annotator {
    pub fn new(shape: SheetShape<'_>) -> Result<Self, Error> {
        let mut workbook = Workbook::new();
        let overview = workbook.add_worksheet();
        overview.set_name(OVERVIEW_SHEET).map_err(failed)?;
        let problems = shape.language.word("problems_column").to_owned();
        let columns: Vec<String> = std::iter::once(problems)
            .chain(shape.columns.iter().cloned())
            .collect();
        let is_taken = shape.name.eq_ignore_ascii_case(OVERVIEW_SHEET);
        let name = if is_taken { "Rows" } else { shape.name };
        let mut book = Book::begin(workbook, name, shape.right_to_left, false)?;
        for title in &shape.layout.titles {
            write_title(&mut book, title)?;
        }
        let header_row = shape.header_row.0.saturating_sub(1);
        let width = |at: usize| match at.checked_sub(1) {
            // The format counts the room beside the letters too.
            Some(at) => shape
                .layout
                .widths
                .get(&at)
                .map(|width| (width - 0.71).max(1.0)),
            None => Some(f64::from(TOLD_WIDTH)),
        };
        book.header(header_row, &columns, width, |_| None)?;
        let places = shape.columns.iter().cloned().enumerate().rev();
        Ok(Annotator {
            sheet_name: book.sheet()?.name(),
            book,
            language: shape.language,
            columns: shape.columns.len(),
            places: places.map(|(place, name)| (name, place)).collect(),
            layout: shape.layout.clone(),
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
        let (told, fill) = self.told(found);
        self.book
            .write(at, 0, Value::Told(&told, self.language), fill)?;
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
            let kind = (place, matches!(cell, Cell::Date(_)));
            let value = Value::Cell(cell, self.layout.formats.get(&kind));
            self.book.write(at, place + 1, value, fill)?;
        }
        self.write_notes(at, by_place)
    }

    /// The text of the problems' column, and its colour.
    fn told(&self, found: &Findings<'_>) -> (String, Fill) {
        let problems = found.problems.iter().map(|problem| {
            let column = problem.column.as_deref();
            (column, problem.code.into_str(), problem.message.as_str())
        });
        let problems = self.language.tell_all(problems);
        let fill = if problems.is_empty() {
            LEFT_OUT
        } else {
            PROBLEM
        };
        let repeats = found.duplicate_of.map(|first| {
            let first = first.to_string();
            self.language.say("repeats_row", &[&first])
        });
        let aside = found.aside.map(|aside| {
            let word = format!("aside_{}", aside.into_str());
            self.language.word(&word).to_owned()
        });
        let told = [Some(problems), repeats, aside].into_iter().flatten();
        let told: Vec<String> = told.filter(|told| !told.is_empty()).collect();
        (told.join("\n"), fill)
    }

    /// By the place of their cells: the colour, and a line for each finding. Problems come before repairs.
    fn by_place(&self, found: &Findings<'_>) -> ByPlace {
        let problems = found.problems.iter().filter_map(|problem| {
            let place = *self.places.get(problem.column.as_ref()?)?;
            let told = self
                .language
                .tell(problem.code.into_str(), &problem.message);
            Some((place, PROBLEM, told.into_owned()))
        });
        let repairs = found.repairs.iter().filter_map(|repair| {
            let place = *self.places.get(&repair.column)?;
            let told = match repair.to.as_str() {
                "" => self.language.word("counts_as_empty").to_owned(),
                to => self.language.say("goes_out_as", &[to]),
            };
            Some((place, REPAIR, told))
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
            let note = note(&lines.join("\n"), 260, 90);
            let sheet = self.book.sheet()?;
            sheet.insert_note(row, column, &note).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes the workbook, with the sums of its rows on the first sheet, and the second of its writing.
    pub fn finish(
        mut self,
        tally: &CheckTally,
        written_at: u64,
        out: impl Write + Send,
    ) -> Result<(), Error> {
        let steps = self.next_steps(tally);
        let properties = DocProperties::new();
        let properties = properties.set_custom_property(WRITTEN_AT, written_at.to_string());
        self.book.workbook.set_properties(&properties);
        let sheet = self.book.workbook.worksheet_from_name(OVERVIEW_SHEET);
        sheet
            .and_then(|sheet| write_overview(sheet, tally, &steps, self.language))
            .map_err(failed)?;
        self.book.finish(self.next_row - 1, out)
    }

    fn next_steps(&self, tally: &CheckTally) -> Vec<String> {
        let column = self.language.word("problems_column");
        let mut lines = Vec::new();
        if tally.invalid > 0 {
            let fills = [self.sheet_name.as_str(), column];
            lines.push(self.language.say("overview_filter", &fills));
            lines.push(self.language.word("overview_save").to_owned());
        }
        if self.problem_notes >= MOST_PROBLEM_NOTES || self.repair_notes >= MOST_REPAIR_NOTES {
            lines.push(self.language.say("overview_notes_end", &[column]));
        }
        lines
    }
}

/// A row above the header, as its sheet has it.
fn write_title(book: &mut Book, title: &Row) -> Result<(), Error> {
    let row = title.number.0.saturating_sub(1);
    let mut cells = title.cells.iter().enumerate();
    cells.try_for_each(|(at, cell)| book.write(row, at + 1, Value::Cell(cell, None), Fill::None))
}

/// How many rows, what is wrong with them, what the colours mean, and what to do next.
fn write_overview(
    sheet: &mut Worksheet,
    tally: &CheckTally,
    steps: &[String],
    language: Language,
) -> Result<(), XlsxError> {
    let (align, direction) = side(language);
    let read = |format: Format| format.set_align(align).set_reading_direction(direction);
    let begin = read(Format::new());
    let title = begin.clone().set_bold().set_font_size(14);
    sheet.set_right_to_left(language == Language::Arabic);
    for (column, width) in (0u16..).zip([44, 84, 12]) {
        sheet.set_column_width(column, width)?;
    }
    sheet.set_landscape().set_print_fit_to_pages(1, 0);
    sheet.write_string_with_format(0, 0, language.word("overview_title"), &title)?;
    let counts = [
        ("overview_rows", tally.rows(), Fill::None),
        ("overview_valid", tally.valid, Fill::None),
        ("overview_invalid", tally.invalid, PROBLEM),
        ("overview_duplicate", tally.duplicate, LEFT_OUT),
        ("overview_repaired", tally.repaired, REPAIR),
    ];
    for (row, (label, count, fill)) in (2..).zip(counts) {
        sheet.write_string_with_format(row, 0, language.word(label), &read(fill.format()))?;
        sheet.write_number_with_format(row, 1, as_float(count), &begin)?;
    }
    let mut rows = 8u32..;
    for (step, row) in steps.iter().zip(&mut rows) {
        sheet.write_string_with_format(row, 0, printable(step), &begin)?;
    }
    let head = rows.nth(1).unwrap_or(0);
    let names = ["column", "problem", "overview_times"].map(|name| language.word(name));
    sheet.write_row_with_format(head, 0, names, &header_format())?;
    for ((column, code, group), row) in tally.groups(true).into_iter().take(GROUPS).zip(rows) {
        let column = match column {
            "" => "–".into(),
            column => printable(column),
        };
        sheet.write_string_with_format(row, 0, column, &begin)?;
        let code = code.map_or("", |code| code.into_str());
        sheet.write_string_with_format(row, 1, language.meaning(code), &begin)?;
        sheet.write_number(row, 2, as_float(group.count))?;
    }
    Ok(())
}
