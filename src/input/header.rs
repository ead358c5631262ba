//! Which row holds the headers, what columns they name, and what is said when none does.

use std::collections::{HashSet, VecDeque};

use super::source::{Options, Source};
use crate::error::Error;
use crate::mapping::names::{Shown, fold, is_personal};
use crate::model::{Cell, Column, Hidden, RESULT_COLUMNS, Row, mask};

/// How many rows are looked at in search of the header.
const SEARCHED_ROWS: usize = 20;
/// What parts cells in some sheets: in the only header there is, it is a delimiter that was not found.
const SEPARATORS: [char; 6] = [',', ';', '\t', '|', '،', '؛'];

/// Finds the header, and settles by it what the source's columns and rows are.
pub(super) fn find(mut source: Source, name: &str, options: &Options) -> Result<Source, Error> {
    let place = match &source.sheet {
        Some(sheet) => format!("{name}, sheet \"{sheet}\""),
        None => name.to_owned(),
    };
    let wanted = options.header_row;
    let known = options.known_names.iter().map(|name| letters(name));
    let known = Known(known.collect());
    let mut first = first_rows(&mut source, wanted)?;
    let of_results = first.iter().position(has_results);
    let at = of_results.or_else(|| match wanted {
        Some(wanted) => first.iter().position(|row| row.number.0 == wanted),
        None => known.likeliest(&first),
    });
    let mut rest = VecDeque::from(first.split_off(at.unwrap_or(0)));
    source.layout.titles = first;
    let header = match at {
        Some(_) => whole_header(&mut source, &mut rest)?,
        None => None,
    };
    let mut rest = Vec::from(rest).into_iter();
    source.columns = header.as_ref().map(columns).unwrap_or_default();
    let Some(header) = header.filter(|_| !source.columns.is_empty()) else {
        return Err(no_header(&place, rest.next_back(), wanted));
    };
    source.header_row = header.number;
    if source.sheet.is_none() && options.delimiter.is_none() {
        refuse_unparted(&place, &source)?;
    }
    if wanted.is_none() {
        known.refuse_customer(&place, &header)?;
        if header.number.0 > 1 {
            source.note(format!("The headers are in row {}.", header.number));
        }
    }
    if source.is_guess {
        warn_of_guess(&mut source, &header, rest.as_slice());
    }
    source.waiting = rest;
    leave_out_hidden(&mut source, &place, options.hidden)?;
    Ok(source)
}

/// The rows in which the header is looked for: the first ones, or all down to the one asked for, of which a few are kept.
fn first_rows(source: &mut Source, wanted: Option<u32>) -> Result<Vec<Row>, Error> {
    let mut first = Vec::new();
    while let Some(row) = source.next_filled()? {
        let is_there = wanted.is_some_and(|wanted| row.number.0 >= wanted);
        // A book of results has its header in its first row, whatever the config says of the customers' sheet.
        let is_last = is_there || (first.is_empty() && has_results(&row));
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
fn whole_header(source: &mut Source, rows: &mut VecDeque<Row>) -> Result<Option<Row>, Error> {
    let Some(header) = rows.pop_front() else {
        return Ok(None);
    };
    let numbers = source.rows_of_header(header.number.0);
    let mut parts = source.layout.titles.clone();
    parts.retain(|row| numbers.contains(&row.number.0));
    parts.push(header);
    while parts.len() < numbers.len() {
        let next = match rows.pop_front() {
            None => source.next_filled()?,
            next => next,
        };
        let Some(row) = next else { break };
        if !numbers.contains(&row.number.0) || holds_values(&row) {
            rows.push_front(row);
            break;
        }
        parts.push(row);
    }
    let join = |upper, lower| source.under(&upper, lower);
    Ok(parts.into_iter().reduce(join))
}

/// Whether a row is the header of an export, which is read as it was written.
fn has_results(row: &Row) -> bool {
    let mut names = RESULT_COLUMNS[..2].iter();
    names.all(|name| row.cells.iter().any(|cell| cell.as_shown() == **name))
}

/// The columns that a header row names. Columns without a name behind the last named one are none.
fn columns(header: &Row) -> Vec<Column> {
    let names = header.cells.iter().map(|cell| cell.as_shown());
    let names = names.map(|name| name.trim().to_owned()).enumerate();
    let mut columns: Vec<_> = names.map(|(index, name)| Column { name, index }).collect();
    let named = columns.iter().rposition(|column| !column.name.is_empty());
    columns.truncate(named.map_or(0, |last| last + 1));
    columns
}

/// The letters of the names by which headers are known.
struct Known(HashSet<String>);

impl Known {
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
        let filled = |row: &Row| row.cells.iter().filter(|cell| !cell.is_empty()).count();
        let has_titles = rows.iter().map(filled).max()? >= 3;
        let below = || rows.iter().position(|row| has_titles && filled(row) > 1);
        best.or_else(below).or(Some(0))
    }

    /// How many cells are names that are known.
    fn hits(&self, row: &Row) -> usize {
        let is_name = |text: &str| self.0.contains(&letters(text));
        let is_known = |cell: &&Cell| match cell {
            // A header of several lines may hold several names of the column.
            Cell::Text(text) => is_name(text) || text.lines().any(is_name),
            _ => false,
        };
        row.cells.iter().filter(is_known).count()
    }

    /// Refuses what was taken for the headers and is somebody's phone, id or address: a customer's row would never be sent.
    fn refuse_customer(&self, place: &str, header: &Row) -> Result<(), Error> {
        let cells = header.cells.iter();
        let personal = cells.filter(|cell| is_personal(&cell.as_shown())).count();
        if personal == 0 || personal < self.hits(header) {
            return Ok(());
        }
        let row = header.number;
        let message = format!(
            "{place}: row {row} should hold the headers, but seems to be a customer's: it holds a phone number, an id or an e-mail address."
        );
        let hint = format!(
            "Insert a row above it that names the columns, such as name, phone, email; or say which row does by --header-row N (N = {row} if it is this one after all)."
        );
        Err(Error::unusable("header_is_a_customer", message).hint(hint))
    }
}

fn holds_values(row: &Row) -> bool {
    let is_date = |cell: &Cell| matches!(cell, Cell::Date(_));
    let texts: Vec<_> = row.cells.iter().map(Cell::as_shown).collect();
    row.cells.iter().any(is_date) || Shown::of(texts.iter().map(AsRef::as_ref)).is_masked
}

/// Coarser than the mapping's own comparison: it only has to find the row.
fn letters(name: &str) -> String {
    let mut folded = fold(name);
    folded.retain(char::is_alphanumeric);
    folded
}

fn no_header(place: &str, next: Option<Row>, wanted: Option<u32>) -> Error {
    let Some(wanted) = wanted else {
        let message = format!("{place} is empty: there is not even a header.");
        let hint = "The first row must name the columns, such as name, phone, email.";
        return Error::unusable("file_empty", message).hint(hint);
    };
    let message = match next.filter(|next| next.number.0 > wanted) {
        Some(Row { number, .. }) => format!(
            "{place}: row {wanted} is blank, so it holds no headers; the next filled row is {number}."
        ),
        None => format!("{place}: there are no headers in row {wanted}."),
    };
    let hint = "Give the row number that the spreadsheet shows beside the headers.";
    Error::unusable("header_not_found", message).hint(hint)
}

/// Refuses a CSV of one column whose header holds what parts cells elsewhere.
fn refuse_unparted(place: &str, source: &Source) -> Result<(), Error> {
    match &source.columns[..] {
        [only] if only.name.contains(SEPARATORS) => {
            let how = source.notes.first().map_or("", |note| note.text.as_str());
            let shown = Shown::of([only.name.as_str()]).header(&only.name);
            let message =
                format!("{place} has one column only, and its header is \"{shown}\". {how}");
            let hint = "Save it again as \"CSV UTF-8\" with commas or semicolons between the cells and no quotation marks around a whole line; or give --delimiter.";
            Err(Error::unusable("one_column", message).hint(hint))
        }
        _ => Ok(()),
    }
}

/// Shows up to three texts by which a person can tell whether the encoding was guessed right: headers first, as they are no
/// personal data, then single words from values of several; a value of one word is masked.
fn warn_of_guess(source: &mut Source, header: &Row, rows: &[Row]) {
    let telling = |cell: &Cell| {
        let text = cell.as_shown().trim().to_owned();
        (!text.is_ascii()).then_some(text)
    };
    let shown = Shown::of(source.columns.iter().map(|column| column.name.as_str()));
    let headers = header.cells.iter().filter_map(telling);
    let headers = headers.map(|text| shown.header(&text).into_owned());
    let values = rows.iter().flat_map(|row| &row.cells).filter_map(telling);
    let values = values.map(|text| one_word_of(&text));
    let texts: Vec<String> = headers.chain(values).take(3).collect();
    if !texts.is_empty() {
        source.warn(format!(
            "Check that this is readable, or give --encoding: {}.",
            texts.join(" | ")
        ));
    }
}

/// A word of letters beyond ASCII, the longest, out of its value.
fn one_word_of(text: &str) -> String {
    let words = text.split_whitespace();
    let telling = words.clone().filter(|word| !word.is_ascii());
    match telling.max_by_key(|word| word.chars().count()) {
        Some(longest) if words.count() > 1 && !text.contains(['@', '0']) => longest.to_owned(),
        _ => mask(text),
    }
}

/// Settles which hidden rows are left out; an error when nobody has said.
fn leave_out_hidden(source: &mut Source, place: &str, wish: Option<Hidden>) -> Result<(), Error> {
    let header_row = source.header_row.0;
    source.hidden.retain(|&row| row > header_row);
    let count = match source.hidden[..] {
        [] => return Ok(()),
        [row] => format!("1 row is hidden or filtered away (row {row})"),
        [first, ..] => format!(
            "{} rows are hidden or filtered away (the first is row {first})",
            source.hidden.len()
        ),
    };
    match wish {
        Some(Hidden::Skip) => source.note(format!("{count}: left out.")),
        Some(Hidden::Send) => {
            source.warn(format!("{count}: treated like the others."));
            source.hidden.clear();
        }
        None => {
            let message = format!("{place}: {count}, and nothing tells whether to send them.");
            let hint = "Add --hidden skip to leave them out, or --hidden send to treat them like the others.";
            return Err(Error::unusable("hidden_rows", message).hint(hint));
        }
    }
    Ok(())
}
