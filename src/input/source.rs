//! An open sheet: which row holds its headers, what columns they name, and its rows one after another.

use std::cmp::Reverse;
use std::collections::{HashSet, VecDeque};
use std::ops::Range;

use super::file::{cell_of_text, one_word_of};
use crate::error::Error;
use crate::mapping::names::{
    HeaderMask, fold, is_personal, is_title_of_others, labels_a_number, may_be_customers,
    speaks_of_customers,
};
use crate::model::{
    Cell, Column, Hidden, Layout, Note, RESULT_COLUMNS, Row, RowNumber, may_part_cells,
};

/// The width of a sheet in Excel.
pub(super) const MAX_COLUMNS: usize = 16_384;
/// How many rows are looked at in search of the header.
const SEARCHED_ROWS: usize = 20;
/// What parts cells in some sheets: in the only header there is, it is a delimiter that was not found.
const SEPARATORS: [char; 6] = [',', ';', '\t', '|', '،', '؛'];

/// Everything beside the bytes that decides which rows and cells come out: what a sheet is opened with is what its identity
/// is made from.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, clap::Args, serde::Serialize)]
#[command(next_help_heading = "How to read FILE")]
#[serde(rename_all = "kebab-case")]
pub struct Options {
    /// The sheet of a workbook [default: the first visible one with data]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// The row that holds the headers, as the spreadsheet numbers it [default: found]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub header_row: Option<u32>,
    /// The delimiter of a CSV file; `tab` for a tabulator [default: detected]
    #[arg(long, value_name = "C", value_parser = delimiter)]
    pub delimiter: Option<char>,
    /// The encoding of a CSV file, such as windows-1256 [default: detected]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// What to do with rows that are hidden or filtered away in the sheet [default: stop if there are any]
    #[arg(long, value_name = "WHAT")]
    pub hidden: Option<Hidden>,
    /// Header names that the mapping looks for, by which the header is found below title lines; empty when unknown.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub known_names: Vec<String>,
}

/// One character, or the word `tab`.
fn delimiter(text: &str) -> Result<char, &'static str> {
    if matches!(text, "tab" | "\\t") {
        return Ok('\t');
    }
    let delimiter = text.parse().ok().filter(|&c| may_part_cells(c));
    delimiter.ok_or("write one character such as ; or the word tab")
}

/// Gives the next row; where it is told so, from the first one on.
type NextRow = Box<dyn FnMut(bool) -> Result<Option<Row>, Error> + Send>;

#[derive(Default)]
pub struct Source {
    /// In order. One in the middle may have an empty name; those behind the last named one are left out.
    pub columns: Vec<Column>,
    pub header_row: RowNumber,
    pub sheet: Option<String>,
    /// How the input was read, for people. Personal values are masked.
    pub notes: Vec<Note>,
    /// Whether the sheet runs from right to left, as far as the file says.
    pub right_to_left: bool,
    pub layout: Layout,
    /// Whether days are counted from 1904; a number that is no date cell cannot tell.
    pub is_1904: bool,
    /// How many blank rows were passed over so far.
    pub blank_rows: u64,
    /// In the order of the sheet; blank ones may be among them or be missing.
    rows: Option<NextRow>,
    /// The number of the last row that was read.
    last: u32,
    /// Rows that were read in search of the header, once it is found those behind it.
    waiting: VecDeque<Row>,
    /// Reading it took a guess: people must be shown some values.
    pub(super) is_guess: bool,
    /// Numbers of rows with data that a person does not see, ascending. With the header found: of those to be left out.
    pub(super) hidden: Vec<u32>,
    pub(super) hidden_columns: HashSet<usize>,
    /// With the rows: from the last to the first.
    pub(super) merges: Vec<Merge>,
    /// Those that the row at hand may be in.
    open_merges: Vec<Merge>,
}

/// A merged range: rows as a spreadsheet numbers them, columns from zero.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Merge {
    pub(super) rows: Range<u32>,
    pub(super) columns: Range<usize>,
}

impl Source {
    /// The same with its rows.
    pub(super) fn with(
        mut self,
        rows: impl FnMut(bool) -> Result<Option<Row>, Error> + Send + 'static,
    ) -> Source {
        let from_the_last = |merge: &Merge| Reverse(merge.rows.start);
        self.merges.sort_unstable_by_key(from_the_last);
        self.rows = Some(Box::new(rows));
        self
    }

    /// The numbers of the rows that a header in this one takes: several where cells are merged downwards beside others that are merged
    /// across.
    fn rows_of_header(&self, number: u32) -> Range<u32> {
        let is_tall =
            |merge: &&Merge| merge.columns.len() == 1 && matches!(merge.rows.len(), 2 | 3);
        let mut tall = self.merges.iter().filter(is_tall).map(|merge| &merge.rows);
        let of_groups = |rows: &&Range<u32>| {
            let is_wide = |merge: &Merge| merge.rows == (rows.start..rows.start + 1);
            rows.contains(&number) && self.merges.iter().any(is_wide)
        };
        tall.find(of_groups).cloned().unwrap_or(number..number + 1)
    }

    /// A row of headers below one of their groups, with both their names: a group's stands once, in the first of its cells.
    fn under(&self, upper: &Row, mut lower: Row) -> Row {
        let width = upper.cells.len().max(lower.cells.len());
        lower.cells.resize(width, Cell::Empty);
        for (column, cell) in lower.cells.iter_mut().enumerate() {
            let is_here = |merge: &&Merge| {
                merge.rows.contains(&upper.number.0) && merge.columns.contains(&column)
            };
            let group = self.merges.iter().find(is_here);
            let group = upper.cell(group.map_or(column, |merge| merge.columns.start));
            let names = [group, cell].map(|cell| cell.shown().trim().to_owned());
            *cell = cell_of_text(names.join(" ").trim().to_owned());
        }
        lower
    }

    /// The next row with something in it. Counts the others, whether they come or are missing.
    fn next_filled(&mut self) -> Result<Option<Row>, Error> {
        let Some(rows) = &mut self.rows else {
            return Ok(None);
        };
        while let Some(row) = rows(self.last == 0)? {
            let missing = row.number.0.saturating_sub(self.last.saturating_add(1));
            self.blank_rows += u64::from(missing);
            self.last = row.number.0;
            if !row.cells.iter().all(Cell::is_empty) {
                return Ok(Some(row));
            }
            self.blank_rows += 1;
        }
        Ok(None)
    }

    /// The same, of those that were read in search of the header as well.
    fn next_waiting(&mut self) -> Result<Option<Row>, Error> {
        let waiting = self.waiting.pop_front();
        waiting.map_or_else(|| self.next_filled(), |row| Ok(Some(row)))
    }

    /// The next row that is neither blank nor left out; `None` at the end. What makes the file unusable may stand in its last row:
    /// whoever acts on rows acts on none before the end.
    pub fn next_row(&mut self) -> Result<Option<Row>, Error> {
        while let Some(mut row) = self.next_waiting()? {
            if self.hidden.binary_search(&row.number.0).is_err() {
                self.cover(&mut row);
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    /// Shows all rows that are to come, which come again.
    pub fn look_ahead(&mut self, mut see: impl FnMut(&Row)) -> Result<(), Error> {
        let (last, waiting, merges) = (self.last, self.waiting.clone(), self.merges.clone());
        while let Some(row) = self.next_row()? {
            see(&row);
        }
        (self.last, self.blank_rows) = (0, 0);
        while self.last < last && self.next_filled()?.is_some() {}
        (self.waiting, self.merges, self.open_merges) = (waiting, merges, Vec::new());
        Ok(())
    }

    /// The value of a cell within a merged range stands in the range's first one, so its own is unknown. Rows come in ascending order.
    fn cover(&mut self, row: &mut Row) {
        let number = row.number.0;
        let begun = |merge: &mut Merge| merge.rows.start <= number;
        while let Some(merge) = self.merges.pop_if(begun) {
            self.open_merges.push(merge);
        }
        self.open_merges.retain(|merge| merge.rows.end > number);
        for Merge { rows, columns } in &self.open_merges {
            let beside = rows.start == number;
            let first = columns.start + usize::from(beside);
            let covered = first..columns.end.min(self.columns.len());
            if row.cells.len() < covered.end && !covered.is_empty() {
                row.cells.resize(covered.end, Cell::Empty);
            }
            for column in covered {
                row.cells[column] = Cell::Merged { beside };
            }
        }
    }
}

/// Finds the header, and settles by it what the source's columns and rows are.
pub(super) fn with_header(
    mut source: Source,
    name: &str,
    options: &Options,
) -> Result<Source, Error> {
    let place = match &source.sheet {
        Some(sheet) => format!("{name}, sheet \"{sheet}\""),
        None => name.to_owned(),
    };
    let wanted = options.header_row;
    let known = KnownHeaders(options.known_names.iter().map(|it| letters(it)).collect());
    let mut first = first_rows(&mut source, wanted)?;
    let of_results = first.iter().position(has_results);
    let at = of_results.or_else(|| match wanted {
        Some(wanted) => first.iter().position(|row| row.number.0 == wanted),
        None => known.likeliest(&first),
    });
    source.waiting = first.split_off(at.unwrap_or(0)).into();
    source.layout.titles = first;
    let header = at.map_or(Ok(None), |_| whole_header(&mut source))?;
    let hidden = &source.hidden_columns;
    source.columns = header.as_ref().map_or(vec![], |it| columns(it, hidden));
    let Some(header) = header.filter(|_| !source.columns.is_empty()) else {
        return Err(no_header(&place, source.waiting.back(), wanted));
    };
    source.header_row = header.number;
    if source.sheet.is_none() && options.delimiter.is_none() {
        refuse_unparted(&place, &source)?;
    }
    known.refuse_customer(&place, &header, wanted.is_some())?;
    known.refuse_names_above(&place, &source)?;
    if wanted.is_none() && header.number.0 > 1 {
        known.refuse_customer_above(&place, &source)?;
        source.notes.push(Note::of("header_row", &[&header.number]));
    }
    if source.is_guess {
        warn_of_guess(&mut source, &header);
    }
    leave_out_hidden(&mut source, &place, options.hidden)?;
    Ok(source)
}

/// The rows in which the header is looked for: the first ones, or all down to the one behind that asked for, of which a few are kept.
fn first_rows(source: &mut Source, wanted: Option<u32>) -> Result<Vec<Row>, Error> {
    let mut first = Vec::new();
    while let Some(row) = source.next_filled()? {
        let is_past = wanted.is_some_and(|wanted| row.number.0 > wanted);
        // A book of results has its header in its first row, whatever the config says of the customers' sheet.
        let is_last = is_past || (first.is_empty() && has_results(&row));
        first.push(row);
        match wanted {
            _ if is_last => break,
            None if first.len() == SEARCHED_ROWS => break,
            Some(_) if first.len() > SEARCHED_ROWS => drop(first.remove(0)),
            _ => {}
        }
    }
    Ok(first)
}

/// The first of these rows, joined with those that it shares merged cells with: `Contact` over `Mobile` and `E-mail`, beside a `Name`
/// as high as both, is `Contact Mobile`, `Contact E-mail` and `Name`, in the lowest row. A row that holds values is a customer's.
fn whole_header(source: &mut Source) -> Result<Option<Row>, Error> {
    let Some(header) = source.waiting.pop_front() else {
        return Ok(None);
    };
    let numbers = source.rows_of_header(header.number.0);
    let mut parts = source.layout.titles.clone();
    parts.retain(|row| numbers.contains(&row.number.0));
    parts.push(header);
    while parts.len() < numbers.len()
        && let Some(row) = source.next_waiting()?
    {
        if !numbers.contains(&row.number.0) || holds_values(&row) {
            source.waiting.push_front(row);
            break;
        }
        parts.push(row);
    }
    let join = |upper, lower| source.under(&upper, lower);
    Ok(parts.into_iter().reduce(join))
}

/// Whether a row is the header of an export, which is read as it was written.
pub(super) fn has_results(row: &Row) -> bool {
    let mut names = RESULT_COLUMNS[..2].iter();
    names.all(|name| row.cells.iter().any(|cell| cell.as_shown() == **name))
}

/// The columns that a header row names. Columns without a name behind the last named one are none.
fn columns(header: &Row, hidden: &HashSet<usize>) -> Vec<Column> {
    let named = header.cells.iter().enumerate();
    let named = named.map(|(index, cell)| Column {
        name: cell.as_shown().trim().to_owned(),
        index,
        is_hidden: hidden.contains(&index),
    });
    let mut columns: Vec<_> = named.collect();
    while columns.pop_if(|last| last.name.is_empty()).is_some() {}
    columns
}

/// The letters of the names by which headers are known.
struct KnownHeaders(HashSet<String>);

impl KnownHeaders {
    /// The place of the header among the first rows that are not blank: the row with the most known names, else the first, unless
    /// it and those that follow hold one cell each, as titles do, while the rows below hold many. A row that holds values is a
    /// customer's, whatever words it holds; and below one, a single known word proves nothing.
    fn likeliest(&self, rows: &[Row]) -> Option<usize> {
        let (mut best, mut least) = (None, 1);
        for (at, row) in rows.iter().enumerate() {
            let (hits, holds_values) = (self.hits(row), holds_values(row));
            if (at == 0 || !holds_values) && hits >= least {
                (best, least) = (Some(at), hits + 1);
            }
            if holds_values {
                least = least.max(2);
            }
        }
        let has_titles = rows.iter().map(Row::filled).max()? >= 3;
        let below = || rows.iter().position(|row| has_titles && row.filled() > 1);
        best.or_else(below).or(Some(0))
    }

    fn hits(&self, row: &Row) -> usize {
        row.cells.iter().filter(|cell| self.has(cell)).count()
    }

    fn has(&self, cell: &Cell) -> bool {
        let is_name = |text: &str| self.0.contains(&letters(text));
        // A header of several lines may hold several names of the column.
        matches!(cell, Cell::Text(text) if is_name(text) || text.lines().any(is_name))
    }

    /// Refuses a header of two rows whose merges are lost, where the upper one names columns that the lower one does not: those that the
    /// lower one names are another person's, by the customer's names. So are those below `Guarantor` or the like, merged or not.
    fn refuse_names_above(&self, place: &str, source: &Source) -> Result<(), Error> {
        let (number, names) = (source.header_row, &source.columns);
        let is_unnamed = |at: usize| names.get(at).is_none_or(|it| it.name.is_empty());
        // Serial numbers have no header in many sheets.
        let is_serial =
            |text: &str| text.chars().count() <= 5 && text.chars().all(char::is_numeric);
        let below = || source.waiting.iter();
        let is_filled = |at| below().any(|row| !is_serial(&row.cell(at).as_shown()));
        let is_lost =
            |(at, cell): (usize, &Cell)| self.has(cell) && is_unnamed(at) && is_filled(at);
        let is_next = |above: &&Row| above.number.0 + 1 == number.0;
        let above = source.layout.titles.last().filter(is_next);
        let above = above.map_or(&[][..], |above| &above.cells);
        let is_customers =
            |it: &Column| may_be_customers(&it.name) && self.0.contains(&letters(&it.name));
        let has_customers = (above.iter()).any(|cell| speaks_of_customers(&cell.as_shown()));
        let is_group = |(at, cell): (usize, &Cell)| {
            let next = above.iter().skip(at + 1).position(|it| !it.is_empty());
            let end = next.map_or(names.len(), |it| names.len().min(at + 1 + it));
            let own = names.get(at..end).unwrap_or_default();
            let is_title = is_title_of_others(&cell.as_shown(), at > 0, has_customers);
            is_title && own.len() > 1 && own.iter().any(is_customers)
        };
        let mut above_it = above.iter().enumerate();
        if above_it.any(|cell| is_lost(cell) || is_group(cell)) {
            let above = number.0 - 1;
            return Err(Error::of("header_in_two_rows", &[&place, &above, &number]));
        }
        Ok(())
    }

    /// Refuses what was taken for the headers and is somebody's phone, id or address: a customer's row would never be sent, unless a
    /// person wants this row. Behind a line break of whatever kind in it all customers may stand: nobody wants that.
    fn refuse_customer(&self, place: &str, header: &Row, is_wanted: bool) -> Result<(), Error> {
        // A line break that is a control character is no text, and shown as U+FFFD.
        let ends_line = |c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}' | '\u{fffd}');
        let cells: Vec<_> = header.cells.iter().map(Cell::as_shown).collect();
        let personal = cells.iter().filter(|cell| is_personal(cell)).count();
        let is_customer = !is_wanted && personal > 0 && personal >= self.hits(header);
        let cells = cells.join("\t");
        let (_, behind) = cells.split_once(ends_line).unwrap_or_default();
        let row = header.number;
        if behind.split(|c| c == '\t' || ends_line(c)).any(is_personal) {
            Err(Error::of("header_is_a_customer.several", &[&place, &row]))
        } else if is_customer {
            Err(Error::of("header_is_a_customer", &[&place, &row]))
        } else {
            Ok(())
        }
    }

    /// A header that was sorted among the rows, or is another table's, has customers above it, whom nobody would miss. They have their
    /// phone where those below have it, or below a header of theirs; a title such as `Contact`, `01012345678` seldom does.
    fn refuse_customer_above(&self, place: &str, source: &Source) -> Result<(), Error> {
        let tells = |row: &Row, at| is_personal(&row.cell(at).as_shown());
        let is_so_below = |at| source.waiting.iter().any(|row| tells(row, at));
        let mut may_be_anywhere = source.waiting.is_empty();
        let is_customer = |row: &&Row| {
            let is_label = |cell: &Cell| self.has(cell) || labels_a_number(&cell.as_shown());
            let is_told = |at| tells(row, at) && (may_be_anywhere || is_so_below(at));
            let is_told = (0..row.cells.len()).any(is_told);
            let (filled, half) = (row.filled(), source.columns.len().div_ceil(2));
            may_be_anywhere |= filled > 1 && self.hits(row) > 0 && !holds_values(row);
            filled > 1 && is_told && (filled >= half || !row.cells.iter().any(is_label))
        };
        let Some(row) = source.layout.titles.iter().find(is_customer) else {
            return Ok(());
        };
        let (row, header) = (row.number, source.header_row);
        Err(Error::of("customer_above_header", &[&place, &row, &header]))
    }
}

fn holds_values(row: &Row) -> bool {
    let is_date = |cell: &Cell| matches!(cell, Cell::Date(_));
    let texts: Vec<_> = row.cells.iter().map(Cell::as_shown).collect();
    row.cells.iter().any(is_date) || HeaderMask::of(texts.iter().map(AsRef::as_ref)).is_masked
}

/// Coarser than the mapping's own comparison: it only has to find the row.
fn letters(name: &str) -> String {
    let mut folded = fold(name);
    folded.retain(char::is_alphanumeric);
    folded
}

fn no_header(place: &str, next: Option<&Row>, wanted: Option<u32>) -> Error {
    let next = next.map(|row| row.number);
    match (wanted, next) {
        (None, _) => Error::of("file_empty", &[&place]),
        (Some(wanted), Some(next)) if next.0 > wanted => {
            Error::of("header_not_found.blank", &[&place, &wanted, &next])
        }
        (Some(wanted), _) => Error::of("header_not_found", &[&place, &wanted]),
    }
}

/// Refuses a CSV of one column whose header holds what parts cells elsewhere.
fn refuse_unparted(place: &str, source: &Source) -> Result<(), Error> {
    match &source.columns[..] {
        [only] if only.name.contains(SEPARATORS) => {
            let how = source.notes.first().map(Note::to_string);
            let how = how.unwrap_or_default();
            let shown = HeaderMask::of([only.name.as_str()]).header(&only.name);
            Err(Error::of("one_column", &[&place, &shown, &how]))
        }
        _ => Ok(()),
    }
}

/// Shows up to three texts by which a person can tell whether the encoding was guessed right: headers first, as they are no
/// personal data, then single words from values of several; a value of one word is masked.
fn warn_of_guess(source: &mut Source, header: &Row) {
    let telling = |cell: &Cell| {
        let text = cell.as_shown().trim().to_owned();
        (!text.is_ascii()).then_some(text)
    };
    let shown = HeaderMask::of(source.columns.iter().map(|column| column.name.as_str()));
    let headers = header.cells.iter().filter_map(telling);
    let headers = headers.map(|text| shown.header(&text).into_owned());
    let values = source.waiting.iter().flat_map(|row| &row.cells);
    let values = values.filter_map(telling);
    let values = values.map(|text| one_word_of(&text));
    let texts: Vec<String> = headers.chain(values).take(3).collect();
    if !texts.is_empty() {
        let texts = texts.join(" | ");
        source.notes.push(Note::of("readable", &[&texts]));
    }
}

/// Settles which hidden rows are left out; an error when nobody has said.
fn leave_out_hidden(source: &mut Source, place: &str, wish: Option<Hidden>) -> Result<(), Error> {
    let header_row = source.header_row.0;
    source.hidden.retain(|&row| row > header_row);
    let count = source.hidden.len();
    let Some(first) = source.hidden.first() else {
        return Ok(());
    };
    let told = match wish {
        Some(Hidden::Skip) => Note::of("hidden_left_out", &[&count, first]),
        Some(Hidden::Send) => Note::of("hidden_sent", &[&count, first]),
        None => return Err(Error::of("hidden_rows", &[&place, &count, first])),
    };
    source.notes.push(told);
    if wish == Some(Hidden::Send) {
        source.hidden.clear();
    }
    Ok(())
}
