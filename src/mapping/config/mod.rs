//! `vlens-batch.toml`, from its text to what it means: every section, every problem, with the places of names kept so that
//! binding to a sheet can point at them. Reads no file; knows no sheet.

mod error;
mod field_type;
mod fields;
mod reader;
mod rules;
mod secrets;
mod settings;
mod spanned;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use toml::de::DeTable;

pub use error::{ConfigErrors, ConfigProblem};
pub use field_type::{Choice, FieldType};
pub use fields::{FieldConfig, FieldSource, FieldsConfig};
pub use rules::{
    ContractConfig, ContractValue, DEFAULT_COUNTRY, IdentityConfig, RecipientConfig, SessionConfig,
    SessionKind,
};
pub use settings::{
    ApiConfig, Hidden, LimitsConfig, OnUncertain, RequestFields, ResultConfig, RetryConfig,
    SourceConfig,
};
pub use spanned::Spanned;

pub(crate) use error::Origin;
use reader::Reader;

use super::conventions;

/// The sections of the file, in the order of the interface.
const SECTIONS: &[&str] = &[
    "api",
    "limits",
    "source",
    "recipient",
    "contract",
    "session",
    "identity",
    "result",
    "retry",
    "fields",
];

/// The whole of `vlens-batch.toml`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// Where the API is.
    pub api: ApiConfig,
    /// How fast, and how often again.
    pub limits: LimitsConfig,
    /// How to read the sheet.
    pub source: SourceConfig,
    /// Who is invited; none: the headers tell.
    pub recipient: Option<RecipientConfig>,
    /// To which contract types; none: the headers tell.
    pub contract: Option<ContractConfig>,
    /// What kind of session.
    pub session: SessionConfig,
    /// What makes two rows the same invitation; none: recipient and contract types.
    pub identity: Option<IdentityConfig>,
    /// What exports add.
    pub result: ResultConfig,
    /// What becomes of uncertain rows.
    pub retry: RetryConfig,
    /// The form fields; none: the headers are the keys.
    pub fields: Option<Vec<FieldsConfig>>,
    pub(crate) origin: Origin,
}

impl Config {
    /// Reads the TOML's text. `file_name` is for error messages.
    pub fn parse(text: &str, file_name: &str) -> Result<Config, ConfigErrors> {
        let origin = Origin {
            file_name: Arc::from(file_name),
            text: Arc::from(text),
        };
        let (root, syntax_errors) = DeTable::parse_recoverable(text);
        let mut reader = Reader {
            problems: secrets::find(root.get_ref()),
        };
        if !syntax_errors.is_empty() {
            // What the parser recovered has holes; judging them as well would only add noise.
            reader
                .problems
                .extend(syntax_errors.iter().map(syntax_problem));
            return Err(ConfigErrors::new(reader.problems, origin));
        }
        let config = Config::read(root.get_ref(), &mut reader, origin.clone());
        if reader.problems.is_empty() {
            Ok(config)
        } else {
            Err(ConfigErrors::new(reader.problems, origin))
        }
    }

    /// What holds without any file: defaults, and the headers are the mapping.
    pub fn none() -> Config {
        Config::default()
    }

    /// Every column name that the mapping refers to, and the names by which the headers would be recognised where the
    /// config is silent: by them a header row below title lines is found.
    pub fn known_names(&self) -> Vec<String> {
        let mut names = Vec::new();
        match &self.recipient {
            Some(RecipientConfig { phone, email, .. }) if phone.is_some() || email.is_some() => {
                names.extend(
                    [phone, email]
                        .into_iter()
                        .flatten()
                        .map(|name| name.value.clone()),
                );
            }
            _ => names.extend(conventions::recipient_names().map(str::to_owned)),
        }
        match &self.contract {
            Some(ContractConfig::ByColumn { column, .. }) => names.push(column.value.clone()),
            Some(ContractConfig::Same(_)) => {}
            None => names.extend(
                conventions::CONTRACT_TYPE_NAMES
                    .iter()
                    .map(|&name| name.to_owned()),
            ),
        }
        if let Some(identity) = &self.identity {
            names.extend(identity.columns.iter().map(|column| column.value.clone()));
        }
        for field in self.fields.iter().flatten().flat_map(|group| &group.fields) {
            match &field.source {
                FieldSource::Column(column) => names.push(column.value.clone()),
                FieldSource::Template { columns, .. } => names.extend(columns.iter().cloned()),
                FieldSource::Constant(_) => {}
            }
        }
        names
    }

    fn read(root: &DeTable<'_>, reader: &mut Reader, origin: Origin) -> Config {
        reader.refuse_unknown_keys(root, "the file", SECTIONS);
        Config {
            api: ApiConfig::read(root, reader),
            limits: LimitsConfig::read(root, reader),
            source: SourceConfig::read(root, reader),
            recipient: RecipientConfig::read(root, reader),
            contract: ContractConfig::read(root, reader),
            session: SessionConfig::read(root, reader),
            identity: IdentityConfig::read(root, reader),
            result: ResultConfig::read(root, reader),
            retry: RetryConfig::read(root, reader),
            fields: fields::read(root, reader),
            origin,
        }
    }
}

fn syntax_problem(error: &toml::de::Error) -> ConfigProblem {
    let span = error.span().unwrap_or(0..0);
    if error.message().starts_with("duplicate key") {
        let hint = "keep one of the two lines".to_owned();
        return ConfigProblem::at(&span, "this key stands here twice").hint(hint);
    }
    ConfigProblem::at(&span, format!("this is no valid TOML: {}", error.message()))
}
