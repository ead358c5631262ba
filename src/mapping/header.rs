//! The sheet's header: finding the column that a name means.

use super::fold::fold;
use super::nearest::did_you_mean;
use crate::model::Column;

/// How many columns an error lists before it stops.
const COLUMNS_SHOWN: usize = 12;

/// The columns with their folded names.
pub(crate) struct Header<'a> {
    pub columns: &'a [Column],
    folded: Vec<String>,
}

/// Why a name means no single column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotFound {
    pub message: String,
    pub hint: String,
}

impl<'a> Header<'a> {
    pub fn new(columns: &'a [Column]) -> Self {
        Header {
            columns,
            folded: columns.iter().map(|column| fold(&column.name)).collect(),
        }
    }

    /// How many cells a row may have.
    pub fn width(&self) -> usize {
        self.columns
            .iter()
            .map(|column| column.index + 1)
            .max()
            .unwrap_or(0)
    }

    /// The column that a name means: the one so written, else the only one that folds alike.
    pub fn find(&self, name: &str) -> Result<&'a Column, NotFound> {
        let exact: Vec<&Column> = self
            .columns
            .iter()
            .filter(|column| column.name == name.trim())
            .collect();
        match exact[..] {
            [only] => return Ok(only),
            [] => {}
            _ => return Err(standing_twice(name, &exact)),
        }
        let wanted = fold(name);
        let alike: Vec<&Column> = self
            .columns
            .iter()
            .zip(&self.folded)
            .filter(|(_, folded)| **folded == wanted && !wanted.is_empty())
            .map(|(column, _)| column)
            .collect();
        match alike[..] {
            [only] => Ok(only),
            [] => Err(self.missing(name)),
            _ => Err(NotFound {
                message: format!("`{name}` could be any of the columns {}", placed(&alike)),
                hint: "write it exactly as one of them is written".to_owned(),
            }),
        }
    }

    fn missing(&self, name: &str) -> NotFound {
        let names = || {
            self.columns
                .iter()
                .map(|column| column.name.as_str())
                .filter(|name| !name.is_empty())
        };
        let hint = did_you_mean(name, names()).unwrap_or_else(|| {
            let mut shown: Vec<&str> = names().take(COLUMNS_SHOWN).collect();
            if names().count() > COLUMNS_SHOWN {
                shown.push("…");
            }
            format!("its columns are: {}", shown.join(", "))
        });
        NotFound {
            message: format!("the sheet has no column `{name}`"),
            hint,
        }
    }
}

/// The error for a header that stands above several columns.
pub(crate) fn standing_twice(name: &str, columns: &[&Column]) -> NotFound {
    NotFound {
        message: format!(
            "the header `{name}` stands above several columns: {}",
            placed(columns)
        ),
        hint: "rename all but one of them in the sheet".to_owned(),
    }
}

/// `B "Phone" and D "phone"`.
pub(crate) fn placed(columns: &[&Column]) -> String {
    let each: Vec<String> = columns
        .iter()
        .map(|column| format!("{} \"{}\"", column.letters(), column.name))
        .collect();
    match each.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => each.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(names: &[&str]) -> Vec<Column> {
        let column = |(index, name): (usize, &&str)| Column {
            name: (*name).to_owned(),
            index,
        };
        names.iter().enumerate().map(column).collect()
    }

    #[test]
    fn a_name_finds_its_column_and_the_exact_one_wins() {
        let columns = columns(&["Mobile", "mobile", "الإسم الاول", "E-mail"]);
        let header = Header::new(&columns);
        let index = |name: &str| header.find(name).map(|column| column.index);
        assert_eq!(index("mobile"), Ok(1));
        assert_eq!(index(" Mobile "), Ok(0));
        assert_eq!(index("الاسم الأول"), Ok(2));
        assert_eq!(index("email"), Ok(3));
        assert_eq!(header.width(), 4);
    }

    #[test]
    fn a_name_without_one_column_is_explained() {
        let columns = columns(&["Mobile", "mobile", "Income", "Income", "", "--"]);
        let header = Header::new(&columns);
        for (name, message, hint) in [
            (
                "MOBILE",
                "`MOBILE` could be any of the columns A \"Mobile\" and B \"mobile\"",
                "exactly",
            ),
            (
                "Income",
                "the header `Income` stands above several columns: C \"Income\" and D \"Income\"",
                "rename",
            ),
            (
                "Incme",
                "the sheet has no column `Incme`",
                "did you mean `Income`?",
            ),
            (
                "Branch",
                "the sheet has no column `Branch`",
                "its columns are: Mobile, mobile, Income, Income, --",
            ),
            ("__", "the sheet has no column `__`", "columns"),
        ] {
            let error = header.find(name).expect_err("a refusal");
            assert_eq!(error.message, message);
            assert!(error.hint.contains(hint), "{}", error.hint);
        }
    }
}
