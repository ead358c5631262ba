//! Binds a config to a sheet's columns: names become positions, templates are compiled, forms are checked. Whatever does
//! not fit is an error at its line, before the first row is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};
use toml::Spanned;

use super::config::{Config, DEFAULT_COUNTRY, SessionKind};
use super::diagnostics::{ConfigErrors, ConfigProblem};
use super::field_config::{Entries, OneOrMany, Text};
use super::fields::{FieldGroup, Groups, RuleSource, listed};
use super::header::{Binder, Header, HeaderTypes, Role, is_example_marker, is_left_out};
use super::invitation::BodyFrame;
use super::names::{fold, visible};
use super::template::Templates;
use super::value::Kind;
use crate::model::{Cell, Column, ContractTypeId, Form, Row};

/// How many unused columns a note lists.
const UNUSED_SHOWN: usize = 12;

/// A config bound to a sheet's columns: what a row becomes, with everything compiled.
pub struct Mapping {
    /// The headers by position, as many as a row may have cells.
    pub(crate) names: Vec<String>,
    /// Positions of the columns that people keep for themselves (`#`, `_…`).
    set_aside: Vec<usize>,
    pub(crate) phone: Option<ColumnRule>,
    pub(crate) email: Option<ColumnRule>,
    pub(crate) contract: ContractRule,
    /// Positions of the columns that make two rows the same invitation; none: recipient and contract types.
    pub(crate) identity: Option<Vec<usize>>,
    pub(crate) groups: BTreeMap<ContractTypeId, FieldGroup>,
    /// For contract types without a group of their own.
    pub(crate) other_types: FieldGroup,
    pub(crate) templates: Templates,
    pub(crate) frame: BodyFrame,
    fingerprint: [u8; 32],
    notes: Vec<String>,
}

/// A column that feeds one part of the recipient.
pub(crate) struct ColumnRule {
    pub index: usize,
    pub kind: Kind,
}

/// Which contract types a row is for.
pub(crate) enum ContractRule {
    /// The same for every row; sorted.
    Same(Vec<ContractTypeId>),
    /// The column holds the ids themselves.
    Ids { index: usize },
    /// The column holds words for them.
    Words { index: usize, words: ContractWords },
}

/// Words for contract types: as written, and folded where that stays unambiguous. The types are sorted.
#[derive(Default)]
pub(crate) struct ContractWords {
    pub exact: HashMap<String, Vec<ContractTypeId>>,
    pub folded: HashMap<String, Vec<ContractTypeId>>,
}

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

impl Mapping {
    /// Binds a config to columns, or says everything that does not fit.
    pub fn bind(
        config: &Config,
        columns: &[Column],
        options: &BindOptions,
    ) -> Result<Mapping, ConfigErrors> {
        let mut binder = binder(config, columns, options);
        let (phone, email) = binder.recipient(config);
        let contract = binder.contract(config, &options.contract_types);
        binder.taken = binder.used.clone();
        let identity = binder.identity(config);
        let groups = match (&contract, config.session.kind) {
            (Some(contract), SessionKind::Invitation) => {
                binder.groups(config, possible_types(contract))
            }
            (Some(_), SessionKind::Auth) if config.fields.is_some() => {
                let note = "kind = \"auth\" sends no form fields: [fields] is not used";
                binder.notes.push(note.to_owned());
                Groups::default()
            }
            _ => Groups::default(),
        };
        let (Some(contract), true) = (contract, binder.problems.is_empty()) else {
            return Err(ConfigErrors::new(binder.problems, config.origin.clone()));
        };
        binder.note_unused_columns();
        let left_out = columns.iter().filter(|column| is_left_out(&column.name));
        Ok(Mapping {
            names: binder.header.names_by_position(),
            set_aside: left_out.map(|column| column.index).collect(),
            phone: phone.map(|index| ColumnRule {
                index,
                kind: binder.phone.clone(),
            }),
            email: email.map(|index| ColumnRule {
                index,
                kind: Kind::Email,
            }),
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

    /// A hash of everything that decides bodies and keys, so that an unchanged file under an unchanged mapping is recognised.
    pub fn fingerprint(&self) -> [u8; 32] {
        self.fingerprint
    }

    /// What a person should know before sending, though nothing is wrong: columns not used, form fields without a value,
    /// what goes out by the headers alone.
    pub fn notes(&self) -> Vec<String> {
        self.notes.clone()
    }

    /// Each field that columns feed, with their places: a row in which all of them are empty leaves the field empty.
    pub fn columns_of_fields(&self) -> Vec<(String, Vec<usize>)> {
        let groups = self.groups.values().chain([&self.other_types]);
        let mut fields: Vec<(String, Vec<usize>)> = Vec::new();
        for rule in groups.flat_map(|group| &group.rules) {
            let columns = match &rule.source {
                RuleSource::Column(index) => vec![*index],
                RuleSource::Template { columns, .. } => columns.clone(),
                RuleSource::Constant(_) => continue,
            };
            let field = (rule.key.clone(), columns);
            if !field.1.is_empty() && !fields.contains(&field) {
                fields.push(field);
            }
        }
        fields
    }

    /// Whether the row is a template's example, marked by [`super::EXAMPLE_MARKER`] in a column that is left out. Such a row
    /// is never sent.
    pub(super) fn is_example(&self, row: &Row) -> bool {
        self.set_aside.iter().any(|&index| match row.cell(index) {
            Cell::Text(text) => is_example_marker(text),
            _ => false,
        })
    }
}

impl std::fmt::Debug for Mapping {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mapping").finish_non_exhaustive()
    }
}

fn binder<'a>(config: &Config, columns: &'a [Column], options: &'a BindOptions) -> Binder<'a> {
    let recipient = config.recipient.as_ref();
    let named = options.contract_types.iter().chain(options.forms.keys());
    Binder {
        header: Header::new(columns, &options.file),
        types: HeaderTypes {
            known: named.copied().chain(config.contract_types()).collect(),
            columns: columns.len(),
        },
        forms: &options.forms,
        phone: Kind::Phone {
            country: recipient
                .map_or(DEFAULT_COUNTRY, |recipient| &recipient.country)
                .to_owned(),
            landlines: recipient.is_some_and(|recipient| recipient.landlines),
        },
        templates: Templates::new(),
        problems: Vec::new(),
        notes: Vec::new(),
        used: BTreeSet::new(),
        taken: BTreeSet::new(),
    }
}

/// SHA-256 over everything that decides bodies and keys, in texts that are canonical enough: should a new version write them
/// otherwise, an unchanged file is merely looked at afresh.
fn fingerprint(config: &Config, columns: &[Column], options: &BindOptions) -> [u8; 32] {
    let rules = (
        (
            &config.recipient,
            &config.contract,
            &config.identity,
            &config.fields,
        ),
        (&config.session, config.api.request_fields),
    );
    let given = (
        columns,
        &options.contract_types,
        &options.forms,
        &options.user_public_key,
    );
    // Places in the TOML are left out by their own `Serialize`; lists, texts and numbers are always JSON.
    let rules = serde_json::to_string(&rules).unwrap_or_default();
    let hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    hash.chain_update(rules)
        .chain_update(format!("{given:?}"))
        .finalize()
        .into()
}

/// The contract types that rows can have; none when only the rows know.
fn possible_types(contract: &ContractRule) -> Option<BTreeSet<ContractTypeId>> {
    match contract {
        ContractRule::Same(types) => Some(types.iter().copied().collect()),
        ContractRule::Words { words, .. } => {
            Some(words.exact.values().flatten().copied().collect())
        }
        ContractRule::Ids { .. } => None,
    }
}

impl Binder<'_> {
    /// The columns of phone and e-mail.
    fn recipient(&mut self, config: &Config) -> (Option<usize>, Option<usize>) {
        if let Some(recipient) = &config.recipient
            && (recipient.phone.is_some() || recipient.email.is_some())
        {
            let mut position = |name: &Option<Spanned<Text>>| {
                let name = name.as_ref()?;
                self.position(name.get_ref(), &name.span())
            };
            return (position(&recipient.phone), position(&recipient.email));
        }
        let problems_before = self.problems.len();
        let phone = self.column_of_role(Role::Phone, "the phone", "[recipient] phone = \"…\"");
        let email = self.column_of_role(Role::Email, "the e-mail", "[recipient] email = \"…\"");
        if phone.is_none() && email.is_none() && self.problems.len() == problems_before {
            let hint = "name a column `phoneNumber` or `email`, or write [recipient] phone = \"…\" into vlens-batch.toml; \
                        a header that is not in the first row is found by --header-row";
            let message = "no column says whom to invite".to_owned();
            self.refuse(self.header.reason(message, hint));
        }
        (phone, email)
    }

    /// The column whose header names a role; the API's own word wins over others.
    fn column_of_role(&mut self, role: Role, what: &str, way_out: &str) -> Option<usize> {
        let columns = self.header.columns.iter();
        let fitting: Vec<&Column> = columns
            .filter(|column| !is_left_out(&column.name) && Role::of(&column.name) == Some(role))
            .collect();
        let among = |fits: fn(Role, &str) -> bool| -> Vec<&Column> {
            let fitting = fitting.iter().copied();
            fitting.filter(|column| fits(role, &column.name)).collect()
        };
        let candidates = [
            among(Role::is_own_word),
            among(Role::is_canonical),
            fitting.clone(),
        ]
        .into_iter()
        .find(|columns| !columns.is_empty())?;
        if let [only] = candidates[..] {
            self.used.insert(only.index);
            return Some(only.index);
        }
        let is_same_name = candidates
            .iter()
            .all(|column| column.name == candidates[0].name);
        self.refuse(if is_same_name {
            self.header.standing_twice(&candidates)
        } else {
            let placed = self.header.placed(&candidates);
            let message = format!("several columns could be {what}: {placed}");
            self.header
                .reason(message, format!("say which in vlens-batch.toml: {way_out}"))
        });
        None
    }

    fn contract(&mut self, config: &Config, types: &[ContractTypeId]) -> Option<ContractRule> {
        if !types.is_empty() {
            if config.contract.is_some() {
                let note = "[contract] is not used: --contract-type goes before it";
                self.notes.push(note.to_owned());
            }
            return Some(ContractRule::Same(sorted(types)));
        }
        let Some(contract) = &config.contract else {
            return self.contract_from_headers(config);
        };
        if let Some(types) = &contract.types {
            return Some(ContractRule::Same(sorted(&types.get_ref().0)));
        }
        let Some(column) = &contract.column else {
            return self.contract_from_headers(config);
        };
        let index = self.position(column.get_ref(), &column.span())?;
        Some(match &contract.values {
            Some(values) => ContractRule::Words {
                index,
                words: self.words(values.get_ref()),
            },
            None => ContractRule::Ids { index },
        })
    }

    fn words(&mut self, values: &Entries<Spanned<OneOrMany<ContractTypeId>>>) -> ContractWords {
        let mut words = ContractWords::default();
        for (value, types) in values {
            let types = sorted(&types.get_ref().0);
            let earlier = words.folded.insert(fold(value.get_ref()), types.clone());
            if earlier.is_some_and(|earlier| earlier != types) {
                let message =
                    format!("`{value}` is written like another value, with other contract types");
                let hint = "case, spaces, `_`, `-` and Arabic letter variants make no difference";
                let problem = ConfigProblem::at(&value.span(), message).hint(hint.to_owned());
                self.problems.push(problem);
            }
            words.exact.insert(value.get_ref().trim().to_owned(), types);
        }
        words
    }

    fn contract_from_headers(&mut self, config: &Config) -> Option<ContractRule> {
        let problems_before = self.problems.len();
        let way_out = "[contract] column = \"…\"";
        if let Some(index) = self.column_of_role(Role::ContractType, "the contract type", way_out) {
            return Some(ContractRule::Ids { index });
        }
        if config.fields.is_none() {
            let names = self
                .header
                .columns
                .iter()
                .map(|column| visible(&column.name));
            let ids = names.filter_map(|name| Some(self.types.explicit_key(&name)?.0));
            let named = sorted(&ids.collect::<Vec<_>>());
            if !named.is_empty() {
                return Some(ContractRule::Same(named));
            }
        }
        if self.problems.len() == problems_before {
            let hint = "give --contract-type ID, add a column `contractTypeId`, or write [contract] types = [ID] into \
                        vlens-batch.toml";
            let message =
                "nothing says to which contract type the customers are invited".to_owned();
            self.refuse(self.header.reason(message, hint));
        }
        None
    }

    fn identity(&mut self, config: &Config) -> Option<Vec<usize>> {
        let columns = config.identity.as_ref()?.columns.as_ref()?;
        let names = columns.get_ref().0.iter();
        Some(
            names
                .filter_map(|name| self.position(name, &columns.span()))
                .collect(),
        )
    }

    fn note_unused_columns(&mut self) {
        let unused = self
            .header
            .columns
            .iter()
            .filter(|column| !self.used.contains(&column.index));
        let (without_header, with_header): (Vec<&Column>, Vec<&Column>) =
            unused.partition(|column| column.name.is_empty());
        if !with_header.is_empty() {
            let names = with_header
                .iter()
                .map(|column| self.header.shown.header(&column.name));
            let names = listed(&names.collect::<Vec<_>>(), UNUSED_SHOWN);
            self.notes.push(format!("Columns not used: {names}"));
        }
        if !without_header.is_empty() {
            let letters: Vec<String> = without_header
                .iter()
                .map(|column| column.letters())
                .collect();
            let letters = listed(&letters, UNUSED_SHOWN);
            self.notes
                .push(format!("Columns without a header, not used: {letters}"));
        }
    }
}

fn sorted(types: &[ContractTypeId]) -> Vec<ContractTypeId> {
    let types: BTreeSet<ContractTypeId> = types.iter().copied().collect();
    types.into_iter().collect()
}
