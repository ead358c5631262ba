//! `vlens-batch.toml`, from its text to what it means: every section, every problem, with the places of names kept so that
//! binding to a sheet can point at them. Reads no file; knows no sheet.

use std::ops::Range;
use std::sync::Arc;

use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess};
use serde::{Deserialize, Serialize};
use strum::{Display, EnumString, VariantNames};
use toml::Spanned;
use toml::Value;

use super::diagnostics::{ConfigErrors, Origin};
use super::header::{CONTRACT_TYPE_NAMES, recipient_names};
use super::reading::{
    Checked, Entries, FromToml, Reading, Shaped, Table, Text, checked, listed, shaped, word,
};
use super::template;
use super::value::{self, DecimalMark};
use crate::model::ContractTypeId;

/// The country of national phone numbers, unless the config says otherwise.
pub const DEFAULT_COUNTRY: &str = "EG";

/// How dates go out unless the config says otherwise.
pub(crate) const DEFAULT_DATE_OUTPUT: &str = "%Y-%m-%d";

/// The whole of `vlens-batch.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    pub api: ApiConfig,
    pub limits: LimitsConfig,
    pub source: SourceConfig,
    /// Who is invited; none: the headers tell.
    pub recipient: Option<RecipientConfig>,
    /// To which contract types; none: the headers tell.
    pub contract: Option<ContractConfig>,
    pub session: SessionConfig,
    /// What makes two rows the same invitation; none: recipient and contract types.
    pub identity: Option<IdentityConfig>,
    pub result: ResultConfig,
    pub retry: RetryConfig,
    /// The form fields; none: the headers are the keys.
    pub fields: Option<Vec<FieldsConfig>>,
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    /// The default is the caller's.
    #[serde(deserialize_with = "address")]
    pub base_url: Option<String>,
    #[serde(deserialize_with = "checked")]
    pub tenancy_name: Option<String>,
    #[serde(deserialize_with = "checked")]
    pub request_fields: RequestFields,
}

/// Where `RequestFieldsValues` sits in the body: inside `SessionInput`, as documented, or beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum RequestFields {
    #[default]
    Inside,
    TopLevel,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    #[serde(deserialize_with = "checked")]
    pub per_second: Option<u32>,
    #[serde(deserialize_with = "checked")]
    pub per_minute: Option<u32>,
    /// Requests on their way at once.
    #[serde(deserialize_with = "checked")]
    pub concurrency: Option<u32>,
    /// How long one exchange may take.
    #[serde(deserialize_with = "checked")]
    pub timeout_seconds: Option<u32>,
    /// Attempts for one row.
    #[serde(deserialize_with = "checked")]
    pub max_attempts: Option<u32>,
    /// Failures in a row that stop the run.
    #[serde(deserialize_with = "checked")]
    pub max_consecutive_failures: Option<u32>,
}

/// How to read the sheet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    #[serde(deserialize_with = "checked")]
    pub sheet: Option<String>,
    /// As a spreadsheet numbers it.
    #[serde(deserialize_with = "checked")]
    pub header_row: Option<u32>,
    /// An ASCII character.
    #[serde(deserialize_with = "delimiter")]
    pub delimiter: Option<char>,
    /// The encoding's name, not yet checked.
    #[serde(deserialize_with = "checked")]
    pub encoding: Option<String>,
    #[serde(deserialize_with = "checked")]
    pub hidden: Option<Hidden>,
}

/// What to do with rows that are hidden or filtered away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Hidden {
    Skip,
    Send,
}

/// Which columns say who is invited. With neither of them the headers tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipientConfig {
    pub phone: Option<Spanned<Text>>,
    pub email: Option<Spanned<Text>>,
    /// The country of national numbers, two letters.
    #[serde(deserialize_with = "country")]
    pub country: String,
    /// Whether numbers that no message reaches may be invited.
    #[serde(deserialize_with = "checked")]
    pub landlines: bool,
}

impl Default for RecipientConfig {
    fn default() -> Self {
        RecipientConfig {
            phone: None,
            email: None,
            country: DEFAULT_COUNTRY.to_owned(),
            landlines: false,
        }
    }
}

/// Which contract types a row is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum ContractConfig {
    /// The same for every row.
    Same(Vec<ContractTypeId>),
    /// As a column says.
    ByColumn {
        column: Spanned<Text>,
        /// What its values mean; none when the cells hold the ids themselves.
        values: Option<Vec<(Spanned<String>, Vec<ContractTypeId>)>>,
    },
}

/// What kind of session the invitation opens; by default as in the vendor's sample.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    #[serde(deserialize_with = "checked")]
    pub kind: SessionKind,
    #[serde(deserialize_with = "checked")]
    pub minimal_signature_flow: bool,
    #[serde(deserialize_with = "checked")]
    pub digital_identity_only: bool,
    /// The file whose text is `userPublicKey`, relative to the config.
    #[serde(deserialize_with = "checked")]
    pub user_public_key_file: Option<String>,
}

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

/// Which call is made: `CreateInvitation`, or `CreateAuthSession` with no pre-filled fields and no admin login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum SessionKind {
    Invitation,
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

/// What makes two rows the same invitation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct IdentityConfig {
    /// The columns whose values do; never empty.
    pub columns: Vec<Spanned<Text>>,
}

/// What exports add.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultConfig {
    /// The template of the link column.
    #[serde(deserialize_with = "link")]
    pub link: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    #[serde(deserialize_with = "checked")]
    pub on_uncertain: OnUncertain,
}

/// What to do with uncertain rows on the next run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum OnUncertain {
    /// Hold them until a person decides.
    #[default]
    Hold,
    Resend,
}

/// The fields of one contract type, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldsConfig {
    pub contract_type: ContractTypeId,
    pub fields: Vec<FieldConfig>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldConfig {
    /// The key under which it is sent.
    pub key: Spanned<String>,
    pub source: FieldSource,
    pub field_type: FieldType,
    /// Whether an empty cell is a problem.
    pub required: bool,
    /// What an empty cell becomes.
    pub default: Option<Spanned<Text>>,
}

/// Where a field's value comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum FieldSource {
    Column(Spanned<Text>),
    Template {
        text: Spanned<Text>,
        /// The columns that it uses, as it spells them.
        columns: Vec<String>,
    },
    /// The same for every row.
    Constant(Spanned<Text>),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum FieldType {
    Text,
    Number {
        /// What comes before the fraction.
        decimal: Option<DecimalMark>,
    },
    Date {
        /// How text cells write it.
        input: Option<String>,
        /// How it goes out.
        output: String,
    },
    Phone,
    Email,
    /// What people write and what is sent for it; none named means the form's own.
    Choice(Vec<(String, Spanned<Text>)>),
    Boolean,
    EgyptNationalId,
}

#[derive(Clone, Copy, PartialEq, Eq, Display, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
enum TypeName {
    Text,
    Number,
    Date,
    Phone,
    Email,
    Choice,
    Boolean,
    EgyptNationalId,
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct File {
    api: Table<ApiConfig>,
    limits: Table<LimitsConfig>,
    source: Table<SourceConfig>,
    recipient: Option<Table<RecipientConfig>>,
    contract: Option<Table<Contract>>,
    session: Table<SessionConfig>,
    identity: Option<Table<Identity>>,
    result: Table<ResultConfig>,
    retry: Table<RetryConfig>,
    fields: Option<Entries<Entries<Spanned<Field>>, Checked<ContractTypeId>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Contract {
    types: Option<Spanned<Checked<Vec<ContractTypeId>>>>,
    column: Option<Spanned<Text>>,
    values: Option<Spanned<Entries<Checked<Vec<ContractTypeId>>>>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Identity {
    columns: Option<Spanned<Checked<Vec<Text>>>>,
}

/// A column's name alone, or everything about a field.
enum Field {
    Column(String),
    Detailed(Box<DetailedField>),
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct DetailedField {
    column: Option<Spanned<Text>>,
    template: Option<Spanned<Text>>,
    value: Option<Spanned<Text>>,
    #[serde(rename = "type")]
    type_name: Option<Spanned<Checked<TypeName>>>,
    decimal: Option<Spanned<Checked<DecimalMark>>>,
    input: Option<Spanned<Text>>,
    output: Option<Spanned<Text>>,
    choices: Option<Spanned<Choices>>,
    required: Option<Spanned<Checked<bool>>>,
    default: Option<Spanned<Text>>,
}

/// What people write and what is sent for it; in a list both are the same.
struct Choices(Vec<(String, Spanned<Text>)>);

impl Shaped for Field {
    const EXPECTED: &'static str = "a column's name in quotes, or { column = \"…\", … }";

    fn from_table<'de, A: MapAccess<'de>>(table: A) -> Result<Self, A::Error> {
        Table::from_table(table).map(|Table(detailed)| Field::Detailed(Box::new(detailed)))
    }

    fn from_text(text: String) -> Option<Self> {
        Some(Field::Column(text))
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shaped(deserializer)
    }
}

impl Shaped for Choices {
    const EXPECTED: &'static str = "a table such as { \"متزوج\" = \"Married\" }";

    fn from_table<'de, A: MapAccess<'de>>(table: A) -> Result<Self, A::Error> {
        let entries = Entries::from_table(table)?.0.into_iter();
        Ok(Choices(
            entries
                .map(|(label, sent)| (label.into_inner(), sent))
                .collect(),
        ))
    }

    fn from_list<'de, A: SeqAccess<'de>>(mut list: A) -> Result<Option<Self>, A::Error> {
        let mut choices = Vec::new();
        while let Some(sent) = list.next_element::<Spanned<Text>>()? {
            choices.push((sent.get_ref().to_string(), sent));
        }
        Ok(Some(Choices(choices)))
    }
}

impl<'de> Deserialize<'de> for Choices {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        shaped(deserializer)
    }
}

impl FromToml for Hidden {
    fn from_toml(value: Value) -> Result<Self, String> {
        word(value)
    }
}

impl FromToml for OnUncertain {
    fn from_toml(value: Value) -> Result<Self, String> {
        word(value)
    }
}

impl FromToml for RequestFields {
    fn from_toml(value: Value) -> Result<Self, String> {
        word(value)
    }
}

impl FromToml for SessionKind {
    fn from_toml(value: Value) -> Result<Self, String> {
        word(value)
    }
}

impl FromToml for TypeName {
    fn from_toml(value: Value) -> Result<Self, String> {
        word(value)
    }
}

impl FromToml for DecimalMark {
    fn from_toml(value: Value) -> Result<Self, String> {
        word(value)
    }
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url: String = checked(deserializer)?;
    if ["https://", "http://"]
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        return Ok(Some(url));
    }
    Err(D::Error::custom(
        "must begin with https://\nfor example \"https://api.vlenseg.com\"",
    ))
}

fn delimiter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<char>, D::Error> {
    let value = Value::deserialize(deserializer)?;
    match value.as_str().map(str::as_bytes) {
        Some(&[one]) if one.is_ascii() && !matches!(one, b'"' | b'\n' | b'\r') => {
            Ok(Some(char::from(one)))
        }
        _ => Err(D::Error::custom(
            "must be one character\nsuch as \",\", \";\", \"|\" or \"\\t\" for a tab",
        )),
    }
}

fn country<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let code: String = checked(deserializer)?;
    let code = code.to_ascii_uppercase();
    if value::country_is_known(&code) {
        return Ok(code);
    }
    Err(D::Error::custom(
        "is no country's two letters\nsuch as \"EG\" for Egypt or \"SA\" for Saudi Arabia",
    ))
}

fn link<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let link: String = checked(deserializer)?;
    match minijinja::Environment::empty().template_from_str(&link) {
        Ok(_) => Ok(Some(link)),
        Err(error) => {
            let reason = error.detail().unwrap_or("it cannot be read");
            Err(D::Error::custom(format!("is no valid template: {reason}")))
        }
    }
}

impl Config {
    /// Reads the TOML's text. `file_name` is for error messages.
    pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigErrors> {
        let origin = Origin {
            file_name: Arc::from(file_name),
            text: Arc::from(text),
        };
        let mut reading = Reading::of(text);
        let file: File = reading.read();
        let config = Config {
            api: file.api.0,
            limits: file.limits.0,
            source: file.source.0,
            recipient: file.recipient.map(|table| table.0),
            contract: file
                .contract
                .and_then(|table| contract(table.0, &mut reading)),
            session: file.session.0,
            identity: file.identity.and_then(|table| identity(table.0)),
            result: file.result.0,
            retry: file.retry.0,
            fields: file.fields.map(|groups| fields(groups, &mut reading)),
            origin: origin.clone(),
        };
        if reading.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors::new(reading.problems, origin))
        }
    }

    /// What holds without any file: defaults, and the headers are the mapping.
    pub fn none() -> Config {
        Config::default()
    }

    /// The contract types that `[contract]` names.
    pub fn contract_types(&self) -> Vec<ContractTypeId> {
        match &self.contract {
            Some(ContractConfig::Same(types)) => types.clone(),
            Some(ContractConfig::ByColumn { values, .. }) => {
                let types = values.iter().flatten().flat_map(|(_, types)| types);
                types.copied().collect()
            }
            None => Vec::new(),
        }
    }

    /// Every column name that the mapping refers to, and the names by which the headers would be recognised where the
    /// config is silent: by them a header row below title lines is found.
    pub fn known_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        let recipient = self
            .recipient
            .iter()
            .flat_map(|recipient| [&recipient.phone, &recipient.email]);
        names.extend(recipient.flatten().map(|name| name.get_ref().to_string()));
        if names.is_empty() {
            names.extend(recipient_names().map(str::to_owned));
        }
        match &self.contract {
            Some(ContractConfig::ByColumn { column, .. }) => {
                names.push(column.get_ref().to_string())
            }
            Some(ContractConfig::Same(_)) => {}
            None => names.extend(CONTRACT_TYPE_NAMES.iter().map(|&name| name.to_owned())),
        }
        let identity = self.identity.iter().flat_map(|identity| &identity.columns);
        names.extend(identity.map(|column| column.get_ref().to_string()));
        for field in self.fields.iter().flatten().flat_map(|group| &group.fields) {
            match &field.source {
                FieldSource::Column(column) => names.push(column.get_ref().to_string()),
                FieldSource::Template { columns, .. } => names.extend(columns.iter().cloned()),
                FieldSource::Constant(_) => {}
            }
        }
        names
    }
}

fn contract(written: Contract, reading: &mut Reading<'_>) -> Option<ContractConfig> {
    match (written.types, written.column, written.values) {
        (Some(types), None, None) => Some(ContractConfig::Same(types.into_inner().0)),
        (None, Some(column), None) => Some(ContractConfig::ByColumn {
            column,
            values: None,
        }),
        (None, Some(column), Some(values)) => {
            let span = values.span();
            let values = values.into_inner().0;
            if values.is_empty() {
                let hint = "such as { \"Personal loan\" = 414 }; leave it out when the cells hold the ids themselves";
                reading.refuse(&span, "`values` is empty", hint);
            }
            let values = values
                .into_iter()
                .map(|(word, types)| (word, types.0))
                .collect();
            Some(ContractConfig::ByColumn {
                column,
                values: Some(values),
            })
        }
        (Some(types), _, _) => {
            let hint = "`types` for the same contract types in every row, `column` for a column that tells";
            reading.refuse(
                &types.span(),
                "`types` and `column` exclude each other",
                hint,
            );
            None
        }
        (None, None, Some(values)) if reading.is_whole(&["contract"]) => {
            let hint = "add column = \"…\", the column that holds these values";
            reading.refuse(&values.span(), "`values` needs a `column`", hint);
            None
        }
        (None, None, _) => None,
    }
}

fn identity(written: Identity) -> Option<IdentityConfig> {
    let columns = written.columns?;
    let span = columns.span();
    let columns = columns.into_inner().0.into_iter();
    Some(IdentityConfig {
        columns: columns
            .map(|name| Spanned::new(span.clone(), name))
            .collect(),
    })
}

/// A contract type as a key, such as `414` in `[fields.414]`.
impl FromToml for ContractTypeId {
    fn from_toml(value: Value) -> Result<Self, String> {
        let name = value.as_str().unwrap_or_default();
        let id = name
            .parse()
            .ok()
            .filter(|id: &i64| *id > 0 && id.to_string() == name);
        id.map(ContractTypeId).ok_or_else(|| {
            "in [fields] is no contract type\nfields stand under their contract type's number, such as [fields.414]"
                .to_owned()
        })
    }
}

fn fields(
    written: Entries<Entries<Spanned<Field>>, Checked<ContractTypeId>>,
    reading: &mut Reading<'_>,
) -> Vec<FieldsConfig> {
    let groups = written.0.into_iter().map(|(id, written)| {
        let contract_type = id.get_ref().0;
        let fields = written.0.into_iter();
        FieldsConfig {
            contract_type,
            fields: fields
                .filter_map(|(key, written)| field(contract_type, key, written, reading))
                .collect(),
        }
    });
    groups.collect()
}

fn field(
    id: ContractTypeId,
    key: Spanned<String>,
    written: Spanned<Field>,
    reading: &mut Reading<'_>,
) -> Option<FieldConfig> {
    let span = written.span();
    let written = match written.into_inner() {
        Field::Detailed(written) => *written,
        Field::Column(name) => {
            let column = Text::from_toml(Value::String(name));
            let column = column
                .map_err(|what| reading.refuse(&span, format!("`{}` {what}", key.get_ref()), None));
            DetailedField {
                column: Some(Spanned::new(span.clone(), column.ok()?)),
                ..DetailedField::default()
            }
        }
    };
    if !reading.is_whole(&["fields", &id.to_string(), key.get_ref()]) {
        return None;
    }
    check_options(&written, reading);
    Some(FieldConfig {
        field_type: field_type(&written, reading),
        required: written
            .required
            .is_some_and(|required| required.get_ref().0),
        source: source(
            &key,
            span,
            (written.column, written.template, written.value),
            reading,
        )?,
        default: written.default,
        key,
    })
}

/// Refuses options of other types, and all of them beside a constant.
fn check_options(written: &DetailedField, reading: &mut Reading<'_>) {
    fn span<T>(option: &Option<Spanned<T>>) -> Option<Range<usize>> {
        option.as_ref().map(Spanned::span)
    }
    let type_name = written
        .type_name
        .as_ref()
        .map_or(TypeName::Text, |name| name.get_ref().0);
    for (option, span, owner) in [
        ("type", span(&written.type_name), None),
        ("decimal", span(&written.decimal), Some(TypeName::Number)),
        ("input", span(&written.input), Some(TypeName::Date)),
        ("output", span(&written.output), Some(TypeName::Date)),
        ("choices", span(&written.choices), Some(TypeName::Choice)),
        ("required", span(&written.required), None),
        ("default", span(&written.default), None),
    ] {
        let Some(span) = span else { continue };
        if written.value.is_some() {
            let message =
                format!("`{option}` means nothing beside `value`, which is sent as it stands");
            reading.refuse(&span, message, "take one of the two out");
        } else if let Some(owner) = owner.filter(|&owner| owner != type_name) {
            let hint = format!("add type = \"{owner}\", or take `{option}` out");
            reading.refuse(
                &span,
                format!("`{option}` belongs to type = \"{owner}\""),
                hint.as_str(),
            );
        }
    }
}

type Sources = (
    Option<Spanned<Text>>,
    Option<Spanned<Text>>,
    Option<Spanned<Text>>,
);

fn source(
    key: &Spanned<String>,
    span: Range<usize>,
    given: Sources,
    reading: &mut Reading<'_>,
) -> Option<FieldSource> {
    let names = [
        ("column", given.0.is_some()),
        ("template", given.1.is_some()),
        ("value", given.2.is_some()),
    ];
    let names: Vec<&str> = names
        .iter()
        .filter(|(_, is_given)| *is_given)
        .map(|(name, _)| *name)
        .collect();
    match given {
        (Some(column), None, None) => Some(FieldSource::Column(column)),
        (None, None, Some(value)) => Some(FieldSource::Constant(value)),
        (None, Some(text), None) => match template::columns_of(text.get_ref()) {
            Ok(columns) => Some(FieldSource::Template { text, columns }),
            Err(reason) => {
                let message = format!("the template cannot be used: {reason}");
                reading.refuse(&text.span(), message, None);
                None
            }
        },
        (None, None, None) => {
            let message = format!("the field `{key}` has no value to send");
            reading.refuse(
                &span,
                message,
                "give it a `column`, a `template` or a `value`",
            );
            None
        }
        _ => {
            let message = format!(
                "the field `{key}` has several values to send: {}",
                listed(&names, "and")
            );
            reading.refuse(&span, message, "keep one of them");
            None
        }
    }
}

fn field_type(written: &DetailedField, reading: &mut Reading<'_>) -> FieldType {
    let mut format =
        |name: &str, format: &Option<Spanned<Text>>, check: fn(&str) -> Result<(), String>| {
            let format = format.as_ref()?;
            if let Err(reason) = check(format.get_ref()) {
                let message = format!("`{name}` is no date format: {reason}");
                reading.refuse(
                    &format.span(),
                    message,
                    "such as \"%d/%m/%Y\" for 31/12/1990",
                );
            }
            Some(format.get_ref().to_string())
        };
    match written
        .type_name
        .as_ref()
        .map_or(TypeName::Text, |name| name.get_ref().0)
    {
        TypeName::Text => FieldType::Text,
        TypeName::Number => FieldType::Number {
            decimal: written.decimal.as_ref().map(|mark| mark.get_ref().0),
        },
        TypeName::Date => FieldType::Date {
            input: format("input", &written.input, value::check_date_input),
            output: format("output", &written.output, value::check_date_format)
                .unwrap_or_else(|| DEFAULT_DATE_OUTPUT.to_owned()),
        },
        TypeName::Phone => FieldType::Phone,
        TypeName::Email => FieldType::Email,
        TypeName::Choice => FieldType::Choice(
            written
                .choices
                .as_ref()
                .map_or_else(Vec::new, |choices| choices.get_ref().0.clone()),
        ),
        TypeName::Boolean => FieldType::Boolean,
        TypeName::EgyptNationalId => FieldType::EgyptNationalId,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sample of the interface, whole.
    const SAMPLE: &str = r#"# vlens-batch.toml
[api]
base_url = "https://api.vlenseg.com"
tenancy_name = "acme"
request_fields = "inside"  # where RequestFieldsValues sits: "inside" SessionInput, as documented, or "top_level"

[limits]
per_second = 10            # the vendor's documented default per tenant
per_minute = 60            # both hold at once, in any second and any minute
concurrency = 8
timeout_seconds = 30
max_attempts = 5
max_consecutive_failures = 20

[source]
sheet = "Customers"        # of a workbook; default: the first visible sheet with data
header_row = 1
delimiter = ";"            # default: detected
encoding = "windows-1256"  # default: detected
hidden = "skip"            # rows hidden or filtered away in the sheet

[recipient]
phone = "Mobile"           # a column; phone or email or both
email = "E-mail"
country = "EG"             # for national numbers

[contract]
types = [414]              # the same for every row, or instead:
# column = "Product"
# values = { "Personal loan" = 414, "قرض شخصي" = 414, "Lease" = [415, 416] }

[session]
kind = "invitation"        # or "auth": CreateAuthSession, no pre-filled fields, no admin login
minimal_signature_flow = true
digital_identity_only = false
user_public_key_file = "session.pem"   # optional

[identity]
columns = ["Application no"]   # what makes two rows the same invitation; default: recipient + contract types

[result]
link = "https://onboard.example/start?session={{ token }}"   # optional: a link column in exports

[retry]
on_uncertain = "hold"      # or "resend"

[fields.414]
fullName = "Customer name"                                   # a column
monthlyIncome = { column = "Income", type = "number" }
birthDate = { column = "DOB", type = "date", input = "%d/%m/%Y", output = "%Y-%m-%d" }
nationalId = { column = "ID", type = "egypt_national_id", required = true }
employer = { column = "Employer", default = "-" }
address = { template = "{{ row['Street'] }}, {{ row['City'] }}" }
currency = { value = "EGP" }
maritalStatus = { column = "Status", type = "choice", choices = { "أعزب" = "Single", "متزوج" = "Married" } }
"#;

    fn errors_of(text: &str) -> String {
        Config::parse(text, "vlens-batch.toml")
            .expect_err("a refusal")
            .render(false)
    }

    #[test]
    fn the_interfaces_sample_is_understood_whole() {
        let config = Config::parse(SAMPLE, "vlens-batch.toml").expect("no refusal");
        assert_eq!(
            config.api.base_url.as_deref(),
            Some("https://api.vlenseg.com")
        );
        assert_eq!(config.api.tenancy_name.as_deref(), Some("acme"));
        assert_eq!(config.api.request_fields, RequestFields::Inside);
        let limits = LimitsConfig {
            per_second: Some(10),
            per_minute: Some(60),
            concurrency: Some(8),
            timeout_seconds: Some(30),
            max_attempts: Some(5),
            max_consecutive_failures: Some(20),
        };
        assert_eq!(config.limits, limits);
        let source = SourceConfig {
            sheet: Some("Customers".into()),
            header_row: Some(1),
            delimiter: Some(';'),
            encoding: Some("windows-1256".into()),
            hidden: Some(Hidden::Skip),
        };
        assert_eq!(config.source, source);
        assert_eq!(
            format!("{:?}", config.contract),
            "Some(Same([ContractTypeId(414)]))"
        );
        assert_eq!(config.session.kind, SessionKind::Invitation);
        assert_eq!(
            config.session.user_public_key_file.as_deref(),
            Some("session.pem")
        );
        assert_eq!(
            config.result.link.as_deref(),
            Some("https://onboard.example/start?session={{ token }}")
        );
        assert_eq!(config.retry.on_uncertain, OnUncertain::Hold);
        let keys: Vec<&str> = config
            .fields
            .iter()
            .flatten()
            .flat_map(|group| &group.fields)
            .map(|field| field.key.get_ref().as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "fullName",
                "monthlyIncome",
                "birthDate",
                "nationalId",
                "employer",
                "address",
                "currency",
                "maritalStatus"
            ]
        );
        assert_eq!(
            config.known_names(),
            [
                "Mobile",
                "E-mail",
                "Application no",
                "Customer name",
                "Income",
                "DOB",
                "ID",
                "Employer",
                "Street",
                "City",
                "Status"
            ]
        );
    }

    #[test]
    fn the_other_ways_of_saying_things_are_understood() {
        let config = Config::parse(
        "api = { request_fields = \"top_level\" }\n\
         [contract]\ncolumn = \"Product\"\nvalues = { \"قرض\" = 414, \"Lease\" = [415, 416] }\n\
         [session]\nkind = \"auth\"\n[identity]\ncolumns = \"No\"\n[retry]\non_uncertain = \"resend\"\n\
         [source]\ndelimiter = \"\\t\"\nhidden = \"send\"\n",
        "x.toml",
    )
    .expect("no refusal");
        assert_eq!(config.api.request_fields, RequestFields::TopLevel);
        assert_eq!(config.session.kind, SessionKind::Auth);
        assert_eq!(config.source.delimiter, Some('\t'));
        assert_eq!(config.source.hidden, Some(Hidden::Send));
        assert_eq!(config.retry.on_uncertain, OnUncertain::Resend);
        let Some(ContractConfig::ByColumn {
            column,
            values: Some(values),
        }) = config.contract
        else {
            panic!("a column tells")
        };
        assert_eq!(&**column.get_ref(), "Product");
        assert_eq!(
            values
                .iter()
                .map(|(_, types)| types.len())
                .collect::<Vec<_>>(),
            [1, 2]
        );
    }

    #[test]
    fn an_empty_file_and_a_byte_order_mark_are_fine() {
        assert_eq!(Config::parse("", "").expect("no refusal"), Config::none());
        let config =
            Config::parse("\u{feff}[api]\ntenancy_name = \"acme\"\n", "x").expect("no refusal");
        assert_eq!(config.api.tenancy_name.as_deref(), Some("acme"));
    }

    #[test]
    fn an_error_shows_its_line_and_points_at_the_place() {
        insta::assert_snapshot!(errors_of("[api]\ntenency_name = \"acme\"\n\n[recipient]\nphone = 5\n"), @r#"
    error: unknown key `tenency_name` in [api]
     --> vlens-batch.toml:2:1
      |
    2 | tenency_name = "acme"
      | ^^^^^^^^^^^^
      |
      = help: did you mean `tenancy_name`?

    error: `phone` must be a text in quotes, not a whole number
     --> vlens-batch.toml:5:9
      |
    5 | phone = 5
      |         ^
    "#);
    }

    #[test]
    fn arabic_lines_are_shown_as_they_are() {
        insta::assert_snapshot!(
            errors_of("[fields.414]\nmaritalStatus = { column = \"الحالة الاجتماعية\", type = \"choise\" }\n"),
            @r#"
    error: `type` must be "text", "number", "date", "phone", "email", "choice", "boolean" or "egypt_national_id"
     --> vlens-batch.toml:2:56
      |
    2 | maritalStatus = { column = "الحالة الاجتماعية", type = "choise" }
      |                                                        ^^^^^^^^
      |
      = help: did you mean `choice`?
    "#
        );
    }

    #[test]
    fn every_mistake_is_named() {
        for (text, message) in [
            ("[limit]\n", "unknown key `limit` in the file"),
            ("[limit]\n", "did you mean `limits`?"),
            ("stray = 1\n", "known here: api, limits"),
            (
                "[limits]\nper_second = 0\n",
                "`per_second` must be a whole number from 1",
            ),
            (
                "[limits]\nper_second = -1\n",
                "`per_second` must be a whole number from 1",
            ),
            (
                "[limits]\nper_minute = 99999999999\n",
                "`per_minute` must be a whole number from 1",
            ),
            (
                "[limits]\nconcurrency = 1.5\n",
                "must be a whole number, not a number with a fraction",
            ),
            (
                "[limits]\nconcurrency = \"8\"\n",
                "must be a whole number, not a text",
            ),
            (
                "limits = 5\n",
                "[limits] must be a table, not a whole number",
            ),
            (
                "[source]\nhidden = \"show\"\n",
                "`hidden` must be \"skip\" or \"send\"",
            ),
            (
                "[source]\ndelimiter = \";;\"\n",
                "`delimiter` must be one character",
            ),
            ("[source]\nheader_row = 0\n", "`header_row` must be"),
            (
                "[api]\nbase_url = \"api.vlenseg.com\"\n",
                "must begin with https://",
            ),
            (
                "[api]\nrequest_fields = \"toplevel\"\n",
                "did you mean `top_level`?",
            ),
            ("[api]\ntenancy_name = \" \"\n", "`tenancy_name` is empty"),
            (
                "[recipient]\ncountry = \"Egypt\"\n",
                "no country's two letters",
            ),
            (
                "[contract]\ntypes = [414]\ncolumn = \"P\"\n",
                "`types` and `column` exclude each other",
            ),
            (
                "[contract]\nvalues = { a = 1 }\n",
                "`values` needs a `column`",
            ),
            ("[contract]\ntypes = []\n", "such as [414]"),
            (
                "[contract]\ntypes = [\"414\"]\n",
                "`types` must be a contract type's number, from 1 on, or a list of them",
            ),
            ("[contract]\ntypes = 0\n", "from 1 on"),
            (
                "[session]\nkind = \"invite\"\n",
                "`kind` must be \"invitation\" or \"auth\"",
            ),
            (
                "[session]\nminimal_signature_flow = \"yes\"\n",
                "must be true or false, not a text",
            ),
            ("[identity]\ncolumns = []\n", "`columns` is empty"),
            (
                "[result]\nlink = \"https://x/{{ token\"\n",
                "`link` is no valid template",
            ),
            (
                "[fields]\nfullName = \"Name\"\n",
                "`fullName` in [fields] is no contract type",
            ),
            (
                "[fields.0414]\na = \"A\"\n",
                "`0414` in [fields] is no contract type",
            ),
            ("[fields.414]\na = 5\n", "must be a column's name in quotes"),
            (
                "[fields.414]\na = { type = \"text\" }\n",
                "the field `a` has no value to send",
            ),
            (
                "[fields.414]\na = { column = \"A\", value = \"x\" }\n",
                "several values to send: \"column\" and \"value\"",
            ),
            (
                "[fields.414]\na = { value = \"x\", type = \"date\" }\n",
                "`type` means nothing beside `value`",
            ),
            (
                "[fields.414]\na = { column = \"A\", input = \"%d\" }\n",
                "`input` belongs to type = \"date\"",
            ),
            (
                "[fields.414]\na = { column = \"A\", type = \"date\", input = \"dd/mm\" }\n",
                "`input` is no date format",
            ),
            (
                "[fields.414]\na = { column = \"A\", colum = \"B\" }\n",
                "did you mean `column`?",
            ),
            (
                "[fields.414]\na = { column = \"A\", type = \"choice\", choices = 5 }\n",
                "`choices` must be a table",
            ),
            (
                "[fields.414]\na = { template = \"{{ City }}\" }\n",
                "row['City']",
            ),
            (
                "[fields.414]\na = \"A\"\na = \"B\"\n",
                "this is no valid TOML: duplicate key",
            ),
            ("[fields.414]\na = \"A\n", "this is no valid TOML"),
        ] {
            let errors = errors_of(text);
            assert!(
                errors.contains(message),
                "{text}\n{errors}\nlacks: {message}"
            );
        }
    }

    #[test]
    fn all_mistakes_are_told_in_the_order_of_the_lines() {
        let errors = Config::parse(
            "[limits]\nper_second = 0\nconcurency = 4\n[retry]\non_uncertain = \"x\"\n[oops]\n",
            "x",
        );
        let problems = errors.expect_err("a refusal").problems;
        let starts: Vec<usize> = problems
            .iter()
            .filter_map(|problem| problem.span.clone())
            .map(|span| span.start)
            .collect();
        assert_eq!(problems.len(), 4);
        assert!(starts.is_sorted());
    }

    proptest! {
        /// Whatever the file holds: no panic, and every error can be shown, coloured or not.
        #[test]
        fn any_text_is_read_or_refused(pieces in prop::collection::vec(any_piece(), 0..12)) {
            let text = pieces.concat();
            if let Err(errors) = Config::parse(&text, "vlens-batch.toml") {
                prop_assert!(!errors.problems.is_empty());
                prop_assert!(!errors.render(true).is_empty() && !errors.render(false).is_empty());
            }
        }
    }

    /// Pieces of configs, right and wrong, and anything else.
    fn any_piece() -> impl Strategy<Value = String> {
        let lines: Vec<&str> = SAMPLE.lines().collect();
        let words = [
            "\n", "[", "[[", "{", "}", "=", "\"", "\"\"\"", "'", "#", ",", "\r\n", "\u{feff}", "ع",
            "password", "414", ".",
        ];
        prop_oneof![
            prop::sample::select(lines).prop_map(|line| format!("{line}\n")),
            prop::sample::select(words.as_slice().to_vec()).prop_map(str::to_owned),
            any::<String>(),
        ]
    }
}
