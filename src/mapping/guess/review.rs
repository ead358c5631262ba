//! A proposal before a person: what is asked of it, and what is said to that; then it is written as a config that a clerk can read
//! and edit, what is sure as settings, what is not as remarks.

use indexmap::IndexMap;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, Value, context};
use serde::Serialize;

use super::column::{ColumnGuess, Profile, Target};
use super::goals::labels_of;
use super::headers::BY_NAME;
use super::proposal::Proposal;
use crate::mapping::form::TypeForm;
use crate::mapping::names::Role;
use crate::mapping::value::DateOrder;
use crate::model::{ContractTypeId, FieldType};

/// What a person is asked, and says.
impl Proposal {
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.goals.iter().map(|goal| &goal.target)
    }

    /// A target as a person can choose it, with the labels of the form.
    pub fn label(&self, target: &Target) -> String {
        let field = self.goal(target).and_then(|goal| goal.field.as_ref());
        match field.map(labels_of).unwrap_or_default()[..] {
            [] => target.to_string(),
            ref labels => format!("{target} ({})", labels.join(" / ")),
        }
    }

    /// A person's word on the column at this place of [`Proposal::columns`]. It joins those that feed the target already, as
    /// she is shown; only of the contract type there is one.
    pub fn choose(&mut self, at: usize, target: Option<Target>) {
        if self.columns[at].target == target {
            return;
        }
        let mut place = 0;
        let columns = self.columns.iter_mut();
        for column in columns.filter(|column| target.is_some() && column.target == target) {
            place = place.max(column.place + 1);
            if target == Some(Target::Role(Role::ContractType)) {
                column.target = None;
            }
        }
        (self.columns[at].target, self.columns[at].place) = (target, place);
    }

    /// The places of the columns that a person is asked about: nothing tells what they are, and they may be something.
    pub fn open_places(&self) -> Vec<usize> {
        self.places(|column| {
            let may_be = !column.candidates.is_empty() || column.words.other < BY_NAME;
            column.target.is_none() && column.profile.is_filled && may_be
        })
    }

    /// The places of columns of dates whose day and month could be either.
    pub fn open_dates(&self) -> Vec<usize> {
        self.places(|column| {
            let goal = column.target.as_ref().and_then(|target| self.goal(target));
            let is_date = goal.is_some_and(|goal| goal.field_type == FieldType::Date);
            is_date && column.profile.asks_for_order()
        })
    }

    /// Whether it is known to which contract types the rows go.
    pub fn knows_types(&self) -> bool {
        let is_told = self.type_column().is_some();
        !self.contract.types.is_empty() || (is_told && self.open_column().is_none())
    }

    /// The column that tells the contract type, while nobody has said what all of its values mean.
    pub fn open_column(&self) -> Option<&ColumnGuess> {
        self.type_column().filter(|_| self.contract.is_open())
    }

    pub(super) fn type_column(&self) -> Option<&ColumnGuess> {
        self.column_of(&Target::Role(Role::ContractType))
    }

    pub fn knows_recipient(&self) -> bool {
        let mut known = [Role::Phone, Role::Email].map(Target::Role).into_iter();
        known.any(|target| self.column_of(&target).is_some())
    }
}

impl Proposal {
    /// The text of `vlens-batch.toml`, with `[source]` as far as no run finds it by itself, and what stood elsewhere of the
    /// recipient and in tables of the company.
    pub fn to_toml(&self, source: &str, of_recipient: &str, company: &str) -> String {
        let recipient = [Role::Phone, Role::Email].map(|role| {
            let (setting, target) = (Serde(role), Target::Role(role));
            let columns = Serde(headers(&self.columns_of(&target)));
            let candidates = Serde(headers(&self.candidates(&target)));
            context! { setting, columns, candidates }
        });
        let unused = self.columns.iter().filter(|column| column.target.is_none());
        let unused = unused.map(|column| {
            let candidates = column.candidates.iter().map(ToString::to_string);
            context! { header => column.header(), candidates => candidates.collect::<Vec<_>>() }
        });
        let type_column = self.type_column();
        let types: Vec<ContractTypeId> = match type_column {
            // Before its cells can be read, any of the forms may be meant.
            Some(column) if column.profile.is_unread() => self.forms.keys().copied().collect(),
            Some(_) if self.contract.types.is_empty() => {
                self.contract.known().into_iter().collect()
            }
            _ => self.contract.types.clone(),
        };
        let groups: Vec<Value> = match &types[..] {
            [] => vec![self.group(None)],
            types => types.iter().map(|id| self.group(Some(*id))).collect(),
        };
        let page = context! {
            source,
            company,
            recipient => recipient.to_vec(),
            of_recipient,
            country => String::from(self.country),
            type_column => type_column.map(ColumnGuess::header),
            contract => Serde(&self.contract),
            is_told_by_numbers => self.contract.is_told_by_numbers(),
            is_open => self.open_column().is_some(),
            groups,
            unused => unused.collect::<Vec<_>>(),
        };
        render(page).unwrap_or_else(|error| format!("# The proposal cannot be written: {error}\n"))
    }

    /// The fields of one contract type; without an id they are written as remarks, for a number to be filled in.
    fn group(&self, id: Option<ContractTypeId>) -> Value {
        let form = id.and_then(|id| self.forms.get(&id));
        let fields = self.fields(id);
        let of_type = TypeForm::new(id, &self.forms);
        let asked = form.into_iter().flat_map(|form| &form.fields);
        let mut unfed = Vec::new();
        for field in asked.filter(|field| !fields.contains_key(&*field.key)) {
            let candidates = self.candidates(&Target::Field(field.key.clone()));
            let is_found = !candidates.is_empty();
            let offered = candidates.chunks(1).chain((!is_found).then_some(&[][..]));
            unfed.extend(offered.map(|columns| {
                let rule = rule(&field.key, columns, false, &of_type);
                context! { key => field.key.as_str(), rule, labels => Serde(labels_of(field)), is_found }
            }));
        }
        let fields = fields.into_iter().map(|(key, rule)| context! { key, rule });
        context! {
            id => id.map(|id| id.0),
            has_form => form.is_some(),
            name => form.map_or("", |form| form.name.as_str()),
            fields => fields.collect::<Vec<_>>(),
            unfed,
        }
    }

    /// By key: columns first, then what is made of several, then a form's own question for the recipient's phone or e-mail.
    fn fields(&self, id: Option<ContractTypeId>) -> IndexMap<&str, Value> {
        let form = TypeForm::new(id, &self.forms);
        let has_form = id.is_some_and(|id| self.forms.contains_key(&id));
        let is_ours = |column: &&ColumnGuess| {
            let named = self.header_types.explicit_key(column.header());
            named.is_none_or(|(only, _)| id == Some(only))
        };
        let mut fields = IndexMap::new();
        for column in self.columns.iter().filter(is_ours) {
            let Some(target @ Target::Field(key)) = &column.target else {
                continue;
            };
            let is_known = !has_form || form.field(key).is_some();
            if is_known && !fields.contains_key(&**key) {
                let mut columns = self.columns_of(target);
                columns.retain(is_ours);
                let is_one_text = self.is_one_text(target);
                fields.insert(&**key, rule(key, &columns, is_one_text, &form));
            }
        }
        for role in [Role::Phone, Role::Email] {
            if let Some(goal) = self.field_about(&role.names()[0])
                && let Target::Field(key) = &goal.target
                && form.field(key).is_some()
                && self.column_of(&goal.target).is_none()
                && let columns = self.columns_of(&Target::Role(role))
                && !columns.is_empty()
            {
                fields.insert(key, rule(key, &columns, false, &form));
            }
        }
        fields
    }

    /// The free columns that may feed a target.
    fn candidates(&self, target: &Target) -> Vec<&ColumnGuess> {
        let columns = self.columns.iter();
        let free = columns.filter(|it| it.target.is_none() && it.candidates.contains(target));
        free.collect()
    }
}

/// What a field is made of: the template writes the first that there is of a template and a kind. Without a column, for a
/// name to be filled in.
fn rule(key: &str, columns: &[&ColumnGuess], is_one_text: bool, form: &TypeForm) -> Value {
    let none = Profile::default();
    let profile = columns.first().map_or(&none, |column| &column.profile);
    let kind = form.type_of(key);
    let is_date = kind == FieldType::Date;
    let input = profile.date_form().filter(|_| is_date);
    let remark = match profile.order {
        _ if !is_date || input.is_some() => "",
        Some(DateOrder::DayMonth) => "the day comes first, such as 31/12/1990",
        Some(DateOrder::MonthDay) => "the month comes first, such as 12/31/1990",
        None if profile.has_open_dates() => {
            "add input = \"%d/%m/%Y\" where the day comes first, input = \"%m/%d/%Y\" where the month does"
        }
        None => "",
    };
    let is_plain = matches!(kind, FieldType::Text | FieldType::Choice);
    context! {
        columns => Serde(if columns.is_empty() { vec!["…"] } else { headers(columns) }),
        template => (is_one_text && columns.len() > 1).then(|| template_of(columns)),
        kind => (!is_plain).then(|| kind.to_string()),
        input,
        remark,
    }
}

fn headers<'p>(columns: &[&'p ColumnGuess]) -> Vec<&'p str> {
    columns.iter().map(|column| column.header()).collect()
}

/// Their words one behind the other; any may be missing in a row that was not looked at.
fn template_of(columns: &[&ColumnGuess]) -> String {
    let pieces = columns.iter().enumerate().map(|(at, column)| {
        let name = column.header().replace('\\', "\\\\").replace('\'', "\\'");
        let name = format!("row['{}']", name.replace('\n', "\\n"));
        match at {
            0 => format!("{{{{ {name} }}}}"),
            _ => format!("{{% if {name} %}} {{{{ {name} }}}}{{% endif %}}"),
        }
    });
    pieces.collect()
}

fn render(page: Value) -> Result<String, minijinja::Error> {
    let mut templates = Environment::new();
    templates.set_syntax(
        SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .keep_trailing_newline(true)
            .build()?,
    );
    templates.set_undefined_behavior(UndefinedBehavior::Strict);
    templates.add_filter("toml", |value: &Value| json(value));
    templates.add_filter("key", |key: String| {
        let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !key.is_empty() && key.chars().all(is_bare) {
            key
        } else {
            json(&key)
        }
    });
    // On one line, for a remark.
    templates.add_filter("flat", |text: &str| text.replace(char::is_control, " "));
    templates.render_named_str("init.toml", include_str!("init.toml.j2"), page)
}

/// A TOML value on one line: the escapes of JSON are among those of TOML, which also wants one for the control that JSON leaves.
fn json(value: &impl Serialize) -> String {
    let text = serde_json::to_string(value).unwrap_or_default();
    text.replace('\u{7f}', "\\u007F")
}
