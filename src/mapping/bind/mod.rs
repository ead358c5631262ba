//! Binds a config to a sheet's columns: names become positions, templates are compiled, forms are checked. Whatever does
//! not fit is an error at its line, before the first row is read.

mod fields;
mod form;
mod headers;
mod recipient;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::Mapping;
use super::body::BodyFrame;
use super::config::{Config, ConfigErrors, ConfigProblem, ContractConfig, SessionKind, Spanned};
use super::conventions::{HeaderTypes, is_left_out};
use super::header::Header;
use super::template::Templates;
use crate::model::{Column, ContractTypeId, Form};

/// What binding needs besides config and columns.
#[derive(Debug, Clone, Default)]
pub struct BindOptions {
    /// `--contract-type`: goes before the config and the headers.
    pub contract_types: Vec<ContractTypeId>,
    /// The forms that are known.
    pub forms: BTreeMap<ContractTypeId, Form>,
    /// The sheet's file, as a person named it.
    pub file: String,
    /// The text of the public key's file.
    pub user_public_key: Option<String>,
}

/// The parts of a mapping under construction.
pub(super) struct Binder<'a> {
    config: &'a Config,
    options: &'a BindOptions,
    header: Header<'a>,
    types: HeaderTypes,
    templates: Templates,
    problems: Vec<ConfigProblem>,
    notes: Vec<String>,
    /// Positions of the columns that feed something.
    used: BTreeSet<usize>,
    /// Positions of the columns that feed recipient and contract types, and so are no form fields.
    taken: BTreeSet<usize>,
}

impl Mapping {
    /// Binds a config to columns, or says everything that does not fit.
    pub fn bind(
        config: &Config,
        columns: &[Column],
        options: &BindOptions,
    ) -> Result<Mapping, ConfigErrors> {
        let mut binder = Binder {
            config,
            options,
            header: Header::new(columns, &options.file),
            types: header_types(config, columns, options),
            templates: Templates::new(),
            problems: Vec::new(),
            notes: Vec::new(),
            used: BTreeSet::new(),
            taken: BTreeSet::new(),
        };
        let recipient = binder.bind_recipient();
        let contract = binder.bind_contract();
        binder.taken = binder.used.clone();
        let identity = binder.bind_identity();
        let groups = match (&contract, config.session.kind) {
            (Some(contract), SessionKind::Invitation) => binder.bind_groups(contract),
            (Some(_), SessionKind::Auth) => {
                binder.note_fields_unsent();
                fields::Groups::default()
            }
            (None, _) => fields::Groups::default(),
        };
        let (Some(contract), true) = (contract, binder.problems.is_empty()) else {
            return Err(ConfigErrors::new(binder.problems, config.origin.clone()));
        };
        binder.note_unused_columns();
        Ok(Mapping {
            names: names_by_position(columns),
            width: binder.header.width(),
            set_aside: set_aside(columns),
            phone: recipient.phone,
            email: recipient.email,
            contract,
            identity,
            groups: groups.by_type,
            other_types: groups.other_types,
            templates: binder.templates,
            frame: BodyFrame::new(
                &config.session,
                config.api.request_fields,
                options.user_public_key.as_deref(),
            ),
            fingerprint: fingerprint(config, columns, options),
            notes: binder.notes,
        })
    }
}

impl Binder<'_> {
    /// The position of a column that the config names; its absence is noted at the name's line.
    fn position(&mut self, name: &Spanned<String>) -> Option<usize> {
        self.position_in(&name.value, name)
    }

    /// The same for a name that stands inside another text, such as a template.
    fn position_in(&mut self, name: &str, place: &Spanned<String>) -> Option<usize> {
        match self.header.find(name) {
            Ok(column) => {
                self.used.insert(column.index);
                Some(column.index)
            }
            Err(reason) => {
                self.problems
                    .push(ConfigProblem::at(&place.span, reason.message).hint(reason.hint));
                None
            }
        }
    }

    /// Notes a problem that only the headers are to blame for.
    fn refuse(&mut self, message: String, hint: impl Into<Option<String>>) {
        let message = self.header.of_file(message);
        self.problems
            .push(ConfigProblem::nowhere(message).hint(hint));
    }

    fn note_fields_unsent(&mut self) {
        if self.config.fields.is_some() {
            self.notes
                .push("kind = \"auth\" sends no form fields: [fields] is not used".to_owned());
        }
    }

    fn note_unused_columns(&mut self) {
        let (without_header, with_header): (Vec<&Column>, Vec<&Column>) = self
            .header
            .columns
            .iter()
            .filter(|column| !self.used.contains(&column.index))
            .partition(|column| column.name.is_empty());
        if !with_header.is_empty() {
            let names: Vec<_> = with_header
                .iter()
                .map(|column| self.header.shown.header(&column.name))
                .collect();
            self.notes.push(format!(
                "Columns not used: {}",
                listed(&names, UNUSED_SHOWN)
            ));
        }
        if !without_header.is_empty() {
            let letters: Vec<String> = without_header
                .iter()
                .map(|column| column.letters())
                .collect();
            self.notes.push(format!(
                "Columns without a header, not used: {}",
                listed(&letters, UNUSED_SHOWN)
            ));
        }
    }
}

/// How many unused columns a note lists.
const UNUSED_SHOWN: usize = 12;

/// Names side by side, the first `most` of them: a sheet can have thousands of columns, and a screen cannot.
fn listed<T: AsRef<str>>(names: &[T], most: usize) -> String {
    let shown: Vec<&str> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(most) {
        0 => shown.join(", "),
        more => format!("{}, and {more} more", shown.join(", ")),
    }
}

/// The contract types that options, config or forms name.
fn header_types(config: &Config, columns: &[Column], options: &BindOptions) -> HeaderTypes {
    let in_config: Vec<ContractTypeId> = match &config.contract {
        Some(ContractConfig::Same(types)) => types.iter().map(|id| id.value).collect(),
        Some(ContractConfig::ByColumn { values, .. }) => values
            .iter()
            .flatten()
            .flat_map(|value| value.types.iter().map(|id| id.value))
            .collect(),
        None => Vec::new(),
    };
    let named = options.contract_types.iter().chain(options.forms.keys());
    HeaderTypes {
        known: named.chain(&in_config).copied().collect(),
        columns: columns.len(),
    }
}

fn names_by_position(columns: &[Column]) -> Vec<String> {
    let width = columns
        .iter()
        .map(|column| column.index + 1)
        .max()
        .unwrap_or(0);
    let mut names = vec![String::new(); width];
    for column in columns {
        names[column.index].clone_from(&column.name);
    }
    names
}

fn set_aside(columns: &[Column]) -> Vec<usize> {
    let left_out = columns.iter().filter(|column| is_left_out(&column.name));
    left_out.map(|column| column.index).collect()
}

/// SHA-256 over everything that decides bodies and keys. `Debug` text is canonical enough: should a new version print it
/// otherwise, an unchanged file is merely looked at afresh.
fn fingerprint(config: &Config, columns: &[Column], options: &BindOptions) -> [u8; 32] {
    let mut text = String::new();
    let decisive = (
        env!("CARGO_PKG_VERSION"),
        (
            &config.recipient,
            &config.contract,
            &config.identity,
            &config.fields,
        ),
        (&config.session, config.api.request_fields),
        columns,
        (
            &options.contract_types,
            &options.forms,
            &options.user_public_key,
        ),
    );
    // Writing to a String cannot fail.
    let _ = write!(text, "{decisive:?}");
    Sha256::digest(text).into()
}
