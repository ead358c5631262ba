//! The sheet's header: what each name means by itself (the recipient, the contract type, a field's key), and which column a
//! name in the config means.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use indexmap::IndexMap;
use toml::Spanned;

use super::config::{Columns, Config};
use super::names::{HeaderMask, Role, agreed, did_you_mean, fold, listed, visible};
use super::template;
use crate::error::Error;
use crate::model::{Column, ContractTypeId, RESULT_COLUMNS, printable};

/// In a wider sheet it takes long to look for the nearest right name.
const MOST_COMPARED: usize = 500;
pub(crate) const COLUMNS_SHOWN: usize = 12;

static ROLES: LazyLock<HashMap<String, Role>> = LazyLock::new(|| {
    let named = |role: Role| role.names().iter().map(move |name| (fold(name), role));
    let roles = [Role::Phone, Role::Email, Role::ContractType];
    roles.into_iter().flat_map(named).collect()
});

impl Role {
    /// The role that a header names, by itself or with its translations beside it (`phoneNumber (رقم الهاتف)`).
    pub(crate) fn of(header: &str) -> Option<Role> {
        let named = |text: &str| ROLES.get(&fold(text)).copied();
        named(header).or_else(|| agreed(parts(header).map(named)))
    }

    /// How near a header of this role is to the API's own word: 2 to the letter, 1 in any spelling or among translations.
    pub(crate) fn nearness(self, header: &str) -> u8 {
        let own = &self.names()[0];
        let is_own = |text: &str| fold(text) == fold(own);
        match header {
            _ if header == own => 2,
            _ => u8::from(is_own(header) || parts(header).any(is_own)),
        }
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
        let id: ContractTypeId = id.parse().ok()?;
        let numbers_a_column = usize::try_from(id.0).is_ok_and(|id| id <= self.columns);
        let is_plausible = !numbers_a_column && !key.starts_with(char::is_numeric);
        let is_key = key.starts_with(|c: char| !c.is_whitespace());
        (is_key && (self.known.contains(&id) || is_plausible)).then_some((id, key))
    }
}

/// The pieces of a header that holds several names: `A (B)`, `A / B`, `A | B`, or one below the other.
pub(crate) fn parts(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(['(', ')', '[', ']', '/', '|', '\n', '\r', '·', '–', '—'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

pub(crate) struct Header<'a> {
    pub columns: &'a [Column],
    folded: Vec<String>,
    shown: HeaderMask,
}

impl<'a> Header<'a> {
    pub fn new(columns: &'a [Column]) -> Self {
        Header {
            columns,
            shown: HeaderMask::of(columns.iter().map(|column| column.name.as_str())),
            folded: columns.iter().map(|column| fold(&column.name)).collect(),
        }
    }

    /// A header or a field's key as it may be printed.
    pub fn shown<'h>(&self, header: &'h str) -> Cow<'h, str> {
        match self.shown.header(header) {
            Cow::Borrowed(header) => printable(header),
            masked @ Cow::Owned(_) => masked,
        }
    }

    /// The column that a name means: the one so written, else the only one that folds alike.
    pub fn find(&self, name: &str) -> Result<&'a Column, Error> {
        let (written, wanted) = (name.trim(), fold(name));
        let exact = self.columns.iter().filter(|column| column.name == written);
        let exact: Vec<&Column> = exact.collect();
        let alike = self.columns.iter().zip(&self.folded);
        let alike = alike.filter(|(_, folded)| **folded == wanted && !wanted.is_empty());
        let alike: Vec<&Column> = alike.map(|(column, _)| column).collect();
        match (&exact[..], &alike[..]) {
            ([only], _) | ([], [only]) => Ok(only),
            ([], []) => Err(self.missing(name)),
            ([], _) => {
                let (name, placed) = (self.shown(name), self.placed(&alike));
                Err(Error::of("config_invalid.column_unsure", &[&name, &placed]))
            }
            _ => Err(self.standing_twice(&exact)),
        }
    }

    fn missing(&self, name: &str) -> Error {
        let may_help = self.columns.len() <= MOST_COMPARED && !self.shown.is_masked;
        let nearest = may_help.then(|| did_you_mean(name, self.names()));
        let hint = nearest.flatten().unwrap_or_else(|| self.listed());
        Error::of("config_invalid.no_column", &[&name, &printable(&hint)])
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let names = self.columns.iter().map(|column| column.name.as_str());
        names.filter(|name| !name.is_empty())
    }

    /// `its columns are: …`
    pub fn listed(&self) -> String {
        let shown = listed(self.names().map(|name| self.shown(name)), COLUMNS_SHOWN);
        let doubt = if self.shown.is_masked {
            "; they look like a customer's values, so the header is perhaps in another row: see --header-row"
        } else {
            ""
        };
        format!("its columns are: {shown}{doubt}")
    }

    pub fn standing_twice(&self, columns: &[&Column]) -> Error {
        let name = self.shown(columns.first().map_or("", |column| &column.name));
        let placed = self.placed(columns);
        Error::of("config_invalid.header_twice", &[&name, &placed])
    }

    /// `B "Phone" and D "phone"`.
    pub fn placed(&self, columns: &[&Column]) -> String {
        let place = |column: &&Column| {
            let name = self.shown(&column.name);
            format!("{} \"{name}\"", column.letters())
        };
        let each: Vec<String> = columns.iter().map(place).collect();
        match each.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
            _ => each.concat(),
        }
    }
}

impl Config {
    /// Every column name that the mapping refers to, and the names by which the headers would be recognised where the
    /// config is silent: by them a header row below title lines is found.
    pub fn known_names(&self) -> Vec<String> {
        let (recipient, contract) = (&self.recipient, &self.contract);
        let mut names = Vec::new();
        if recipient.phone.is_none() && recipient.email.is_none() {
            names.extend_from_slice(Role::Phone.names());
            names.extend_from_slice(Role::Email.names());
        }
        if contract.column.is_none() && contract.types.is_none() {
            names.extend_from_slice(Role::ContractType.names());
        }
        let recipient = [&recipient.phone, &recipient.email];
        let others = [&contract.column, &self.identity.columns];
        let columns = recipient.into_iter().chain(others).flatten();
        let owned = |columns: &Spanned<Columns>| {
            let names = columns.get_ref().names();
            names.map(str::to_owned).collect::<Vec<_>>()
        };
        names.extend(columns.flat_map(owned));
        let groups = self.fields.iter().flat_map(IndexMap::values);
        for field in groups.flat_map(IndexMap::values).map(Spanned::get_ref) {
            names.extend(field.column.iter().flat_map(owned));
            if let Some(template) = &field.template {
                let columns = template::columns_of(template.get_ref());
                names.extend(columns.unwrap_or_default().into_keys());
            }
        }
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::form::tests::columns;
    use crate::tables::rows;

    #[test]
    fn headers_say_what_they_stand_for() {
        for (role, headers) in rows::<(&str, &str)>("header.roles") {
            for header in headers.split('|') {
                let found = Role::of(header).map_or("none".to_owned(), |it| format!("{it:?}"));
                assert_eq!(found, role, "{header}");
            }
        }
    }

    #[test]
    fn a_header_may_name_its_contract_type() {
        let types = HeaderTypes {
            known: BTreeSet::from([ContractTypeId(2)]),
            columns: 12,
        };
        for (key, headers) in rows::<(&str, &str)>("header.keys") {
            for header in headers.split('|') {
                let found = types.explicit_key(header);
                let found = found.map_or("none".to_owned(), |(id, key)| format!("{id}.{key}"));
                assert_eq!(found, key, "{header}");
            }
        }
    }

    #[test]
    fn a_name_finds_its_column_or_is_explained() {
        let names = "Mobile|mobile|الإسم\nالاول|E-mail|Income|Income||--";
        let names: Vec<&str> = names.split('|').collect();
        let columns = columns(&names);
        let header = Header::new(&columns);
        for (name, index) in [
            ("mobile", 1),
            (" Mobile ", 0),
            ("الاسم الأول", 2),
            ("email", 3),
        ] {
            assert_eq!(header.find(name).map(|column| column.index), Ok(index));
        }
        for (name, message, hint) in rows::<(&str, &str, &str)>("header.refused") {
            let error = header.find(name).expect_err("a refusal");
            assert_eq!(error.message, message);
            assert!(error.hint.unwrap_or_default().contains(hint), "{name}");
        }
    }
}
