//! Binds a config to a sheet's columns: names become positions, templates are compiled, forms are checked. Whatever does
//! not fit is an error at its line, before the first row is read.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};
use toml::Spanned;

use super::config::{Config, ContractConfig, SessionKind};
use super::diagnostics::{ConfigProblem, refusal};
use super::field_config::{Columns, Entries, OneOrMany, Text};
use super::fields::{Binder, Field, Groups, Source};
use super::form::TypeForm;
use super::header::{COLUMNS_SHOWN, Header, HeaderTypes, Role, is_left_out, listed};
use super::invitation::BodyFrame;
use super::names::{fold, visible};
use super::value::Kind;
use crate::error::Error;
use crate::model::{Cell, Column, ContractTypeId, Form, Row};

/// A config bound to a sheet's columns: what a row becomes, with everything compiled.
#[derive(Debug)]
pub struct Mapping {
    /// The headers by position, as many as a row may have cells.
    pub(crate) names: Vec<String>,
    /// Positions of the columns that people keep for themselves (`#`, `_…`).
    pub(crate) set_aside: Vec<usize>,
    pub(crate) phone: Option<Field>,
    pub(crate) email: Option<Field>,
    pub(crate) contract: ContractRule,
    /// What makes two rows the same invitation; none: recipient and contract types.
    pub(crate) identity: Option<Vec<Field>>,
    told_by: String,
    pub(crate) groups: Groups,
    pub(crate) frame: BodyFrame,
    sends_undeclared_keys: bool,
    fingerprint: [u8; 32],
    notes: Vec<String>,
}

/// Which contract types a row is for.
#[derive(Debug)]
pub(crate) enum ContractRule {
    /// The same for every row; sorted.
    Same(Vec<ContractTypeId>),
    /// The same, as a person says, for a sheet with a column of ids that must not say otherwise.
    Chosen(Vec<ContractTypeId>, Box<Field>),
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
            told_by: told_by(&binder.header.names_by_position(), identity.as_deref()),
            identity,
            sends_undeclared_keys: config.fields.is_none() && groups.lack_a_form(&options.forms),
            groups,
            frame: BodyFrame {
                session: config.session.clone(),
                request_fields: config.api.request_fields,
                user_public_key: options.user_public_key.clone(),
            },
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

    /// The columns by which customers are told apart; empty where the recipient tells.
    pub fn told_by(&self) -> &str {
        &self.told_by
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
}

fn binder<'a>(config: &Config, columns: &'a [Column], options: &'a BindOptions) -> Binder<'a> {
    let named = options.contract_types.iter().chain(options.forms.keys());
    Binder {
        header: Header::new(columns, &options.file),
        types: HeaderTypes {
            known: named.copied().chain(config.contract_types()).collect(),
            columns: columns.len(),
        },
        forms: &options.forms,
        phone: Kind::Phone {
            country: config.recipient.country,
            landlines: config.recipient.landlines,
        },
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

fn told_by(names: &[String], identity: Option<&[Field]>) -> String {
    let columns = identity.into_iter().flatten().flat_map(Field::columns);
    let names = columns.filter_map(|&column| Some(fold(names.get(column)?)));
    names.collect::<Vec<_>>().join("\n")
}

/// The contract types that rows can have; none when only the rows know.
fn possible_types(contract: &ContractRule) -> Option<BTreeSet<ContractTypeId>> {
    match contract {
        ContractRule::Same(types) | ContractRule::Chosen(types, _) => {
            Some(types.iter().copied().collect())
        }
        ContractRule::Told(_, words) => {
            let types = words.as_ref()?.values().flatten();
            Some(types.copied().collect())
        }
    }
}

impl Binder<'_> {
    /// What phone and e-mail are read from.
    fn recipient(&mut self, config: &Config) -> (Option<Field>, Option<Field>) {
        let problems_before = self.problems.len();
        let recipient = &config.recipient;
        let (phone, email) = if recipient.phone.is_some() || recipient.email.is_some() {
            let mut named = |columns: &Option<Spanned<Columns>>| self.positions(columns.as_ref()?);
            (named(&recipient.phone), named(&recipient.email))
        } else {
            let roles = [Role::Phone, Role::Email];
            let [phone, email] = roles.map(|role| self.column_of_role(role));
            if phone.is_none() && email.is_none() && self.problems.len() == problems_before {
                let hint = "name a column `phoneNumber` or `email`, or write [recipient] phone = \"…\" into vlens-batch.toml; \
                            a header that is not in the first row is found by --header-row";
                self.refuse("no column says whom to invite", hint);
            }
            (phone, email)
        };
        let field = |key, columns: Option<Vec<usize>>, kind| {
            Some(Field::new(key, Source::Columns(columns?), kind))
        };
        (
            field("phone", phone, self.phone.clone()),
            field("email", email, Kind::Email),
        )
    }

    /// Notes a problem that only the headers are to blame for.
    fn refuse(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.header.problem(message.into(), hint);
        self.problems.push(problem);
    }

    /// The column whose header names a role; the API's own word wins over others.
    fn column_of_role(&mut self, role: Role) -> Option<Vec<usize>> {
        let columns = self.header.columns.iter();
        let fitting = columns
            .filter(|column| !is_left_out(&column.name) && Role::of(&column.name) == Some(role));
        let nearness = |column: &&Column| role.nearness(&column.name);
        let nearest = fitting.clone().map(|column| nearness(&column)).max()?;
        let candidates: Vec<&Column> = fitting
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
            let (what, setting) = match role {
                Role::Phone => ("the phone", "[recipient] phone"),
                Role::Email => ("the e-mail", "[recipient] email"),
                Role::ContractType => ("the contract type", "[contract] column"),
            };
            let placed = self.header.placed(&candidates);
            let message = format!("several columns could be {what}: {placed}");
            let hint = format!("say which in vlens-batch.toml: {setting} = \"…\"");
            self.refuse(message, hint);
        }
        None
    }

    fn contract(&mut self, config: &Config, types: &[ContractTypeId]) -> Option<ContractRule> {
        let contract = &config.contract;
        let own = contract.types.as_ref();
        let own = own.map(|types| sorted(&types.get_ref().0));
        if !types.is_empty() {
            let types = sorted(types);
            if *contract != ContractConfig::default() && own.as_ref() != Some(&types) {
                let unused = "[contract] is not used: --contract-type goes before it";
                self.notes.push(unused.to_owned());
            }
            return Some(self.chosen(types));
        }
        if let Some(types) = own {
            return Some(self.chosen(types));
        }
        let problems_before = self.problems.len();
        let columns = match &contract.column {
            Some(columns) => self.positions(columns),
            None => self.column_of_role(Role::ContractType),
        };
        let Some(columns) = columns else {
            let may_be_headers = self.problems.len() == problems_before;
            let types = may_be_headers.then(|| self.types_of_headers(config));
            return types.flatten().map(ContractRule::Same);
        };
        let field = Field::new("contract_type", Source::Columns(columns), Kind::Text);
        let words = contract.values.as_ref();
        let words = words.map(|values| self.words(values.get_ref()));
        Some(ContractRule::Told(Box::new(field), words))
    }

    /// Types that a person chose. A column for them that is called so by the API's own name is held against them.
    fn chosen(&mut self, types: Vec<ContractTypeId>) -> ContractRule {
        let mut columns = self.header.columns.iter().filter(|column| {
            let is_own = Role::of(&column.name) == Some(Role::ContractType);
            is_own && !is_left_out(&column.name)
        });
        let Some(column) = columns.next() else {
            return ContractRule::Same(types);
        };
        let source = Source::Columns(vec![column.index]);
        let field = Field::new("contract_type", source, Kind::Text);
        ContractRule::Chosen(types, Box::new(field))
    }

    fn words(&mut self, values: &Entries<Spanned<OneOrMany<ContractTypeId>>>) -> ContractWords {
        let words = values.iter();
        let words = words.map(|(value, types)| (value, sorted(&types.get_ref().0)));
        self.told_apart(words, fold)
    }

    /// What an empty cell becomes, read as a cell would be.
    pub(super) fn default(
        &mut self,
        written: &Spanned<Text>,
        key: &str,
        kind: &Kind,
        form: &TypeForm<'_>,
    ) -> String {
        let text = self.own_text(written, key, form);
        if form.choices(key).is_some() {
            return text;
        }
        let cell = Cell::Text(text.clone());
        let read = kind.read(&cell);
        if let (Err(_), Kind::Date { output, .. }) = (&read, kind) {
            // It may be written as it goes out.
            let kind = Kind::Date {
                input: Some(output.clone()),
                output: output.clone(),
                order: None,
            };
            if kind.read(&cell).is_ok() {
                return text;
            }
        }
        match read {
            Ok(Some(reading)) => reading.text.into_owned(),
            // A word for nothing, such as `-`, is meant here.
            Ok(None) => text,
            Err(fault) => {
                let message = format!("the default of `{key}` does not fit: {}", fault.told().1);
                self.problems
                    .push(ConfigProblem::at(&written.span(), message));
                text
            }
        }
    }

    /// What each of these values means, by its folded spelling; two that are alike and mean different things are noted.
    pub(super) fn told_apart<'e, T: PartialEq>(
        &mut self,
        values: impl Iterator<Item = (&'e Spanned<String>, T)>,
        fold: impl Fn(&str) -> String,
    ) -> HashMap<String, T> {
        let mut meanings = HashMap::new();
        for (value, meaning) in values {
            let earlier = meanings.entry(fold(value.get_ref()));
            if let Entry::Occupied(earlier) = &earlier
                && *earlier.get() != meaning
            {
                let message =
                    format!("`{value}` is written like another value that means something else");
                let hint = "case, spaces, digits and letter variants make no difference";
                let problem = ConfigProblem::at(&value.span(), message).hint(hint);
                self.problems.push(problem);
            }
            earlier.or_insert(meaning);
        }
        meanings
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
        let columns = config.identity.columns.as_ref()?;
        let positions = self.positions(columns)?.into_iter();
        let field = |index| Field::new("identity", Source::Columns(vec![index]), Kind::Text);
        Some(positions.map(field).collect())
    }

    fn note_unused_columns(&mut self) {
        let columns = self.header.columns.iter();
        let unused = columns.filter(|column| !self.used.contains(&column.index));
        let (unnamed, named): (Vec<&Column>, Vec<&Column>) =
            unused.partition(|column| column.name.is_empty());
        let named = named.iter().map(|column| self.header.shown(&column.name));
        let named = listed(&named.collect::<Vec<_>>(), COLUMNS_SHOWN);
        let unnamed = unnamed.iter().map(|column| column.letters());
        let unnamed = listed(&unnamed.collect::<Vec<_>>(), COLUMNS_SHOWN);
        for (what, names) in [
            ("Columns not used", named),
            ("Columns without a header, not used", unnamed),
        ] {
            if !names.is_empty() {
                self.notes.push(format!("{what}: {names}"));
            }
        }
    }
}

fn sorted(types: &[ContractTypeId]) -> Vec<ContractTypeId> {
    let types: BTreeSet<ContractTypeId> = types.iter().copied().collect();
    types.into_iter().collect()
}
