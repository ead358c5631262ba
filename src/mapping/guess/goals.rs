//! What a column can be mapped to (the recipient, the contract type, the fields of the forms, or without any form those that the
//! vendor's samples show), and how well it fits: what its header says, and what its values say to that. And which contract types a sheet
//! is for: as a person said, as a column tells, as headers name them, or the only form there is.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::column::{
    ColumnGuess, FIRST_NAME, FULL_NAME, LAST_NAME, Profile, Target, names_customers,
};
use super::headers::{
    BY_LIKENESS, BY_NAME, BY_WEAK_NAME, NameWords, PERHAPS, VERY_NEAR, all, is_arabic,
    is_of_customer,
};
use crate::mapping::form::{choice_pairs, concept_of, form_field, names_of, type_of};
use crate::mapping::header::{HeaderTypes, parts};
use crate::mapping::names::{Concept, Role, WORDS, fold, western_digits};
use crate::mapping::value::{Choices, group_of, parts_of};
use crate::model::{ContractTypeId, FieldType, Form, FormField};

/// The first groups of words for choices are the marital states: by them the column is known where there is no form.
const MARITAL_STATES: usize = 4;
/// A column with more different values than this is no list of products.
const MOST_PRODUCTS: usize = 30;

#[derive(Debug, Clone)]
pub(super) struct Goal {
    pub target: Target,
    pub names: Vec<NameWords>,
    weak: Vec<NameWords>,
    pub field_type: FieldType,
    concept: Option<&'static Concept>,
    /// The form's field, and its choices where it has some.
    pub field: Option<FormField>,
    choices: Option<Choices>,
}

/// Goals for these contract types, or with none for every form that there is; and whether all of their forms are known.
pub(super) fn goals(
    types: &BTreeSet<ContractTypeId>,
    forms: &BTreeMap<ContractTypeId, Form>,
) -> (Vec<Goal>, bool) {
    let is_relevant = |id: &ContractTypeId| types.is_empty() || types.contains(id);
    let relevant = forms.iter().filter(|(id, _)| is_relevant(id));
    let relevant: Vec<&Form> = relevant.map(|(_, form)| form).collect();
    // One form missing: its keys may be any, so those of the table are offered as well.
    let has_form = !relevant.is_empty() && (types.is_empty() || relevant.len() == types.len());
    let of_table = WORDS.concepts.iter().filter_map(Goal::of_concept);
    let (mut goals, of_table): (Vec<Goal>, Vec<Goal>) =
        of_table.partition(|goal| !matches!(goal.target, Target::Field(_)));
    let fields = relevant.iter().flat_map(|form| &form.fields);
    let of_table = of_table.into_iter().filter(|_| !has_form);
    let target = |field: &FormField| Target::Field(field.key.clone());
    let of_fields = fields.map(|it| Goal::new(target(it), concept_of(it), Some(it)));
    for goal in of_fields.chain(of_table) {
        if !goals.iter().any(|known| known.target == goal.target) {
            goals.push(goal);
        }
    }
    (goals, has_form)
}

pub(super) fn labels_of(field: &FormField) -> Vec<&str> {
    let labels = [field.label.as_str(), field.label_ar.as_str()];
    labels.into_iter().filter(|it| !it.is_empty()).collect()
}

/// What a column's values say to a goal, whatever its header is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Vote {
    Against,
    Nothing,
    For,
    /// They leave no doubt by themselves.
    Telling,
}

impl Goal {
    fn of_concept(concept: &'static Concept) -> Option<Goal> {
        let key = concept.key.as_str();
        let role = Role::of(key).map(Target::Role);
        let target = role.unwrap_or_else(|| Target::Field(key.to_owned()));
        let is_part = matches!(key, FIRST_NAME | LAST_NAME);
        (!is_part).then(|| Goal::new(target, Some(concept), None))
    }

    fn new(target: Target, concept: Option<&'static Concept>, field: Option<&FormField>) -> Goal {
        let own = field.map(names_of);
        let known = concept.map(|it| it.names.iter().chain([&it.key]).map(String::as_str));
        let of_table = concept.map_or(FieldType::Text, |concept| concept.field_type);
        let listed = field.filter(|field| !field.options.is_empty());
        Goal {
            target,
            names: all(own.into_iter().flatten().chain(known.into_iter().flatten())),
            weak: concept.map_or(Vec::new(), |concept| all(&concept.weak)),
            field_type: field.map_or(of_table, type_of),
            concept,
            choices: listed.map(|field| Choices::new(choice_pairs(field))),
            field: field.cloned(),
        }
    }

    pub fn is_about(&self, key: &str) -> bool {
        self.concept.is_some_and(|concept| concept.key == key)
    }

    fn role(&self) -> Option<Role> {
        Role::of(&self.concept?.key)
    }

    /// A form that asks for the phone or e-mail again is fed by the recipient's column, and must not take it away.
    pub fn is_recipients_again(&self) -> bool {
        matches!(self.target, Target::Field(_)) && self.role().is_some()
    }

    fn is_words(&self) -> bool {
        let is_text = matches!(self.field_type, FieldType::Text | FieldType::Choice);
        is_text && self.concept.is_some_and(|concept| concept.is_words)
    }

    /// Whether several columns make one text; of others the first that is filled counts.
    pub fn is_made_of_words(&self) -> bool {
        self.is_words() || self.is_about("address")
    }

    /// Whether its key is known to exist, or shown by the vendor.
    fn is_certain(&self) -> bool {
        let is_shown = self.concept.is_some_and(|concept| concept.shown);
        self.field.is_some() || self.role().is_some() || is_shown
    }

    /// What a header gains that says it by a name which counts without any config.
    fn nearness(&self, header: &str) -> f64 {
        let role = Role::of(header).filter(|role| self.role() == Some(*role));
        match role {
            Some(role) => 0.02 + 0.03 * f64::from(role.nearness(header)),
            None if self.is_called(header) => 0.02,
            // `Client email` goes before a bare `Email`, which may be anybody's.
            None if self.role().is_some() && is_of_customer(header) => 0.15,
            None => 0.0,
        }
    }

    /// Whether this is the form's own name of it.
    fn is_called(&self, header: &str) -> bool {
        let mut names = self.field.iter().flat_map(names_of);
        names.any(|name| fold(name) == fold(header))
    }

    fn vote(&self, profile: &Profile) -> Vote {
        let is_id = profile.national_id >= 0.5 || profile.plain_phone >= 0.5;
        // The share of values that are what the goal wants, below which share they contradict it, from which on they support it
        // (choices by fewer: not every word of a list is in the table), and whether they then leave no doubt.
        let (share, least, enough, is_telling) = match (&self.choices, self.field_type) {
            // What cannot be read yet is what its header says, and the check tells.
            _ if profile.is_unread() => return Vote::For,
            _ if profile.count == 0 => return Vote::Nothing,
            _ if matches!(self.target, Target::Role(_)) && profile.is_one_for_all() => {
                return Vote::Against;
            }
            (Some(choices), _) => {
                let share = profile.share_of_distinct(|value| choices.read(value).is_ok());
                let is_telling = share >= 0.9 && profile.distinct.len() >= 2;
                (share, 0.3, 0.6, is_telling)
            }
            _ if self.is_about("maritalStatus") => {
                let is_state = |at: usize| at < MARITAL_STATES;
                let share = profile.share_of_distinct(|it| group_of(it).is_some_and(is_state));
                (share, 0.3, 0.6, share >= 0.9)
            }
            (_, FieldType::Phone) => (profile.phone, 0.5, 0.8, profile.plain_phone >= 0.8),
            (_, FieldType::Email) => (profile.email, 0.5, 0.8, true),
            (_, FieldType::EgyptNationalId) => (profile.national_id, 0.5, 0.8, true),
            (_, FieldType::Date) => (profile.date, 0.5, 0.8, false),
            (_, FieldType::Number) if is_id => return Vote::Against,
            (_, FieldType::Number) => (profile.number, 0.3, 0.8, false),
            // Whether there is one, and nobody's name: `Guarantor` above `yes` and `no`.
            _ if self.is_words() && profile.are_answers() => return Vote::Against,
            _ if self.is_words() => {
                let is_name = self.is_about(FULL_NAME) && profile.several_words >= 0.8;
                (profile.words, 0.3, 0.8, is_name)
            }
            _ if profile.email.max(profile.national_id) >= 0.8 => return Vote::Against,
            _ => return Vote::Nothing,
        };
        match share {
            _ if share < least => Vote::Against,
            _ if share < enough => Vote::Nothing,
            _ if is_telling => Vote::Telling,
            _ => Vote::For,
        }
    }

    /// Whether no other column may hold the same, unless its header says what else it is. A bare `Number` of phones is none, and may be
    /// the first one's.
    fn is_alone(&self, column: &ColumnGuess, columns: &[ColumnGuess]) -> bool {
        let is_role = matches!(self.target, Target::Role(_));
        let may_be = |other: &&ColumnGuess| {
            let vote = self.vote(&other.profile);
            let is_same = other.profile.count > 0 && vote >= Vote::For;
            let words = &other.words;
            let is_theirs = words.whole.speak_of_another_person();
            let is_else = words.says_something_else && !(is_role && vote == Vote::Telling);
            is_same && !is_theirs && !is_else && other.column.index != column.column.index
        };
        !columns.iter().any(|other| may_be(&other))
    }

    /// Whether the values were such once, so that the check tells them, and no other column that may be it has them whole.
    fn is_spoiled(&self, column: &ColumnGuess, columns: &[ColumnGuess]) -> bool {
        let has_them = |other: &ColumnGuess| {
            let may_be = other.words.score(&self.names, &self.weak) >= BY_WEAK_NAME;
            may_be && other.profile.count > 0 && self.vote(&other.profile) > Vote::Against
        };
        column.profile.were(self.field_type) && !columns.iter().any(has_them)
    }

    /// Whether it may be another person's: it does not say whose it is, and stands behind somebody's name of whom no other column is
    /// (`Guarantor`, `Mobile`), or behind nobody's beside one that says so (`Mobile`, `Buyer`, `Buyer tel`).
    pub fn may_be_anothers(&self, column: &ColumnGuess, columns: &[ColumnGuess]) -> bool {
        let (role, header) = (self.role(), column.header());
        let is_told = is_of_customer(header) || role.is_some_and(|it| it.nearness(header) > 1);
        if is_told || role.is_none() && self.field_type != FieldType::EgyptNationalId {
            return false;
        }
        let such = columns
            .iter()
            .filter(|it| self.vote(&it.profile) >= Vote::For);
        let mut such = such.map(|it| &it.words);
        let before = columns.iter().rev();
        let before = before.filter(|it| it.column.index < column.column.index);
        let mut people = before.filter_map(|it| Some((&it.words.whole, names_customers(it)?)));
        match people.next() {
            Some((_, true)) => false,
            Some((person, false)) => {
                let is_employee = person.people().all(|it| WORDS.employees.contains(it));
                let mut others = columns.iter().filter_map(names_customers);
                let has_own = such.any(|it| it.whole.people().any(|it| person.has(it)));
                (!is_employee || others.any(|are_customers| are_customers)) && !has_own
            }
            None => such.any(|it| {
                let may_be = it.first.is_none()
                    && (PERHAPS..BY_LIKENESS).contains(&it.score(&self.names, &self.weak));
                let mut names = columns.iter().filter(|it| it.profile.are_names());
                may_be && names.any(|person| it.whole.hold(&person.words.whole))
            }),
        }
    }

    /// How well one of the columns fits, the more the better, and whether that is good enough to be used unseen; none when it does not.
    pub fn fit(&self, column: &ColumnGuess, columns: &[ColumnGuess]) -> Option<(f64, bool)> {
        let (header, profile) = (&column.words, &column.profile);
        let score = header.score(&self.names, &self.weak);
        let vote = self.vote(profile);
        let speaks = matches!(
            self.field_type,
            FieldType::Phone | FieldType::Email | FieldType::EgyptNationalId
        );
        let is_told = vote == Vote::Telling;
        let is_sole = is_told && (!speaks || self.is_alone(column, columns));
        let is_free = self.concept.is_none() && self.field_type == FieldType::Text;
        let (rank, is_sure) = match score {
            // What nothing is known of, no values deny: the form's own name of it is enough.
            BY_NAME.. if is_free && self.is_called(column.header()) => (score, true),
            BY_NAME.. if vote == Vote::Against && self.is_spoiled(column, columns) => (score, true),
            // A name that its values deny is offered, no more.
            BY_NAME.. if vote == Vote::Against => (0.2, false),
            _ if vote == Vote::Against => return None,
            BY_NAME.. if vote == Vote::Nothing => (score, true),
            BY_NAME.. => (score + 0.05, true),
            BY_WEAK_NAME.. => {
                let is_name = self.is_about(FULL_NAME) && profile.are_names();
                let is_sure = is_sole || is_name;
                (if is_sure { 0.7 } else { 0.4 }, is_sure)
            }
            BY_LIKENESS.. => {
                // An Arabic word becomes another by one letter (`قرض`, `عرض`), and any number may be an amount (`Finance account`).
                let is_number = self.field_type == FieldType::Number;
                let least = BY_LIKENESS + if is_number { 2.0 } else { 1.0 } * VERY_NEAR;
                let is_free_text = self.field_type == FieldType::Text && !self.is_words();
                // Digits are proof of no phone that a slip of the pen speaks of: `رقم المحول`.
                let is_form_field = matches!(self.target, Target::Field(_));
                let is_proved = is_free_text || (vote >= Vote::For && is_form_field);
                let is_slip = is_proved && !is_arabic(&header.whole.joined);
                let is_sure = score >= least && (is_sole || is_slip);
                (if is_sure { score + 0.1 } else { score - 0.1 }, is_sure)
            }
            _ if score > 0.0 => (score, false),
            // Phones, addresses and ids speak for themselves, but overrule no header that says something else.
            _ if !speaks || !is_told => return None,
            _ if header.says_something_else || !is_sole => (0.25, false),
            _ if header.whole.are_strange(&self.names, &self.weak) => (0.25, false),
            _ => (0.3, true),
        };
        // Of two that are named alike, the phone that says mobile goes first, then what the headers alone would take.
        let mut mobiles = WORDS.mobiles.iter();
        let is_mobile = self.target == Target::Role(Role::Phone)
            && mobiles.any(|word| header.whole.joined.contains(word));
        let mobile = if is_mobile { 0.05 } else { 0.0 };
        let rank = rank + mobile + self.nearness(column.header());
        let is_scaled = self.field_type == FieldType::Number && header.has_scale && score < 1.0;
        // One company for all may be the one whose sheet it is.
        let is_offices = self.is_about("employer")
            && profile.is_one_for_all()
            && header.whole.has_one_of(&WORDS.companies);
        let is_doubted = is_scaled || is_offices || self.may_be_anothers(column, columns);
        Some((rank, is_sure && !is_doubted && self.is_certain()))
    }
}

#[derive(Debug, Clone, Default, Serialize)]
pub struct Contract {
    /// The same for every row; none when a column tells, or nobody does.
    pub types: Vec<ContractTypeId>,
    /// The different values of that column, with what they mean where that is known.
    pub words: Vec<(String, Option<ContractTypeId>)>,
}

impl Contract {
    /// A person's word (`named`) goes before a column, which is taken, a column before the only form that there is. A column that
    /// tells contract types is never left out: that its words are not all known makes it a question.
    pub(super) fn of(
        columns: &mut [ColumnGuess],
        named: &[ContractTypeId],
        forms: &BTreeMap<ContractTypeId, Form>,
        header_types: &HeaderTypes,
    ) -> Contract {
        let mut contract = Contract::default();
        let headers = columns.iter().map(ColumnGuess::header);
        let explicit = headers.filter_map(|header| Some(header_types.explicit_key(header)?.0));
        let explicit: BTreeSet<ContractTypeId> = explicit.collect();
        let naming = columns.iter_mut().rev();
        let naming = naming.filter_map(|column| Some((Naming::of(column, forms)?, column)));
        if !named.is_empty() {
            contract.types = named.to_vec();
        // Of several columns that tell it alike, the first.
        } else if let Some((best, column)) = naming.max_by_key(|(naming, _)| *naming) {
            let words = column.profile.distinct.iter();
            let words = words.map(|word| (word.clone(), meaning(word, forms, best)));
            contract.words = words.collect();
            column.take(&Target::Role(Role::ContractType), 0);
        } else if explicit.is_empty() && forms.len() == 1 {
            contract.types = forms.keys().copied().collect();
        } else {
            contract.types = explicit.into_iter().collect();
        }
        contract
    }

    /// Whether nobody has said yet what all values of the column mean.
    pub(super) fn is_open(&self) -> bool {
        self.words.iter().any(|(_, id)| id.is_none())
    }

    pub(super) fn known(&self) -> BTreeSet<ContractTypeId> {
        let meant = self.words.iter().filter_map(|(_, id)| *id);
        self.types.iter().copied().chain(meant).collect()
    }

    /// Whether the cells hold the contract types' own numbers, so that nothing has to say what they mean.
    pub(super) fn is_told_by_numbers(&self) -> bool {
        let mut words = self.words.iter();
        words.all(|(word, id)| id.is_some() && number(word) == *id)
    }
}

/// How a column shows that it tells the contract type; the strongest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Naming {
    /// Its header may mean it, and its values differ as those of a list do.
    List,
    /// Its header speaks of products.
    Product,
    /// A form is called as one of its values.
    Value,
    /// Its header says so.
    Name,
}

impl Naming {
    fn of(column: &ColumnGuess, forms: &BTreeMap<ContractTypeId, Form>) -> Option<Naming> {
        let (header, profile) = (column.header(), &column.profile);
        let concept = WORDS.concept(&Role::ContractType.names()[0])?;
        let pieces: Vec<NameWords> = all([header].into_iter().chain(parts(header)));
        let is_one = |names: &[String]| pieces.iter().any(|words| words.say(&all(names)));
        if profile.is_filled && is_one(&concept.names) {
            return Some(Naming::Name);
        }
        let values = &profile.distinct;
        let others = profile.phone.max(profile.email);
        let others = others.max(profile.national_id).max(profile.date);
        let is_short = (1..=MOST_PRODUCTS).contains(&values.len()) && others < 0.5;
        let is_list = is_short || profile.is_unread();
        // `Approved loan type`.
        let is_one_asked_for = || {
            let first = column.words.first.as_ref();
            first.is_some_and(|(words, _)| words.say(&all(&WORDS.product_names)))
        };
        let is_field = |form: &Form| form_field(header, form).is_some();
        if !is_list || forms.values().any(is_field) {
            return None;
        }
        let are_words = profile.words >= 0.5 && profile.known_choices() < 0.5;
        let differs = profile.is_unread() || (values.len() >= 2 && are_words);
        let mut called = values.iter().filter_map(|value| form_called(value, forms));
        if called.next().is_some() {
            Some(Naming::Value)
        } else if pieces.iter().any(|words| words.has_one_of(&WORDS.products))
            || (are_words && (is_one(&WORDS.product_names) || is_one_asked_for()))
        {
            Some(Naming::Product)
        } else {
            (differs && is_one(&concept.weak)).then_some(Naming::List)
        }
    }
}

fn number(word: &str) -> Option<ContractTypeId> {
    western_digits(word).parse().ok()
}

/// The contract type that a value names, by its number or by words.
fn meaning(
    word: &str,
    forms: &BTreeMap<ContractTypeId, Form>,
    naming: Naming,
) -> Option<ContractTypeId> {
    let id = number(word).filter(|id| naming == Naming::Name || forms.contains_key(id));
    id.or_else(|| form_called(word, forms))
}

/// The form that is called so, or by each of its names that stand in one cell (`قرض شخصي / Personal loan`): none may be another's.
fn form_called(value: &str, forms: &BTreeMap<ContractTypeId, Form>) -> Option<ContractTypeId> {
    let called = |name: &str| {
        let name = fold(name);
        let is_called = move |form: &Form| !name.is_empty() && fold(&form.name) == name;
        let forms = forms.iter().filter(move |(_, form)| is_called(form));
        forms.map(|(id, _)| *id)
    };
    let mut named: Vec<ContractTypeId> = called(value).collect();
    if named.is_empty() {
        let is_one = |part: &&str| called(part).next().is_some();
        let (ours, others): (Vec<&str>, Vec<&str>) = parts_of(value).partition(is_one);
        // What no form is called by says which of its loans is meant (`Personal loan - top-up`), but in another script.
        let is_said_twice = |ours: &&str| others.iter().all(|it| is_arabic(it) != is_arabic(ours));
        if others.len() <= 1 && ours.iter().all(is_said_twice) {
            named = ours.into_iter().flat_map(called).collect();
        }
    }
    match named[..] {
        [only] => Some(only),
        _ => None,
    }
}
