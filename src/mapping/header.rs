//! The sheet's header: what each name means by itself (the recipient, the contract type, a field's key), and which column a
//! name in the config means.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;
use std::sync::LazyLock;

use super::diagnostics::ConfigProblem;
use super::names::{Shown, did_you_mean, fold, visible};
use super::template::Templates;
use super::value::Kind;
use super::words::WORDS;
use crate::model::{Column, ContractTypeId, Form, RESULT_COLUMNS};

/// A cell with this text in a column left out (`#`, `_…`) marks a template's example row, which is never sent.
pub const EXAMPLE_MARKER: &str = "example / مثال";

/// Whether a cell holds [`EXAMPLE_MARKER`] in any spelling.
pub(crate) fn is_example_marker(text: &str) -> bool {
    static FOLDED: LazyLock<String> = LazyLock::new(|| fold(EXAMPLE_MARKER));
    // What is ASCII folds to ASCII, and the marker does not.
    !text.is_ascii() && fold(text) == *FOLDED
}

/// What a header stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Phone,
    Email,
    ContractType,
}

/// Roles by the folded names of their columns.
static ROLES: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let roles = [Role::Phone, Role::Email, Role::ContractType];
    let named = |role: Role| role.names().iter().map(move |name| (fold(name), role));
    roles.into_iter().flat_map(named).collect()
});

impl Role {
    /// The headers of the role's column; the first is the API's own and wins over the others.
    pub fn names(self) -> &'static [String] {
        match self {
            Role::Phone => &WORDS.roles.phone,
            Role::Email => &WORDS.roles.email,
            Role::ContractType => &WORDS.roles.contract_type,
        }
    }

    /// The role that a header names, by itself or with its translations beside it (`phoneNumber (رقم الهاتف)`).
    pub fn of(header: &str) -> Option<Role> {
        let named = |text: &str| ROLES.get(&fold(text)).copied();
        named(header).or_else(|| {
            let mut roles = parts(header).map(named);
            let first = roles.next()??;
            roles.all(|role| role == Some(first)).then_some(first)
        })
    }

    /// Whether a header is the API's own word for this role to the letter.
    pub fn is_own_word(self, header: &str) -> bool {
        self.names().first().is_some_and(|name| name == header)
    }

    /// Whether a header is the API's own word for this role in any spelling, alone or among translations.
    pub fn is_canonical(self, header: &str) -> bool {
        let own = self.names().first().map(|name| fold(name));
        own.is_some_and(|own| fold(header) == own || parts(header).any(|part| fold(part) == own))
    }
}

/// Whether a column is set aside: for people's own use, or because an export added it.
pub(crate) fn is_left_out(header: &str) -> bool {
    let header = visible(header);
    header.starts_with(['_', '#']) || RESULT_COLUMNS.contains(&header.as_ref())
}

/// Which numbers before a header's dot (`414.fullName`) are contract types. `1.Name`, `2.Phone` number a sheet's columns.
#[derive(Debug, Clone, Default)]
pub(crate) struct HeaderTypes {
    /// Contract types that are known to exist.
    pub known: BTreeSet<ContractTypeId>,
    /// How many columns the sheet has: as far as their numbers can go.
    pub columns: usize,
}

impl HeaderTypes {
    /// `414.fullName` taken apart. A header of several lines may hold labels above it, as a template's does.
    pub fn explicit_key<'h>(&self, header: &'h str) -> Option<(ContractTypeId, &'h str)> {
        let last = header.trim().lines().next_back()?;
        let (id, key) = last.trim().split_once('.')?;
        let id = ContractTypeId(id.parse().ok().filter(|&id: &i64| id > 0)?);
        let is_key = key.starts_with(|c: char| !c.is_whitespace());
        (is_key && (self.known.contains(&id) || self.is_plausible(id, key))).then_some((id, key))
    }

    fn is_plausible(&self, id: ContractTypeId, key: &str) -> bool {
        let numbers_a_column = usize::try_from(id.0).is_ok_and(|id| id <= self.columns);
        !numbers_a_column && !key.starts_with(char::is_numeric)
    }
}

/// The pieces of a header that holds several names: `A (B)`, `A / B`, `A | B`, or one below the other.
pub(crate) fn parts(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(['(', ')', '[', ']', '/', '|', '\n', '\r', '·', '–', '—'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

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

/// Why headers cannot be used as they are.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reason {
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

    /// The headers by position, as many as a row may have cells.
    pub fn names_by_position(&self) -> Vec<String> {
        let width = self.columns.iter().map(|column| column.index + 1).max();
        let mut names = vec![String::new(); width.unwrap_or(0)];
        for column in self.columns {
            names[column.index].clone_from(&column.name);
        }
        names
    }

    /// The column that a name means: the one so written, else the only one that folds alike.
    pub fn find(&self, name: &str) -> Result<&'a Column, Reason> {
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
            _ => {
                let message = format!(
                    "`{}` could be any of the columns {}",
                    self.shown.header(name),
                    self.placed(&alike)
                );
                Err(self.reason(message, "write it exactly as one of them is written"))
            }
        }
    }

    fn missing(&self, name: &str) -> Reason {
        let nearest = if self.shown.is_masked {
            None
        } else {
            did_you_mean(name, self.names())
        };
        let hint = nearest.unwrap_or_else(|| self.listed());
        self.reason(format!("the sheet has no column `{name}`"), hint)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        names.filter(|name| !name.is_empty())
    }

    /// `its columns are: …`
    pub fn listed(&self) -> String {
        let mut shown: Vec<_> = self
            .names()
            .take(COLUMNS_SHOWN)
            .map(|name| self.shown.header(name))
            .collect();
        if self.names().count() > COLUMNS_SHOWN {
            shown.push("…".into());
        }
        format!("its columns are: {}{}", shown.join(", "), self.doubt())
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
    pub fn standing_twice(&self, columns: &[&Column]) -> Reason {
        let name = columns.first().map_or("", |column| &column.name);
        let message = format!(
            "the header `{}` stands above several columns: {}",
            self.shown.header(name),
            self.placed(columns)
        );
        self.reason(message, "rename all but one of them in the sheet")
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

    /// What is wrong with these headers, with the file that they stand in.
    pub fn reason(&self, message: String, hint: impl Into<String>) -> Reason {
        let message = if self.file.is_empty() {
            message
        } else {
            format!("{}: {message}", self.file)
        };
        Reason {
            message,
            hint: hint.into(),
        }
    }
}

/// A mapping under construction: what it is made from, and what was found on the way.
pub(crate) struct Binder<'a> {
    pub header: Header<'a>,
    pub types: HeaderTypes,
    pub forms: &'a BTreeMap<ContractTypeId, Form>,
    /// How phone numbers are read, the recipient's and those in fields.
    pub phone: Kind,
    pub templates: Templates,
    pub problems: Vec<ConfigProblem>,
    pub notes: Vec<String>,
    /// Positions of the columns that feed something.
    pub used: BTreeSet<usize>,
    /// Positions of the columns that feed recipient and contract types, and so are no form fields.
    pub taken: BTreeSet<usize>,
}

impl Binder<'_> {
    /// The position of a column that the config names; its absence is noted at the name's line.
    pub fn position(&mut self, name: &str, place: &Range<usize>) -> Option<usize> {
        match self.header.find(name) {
            Ok(column) => {
                self.used.insert(column.index);
                Some(column.index)
            }
            Err(reason) => {
                let problem = ConfigProblem::at(place, reason.message).hint(reason.hint);
                self.problems.push(problem);
                None
            }
        }
    }

    /// Notes a problem that only the headers are to blame for.
    pub fn refuse(&mut self, reason: Reason) {
        self.problems
            .push(ConfigProblem::nowhere(reason.message).hint(reason.hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_they_stand_for() {
        for (headers, role) in [
            (
                "phoneNumber|Phone Number|MOBILE|رقم الهاتف|الموبايل|phoneNumber (رقم الهاتف)",
                Some(Role::Phone),
            ),
            (
                "E-mail|البريد الالكتروني|البريد الإلكتروني\nEmail / email",
                Some(Role::Email),
            ),
            ("contract_type_id", Some(Role::ContractType)),
            ("Email (work)|fullName|()|", None),
        ] {
            for header in headers.split('|') {
                assert_eq!(Role::of(header), role, "{header}");
            }
        }
    }

    #[test]
    fn a_header_may_name_its_contract_type() {
        let types = HeaderTypes {
            known: BTreeSet::from([ContractTypeId(2)]),
            columns: 12,
        };
        for (headers, key) in [
            (
                "414.fullName|Full name\r\n414.fullName|1. Full name\n414.fullName",
                Some((414, "fullName")),
            ),
            ("2.fullName", Some((2, "fullName"))),
            ("13.Name", Some((13, "Name"))),
            (
                "2. fullName|1.fullName|12.Name|414. Name|414.|fullName|a.b|0.x|-1.x|99.5|a\nb|",
                None,
            ),
        ] {
            let key = key.map(|(id, key)| (ContractTypeId(id), key));
            for header in headers.split('|') {
                assert_eq!(types.explicit_key(header), key, "{header}");
            }
        }
    }

    #[test]
    fn a_name_finds_its_column_or_is_explained() {
        let names = [
            "Mobile",
            "mobile",
            "الإسم الاول",
            "E-mail",
            "Income",
            "Income",
            "",
            "--",
        ];
        let column = |(index, name): (usize, &&str)| Column {
            name: (*name).to_owned(),
            index,
        };
        let columns: Vec<Column> = names.iter().enumerate().map(column).collect();
        let header = Header::new(&columns, "c.csv");
        for (name, index) in [
            ("mobile", 1),
            (" Mobile ", 0),
            ("الاسم الأول", 2),
            ("email", 3),
        ] {
            assert_eq!(header.find(name).map(|column| column.index), Ok(index));
        }
        for (name, message, hint) in [
            (
                "MOBILE",
                "c.csv: `MOBILE` could be any of the columns A \"Mobile\" and B \"mobile\"",
                "exactly",
            ),
            (
                "Income",
                "c.csv: the header `Income` stands above several columns: E \"Income\" and F \"Income\"",
                "rename",
            ),
            (
                "Incme",
                "c.csv: the sheet has no column `Incme`",
                "did you mean `Income`?",
            ),
            (
                "Branch",
                "c.csv: the sheet has no column `Branch`",
                "its columns are: Mobile, mobile, الإسم",
            ),
            ("__", "c.csv: the sheet has no column `__`", "columns"),
        ] {
            let error = header.find(name).expect_err("a refusal");
            assert_eq!(error.message, message);
            assert!(error.hint.contains(hint), "{}", error.hint);
        }
    }
}
