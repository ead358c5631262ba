//! Binds a config to a sheet's columns: names become positions, templates are compiled, forms are checked. Whatever does
//! not fit is an error at its line, before the first row is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};
use toml::Spanned;

use super::config::{Config, DEFAULT_COUNTRY, SessionKind};
use super::diagnostics::{ConfigProblem, refusal};
use super::field_config::{Columns, Entries, OneOrMany};
use super::fields::{Binder, Field, Groups, Source};
use super::header::{
    COLUMNS_SHOWN, Header, HeaderTypes, Role, is_example_marker, is_left_out, listed,
};
use super::invitation::BodyFrame;
use super::names::{fold, visible};
use super::template::Templates;
use super::value::Kind;
use crate::error::Error;
use crate::model::{Cell, Column, ContractTypeId, Form, Row};

/// A config bound to a sheet's columns: what a row becomes, with everything compiled.
pub struct Mapping {
    /// The headers by position, as many as a row may have cells.
    pub(crate) names: Vec<String>,
    /// Positions of the columns that people keep for themselves (`#`, `_…`).
    set_aside: Vec<usize>,
    pub(crate) phone: Option<Field>,
    pub(crate) email: Option<Field>,
    pub(crate) contract: ContractRule,
    /// What makes two rows the same invitation; none: recipient and contract types.
    pub(crate) identity: Option<Vec<Field>>,
    pub(crate) groups: Groups,
    pub(crate) templates: Templates,
    pub(crate) frame: BodyFrame,
    sends_undeclared_keys: bool,
    fingerprint: [u8; 32],
    notes: Vec<String>,
}

/// Which contract types a row is for.
pub(crate) enum ContractRule {
    /// The same for every row; sorted.
    Same(Vec<ContractTypeId>),
    /// A field tells them, by words or by the ids themselves.
    Told(Box<Field>, Option<ContractWords>),
}

/// What folded words mean which contract types; these are sorted.
pub(crate) type ContractWords = HashMap<String, Vec<ContractTypeId>>;

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
    ) -> Result<Mapping, Error> {
        let mut binder = binder(config, columns, options);
        let (phone, email) = binder.recipient(config);
        let contract = binder.contract(config, &options.contract_types);
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
        let identity = binder.identity(config);
        let (Some(contract), true) = (contract, binder.problems.is_empty()) else {
            return Err(refusal(binder.problems, &config.origin));
        };
        binder.note_unused_columns();
        let left_out = columns.iter().filter(|column| is_left_out(&column.name));
        Ok(Mapping {
            names: binder.header.names_by_position(),
            set_aside: left_out.map(|column| column.index).collect(),
            phone,
            email,
            contract,
            identity,
            sends_undeclared_keys: config.fields.is_none() && groups.lack_a_form(&options.forms),
            groups,
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

    /// Whether columns leave open how their values are meant (dates, numbers): then every row must be [seen](Self::see), and what
    /// that came to [settled](Self::settle), before the first is mapped.
    pub fn is_open(&mut self) -> bool {
        self.groups.open_fields().next().is_some()
    }

    pub fn see(&mut self, row: &Row) {
        for field in self.groups.open_fields() {
            field.see(row);
        }
    }

    pub fn settle(&mut self) {
        self.groups.open_fields().for_each(Field::settle);
    }

    /// Whether headers go out as the keys of fields that neither the config nor a form declares.
    pub fn sends_undeclared_keys(&self) -> bool {
        self.sends_undeclared_keys
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
        let mut fields: Vec<(String, Vec<usize>)> = Vec::new();
        for field in self.groups.fields() {
            let named = (field.key.clone(), field.columns().to_vec());
            if !named.1.is_empty() && !fields.contains(&named) {
                fields.push(named);
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
    let country = recipient.map_or(DEFAULT_COUNTRY, |recipient| &recipient.country);
    let named = options.contract_types.iter().chain(options.forms.keys());
    Binder {
        header: Header::new(columns, &options.file),
        types: HeaderTypes {
            known: named.copied().chain(config.contract_types()).collect(),
            columns: columns.len(),
        },
        forms: &options.forms,
        phone: Kind::Phone {
            country: country.to_owned(),
            landlines: recipient.is_some_and(|recipient| recipient.landlines),
        },
        templates: Templates::new(),
        problems: Vec::new(),
        notes: Vec::new(),
        used: BTreeSet::new(),
    }
}

/// SHA-256 over everything that decides bodies and keys, in texts that are canonical enough: should a new version write them
/// otherwise, an unchanged file is merely looked at afresh.
fn fingerprint(config: &Config, columns: &[Column], options: &BindOptions) -> [u8; 32] {
    let (recipient, contract) = (&config.recipient, &config.contract);
    let rules = (recipient, contract, &config.identity, &config.fields);
    let session = (&config.session, config.api.request_fields);
    let (types, key) = (&options.contract_types, &options.user_public_key);
    let given = (columns, types, &options.forms, key);
    // Places in the TOML are left out by their own `Serialize`; lists, texts and numbers are always JSON.
    let rules = serde_json::to_string(&(rules, session)).unwrap_or_default();
    let hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION"));
    let hash = hash.chain_update(rules);
    hash.chain_update(format!("{given:?}")).finalize().into()
}

/// The contract types that rows can have; none when only the rows know.
fn possible_types(contract: &ContractRule) -> Option<BTreeSet<ContractTypeId>> {
    match contract {
        ContractRule::Same(types) => Some(types.iter().copied().collect()),
        ContractRule::Told(_, words) => {
            let types = words.as_ref()?.values().flatten();
            Some(types.copied().collect())
        }
    }
}

impl Binder<'_> {
    /// What phone and e-mail are read from.
    fn recipient(&mut self, config: &Config) -> (Option<Field>, Option<Field>) {
        let (phone, email) = self.recipient_columns(config);
        let field = |key, columns: Option<Vec<usize>>, kind| {
            Some(Field::new(key, Source::Columns(columns?), kind))
        };
        (
            field("phone", phone, self.phone.clone()),
            field("email", email, Kind::Email),
        )
    }

    fn recipient_columns(&mut self, config: &Config) -> (Option<Vec<usize>>, Option<Vec<usize>>) {
        if let Some(recipient) = &config.recipient
            && (recipient.phone.is_some() || recipient.email.is_some())
        {
            let mut positions =
                |columns: &Option<Spanned<Columns>>| self.positions(columns.as_ref()?);
            return (positions(&recipient.phone), positions(&recipient.email));
        }
        let problems_before = self.problems.len();
        let phone = self.column_of_role(Role::Phone, "the phone", "[recipient] phone = \"…\"");
        let email = self.column_of_role(Role::Email, "the e-mail", "[recipient] email = \"…\"");
        if phone.is_none() && email.is_none() && self.problems.len() == problems_before {
            let hint = "name a column `phoneNumber` or `email`, or write [recipient] phone = \"…\" into vlens-batch.toml; \
                        a header that is not in the first row is found by --header-row";
            self.refuse("no column says whom to invite", hint);
        }
        (phone, email)
    }

    /// Notes a problem that only the headers are to blame for.
    fn refuse(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.header.problem(message.into(), hint);
        self.problems.push(problem);
    }

    /// The column whose header names a role; the API's own word wins over others.
    fn column_of_role(&mut self, role: Role, what: &str, way_out: &str) -> Option<Vec<usize>> {
        let columns = self.header.columns.iter();
        let fitting: Vec<&Column> = columns
            .filter(|column| !is_left_out(&column.name) && Role::of(&column.name) == Some(role))
            .collect();
        let nearness = |column: &&Column| role.nearness(&column.name);
        let nearest = fitting.iter().map(nearness).max()?;
        let candidates = fitting.into_iter();
        let candidates: Vec<&Column> = candidates
            .filter(|column| nearness(column) == nearest)
            .collect();
        if let [only] = candidates[..] {
            self.used.insert(only.index);
            return Some(vec![only.index]);
        }
        let mut others = candidates.iter();
        if others.all(|column| column.name == candidates[0].name) {
            let problem = self.header.standing_twice(&candidates);
            self.problems.push(problem);
        } else {
            let placed = self.header.placed(&candidates);
            let message = format!("several columns could be {what}: {placed}");
            self.refuse(message, format!("say which in vlens-batch.toml: {way_out}"));
        }
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
        let contract = config.contract.as_ref();
        if let Some(types) = contract.and_then(|contract| contract.types.as_ref()) {
            return Some(ContractRule::Same(sorted(&types.get_ref().0)));
        }
        let told = |columns| {
            let field = Field::new("contract_type", Source::Columns(columns), Kind::Text);
            Box::new(field)
        };
        let Some((contract, columns)) = contract.and_then(|it| Some((it, it.column.as_ref()?)))
        else {
            let way_out = "[contract] column = \"…\"";
            let problems_before = self.problems.len();
            let columns = self.column_of_role(Role::ContractType, "the contract type", way_out);
            return match columns {
                Some(columns) => Some(ContractRule::Told(told(columns), None)),
                None if self.problems.len() > problems_before => None,
                None => self.types_of_headers(config).map(ContractRule::Same),
            };
        };
        let columns = self.positions(columns)?;
        let words = contract.values.as_ref();
        let words = words.map(|values| self.words(values.get_ref()));
        Some(ContractRule::Told(told(columns), words))
    }

    fn words(&mut self, values: &Entries<Spanned<OneOrMany<ContractTypeId>>>) -> ContractWords {
        let mut words = ContractWords::default();
        for (value, types) in values {
            let types = sorted(&types.get_ref().0);
            let earlier = words.insert(fold(value.get_ref()), types.clone());
            if earlier.is_some_and(|earlier| earlier != types) {
                let message =
                    format!("`{value}` is written like another value, with other contract types");
                let hint = "case, spaces, `_`, `-` and Arabic letter variants make no difference";
                let problem = ConfigProblem::at(&value.span(), message).hint(hint);
                self.problems.push(problem);
            }
        }
        words
    }

    /// The contract types that headers such as `414.fullName` name.
    fn types_of_headers(&mut self, config: &Config) -> Option<Vec<ContractTypeId>> {
        let columns = self.header.columns.iter();
        let named = columns
            .filter_map(|column| Some(self.types.explicit_key(&visible(&column.name))?.0))
            .collect::<Vec<_>>();
        if config.fields.is_none() && !named.is_empty() {
            return Some(sorted(&named));
        }
        let hint = "give --contract-type ID, add a column `contractTypeId`, or write [contract] types = [ID] into \
                    vlens-batch.toml";
        let message = "nothing says to which contract type the customers are invited";
        self.refuse(message, hint);
        None
    }

    fn identity(&mut self, config: &Config) -> Option<Vec<Field>> {
        let columns = config.identity.as_ref()?.columns.as_ref()?;
        let positions = self.positions(columns)?.into_iter();
        let field = |index| Field::new("identity", Source::Columns(vec![index]), Kind::Text);
        Some(positions.map(field).collect())
    }

    fn note_unused_columns(&mut self) {
        let columns = self.header.columns.iter();
        let unused = columns.filter(|column| !self.used.contains(&column.index));
        let (unnamed, named): (Vec<&Column>, Vec<&Column>) =
            unused.partition(|column| column.name.is_empty());
        let names: Vec<_> = named
            .iter()
            .map(|column| self.header.shown(&column.name))
            .collect();
        let letters: Vec<String> = unnamed.iter().map(|column| column.letters()).collect();
        let notes = [
            ("Columns not used", listed(&names, COLUMNS_SHOWN)),
            (
                "Columns without a header, not used",
                listed(&letters, COLUMNS_SHOWN),
            ),
        ];
        let notes = notes.into_iter().filter(|(_, names)| !names.is_empty());
        let notes = notes.map(|(what, names)| format!("{what}: {names}"));
        self.notes.extend(notes);
    }
}

fn sorted(types: &[ContractTypeId]) -> Vec<ContractTypeId> {
    let types: BTreeSet<ContractTypeId> = types.iter().copied().collect();
    types.into_iter().collect()
}
