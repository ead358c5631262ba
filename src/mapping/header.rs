//! The sheet's header: finding the column that a name means.

use super::names::{Shown, did_you_mean, fold};
use crate::model::Column;

/// How many columns an error lists before it stops.
const COLUMNS_SHOWN: usize = 12;

/// The columns with their folded names.
pub(crate) struct Header<'a> {
    pub columns: &'a [Column],
    /// The sheet's file, as a person named it.
    file: &'a str,
    folded: Vec<String>,
    pub shown: Shown,
}

/// Why a name means no single column.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct NotFound {
    pub message: String,
    pub hint: String,
}

impl<'a> Header<'a> {
    pub fn new(columns: &'a [Column], file: &'a str) -> Self {
        Header {
            columns,
            file,
            shown: Shown::of(columns.iter().map(|column| column.name.as_str())),
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
            _ => return Err(self.standing_twice(&exact)),
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
                message: self.of_file(format!(
                    "`{}` could be any of the columns {}",
                    self.shown.header(name),
                    self.placed(&alike)
                )),
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
        let nearest = if self.shown.is_masked {
            None
        } else {
            did_you_mean(name, names())
        };
        let hint = nearest.unwrap_or_else(|| {
            let mut shown: Vec<_> = names()
                .take(COLUMNS_SHOWN)
                .map(|name| self.shown.header(name))
                .collect();
            if names().count() > COLUMNS_SHOWN {
                shown.push("…".into());
            }
            format!("its columns are: {}{}", shown.join(", "), self.doubt())
        });
        NotFound {
            message: self.of_file(format!("the sheet has no column `{name}`")),
            hint,
        }
    }

    /// What a header row of values leads to.
    fn doubt(&self) -> &'static str {
        if self.shown.is_masked {
            "; they look like a customer's values, so the header is perhaps in another row: see --header-row"
        } else {
            ""
        }
    }

    /// The error for a header that stands above several columns.
    pub fn standing_twice(&self, columns: &[&Column]) -> NotFound {
        let name = columns.first().map_or("", |column| &column.name);
        NotFound {
            message: self.of_file(format!(
                "the header `{}` stands above several columns: {}",
                self.shown.header(name),
                self.placed(columns)
            )),
            hint: "rename all but one of them in the sheet".to_owned(),
        }
    }

    /// `B "Phone" and D "phone"`.
    pub fn placed(&self, columns: &[&Column]) -> String {
        let each: Vec<String> = columns
            .iter()
            .map(|column| {
                format!(
                    "{} \"{}\"",
                    column.letters(),
                    self.shown.header(&column.name)
                )
            })
            .collect();
        match each.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => each.concat(),
        }
    }

    /// The message with the file that it is about.
    pub fn of_file(&self, message: String) -> String {
        if self.file.is_empty() {
            message
        } else {
            format!("{}: {message}", self.file)
        }
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
        let header = Header::new(&columns, "");
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
        let header = Header::new(&columns, "");
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
