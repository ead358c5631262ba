//! `vlens-batch.toml`, from its text to what it means: every section, every problem, with the places of names kept so that
//! binding to a sheet can point at them. Reads no file; knows no sheet.

use std::num::NonZeroU32;
use std::ops::{Deref, Range};
use std::sync::Arc;

use indexmap::IndexMap;
use reqwest::Url;
use serde::de::{DeserializeOwned, Deserializer, Error as _};
use serde::{Deserialize, Serialize};
use toml::{Spanned, Value};

use super::diagnostics::Origin;
use super::names::{names_a_birth_date, visible};
use super::reading::ConfigReader;
use super::template::Template;
use super::value::{Country, DecimalMark, check_date_format, check_date_input};
use crate::error::Error;
use crate::model::{ContractTypeId, FieldType, Hidden, LinkTemplate, is_loopback, may_part_cells};

pub(crate) const DEFAULT_DATE_OUTPUT: &str = "%Y-%m-%d";

/// The whole of `vlens-batch.toml`. Where it is silent, the headers tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    pub api: ApiConfig,
    pub limits: LimitsConfig,
    pub source: SourceConfig,
    pub recipient: RecipientConfig,
    pub contract: ContractConfig,
    pub session: SessionConfig,
    pub identity: IdentityConfig,
    pub result: ResultConfig,
    pub retry: RetryConfig,
    pub follow: FollowConfig,
    pub notify: NotifyConfig,
    pub team: TeamConfig,
    /// By contract type and key; none: the headers are the keys.
    pub fields: Option<IndexMap<TypeKey, Entries<Spanned<FieldConfig>>>>,
    #[serde(skip)]
    pub(crate) origin: Origin,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiConfig {
    #[serde(deserialize_with = "address")]
    pub base_url: Option<String>,
    pub tenancy_name: Option<Text>,
    pub request_fields: RequestFields,
    pub username: Option<Text>,
    /// Files that hold a secret, relative to the config.
    pub api_key_file: Option<Text>,
    pub password_file: Option<Text>,
}

/// Where `RequestFieldsValues` sits in the body: inside `SessionInput`, as documented, or beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestFields {
    #[default]
    Inside,
    TopLevel,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    pub per_second: Option<NonZeroU32>,
    pub per_minute: Option<NonZeroU32>,
    pub concurrency: Option<NonZeroU32>,
    pub timeout_seconds: Option<NonZeroU32>,
    pub max_attempts: Option<NonZeroU32>,
    pub max_consecutive_failures: Option<NonZeroU32>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    pub sheet: Option<Text>,
    pub header_row: Option<NonZeroU32>,
    #[serde(deserialize_with = "delimiter")]
    pub delimiter: Option<char>,
    /// The encoding's name, not yet checked.
    pub encoding: Option<Text>,
    pub hidden: Option<Hidden>,
}

/// Which columns say who is invited. With neither of them the headers tell.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecipientConfig {
    pub phone: Option<Spanned<Columns>>,
    pub email: Option<Spanned<Columns>>,
    /// The country of national numbers.
    pub country: Country,
    /// Whether numbers that no message reaches may be invited.
    pub landlines: bool,
}

/// Which contract types a row is for: the same for every row, or as a column says, by ids or by words for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ContractConfig {
    pub types: Option<Spanned<OneOrMany<ContractTypeId>>>,
    pub column: Option<Spanned<Columns>>,
    pub values: Option<Spanned<Entries<Spanned<OneOrMany<ContractTypeId>>>>>,
}

/// What kind of session the invitation opens; by default as in the vendor's sample.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionConfig {
    pub kind: SessionKind,
    /// True unless it says otherwise.
    pub minimal_signature_flow: Option<bool>,
    pub digital_identity_only: bool,
    /// The file whose text is `userPublicKey`, relative to the config.
    pub user_public_key_file: Option<Spanned<Text>>,
}

/// Which call is made: `CreateInvitation`, or `CreateAuthSession` with no pre-filled fields and no admin login.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    #[default]
    Invitation,
    Auth,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct IdentityConfig {
    pub columns: Option<Spanned<Columns>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ResultConfig {
    /// The template of the link column in exports.
    pub link: Option<LinkTemplate>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TeamConfig {
    /// `postgres://…`, without a password.
    #[serde(deserialize_with = "register")]
    pub register: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetryConfig {
    pub on_uncertain: Option<OnUncertain>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnUncertain {
    Hold,
    Resend,
}

/// How a file is read that tells how far contracts are.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FollowConfig {
    /// The column that names the customer.
    #[serde(rename = "match")]
    pub match_column: Option<Text>,
    pub stage: Option<Text>,
    pub at: Option<Text>,
    /// Words for a contract that the customer has signed.
    pub signed: Option<OneOrMany<Text>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NotifyConfig {
    /// Told of start, success and failure of each run.
    #[serde(deserialize_with = "safe_address")]
    pub url: Option<String>,
}

/// Where a form field takes its value from (one of `column`, `template`, `value`), and what type it has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[serde(expecting = "a column's name in quotes, or { column = \"…\", … }")]
pub struct FieldConfig {
    pub column: Option<Spanned<Columns>>,
    pub template: Option<Spanned<Text>>,
    /// The same for every row.
    pub value: Option<Spanned<Text>>,
    #[serde(rename = "type")]
    pub field_type: Option<Spanned<FieldType>>,
    /// What comes before a number's fraction.
    pub decimal: Option<Spanned<DecimalMark>>,
    /// How text cells write a date.
    pub input: Option<Spanned<Text>>,
    pub output: Option<Spanned<Text>>,
    /// What people write and what is sent for it; none: the form's own.
    pub choices: Option<Spanned<Entries<Spanned<Text>>>>,
    pub required: Option<Spanned<bool>>,
    pub default: Option<Spanned<Text>>,
}

/// A table whose keys are other people's words, in the order of the file.
pub type Entries<T> = IndexMap<Spanned<String>, T>;

/// A column's name, or several: the first that is filled in a row counts.
pub type Columns = OneOrMany<Text>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OneOrMany<T>(pub Vec<T>);

impl Columns {
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| name.as_str())
    }
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for OneOrMany<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let many = match Value::deserialize(deserializer)? {
            Value::Array(many) if many.is_empty() => {
                return Err(D::Error::custom("is empty\nname one, or take it out"));
            }
            Value::Array(many) => many,
            one => vec![one],
        };
        let all: Result<_, toml::de::Error> = many.into_iter().map(T::deserialize).collect();
        all.map(OneOrMany)
            .map_err(|error| D::Error::custom(error.message()))
    }
}

/// A text that says something: not empty, not only white space.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Text(pub(crate) String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let is_there = !visible(&text).is_empty();
        is_there.then_some(Text(text)).ok_or(
            "is empty\nwrite between the quotes what is meant; a remark behind it may name it",
        )
    }
}

impl Deref for Text {
    type Target = String;

    fn deref(&self) -> &String {
        &self.0
    }
}

/// A contract type as the name of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct TypeKey(pub ContractTypeId);

impl TryFrom<String> for TypeKey {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        let id = name.parse().ok();
        let id = id.filter(|id: &ContractTypeId| id.to_string() == name);
        id.map(TypeKey).ok_or(
            "is no contract type\nfields stand under their contract type's number, such as [fields.414]",
        )
    }
}

/// A text that passes a check; else it must be what is `expected`, with advice in a second line.
fn checked<'de, D: Deserializer<'de>>(
    deserializer: D,
    is_right: impl Fn(&str) -> bool,
    expected: &str,
) -> Result<Option<String>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if is_right(&text) {
        return Ok(Some(text));
    }
    Err(D::Error::custom(expected))
}

fn address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let is_address = |url: &str| url.starts_with("https://") || url.starts_with("http://");
    let expected = "must begin with https://\nfor example \"https://api.vlenseg.com\"";
    checked(deserializer, is_address, expected)
}

fn register<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let is_register = |url: &str| url.starts_with("postgres") && !url.contains("password=");
    let expected = "must be postgres://ROLE@HOST/DATABASE, without a password\nwhich is in the file that VLENS_REGISTER_PASSWORD_FILE names";
    checked(deserializer, is_register, expected)
}

/// What goes there is nobody's on the way.
fn safe_address<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let is_safe = |url: &Url| {
        let has_login = !url.username().is_empty() || url.password().is_some();
        let has_more = has_login || url.query().is_some() || url.fragment().is_some();
        let is_private = url.scheme() == "https" || url.host_str().is_some_and(is_loopback);
        url.scheme().starts_with("http") && is_private && !has_more
    };
    let is_right = |text: &str| Url::parse(text).is_ok_and(|url| is_safe(&url));
    let expected =
        "must begin with https:// and have no query\nplain http is for this machine alone";
    checked(deserializer, is_right, expected)
}

fn delimiter<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<char>, D::Error> {
    let is_one = |text: &str| text.parse().is_ok_and(may_part_cells);
    let expected = "must be one character\nsuch as \",\", \";\", \"|\" or \"\\t\" for a tab";
    let text = checked(deserializer, is_one, expected)?;
    Ok(text.and_then(|text| text.chars().next()))
}

impl Config {
    /// Reads the TOML's text; what it leaves open is taken from the user's own config. `file_name` is for error messages.
    pub fn parse(text: &str, file_name: &str, own: Option<&Config>) -> Result<Config, Error> {
        let origin = Origin {
            file_name: Arc::from(file_name),
            text: Arc::from(text),
            own: own.map(|own| Arc::new(own.origin.clone())),
        };
        // With its places as they are told.
        let own = own.map(|own| " ".repeat(text.len() + 1) + &own.origin.text);
        let mut reading = ConfigReader::of(text, own.as_deref());
        let mut config: Config = reading.read();
        config.origin = origin;
        config.check_contract(&mut reading);
        for (TypeKey(id), group) in config.fields.iter().flatten() {
            let id = id.to_string();
            for (key, field) in group {
                let (key, place) = (key.get_ref(), field.span());
                if reading.is_whole(&["fields", &id, key]) {
                    field.get_ref().check(key, &place, &mut reading);
                }
            }
        }
        let refusal = reading.refusal(&config.origin);
        refusal.map_or(Ok(config), Err)
    }

    /// Whether this was taken from the user's own config.
    pub fn is_own<T>(&self, found: &Spanned<T>) -> bool {
        self.origin.is_own(found.span().start)
    }

    pub fn contract_types(&self) -> Vec<ContractTypeId> {
        let types = self.contract.all_types();
        let ids = types.flat_map(|types| &types.get_ref().0);
        ids.copied().collect()
    }

    fn check_contract(&self, reading: &mut ConfigReader<'_>) {
        let contract = &self.contract;
        for types in contract.all_types() {
            if types.get_ref().0.iter().any(|id| id.0 < 1) {
                reading.refuse(types.span(), Error::of("config_invalid.type_number", &[]));
            }
        }
        let (span, name) = match (&contract.types, &contract.column, &contract.values) {
            (Some(types), column, values) if column.is_some() || values.is_some() => {
                (types.span(), "config_invalid.types_twice")
            }
            (None, None, Some(values)) if reading.is_whole(&["contract"]) => {
                (values.span(), "config_invalid.values_alone")
            }
            (None, Some(_), Some(values)) if values.get_ref().is_empty() => {
                (values.span(), "config_invalid.values_empty")
            }
            _ => return,
        };
        reading.refuse(span, Error::of(name, &[]));
    }
}

impl ContractConfig {
    fn all_types(&self) -> impl Iterator<Item = &Spanned<OneOrMany<ContractTypeId>>> {
        let values = self.values.iter().map(Spanned::get_ref);
        self.types.iter().chain(values.flat_map(IndexMap::values))
    }
}

impl FieldConfig {
    pub(crate) fn field_type(&self) -> FieldType {
        let field_type = self.field_type.as_ref();
        field_type.map_or(FieldType::Text, |name| *name.get_ref())
    }

    fn check(&self, key: &str, span: &Range<usize>, reading: &mut ConfigReader<'_>) {
        let sources = [
            self.column.as_ref().map(|_| "\"column\""),
            self.template.as_ref().map(|_| "\"template\""),
            self.value.as_ref().map(|_| "\"value\""),
        ];
        if visible(key).is_empty() {
            reading.refuse(span.clone(), Error::of("config_invalid.no_key", &[]));
        }
        let told = match sources.into_iter().flatten().collect::<Vec<_>>()[..] {
            [_] => None,
            [] => Some(Error::of("config_invalid.no_value", &[&key])),
            ref all => Some(Error::of(
                "config_invalid.values",
                &[&key, &all.join(" and ")],
            )),
        };
        if let Some(told) = told {
            reading.refuse(span.clone(), told);
        }
        if let Some(text) = &self.template
            && let Err(reason) = Template::new(text.get_ref(), None)
        {
            let told = Error::of("config_invalid.template", &[&reason]);
            reading.refuse(text.span(), told);
        }
        let columns = self.column.iter().map(Spanned::get_ref);
        let mut names = columns.flat_map(Columns::names).chain([key]);
        let is_birth = names.any(names_a_birth_date);
        let input = self.input.as_ref();
        let input = input.map(|form| (form, check_date_input(form.get_ref(), is_birth)));
        let output = self.output.as_ref();
        let output = output.map(|form| (form, check_date_format(form.get_ref())));
        for (name, checked) in [("input", input), ("output", output)] {
            if let Some((form, Err(reason))) = checked {
                let told = Error::of("config_invalid.date_form", &[&name, &reason]);
                reading.refuse(form.span(), told);
            }
        }
        self.check_options(reading);
    }

    /// Refuses options of other types, and all of them beside a constant.
    fn check_options(&self, reading: &mut ConfigReader<'_>) {
        let (number, date) = (Some(FieldType::Number), Some(FieldType::Date));
        let choice = Some(FieldType::Choice);
        for (option, span, owner) in [
            ("type", self.field_type.as_ref().map(Spanned::span), None),
            ("decimal", self.decimal.as_ref().map(Spanned::span), number),
            ("input", self.input.as_ref().map(Spanned::span), date),
            ("output", self.output.as_ref().map(Spanned::span), date),
            ("choices", self.choices.as_ref().map(Spanned::span), choice),
            ("required", self.required.as_ref().map(Spanned::span), None),
            ("default", self.default.as_ref().map(Spanned::span), None),
        ] {
            let Some(span) = span else { continue };
            if self.value.is_some() {
                reading.refuse(span, Error::of("config_invalid.beside_value", &[&option]));
            } else if let Some(owner) = owner.filter(|owner| *owner != self.field_type()) {
                reading.refuse(span, Error::of("config_invalid.option", &[&option, &owner]));
            }
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::tables::rows;

    /// The sample of the reference, whole.
    fn sample() -> &'static str {
        let (_, sample) = include_str!("../../docs/reference.md")
            .split_once("```toml\n")
            .expect("a sample");
        sample.split_once("```").expect("its end").0
    }

    pub(crate) fn told(error: &Error) -> String {
        let all = [error].into_iter().chain(&error.others);
        let drawn = all.map(|error| error.excerpt.as_deref().expect("a drawn line"));
        let drawn: Vec<_> = drawn.map(console::strip_ansi_codes).collect();
        drawn.join("\n\n")
    }

    fn errors_of(text: &str) -> String {
        told(&Config::parse(text, "vlens-batch.toml", None).expect_err("a refusal"))
    }

    #[test]
    fn the_references_sample_is_understood_whole() {
        let config = Config::parse(sample(), "vlens-batch.toml", None).expect("no refusal");
        let fields = config.fields.as_ref().expect("fields");
        let (id, fields) = fields.first().expect("a type");
        let keys: Vec<&str> = fields.keys().map(|key| key.get_ref().as_str()).collect();
        assert_eq!(id.0, ContractTypeId(414));
        assert_eq!(
            keys.join(" "),
            "fullName monthlyIncome birthDate nationalId employer address currency maritalStatus"
        );
        assert_eq!(
            config.known_names().join("|"),
            "Mobile|E-mail|Application no|Customer name|Income|DOB|ID|Employer|Street|City|Status"
        );
    }

    #[test]
    fn an_error_shows_its_line_and_points_at_the_place() {
        for (text, drawn) in rows::<(&str, &str)>("config.drawn") {
            assert_eq!(errors_of(text), drawn);
        }
    }

    #[test]
    fn every_mistake_is_named() {
        for (text, message) in rows::<(&str, &str)>("config.mistakes") {
            let errors = errors_of(&text.replace("; fields", "\nfields"));
            assert!(
                errors.contains(message),
                "{text}\n{errors}\nlacks: {message}"
            );
        }
    }
}
