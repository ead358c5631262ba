//! What a header means where the config is silent: the recipient, the contract type, or the key of a form field.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::names::{fold, visible};
use crate::model::{ContractTypeId, Form, FormField, RESULT_COLUMNS};

/// Headers of the contract type's column.
pub(crate) const CONTRACT_TYPE_NAMES: &[&str] = &["contractTypeId", "contractTypeIds", "نوع العقد"];

/// Headers of the phone's column; the first is the API's own and wins over the others.
const PHONE_NAMES: &[&str] = &[
    "phoneNumber",
    "phone",
    "mobile",
    "mobile number",
    "mobile no",
    "phone no",
    "رقم الهاتف",
    "الهاتف",
    "هاتف",
    "رقم الموبايل",
    "الموبايل",
    "موبايل",
    "رقم المحمول",
    "المحمول",
    "رقم الجوال",
    "الجوال",
    "جوال",
    "رقم التليفون",
    "التليفون",
    "تليفون",
];

/// Headers of the e-mail's column; the first is the API's own and wins over the others.
const EMAIL_NAMES: &[&str] = &[
    "email",
    "email address",
    "البريد الإلكتروني",
    "البريد الالكترونى",
    "بريد إلكتروني",
    "الإيميل",
    "إيميل",
    "ايميل",
];

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
    fn names(self) -> &'static [&'static str] {
        match self {
            Role::Phone => PHONE_NAMES,
            Role::Email => EMAIL_NAMES,
            Role::ContractType => CONTRACT_TYPE_NAMES,
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
        self.names().first().is_some_and(|name| *name == header)
    }

    /// Whether a header is the API's own word for this role in any spelling, alone or among translations.
    pub fn is_canonical(self, header: &str) -> bool {
        let own = self
            .names()
            .first()
            .map(|name| fold(name))
            .unwrap_or_default();
        fold(header) == own || parts(header).any(|part| fold(part) == own)
    }
}

/// All names by which a recipient's column is recognised.
pub(crate) fn recipient_names() -> impl Iterator<Item = &'static str> {
    PHONE_NAMES.iter().chain(EMAIL_NAMES).copied()
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

/// The form field that a header names: by its key, a label, or several of them side by side (`Full name (fullName)`).
/// None when no field, or more than one, answers to it.
pub(crate) fn form_field<'f>(header: &str, form: &'f Form) -> Option<&'f FormField> {
    let header_folded = fold(header);
    let is_key = |field: &&FormField| fold(&field.key) == header_folded;
    let is_label = |field: &&FormField| {
        [&field.label, &field.label_ar]
            .into_iter()
            .any(|label| !label.is_empty() && fold(label) == header_folded)
    };
    let has_key_among_parts = |field: &&FormField| {
        let key = fold(&field.key);
        parts(header).any(|part| fold(part) == key)
    };
    let is_labels_line_by_line = |field: &&FormField| all_name(header.lines(), field);
    let is_labels_in_parts = |field: &&FormField| all_name(parts(header), field);
    if let Some(exact) = form.fields.iter().find(|field| field.key == header) {
        return Some(exact);
    }
    the_only(&form.fields, is_key)
        .or_else(|| the_only(&form.fields, is_label))
        .or_else(|| the_only(&form.fields, has_key_among_parts))
        .or_else(|| the_only(&form.fields, is_labels_line_by_line))
        .or_else(|| the_only(&form.fields, is_labels_in_parts))
}

/// Whether every piece of a header is the key or a label of this field.
fn all_name<'a>(pieces: impl Iterator<Item = &'a str>, field: &FormField) -> bool {
    let names = [fold(&field.key), fold(&field.label), fold(&field.label_ar)];
    let mut pieces = pieces
        .map(fold)
        .filter(|piece| !piece.is_empty())
        .peekable();
    pieces.peek().is_some() && pieces.all(|piece| names.contains(&piece))
}

fn the_only(fields: &[FormField], fits: impl Fn(&&FormField) -> bool) -> Option<&FormField> {
    let mut fitting = fields.iter().filter(fits);
    let first = fitting.next()?;
    fitting.next().is_none().then_some(first)
}

/// The pieces of a header that holds several names: `A (B)`, `A / B`, `A | B`, or one below the other.
pub(crate) fn parts(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(['(', ')', '[', ']', '/', '|', '\n', '\r', '·', '–', '—'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_say_what_they_stand_for() {
        for (header, role) in [
            ("phoneNumber", Some(Role::Phone)),
            ("Phone Number", Some(Role::Phone)),
            ("MOBILE", Some(Role::Phone)),
            ("رقم الهاتف", Some(Role::Phone)),
            ("الموبايل", Some(Role::Phone)),
            ("phoneNumber (رقم الهاتف)", Some(Role::Phone)),
            ("E-mail", Some(Role::Email)),
            ("البريد الالكتروني", Some(Role::Email)),
            ("البريد الإلكتروني\nEmail / email", Some(Role::Email)),
            ("contract_type_id", Some(Role::ContractType)),
            ("Email (work)", None),
            ("fullName", None),
            ("()", None),
            ("", None),
        ] {
            assert_eq!(Role::of(header), role, "{header}");
        }
    }

    #[test]
    fn a_header_may_name_its_contract_type() {
        let types = HeaderTypes {
            known: BTreeSet::from([ContractTypeId(2)]),
            columns: 12,
        };
        for (header, key) in [
            ("414.fullName", Some((414, "fullName"))),
            (
                "الاسم بالكامل\nFull name\n414.fullName",
                Some((414, "fullName")),
            ),
            ("Full name\r\n414.fullName", Some((414, "fullName"))),
            ("1. Full name\n414.fullName", Some((414, "fullName"))),
            ("2.fullName", Some((2, "fullName"))),
            ("2. fullName", None),
            ("1.fullName", None),
            ("12.Name", None),
            ("13.Name", Some((13, "Name"))),
            ("414. Name", None),
            ("414.", None),
            ("fullName", None),
            ("a.b", None),
            ("0.x", None),
            ("-1.x", None),
            ("99.5", None),
            ("a\nb", None),
            ("", None),
        ] {
            let key = key.map(|(id, key)| (ContractTypeId(id), key));
            assert_eq!(types.explicit_key(header), key, "{header}");
        }
    }

    #[test]
    fn headers_of_a_filled_template_name_form_fields() {
        let field = |key: &str, label: &str, label_ar: &str| FormField {
            key: key.into(),
            label: label.into(),
            label_ar: label_ar.into(),
            ..FormField::default()
        };
        let form = Form {
            name: "Loan".into(),
            fields: vec![
                field("fullName", "Full name", "الاسم بالكامل"),
                field("jobTitle", "Job", "الوظيفة"),
                field("spouseJob", "Job", "وظيفة الزوج"),
                field("monthlyIncome", "Income (EGP)", "الدخل (جنيه)"),
            ],
        };
        let key = |header: &str| form_field(header, &form).map(|field| field.key.as_str());
        for header in [
            "fullName",
            "Full Name",
            "full_name",
            "الأسم بالكامل",
            "Full name (fullName)",
            "الاسم بالكامل\nFull name\nfullName",
        ] {
            assert_eq!(key(header), Some("fullName"), "{header}");
        }
        assert_eq!(key("الدخل (جنيه)\nIncome (EGP)"), Some("monthlyIncome"));
        assert_eq!(key("Job"), None, "two fields have this label");
        assert_eq!(key("Job (spouseJob)"), Some("spouseJob"));
        assert_eq!(key("Branch"), None);
    }
}
