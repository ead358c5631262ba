//! Which row of a sheet holds the headers: the one asked for, the first, or one below title lines.

use crate::model::{Cell, Column, Row};

/// How many rows are looked at in search of the header.
pub(super) const SEARCHED_ROWS: usize = 20;

/// The place of the header in `rows`, the first rows of the sheet that are not blank; `None` when there are none.
pub(super) fn find(rows: &[Row], known_names: &[String]) -> Option<usize> {
    if rows.is_empty() {
        return None;
    }
    let known: Vec<String> = known_names.iter().map(|name| folded(name)).collect();
    let hits = |row: &Row| {
        row.cells
            .iter()
            .filter(|cell| is_known(cell, &known))
            .count()
    };
    let most = rows.iter().map(hits).max().unwrap_or(0);
    if most > 0 {
        return rows.iter().position(|row| hits(row) == most);
    }
    Some(below_titles(rows))
}

/// The columns that a header row names. Columns without a name behind the last named one are none.
pub(super) fn columns(header: &Row) -> Vec<Column> {
    let mut columns: Vec<Column> = header
        .cells
        .iter()
        .enumerate()
        .map(|(index, cell)| Column {
            name: cell.shown().trim().to_owned(),
            index,
        })
        .collect();
    let named = columns.iter().rposition(|column| !column.name.is_empty());
    columns.truncate(named.map_or(0, |last| last + 1));
    columns
}

fn is_known(cell: &Cell, known: &[String]) -> bool {
    let Cell::Text(text) = cell else { return false };
    let is_name = |text: &str| {
        let folded = folded(text);
        !folded.is_empty() && known.contains(&folded)
    };
    // A header of several lines may hold several names of the column.
    is_name(text) || (text.contains('\n') && text.lines().any(is_name))
}

/// A name without what people vary in it. Coarser than the mapping's own comparison: it only has to find the row.
fn folded(name: &str) -> String {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .map(|c| match c {
            'أ' | 'إ' | 'آ' => 'ا',
            'ة' => 'ه',
            'ى' => 'ي',
            other => other,
        })
        .collect()
}

/// The first row, unless it and those that follow hold one cell each while the rows below hold many.
fn below_titles(rows: &[Row]) -> usize {
    let widest = rows.iter().map(filled).max().unwrap_or(0);
    if widest < 3 {
        return 0;
    }
    rows.iter().position(|row| filled(row) > 1).unwrap_or(0)
}

fn filled(row: &Row) -> usize {
    row.cells.iter().filter(|cell| !cell.is_empty()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::RowNumber;

    fn rows(lines: &[&str]) -> Vec<Row> {
        lines
            .iter()
            .zip(1..)
            .map(|(line, number)| Row {
                number: RowNumber(number),
                cells: line
                    .split(',')
                    .map(|text| match text {
                        "" => Cell::Empty,
                        _ => Cell::Text(text.to_owned()),
                    })
                    .collect(),
            })
            .collect()
    }

    #[test]
    fn the_header_is_found_below_title_lines() {
        let found = |lines: &[&str], known: &[&str]| {
            let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
            find(&rows(lines), &known)
        };
        assert_eq!(found(&["Name,Phone", "Mona,010"], &["phone"]), Some(0));
        assert_eq!(
            found(
                &["Report", "x,y", "Name,Phone", "Mona,010"],
                &["PHONE", "name"]
            ),
            Some(2)
        );
        assert_eq!(
            found(&["تقرير", "الإسم,الهاتف", "منى,010"], &["الاسم"]),
            Some(1)
        );
        assert_eq!(
            found(&["x,y", "الهاتف\nPhone,الاسم\nName"], &["phone"]),
            Some(1)
        );
        assert_eq!(found(&["Customers of May", "a,b,c", "1,2,3"], &[]), Some(1));
        assert_eq!(
            found(&["Customers,,", "a,b,c", "1,2,3"], &["none of these"]),
            Some(1)
        );
        assert_eq!(found(&["phone", "010"], &[]), Some(0));
        assert_eq!(found(&["a,b", "1,2"], &[]), Some(0));
        assert_eq!(found(&[], &["phone"]), None);
    }

    #[test]
    fn a_row_that_repeats_one_known_word_does_not_beat_the_header() {
        let lines = ["Phone list", "Name,Phone,E-mail", "Mona,010,Phone"];
        let known = ["name", "phone", "email"].map(str::to_owned);
        assert_eq!(find(&rows(&lines), &known), Some(1));
    }

    #[test]
    fn columns_without_names_count_only_between_named_ones() {
        let columns = columns(&rows(&[" Name ,,Phone,,"])[0]);
        let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["Name", "", "Phone"]);
        assert_eq!(columns[2].index, 2);
    }
}
