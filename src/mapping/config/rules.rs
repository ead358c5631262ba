//! The sections that say what a row becomes: recipient, contract types, session, identity.

use toml::de::{DeTable, DeValue};

use super::reader::{Reader, TomlValue};
use super::spanned::Spanned;
use crate::mapping::value;
use crate::model::ContractTypeId;

/// The country of national phone numbers, unless the config says otherwise.
pub const DEFAULT_COUNTRY: &str = "EG";

/// `[recipient]`: which columns say who is invited. With neither of them the headers tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientConfig {
    /// The column of phone numbers.
    pub phone: Option<Spanned<String>>,
    /// The column of e-mail addresses.
    pub email: Option<Spanned<String>>,
    /// The country of national numbers, two letters.
    pub country: String,
    /// Whether numbers that no message reaches may be invited.
    pub landlines: bool,
}

/// `[contract]`: which contract types a row is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContractConfig {
    /// The same for every row.
    Same(Vec<Spanned<ContractTypeId>>),
    /// As a column says.
    ByColumn {
        /// The column.
        column: Spanned<String>,
        /// What its values mean; none when the cells hold the ids themselves.
        values: Option<Vec<ContractValue>>,
    },
}

/// One value of the contract column and the contract types that it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractValue {
    /// As it stands in the cells.
    pub value: Spanned<String>,
    /// What it means.
    pub types: Vec<Spanned<ContractTypeId>>,
}

/// `[session]`: what kind of session the invitation opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// Which call is made.
    pub kind: SessionKind,
    /// `minimalSignatureFlow`.
    pub minimal_signature_flow: bool,
    /// `DigitalIdentityOnly`.
    pub digital_identity_only: bool,
    /// The file whose text is `userPublicKey`, relative to the config.
    pub user_public_key_file: Option<String>,
}

/// Which call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// `CreateInvitation`.
    Invitation,
    /// `CreateAuthSession`: no pre-filled fields, no admin login.
    Auth,
}

impl SessionKind {
    /// The call that a body was made for, as can be seen from the body itself.
    pub fn of_body(body: &str) -> SessionKind {
        if body.starts_with("{\"SessionInput\"") {
            SessionKind::Invitation
        } else {
            SessionKind::Auth
        }
    }
}

/// As in the vendor's sample.
impl Default for SessionConfig {
    fn default() -> Self {
        SessionConfig {
            kind: SessionKind::Invitation,
            minimal_signature_flow: true,
            digital_identity_only: false,
            user_public_key_file: None,
        }
    }
}

/// `[identity]`: what makes two rows the same invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdentityConfig {
    /// The columns whose values do; never empty.
    pub columns: Vec<Spanned<String>>,
}

impl RecipientConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Option<Self> {
        let table = reader.section(
            root,
            "recipient",
            &["phone", "email", "country", "landlines"],
        )?;
        Some(RecipientConfig {
            phone: reader.filled_string(table, "phone"),
            email: reader.filled_string(table, "email"),
            country: read_country(table, reader),
            landlines: reader.boolean(table, "landlines").unwrap_or(false),
        })
    }
}

fn read_country(table: &DeTable<'_>, reader: &mut Reader) -> String {
    let Some(country) = reader.string(table, "country") else {
        return DEFAULT_COUNTRY.to_owned();
    };
    let code = country.value.to_ascii_uppercase();
    if !value::country_is_known(&code) {
        reader.complain(
            &country.span,
            "`country` is no country's two letters",
            "such as \"EG\" for Egypt or \"SA\" for Saudi Arabia".to_owned(),
        );
    }
    code
}

impl ContractConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Option<Self> {
        let table = reader.section(root, "contract", &["types", "column", "values"])?;
        match (table.get("types"), table.get("column"), table.get("values")) {
            (Some(types), None, None) => Some(ContractConfig::Same(read_types(types, reader))),
            (None, Some(_), values) => {
                let column = reader.filled_string(table, "column")?;
                let values = match values {
                    Some(values) => Some(read_values(values, reader)?),
                    None => None,
                };
                Some(ContractConfig::ByColumn { column, values })
            }
            (Some(types), _, _) => {
                reader.complain(
                    &types.span(),
                    "`types` and `column` exclude each other",
                    "`types` for the same contract types in every row, `column` for a column that tells".to_owned(),
                );
                None
            }
            (None, None, Some(values)) => {
                let hint = "add column = \"…\", the column that holds these values".to_owned();
                reader.complain(&values.span(), "`values` needs a `column`", hint);
                None
            }
            (None, None, None) => None,
        }
    }
}

/// One contract type, or a list of them.
fn read_types(value: &TomlValue<'_>, reader: &mut Reader) -> Vec<Spanned<ContractTypeId>> {
    let DeValue::Array(items) = value.get_ref() else {
        return read_type(value, reader).into_iter().collect();
    };
    if items.is_empty() {
        reader.complain(
            &value.span(),
            "no contract type is named here",
            "such as [414]".to_owned(),
        );
    }
    items
        .iter()
        .filter_map(|item| read_type(item, reader))
        .collect()
}

fn read_type(value: &TomlValue<'_>, reader: &mut Reader) -> Option<Spanned<ContractTypeId>> {
    let id = reader.integer_value(value, "a contract type")?;
    if id < 1 {
        reader.complain(&value.span(), "a contract type is a number from 1 on", None);
        return None;
    }
    Some(Spanned::new(ContractTypeId(id), value.span()))
}

fn read_values(value: &TomlValue<'_>, reader: &mut Reader) -> Option<Vec<ContractValue>> {
    let table = reader.table(value, "`values`")?;
    if table.is_empty() {
        reader.complain(
            &value.span(),
            "`values` is empty",
            "such as { \"Personal loan\" = 414 }; leave it out when the cells hold the ids themselves".to_owned(),
        );
    }
    let entry =
        |(key, types): (&toml::Spanned<toml::de::DeString<'_>>, &TomlValue<'_>)| ContractValue {
            value: Spanned::new(key.get_ref().to_string(), key.span()),
            types: read_types(types, reader),
        };
    Some(table.iter().map(entry).collect())
}

impl SessionConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Self {
        let default = SessionConfig::default();
        let known = [
            "kind",
            "minimal_signature_flow",
            "digital_identity_only",
            "user_public_key_file",
        ];
        let Some(table) = reader.section(root, "session", &known) else {
            return default;
        };
        let kinds = [
            ("invitation", SessionKind::Invitation),
            ("auth", SessionKind::Auth),
        ];
        SessionConfig {
            kind: reader.one_of(table, "kind", &kinds).unwrap_or(default.kind),
            minimal_signature_flow: reader
                .boolean(table, "minimal_signature_flow")
                .unwrap_or(default.minimal_signature_flow),
            digital_identity_only: reader
                .boolean(table, "digital_identity_only")
                .unwrap_or(default.digital_identity_only),
            user_public_key_file: reader
                .filled_string(table, "user_public_key_file")
                .map(|path| path.value),
        }
    }
}

impl IdentityConfig {
    pub(super) fn read(root: &DeTable<'_>, reader: &mut Reader) -> Option<Self> {
        let table = reader.section(root, "identity", &["columns"])?;
        let columns = reader.strings(table, "columns")?;
        if columns.is_empty() {
            let hint =
                "name a column, or take [identity] out: then recipient and contract types tell"
                    .to_owned();
            if let Some(value) = table.get("columns") {
                reader.complain(&value.span(), "`columns` is empty", hint);
            }
            return None;
        }
        Some(IdentityConfig { columns })
    }
}
