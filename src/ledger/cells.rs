//! A row's own cells as one text: each behind a mark, or, where a cell holds that mark itself, as a JSON array.

use std::borrow::Cow;

use super::fault::{Fault, Result};

/// Stands before each cell. No spreadsheet shows this control character, and no JSON text begins with it.
const MARK: char = '\u{1}';

/// Adds the cells to `text`.
pub(super) fn write<'c>(
    cells: impl Iterator<Item = Cow<'c, str>> + Clone,
    text: &mut String,
) -> serde_json::Result<()> {
    let start = text.len();
    let mut count = 0;
    for cell in cells.clone() {
        text.push(MARK);
        text.push_str(&cell);
        count += 1;
    }
    if memchr::memchr_iter(MARK as u8, &text.as_bytes()[start..]).count() > count {
        text.truncate(start);
        text.push_str(&serde_json::to_string(&cells.collect::<Vec<_>>())?);
    }
    Ok(())
}

/// The cells that a text stands for.
pub(super) fn read(text: &str) -> Result<Vec<String>> {
    match text.strip_prefix(MARK) {
        Some(cells) => Ok(cells.split(MARK).map(str::to_owned).collect()),
        None if text.is_empty() => Ok(Vec::new()),
        None => serde_json::from_str(text)
            .map_err(|_| Fault::damaged("the cells of a row are not readable")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn there_and_back(cells: &[&str]) -> Vec<String> {
        let mut text = "before".to_owned();
        write(cells.iter().map(|&cell| Cow::Borrowed(cell)), &mut text).unwrap();
        read(&text["before".len()..]).unwrap()
    }

    #[test]
    fn cells_come_back_as_they_were() {
        for cells in [
            &[][..],
            &[""],
            &["", ""],
            &["منى", "a \"b\" \\ \n", "[1]"],
            &["a\u{1}b", "c"],
            &["\u{1}"],
        ] {
            assert_eq!(there_and_back(cells), cells);
        }
    }

    #[test]
    fn what_the_first_version_wrote_is_read() {
        assert_eq!(read(r#"["منى","a"]"#).unwrap(), ["منى", "a"]);
        assert_eq!(read("[]").unwrap(), Vec::<String>::new());
        assert!(read("[").is_err());
    }

    proptest::proptest! {
        #[test]
        fn whatever_the_cells(cells in proptest::collection::vec("[\u{1}a\"م,]*", 0..6)) {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            proptest::prop_assert_eq!(there_and_back(&cells), cells);
        }
    }
}
