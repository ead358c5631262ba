//! Binds a config to a sheet's columns: names become positions, templates are compiled, forms are checked. Whatever does
//! not fit is an error at its line, before the first row is read.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use indexmap::IndexSet;
use jiff::civil;
use sha2::{Digest, Sha256};

use super::config::{Config, ContractConfig, RecipientConfig, SessionKind};
use super::diagnostics::refusal;
use super::fields::{Binder, Field, Groups};
use super::form::BindOptions;
use super::header::{COLUMNS_SHOWN, Header, HeaderTypes, is_left_out};
use super::invitation::BodyFrame;
use super::names::{Role, WORDS, fold, fold_choice, listed, visible};
use super::value::Kind;
use crate::error::Error;
use crate::model::{Cell, Column, ContractTypeId, Note, Row};

/// A config bound to a sheet's columns: what a row becomes, with everything compiled.
#[derive(Debug)]
pub struct Mapping {
    /// The headers by position, as many as a row may have cells.
    pub(crate) names: Vec<String>,
    /// Positions of the columns that people keep for themselves (`#`, `_…`).
    pub(crate) left_out: Vec<usize>,
    /// Positions of the columns that feed something.
    pub(crate) used: BTreeSet<usize>,
    /// Columns that a template's example has values in of its person, and those values.
    pub(crate) example_values: Vec<(usize, &'static str)>,
    pub(crate) phone: Option<Field>,
    pub(crate) email: Option<Field>,
    pub(crate) contract: ContractRule,
    /// What makes two rows the same invitation; none: recipient and contract types.
    pub(crate) identity: Option<Vec<Field>>,
    pub(crate) groups: Groups,
    pub(crate) frame: BodyFrame,
    /// The columns by which customers are told apart; empty where the recipient tells.
    pub told_by: String,
    /// Whether headers go out as the keys of fields that neither the config nor a form declares.
    pub sends_undeclared_keys: bool,
    /// A hash of everything that decides bodies and keys, so that an unchanged file under an unchanged mapping is recognised.
    pub fingerprint: [u8; 32],
    pub(crate) today: Option<civil::Date>,
    /// Contract types whose customers nothing has to be sent of: their form, as far as it is known, asks for nothing.
    fieldless: BTreeSet<ContractTypeId>,
    /// Whether there is anything to fill forms with: a field, or a column that is not used.
    has_values: bool,
    /// What a person should know before sending, though nothing is wrong: columns not used, form fields without a value,
    /// what goes out by the headers alone.
    pub notes: Vec<Note>,
}

/// Which contract types a row is for: one of `types` and `told` is there.
#[derive(Debug)]
pub(crate) struct ContractRule {
    /// The same for every row; sorted. A column of ids beside them must not say otherwise.
    pub types: Option<Vec<ContractTypeId>>,
    pub told: Option<Box<Field>>,
    /// What words in that column mean, folded as choices are; without them, it holds ids.
    pub words: Option<BTreeMap<String, Vec<ContractTypeId>>>,
}

/// Whether fields go out of a contract type whose form is not known.
fn sends_unknown(groups: &Groups, options: &BindOptions) -> bool {
    let is_known = |id: &Option<_>| id.is_some_and(|id| options.forms.contains_key(&id));
    let mut unknown = groups.iter().filter(|(id, _)| !is_known(id));
    unknown.any(|(_, group)| !group.is_empty())
}

/// Read in another way, a column tells customers apart as another would.
fn told_by(identity: &[Field], names: &[String]) -> String {
    let columns = identity.iter().map(|field| {
        let column = fold(&names[field.columns[0]]);
        match &field.kind {
            Kind::Text => column,
            kind => format!("{column} {kind:?}"),
        }
    });
    columns.collect::<Vec<_>>().join("\n")
}

impl Mapping {
    /// Or says everything that does not fit. `columns`: all of a sheet's.
    pub fn bind(
        config: &Config,
        columns: &[Column],
        options: &BindOptions,
    ) -> Result<Mapping, Error> {
        let named = options.contract_types.iter().chain(options.forms.keys());
        let mut binder = Binder {
            config,
            options,
            header: Header::new(columns),
            types: HeaderTypes {
                known: named.copied().chain(config.contract_types()).collect(),
                columns: columns.len(),
            },
            problems: Vec::new(),
            notes: Vec::new(),
            used: BTreeSet::new(),
        };
        let [phone, email] = binder.recipient();
        let contract = binder.contract();
        let mut groups = Groups::new();
        if let (Some(contract), SessionKind::Invitation) = (&contract, config.session.kind) {
            groups = binder.groups(contract.possible_types());
        } else if contract.is_some() && config.fields.is_some() {
            binder.notes.push(Note::of("fields_of_sessions", &[]));
        }
        let identity = binder.identity([&phone, &email], &groups);
        let (Some(contract), true) = (contract, binder.problems.is_empty()) else {
            let file = Some(&*options.file);
            return Err(refusal(binder.problems, &config.origin, file));
        };
        let leaves_out = binder.note_columns();
        let forms = options.forms.iter();
        let fieldless = forms.filter(|(_, form)| form.fields.is_empty());
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let left_out = columns.iter().filter(|column| is_left_out(&column.name));
        Ok(Mapping {
            example_values: values_of_example(&names, [&phone, &email], &groups),
            told_by: told_by(identity.as_deref().unwrap_or_default(), &names),
            names,
            left_out: left_out.map(|column| column.index).collect(),
            used: binder.used,
            phone,
            email,
            contract,
            identity,
            frame: BodyFrame {
                session: config.session.clone(),
                request_fields: config.api.request_fields,
                user_public_key: options.user_public_key.clone(),
            },
            sends_undeclared_keys: config.fields.is_none() && sends_unknown(&groups, options),
            fieldless: fieldless.map(|(id, _)| *id).collect(),
            has_values: leaves_out || groups.values().any(|group| !group.is_empty()),
            groups,
            fingerprint: fingerprint(config, columns, options),
            today: options.today,
            notes: binder.notes,
        })
    }

    /// Whether columns leave open how their values are meant (dates, numbers): then every row must be [seen](Self::see) before the
    /// first is mapped.
    pub fn is_open(&self) -> bool {
        self.fields().any(Field::is_open)
    }

    pub fn see(&mut self, row: &Row) {
        let fields = self.groups.values_mut().flatten();
        let identity = self.identity.iter_mut().flatten();
        fields.chain(identity).for_each(|field| field.see(row));
    }

    /// The column in which a date is a bare number.
    pub fn serial_in(&self, row: &Row) -> Option<&str> {
        let is_date = |field: &&Field| matches!(field.kind, Kind::Date { .. });
        let mut columns = self
            .fields()
            .filter(is_date)
            .flat_map(|field| &field.columns);
        let serial = columns.find(|at| matches!(row.cell(**at), Cell::Number(_)))?;
        Some(&self.names[*serial])
    }

    /// Whether this contract type gets no field values, though its form is filled, asks for some, and they may be there.
    pub fn lacks_fields(&self, id: ContractTypeId) -> bool {
        let own = self.groups.get(&Some(id));
        let own = own.or_else(|| self.groups.get(&None));
        let session = &self.frame.session;
        let is_filled = session.kind == SessionKind::Invitation && !session.digital_identity_only;
        let may_be_filled = is_filled && self.has_values && !self.fieldless.contains(&id);
        may_be_filled && own.is_none_or(Vec::is_empty)
    }

    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.groups.values().flatten()
    }

    /// Has a row that is refused show, in the columns that are not used, what a valid one shows: nothing is wrong there. Of one that has
    /// more cells than headers, nobody knows which.
    pub fn show_unused(&self, row: &mut Row) {
        let is_shifted = row.cells.len() > self.names.len();
        let cells = row.cells.iter_mut().enumerate();
        for (_, cell) in cells.filter(|(at, _)| !is_shifted && !self.used.contains(at)) {
            if let Cow::Owned(_) = cell.as_refused() {
                *cell = Cell::Text(cell.shown());
            }
        }
    }

    /// Each field that columns feed, with their places: a row in which all of them are empty leaves the field empty.
    pub fn columns_of_fields(&self) -> IndexSet<(String, Vec<usize>)> {
        let fields = self.fields();
        let fields = fields.map(|field| (field.key.clone(), field.columns.clone()));
        fields.filter(|(_, columns)| !columns.is_empty()).collect()
    }
}

/// What a template's example has in each column that is about its person.
fn values_of_example(
    names: &[String],
    [phone, email]: [&Option<Field>; 2],
    groups: &Groups,
) -> Vec<(usize, &'static str)> {
    let feeds = |field: &Option<Field>, at| field.iter().any(|it| it.columns.contains(&at));
    let value = |(at, name): (usize, &String)| {
        let key = match name {
            _ if feeds(phone, at) => "phone".to_owned(),
            _ if feeds(email, at) => "email".to_owned(),
            name => fold(name),
        };
        let mut fields = groups.values().flatten();
        let is_choice = fields
            .any(|field| matches!(field.kind, Kind::Choice(_)) && field.columns.contains(&at));
        let mut person = WORDS.example_person.iter().filter(|_| !is_choice);
        Some((at, &*person.find(|[end, _]| key.ends_with(end))?[1]))
    };
    names.iter().enumerate().filter_map(value).collect()
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

impl ContractRule {
    /// The contract types that rows can have; none when only the rows know.
    fn possible_types(&self) -> Option<BTreeSet<ContractTypeId>> {
        if let Some(types) = &self.types {
            return Some(types.iter().copied().collect());
        }
        Some(self.words.as_ref()?.values().flatten().copied().collect())
    }
}

impl<'a> Binder<'a> {
    fn recipient(&mut self) -> [Option<Field>; 2] {
        let problems_before = self.problems.len();
        let RecipientConfig { phone, email, .. } = &self.config.recipient;
        let [phone, email] = if phone.is_some() || email.is_some() {
            [phone, email].map(|columns| self.positions(columns.as_ref()?))
        } else {
            let found = [Role::Phone, Role::Email].map(|role| self.column_of_role(role));
            if found == [None, None] && self.problems.len() == problems_before {
                let told = Error::of("config_invalid.no_recipient", &[]);
                self.refuse(None, told);
            }
            found
        };
        [
            phone.map(|columns| Field::new("phone", columns, self.phone())),
            email.map(|columns| Field::new("email", columns, Kind::Email)),
        ]
    }

    fn columns_of_role(&self, role: Role) -> impl Iterator<Item = &'a Column> + use<'a> {
        self.header.columns.iter().filter(move |column| {
            !is_left_out(&column.name) && Role::of(&column.name) == Some(role)
        })
    }

    /// The column whose header names a role; the API's own word wins over others.
    fn column_of_role(&mut self, role: Role) -> Option<Vec<usize>> {
        let mut candidates: Vec<&Column> = self.columns_of_role(role).collect();
        let nearness = |column: &&Column| role.nearness(&column.name);
        let nearest = candidates.iter().map(nearness).max()?;
        candidates.retain(|column| nearness(column) == nearest);
        let (first, others) = candidates.split_first()?;
        if others.is_empty() {
            self.used.insert(first.index);
            return Some(vec![first.index]);
        }
        let told = if others.iter().all(|column| column.name == first.name) {
            self.header.standing_twice(&candidates)
        } else {
            let (what, setting) = match role {
                Role::Phone => ("the phone", "[recipient] phone"),
                Role::Email => ("the e-mail", "[recipient] email"),
                Role::ContractType => ("the contract type", "[contract] column"),
            };
            let placed = self.header.placed(&candidates);
            Error::of("config_invalid.columns", &[&what, &placed, &setting])
        };
        self.refuse(None, told);
        None
    }

    fn contract(&mut self) -> Option<ContractRule> {
        let contract = &self.config.contract;
        let own = contract.types.as_ref();
        let own = own.map(|types| sorted(&types.get_ref().0));
        let given = Some(sorted(&self.options.contract_types)).filter(|types| !types.is_empty());
        if given.is_some() && own != given && *contract != ContractConfig::default() {
            self.notes.push(Note::of("contract_unused", &[]));
        }
        let mut types = given.or(own);
        let problems_before = self.problems.len();
        let columns = match &contract.column {
            _ if types.is_some() => {
                let column = self.columns_of_role(Role::ContractType).next();
                column.map(|column| vec![column.index])
            }
            Some(columns) => self.positions(columns),
            None => self.column_of_role(Role::ContractType),
        };
        let values = contract.values.as_ref().filter(|_| types.is_none());
        let words = values.filter(|_| columns.is_some()).map(|values| {
            let words = values.get_ref().iter();
            let words = words.map(|(value, types)| (value, sorted(&types.get_ref().0)));
            self.told_apart(words, fold_choice)
        });
        if types.is_none() && columns.is_none() && self.problems.len() == problems_before {
            types = self.types_of_headers();
        }
        let told = |columns| Box::new(Field::new("contract_type", columns, Kind::Text));
        let told = columns.map(told);
        (types.is_some() || told.is_some()).then_some(ContractRule { types, told, words })
    }

    fn types_of_headers(&mut self) -> Option<Vec<ContractTypeId>> {
        let columns = self.header.columns.iter();
        let named: Vec<ContractTypeId> = columns
            .filter_map(|column| Some(self.types.explicit_key(&visible(&column.name))?.0))
            .collect();
        if self.config.fields.is_none() && !named.is_empty() {
            return Some(sorted(&named));
        }
        self.refuse(None, Error::of("config_invalid.no_type", &[]));
        None
    }

    /// What is sent of a column tells customers apart, in whatever way it is written.
    fn identity(&mut self, recipient: [&Option<Field>; 2], groups: &Groups) -> Option<Vec<Field>> {
        let positions = self.positions(self.config.identity.columns.as_ref()?)?;
        let fields = groups.values().flatten();
        let fields: Vec<&Field> = recipient.into_iter().flatten().chain(fields).collect();
        let field = |index| {
            let is_fed = |it: &&&Field| it.template.is_none() && it.columns.contains(&index);
            let kind = fields.iter().find(is_fed).map(|it| it.kind.clone());
            let kind = kind.filter(|kind| !matches!(kind, Kind::Choice(_)));
            Field::new("identity", vec![index], kind.unwrap_or(Kind::Text))
        };
        Some(positions.into_iter().map(field).collect())
    }

    /// Tells of columns that are not used, and of those that are though nobody sees them in the sheet. Gives whether any with a
    /// header is not.
    fn note_columns(&mut self) -> bool {
        let columns = self.header.columns.iter();
        let (used, unused): (Vec<&Column>, Vec<&Column>) =
            columns.partition(|column| self.used.contains(&column.index));
        let (unnamed, named): (Vec<&Column>, Vec<&Column>) =
            unused.iter().partition(|column| column.name.is_empty());
        let leaves_out = named.iter().any(|column| !is_left_out(&column.name));
        let named = named.iter().map(|column| self.header.shown(&column.name));
        let unnamed = unnamed.iter().map(|column| column.letters());
        let hidden = used.iter().filter(|column| column.is_hidden);
        let hidden = hidden.map(|it| format!("{} {}", it.letters(), self.header.shown(&it.name)));
        let told = [
            ("columns_unused", listed(named, COLUMNS_SHOWN)),
            ("columns_unnamed", listed(unnamed, COLUMNS_SHOWN)),
            ("columns_hidden", listed(hidden, COLUMNS_SHOWN)),
        ];
        let told = told.into_iter().filter(|(_, columns)| !columns.is_empty());
        let told = told.map(|(name, columns)| Note::of(name, &[&columns]));
        self.notes.extend(told.collect::<Vec<_>>());
        leaves_out
    }
}

fn sorted(types: &[ContractTypeId]) -> Vec<ContractTypeId> {
    let types: BTreeSet<ContractTypeId> = types.iter().copied().collect();
    types.into_iter().collect()
}
