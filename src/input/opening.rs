//! The last step of opening, the same for every format: which row is the header, what is to be left out, and what
//! people are told about it.

use std::collections::VecDeque;

use super::merged::Merges;
use super::rows::{Opened, Rows};
use super::{Hidden, Note, Options, Source, header};
use crate::error::Error;
use crate::model::{Cell, Row, RowNumber, mask};

/// Finds the header and makes a source of what follows.
pub(super) fn with_header(name: &str, opened: Opened, options: &Options) -> Result<Source, Error> {
    let Opened {
        mut rows,
        mut notes,
        is_guess,
        hidden,
        merges,
        is_right_to_left,
        sheet,
    } = opened;
    let place = match &sheet {
        Some(sheet) => format!("{name}, sheet \"{sheet}\""),
        None => name.to_owned(),
    };
    let mut waiting = first_rows(rows.as_mut(), options.header_row)?;
    let found = match options.header_row {
        Some(wanted) => waiting.iter().position(|row| row.number.0 == wanted),
        None => header::find(waiting.make_contiguous(), &options.known_names),
    };
    let header = found.and_then(|at| waiting.drain(..=at).next_back());
    let Some(header) = header else {
        return Err(no_header(&place, &waiting, options.header_row));
    };
    let columns = header::columns(&header);
    if columns.is_empty() {
        return Err(no_header(&place, &waiting, options.header_row));
    }
    if header.number.0 > 1 && options.header_row.is_none() {
        notes.push(Note::plain(format!(
            "The headers are in row {}.",
            header.number
        )));
    }
    if is_guess {
        notes.extend(samples(&header, &waiting));
    }
    let left_out = hidden_rows(&place, &hidden, header.number, options.hidden, &mut notes)?;
    Ok(Source {
        columns,
        sheet,
        header_row: header.number,
        notes,
        rows,
        waiting,
        left_out,
        hidden_rows: 0,
        merges: Merges::new(merges),
        is_right_to_left,
    })
}

/// The rows in which the header is looked for: the first ones, or all up to the one asked for.
fn first_rows(rows: &mut dyn Rows, wanted: Option<u32>) -> Result<VecDeque<Row>, Error> {
    let mut first = VecDeque::new();
    let mut row = Row::new();
    while rows.next(&mut row)? {
        let number = row.number.0;
        match wanted {
            // Rows above the header asked for are of no use.
            Some(wanted) if number < wanted => continue,
            _ => first.push_back(std::mem::take(&mut row)),
        }
        if wanted.is_some() || first.len() >= header::SEARCHED_ROWS {
            break;
        }
    }
    Ok(first)
}

fn no_header(place: &str, waiting: &VecDeque<Row>, wanted: Option<u32>) -> Error {
    match (wanted, waiting.front()) {
        (Some(wanted), Some(next)) if next.number.0 != wanted => Error::unusable(
            "header_not_found",
            format!("{place}: row {wanted} is blank, so it holds no headers; the next filled row is {}.", next.number),
        )
        .hint("Give the row number that the spreadsheet shows beside the headers."),
        (Some(wanted), _) => Error::unusable(
            "header_not_found",
            format!("{place}: there are no headers in row {wanted}."),
        )
        .hint("Give the row number that the spreadsheet shows beside the headers."),
        (None, _) => Error::unusable("file_empty", format!("{place} is empty: there is not even a header."))
            .hint("The first row must name the columns, such as name, phone, email."),
    }
}

/// Up to three values by which a person can tell whether the encoding was guessed right: headers first, as they are no
/// personal data, then masked values.
fn samples(header: &Row, rows: &VecDeque<Row>) -> Option<Note> {
    let telling = |cell: &Cell| match cell {
        Cell::Text(text) | Cell::Undecodable(text) if !text.is_ascii() => {
            Some(text.trim().to_owned())
        }
        _ => None,
    };
    let headers = header.cells.iter().filter_map(telling);
    let values = rows.iter().flat_map(|row| &row.cells).filter_map(telling);
    let shown: Vec<String> = headers
        .chain(values.map(|value| mask(&value)))
        .take(3)
        .collect();
    (!shown.is_empty()).then(|| {
        Note::warning(format!(
            "Check that this is readable, or give --encoding: {}.",
            shown.join(" | ")
        ))
    })
}

/// Which hidden rows are to be left out; a complaint when nobody has said.
fn hidden_rows(
    place: &str,
    hidden: &[u32],
    header: RowNumber,
    wish: Option<Hidden>,
    notes: &mut Vec<Note>,
) -> Result<Vec<u32>, Error> {
    let hidden: Vec<u32> = hidden
        .iter()
        .copied()
        .filter(|&row| row > header.0)
        .collect();
    let Some(first) = hidden.first() else {
        return Ok(hidden);
    };
    let count = match hidden.len() {
        1 => format!("1 row is hidden or filtered away (row {first})"),
        many => format!("{many} rows are hidden or filtered away (the first is row {first})"),
    };
    match wish {
        Some(Hidden::Skip) => {
            notes.push(Note::plain(format!("{count}: left out.")));
            Ok(hidden)
        }
        Some(Hidden::Send) => {
            notes.push(Note::warning(format!("{count}: treated like the others.")));
            Ok(Vec::new())
        }
        None => Err(Error::unusable(
            "hidden_rows",
            format!("{place}: {count}, and nothing tells whether to send them."),
        )
        .hint(
            "Add --hidden skip to leave them out, or --hidden send to treat them like the others.",
        )),
    }
}
