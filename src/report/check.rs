//! The result of `check`: fed row by row, told on one screen (words: `templates/check.txt`) or as one JSON document. And `--annotate`:
//! gives the sheet back as a workbook, every cell with a problem coloured and explained in a note, mended cells in another colour, a
//! `_problems` column to filter by, and a first sheet that sums up. Rows keep their numbers, columns their widths and number formats.
//!
//! There values are in full: the user asked for this file. The column's name begins with `_`, so that the corrected workbook can be run
//! as it is.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Seek, Write};

use indexmap::{IndexMap, IndexSet};
use minijinja::value::Serde;
use minijinja::{Value, context};
use rust_xlsxwriter::{Format, Workbook};
use serde::Serialize;
use serde_json::{Value as Json, json};
use tempfile::SpooledTempFile;

use super::text::{Look, rendered};
use super::words::{Language, is_problems};
use super::workbook::{
    Book, Face, Fill, TOLD_WIDTH, column_of, header_format, held, note, read_in,
};
use crate::error::{Error, Result};
use crate::mapping::names::HeaderMask;
use crate::model::{
    Cell, Fault, Judged, Layout, NOTES, OVERVIEW_SHEET, Repair, RowNumber, Verdict, mask, meaning,
    printable, printable_json, to_json,
};

const EXAMPLES: usize = 3;
/// Groups of problems, examples of each, and whether a filled row is shown: what fits on the screen first.
const LEVELS: [(usize, usize, bool); 5] = [
    (8, EXAMPLES, true),
    (5, 1, true),
    (8, EXAMPLES, false),
    (5, 1, false),
    (3, 1, false),
];
const LISTS: [&str; 4] = ["problems", "repairs", "duplicates", "already_created"];
/// Bytes of a list that are held in memory.
const SPOOL_BYTES: usize = 1 << 20;

/// What `check` saw: groups, counts and the first examples of each, in bounded memory whatever the number of rows.
#[derive(Debug, Default, Serialize)]
pub struct CheckTally {
    pub valid: u64,
    /// Rows that cannot be sent: `check` exits 3 when there are any.
    pub invalid: u64,
    pub duplicate: u64,
    repaired: u64,
    pub already_created: u64,
    /// Of the valid ones, those that a `run` would not send without a person's word.
    pub held: u64,
    changed: u64,
    /// Examples, as the document lists them.
    duplicates: Vec<Json>,
    created_earlier: Vec<Json>,
    /// Each field that columns feed, their places, and the rows in which all of them are empty.
    #[serde(skip)]
    empty: Vec<(String, Vec<usize>, u64)>,
    /// The first valid row as a form would show it: `row`, and `fields` with labels and values.
    pub filled: Option<Json>,
    /// In the sheet's order.
    #[serde(skip)]
    groups: IndexMap<Kind, Group>,
    /// The lists of the document, if one is wanted. Nothing of it is written before the sheet has been read to its end; until then
    /// they wait, in memory while they are short, else in unnamed temporary files. Values are in full: the user asked for them.
    #[serde(skip)]
    lists: Option<HashMap<&'static str, SpooledTempFile>>,
}

/// A column (empty for the row as a whole), and a code (none for repairs).
type Kind = (String, Option<Cow<'static, str>>);

/// Problems of one kind in one column, or repairs in it.
#[derive(Debug, Default, Serialize)]
struct Group {
    count: u64,
    /// `row`, `value` and `message` of each, fit for a terminal: values masked.
    examples: Vec<Json>,
    is_mixed: bool,
}

impl CheckTally {
    /// A tally that counts where these fields, fed by columns at these places, are left empty.
    pub fn new(fields: IndexSet<(String, Vec<usize>)>, is_for_json: bool) -> CheckTally {
        let fields = fields.into_iter();
        CheckTally {
            empty: fields.map(|(field, places)| (field, places, 0)).collect(),
            lists: is_for_json.then(HashMap::new),
            ..CheckTally::default()
        }
    }

    pub fn see(&mut self, judged: &Judged) -> Result<()> {
        let row = judged.row.number;
        match &judged.verdict {
            Verdict::Aside(_) => return Ok(()),
            Verdict::Valid(_) => self.valid += 1,
            Verdict::Invalid(_) => self.invalid += 1,
            Verdict::Duplicate(first) => {
                self.duplicate += 1;
                let told = json!({ "row": row, "first_row": first });
                self.list("duplicates", &told)?;
                if self.duplicates.len() < EXAMPLES {
                    self.duplicates.push(told);
                }
            }
        }
        for (field, places, count) in &mut self.empty {
            let filled = places.iter().filter(|at| !judged.row.cell(**at).is_empty());
            // Such as `n/a`, where that is not what a choice calls its no.
            let says_nothing = |it: &&Repair| it.field == *field && it.to.is_empty();
            let nothing = judged.repairs.iter().filter(says_nothing);
            *count += u64::from(filled.count() == nothing.count());
        }
        for problem in judged.problems() {
            let column = problem.column.clone().unwrap_or_default();
            let kind = (column, Some(problem.code.clone()));
            self.group(kind, row, &problem.value, &problem.message);
            self.list("problems", problem)?;
        }
        for repair in &judged.repairs {
            self.repaired += 1;
            let kind = (repair.column.clone(), None);
            self.group(kind, row, &repair.from, &mask(&repair.to));
            self.list("repairs", repair)?;
        }
        Ok(())
    }

    /// A valid row whose invitation was created by an earlier run, and is not sent again. Where is asked for only if it will be told.
    pub fn see_already_created(
        &mut self,
        row: RowNumber,
        same_content: bool,
        earlier: impl FnOnce() -> Result<Option<Json>>,
    ) -> Result<()> {
        self.already_created += 1;
        self.changed += u64::from(!same_content);
        let is_example = self.created_earlier.len() < EXAMPLES;
        if !is_example && self.lists.is_none() {
            return Ok(());
        }
        let earlier = earlier()?;
        let of = |name: &str| earlier.as_ref().map(|there| &there[name]);
        let told = json!({
            "row": row,
            "changed": !same_content,
            "run": of("run"),
            "run_source": of("run_source"),
            "run_row": of("run_row"),
        });
        self.list("already_created", &told)?;
        if is_example && earlier.is_some() {
            self.created_earlier.push(told);
        }
        Ok(())
    }

    fn group(&mut self, kind: Kind, row: RowNumber, value: &str, message: &str) {
        let group = self.groups.entry(kind).or_default();
        group.count += 1;
        let first = group.examples.first();
        group.is_mixed |= first.is_some_and(|first| first["message"] != message);
        if group.examples.len() < EXAMPLES {
            let example = json!({ "row": row, "value": mask(value), "message": message });
            group.examples.push(example);
        }
    }

    fn list(&mut self, name: &'static str, value: &impl Serialize) -> Result<()> {
        let Some(lists) = &mut self.lists else {
            return Ok(());
        };
        let separator = if lists.contains_key(name) { "," } else { "" };
        let list = lists.entry(name);
        let list = list.or_insert_with(|| SpooledTempFile::new(SPOOL_BYTES));
        let written = writeln!(list, "{separator}").and_then(|()| to_json(list, value));
        written.map_err(|error| Error::temporary(&error))
    }

    fn rows(&self) -> u64 {
        self.valid + self.invalid + self.duplicate
    }

    /// Problems by column and kind, or repairs by column; the largest group first.
    fn groups(&self, of_problems: bool) -> Vec<(&Kind, &Group)> {
        let groups = self.groups.iter();
        let groups = groups.filter(|((_, code), _)| code.is_some() == of_problems);
        let mut groups: Vec<_> = groups.collect();
        groups.sort_by_key(|(_, group)| Reverse(group.count));
        groups
    }

    /// The result for people, worst first, on a screen of so many lines, of which none should scroll away. Values are masked, but for
    /// the filled row's; `more` is what the template names beside the tally.
    pub fn text(&self, more: &Json, headers: &HeaderMask, lines: usize, look: Look) -> String {
        let shown = |of_problems| {
            let groups = self.groups(of_problems).into_iter();
            let groups = groups.map(|((column, code), group)| {
                let meaning = code.as_deref().and_then(|code| meaning(code, false));
                let column = headers.header(column);
                context! { column, meaning, ..Value::from(Serde(group)) }
            });
            groups.collect::<Vec<Value>>()
        };
        let empty = self.empty.iter().filter(|(_, _, count)| *count > 0);
        let empty = empty.map(|(field, _, count)| (headers.header(field), *count));
        let told = context! {
            empty => Serde(empty.collect::<Vec<_>>()),
            rows => self.rows(),
            tally => Serde(self),
            problems => shown(true),
            repairs => shown(false),
            ..Value::from(Serde(more))
        };
        let mut screen = String::new();
        for (most, examples, with_form) in LEVELS {
            let values = context! { most, examples, with_form, ..told.clone() };
            screen = look.text(include_str!("templates/check.txt"), values);
            if screen.lines().count() <= lines {
                break;
            }
        }
        screen
    }

    /// Writes the document, with `notes` on how the file was read.
    pub fn write_json(
        &mut self,
        out: &mut dyn Write,
        source: &str,
        notes: &[String],
    ) -> io::Result<()> {
        let head = json!({
            "source": source,
            "rows": self.rows(),
            "valid": self.valid,
            "invalid": self.invalid,
            "duplicate": self.duplicate,
            "repaired": self.repaired,
            "notes": notes,
        });
        // The lists follow in the same object.
        let head = head.to_string();
        write!(out, "{}", printable_json(&head).trim_end_matches('}'))?;
        for name in LISTS {
            write!(out, ",\"{name}\":[")?;
            if let Some(list) = self.lists.as_mut().and_then(|lists| lists.get_mut(name)) {
                list.rewind()?;
                io::copy(list, out)?;
            }
            write!(out, "]")?;
        }
        writeln!(out, "}}")
    }
}

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
            Some(at) => Some((widths.get(&columns[at])? - 0.71).max(1.0)),
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

    /// Writes the workbook, and on its first sheet how many rows, what is wrong with them, what the colours mean, what to do next, and how
    /// the sheet was read: a line of the template is a row.
    pub fn finish(mut self, tally: &CheckTally, notes: &[String], out: impl Write) -> Result<()> {
        let language = self.shape.language;
        let problems = tally
            .groups(true)
            .into_iter()
            .map(|((column, code), group)| {
                let meaning = language.meaning(code.as_deref().unwrap_or_default());
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
        self.book.finish(self.next_row - 1, out)
    }
}
