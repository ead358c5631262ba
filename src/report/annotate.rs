//! `check --annotate`: gives the sheet back as a workbook, every cell with a problem coloured and explained in a note, mended cells
//! in another colour, a `_problems` column to filter by, and a first sheet that sums up. Rows keep their numbers, columns their widths
//! and number formats.
//!
//! Values are in full: the user asked for this file. The column's name begins with `_`, so that the corrected workbook can be run
//! as it is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;

use minijinja::context;
use minijinja::value::Serde;
use rust_xlsxwriter::{Format, Workbook};

use super::check::CheckTally;
use super::text::rendered;
use super::words::{Language, is_problems};
use super::workbook::{
    Book, Face, Fill, TOLD_WIDTH, column_of, header_format, held, note, read_in,
};
use crate::error::Result;
use crate::model::{
    Cell, Fault, Judged, Layout, NOTES, OVERVIEW_SHEET, RowNumber, Verdict, printable,
};

#[derive(Debug)]
pub struct SheetShape {
    /// The source's sheet, whose name is kept.
    pub name: String,
    pub columns: Vec<String>,
    pub header_row: RowNumber,
    pub right_to_left: bool,
    pub layout: Layout,
    pub language: Language,
}

impl SheetShape {
    /// Of so many columns, those that are given back: each with its place there and its place in the source.
    fn given_back(&self, columns: usize) -> impl Iterator<Item = (usize, usize)> {
        let name = |place| self.columns.get(place);
        let is_kept = move |&place: &usize| !name(place).is_some_and(|name| is_problems(name));
        (1..).zip((0..columns).filter(is_kept))
    }
}

/// Takes the rows one by one, in order, and writes the workbook at the end.
pub struct Annotator {
    shape: SheetShape,
    book: Book,
    /// Where each header stands; of two alike, the first.
    places: HashMap<String, usize>,
    next_row: u32,
    notes: usize,
}

/// Notes are kept in memory until the end, some 12 KB each, and slow a spreadsheet down: past these, colour and the problems'
/// column tell.
const MOST_NOTES: usize = 10_000;

const PROBLEM: Fill = Fill::Red;
const REPAIR: Fill = Fill::Blue;
const LEFT_OUT: Fill = Fill::Grey;

impl Annotator {
    pub fn new(shape: SheetShape) -> Result<Self> {
        let mut workbook = Workbook::new();
        workbook.add_worksheet().set_name(OVERVIEW_SHEET)?;
        let problems = shape.language.word("problems_column").to_owned();
        let columns = shape.given_back(shape.columns.len());
        let columns: Vec<usize> = columns.map(|(_, place)| place).collect();
        let names = columns.iter().map(|place| shape.columns[*place].clone());
        let names: Vec<String> = std::iter::once(problems).chain(names).collect();
        let is_taken = shape.name.eq_ignore_ascii_case(OVERVIEW_SHEET);
        let name = if is_taken { "Rows" } else { &shape.name };
        let mut book = Book::begin(workbook, name, shape.right_to_left, "")?;
        for title in &shape.layout.titles {
            let row = title.number.0.saturating_sub(1);
            for (to, place) in shape.given_back(title.cells.len()) {
                let cell = title.cell(place);
                book.write(row, to, cell, Face::Kept(None), Fill::None)?;
            }
        }
        let header_row = shape.header_row.0.saturating_sub(1);
        let widths = &shape.layout.widths;
        let width = |at: usize| match at.checked_sub(1) {
            // The format counts the room beside the letters too.
            Some(at) => widths
                .get(&columns[at])
                .map(|width| (width - 0.71).max(1.0)),
            None => Some(f64::from(TOLD_WIDTH)),
        };
        book.header(header_row, &names, width, |_| None)?;
        let places = shape.columns.iter().cloned().enumerate().rev();
        Ok(Annotator {
            book,
            places: places.map(|(place, name)| (name, place)).collect(),
            shape,
            next_row: header_row + 1,
            notes: 0,
        })
    }

    /// Writes one row with what was found in it; `is_changed`: its invitation was created with other content.
    pub fn row(&mut self, found: &Judged, is_changed: bool) -> Result<()> {
        let (row, problems) = (&found.row, found.problems());
        let at = row.number.0.saturating_sub(1).max(self.next_row);
        self.next_row = at + 1;
        let told = self.told(found, is_changed);
        let fill = match (told.as_str(), problems) {
            ("", _) => Fill::None,
            (_, []) => LEFT_OUT,
            _ => PROBLEM,
        };
        let face = Face::Told(self.shape.language);
        self.book.write(at, 0, &Cell::Text(told), face, fill)?;
        let mut by_place = self.by_place(found);
        let is_clean = problems.is_empty() && found.repairs.is_empty();
        let columns = self.shape.columns.len();
        for (to, place) in self.shape.given_back(row.cells.len().max(columns)) {
            // A cell beyond the header is wrong only if something was found in the row.
            let is_beyond = place >= columns && !is_clean;
            let unfound = if is_beyond { PROBLEM } else { Fill::None };
            let (fill, lines) = by_place.remove(&place).unwrap_or((unfound, Vec::new()));
            let cell = row.cell(place);
            let kind = (place, matches!(cell, Cell::Date(_)));
            let face = Face::Kept(self.shape.layout.formats.get(&kind));
            let written = match problems {
                [] => Cow::Borrowed(cell),
                _ => cell.as_refused(),
            };
            self.book.write(at, to, &written, face, fill)?;
            if !lines.is_empty() && self.notes < MOST_NOTES {
                self.notes += 1;
                let note = note(&lines.join("\n"), 260, 90);
                let sheet = self.book.sheet()?;
                sheet.insert_note(at, column_of(to), &note)?;
            }
        }
        Ok(())
    }

    /// The text of the problems' column.
    fn told(&self, found: &Judged, is_changed: bool) -> String {
        let language = self.shape.language;
        match &found.verdict {
            Verdict::Valid(_) if is_changed => {
                let fault = Fault::of("created_otherwise", &[]);
                language.tell(fault.code(), &fault.to_string()).into_owned()
            }
            Verdict::Valid(_) => String::new(),
            Verdict::Duplicate(first) => language.say("repeats_row", &[first]),
            Verdict::Invalid(problems) => language.tell_all(problems),
            Verdict::Aside(aside) => language.word(aside.into_str()).to_owned(),
        }
    }

    /// By the place of their cells: the colour, and a line for each finding. Problems come before repairs.
    fn by_place(&self, found: &Judged) -> HashMap<usize, (Fill, Vec<String>)> {
        let language = self.shape.language;
        let problems = found.problems().iter().map(|problem| {
            let told = language.tell(&problem.code, &problem.message);
            (problem.column.as_deref(), PROBLEM, told.into_owned())
        });
        let repairs = found.repairs.iter().map(|repair| {
            let told = match repair.to.as_str() {
                "" => language.word("counts_as_empty").to_owned(),
                to => language.say("goes_out_as", &[&to]),
            };
            (Some(repair.column.as_str()), REPAIR, told)
        });
        let mut by_place = HashMap::new();
        for (column, fill, line) in problems.chain(repairs) {
            if let Some(place) = column.and_then(|column| self.places.get(column)) {
                let (_, lines) = by_place.entry(*place).or_insert((fill, Vec::new()));
                lines.push(line);
            }
        }
        by_place
    }

    /// Writes the workbook, with the sums of its rows and the notes on its reading on the first sheet.
    pub fn finish(mut self, tally: &CheckTally, notes: &[String], out: impl Write) -> Result<()> {
        self.write_overview(tally, notes)?;
        self.book.finish(self.next_row - 1, out)
    }

    /// How many rows, what is wrong with them, what the colours mean, what to do next, and how the sheet was read: a line of the template
    /// is a row.
    fn write_overview(&mut self, tally: &CheckTally, notes: &[String]) -> Result<()> {
        let language = self.shape.language;
        let problems = tally.groups(true).into_iter().map(|(column, code, group)| {
            let meaning = language.meaning(code.unwrap_or_default());
            context! { column => printable(column), meaning, count => group.count }
        });
        let notes = notes.iter().map(|note| language.tell(NOTES, note));
        let values = context! {
            w => Serde(language.words()),
            sheet => printable(&self.book.sheet()?.name()),
            has_more => self.notes >= MOST_NOTES,
            rows => tally.rows(),
            tally => Serde(tally),
            notes => notes.map(|note| printable(&note).into_owned()).collect::<Vec<_>>(),
            problems => problems.collect::<Vec<_>>(),
        };
        let text = rendered(include_str!("templates/overview.txt"), values);
        let sheet = self.book.workbook.worksheet_from_name(OVERVIEW_SHEET)?;
        sheet.set_right_to_left(language == Language::Arabic);
        sheet.set_landscape().set_print_fit_to_pages(1, 0);
        for (column, width) in (0u16..).zip([44, 84, 12]) {
            sheet.set_column_width(column, width)?;
        }
        for (row, line) in (0u32..).zip(text.lines()) {
            let head = line.strip_prefix("|\t");
            for (column, cell) in (0u16..).zip(head.unwrap_or(line).split('\t')) {
                let format = match (row, column) {
                    _ if head.is_some() => header_format(),
                    (0, _) => Format::new().set_bold().set_font_size(14),
                    (4, 0) => PROBLEM.format(),
                    (5, 0) => LEFT_OUT.format(),
                    (6, 0) => REPAIR.format(),
                    _ => Format::new(),
                };
                let format = read_in(format, language);
                match cell.parse::<u32>() {
                    Ok(count) if column > 0 => sheet.write_with_format(row, column, count, &format),
                    _ => sheet.write_with_format(row, column, &*held(cell), &format),
                }?;
            }
        }
        Ok(())
    }
}
