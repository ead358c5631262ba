//! Maps one row: its invitation, or every problem it has. Runs once for each row of a sheet, so it looks nothing up by name.

use std::borrow::Cow;
use std::collections::BTreeSet;

use indexmap::IndexMap;
use jiff::civil;
use jiff::fmt::strtime;

use super::aside::Example;
use super::bind::{ContractRule, Mapping};
use super::fields::Field;
use super::invitation::{FieldValues, addresses, key_of_values};
use super::names::{fold_choice, fold_value};
use super::template::{Template, without_leftovers};
use super::value::{self, DecimalMark, Kind, Reading};
use crate::model::{
    Aside, Cell, ContractTypeId, CustomerKey, Fault, FormCondition, Invitation, Problem, Recipient,
    Repair, Row, Verdict,
};

/// More digits are a phone's or a national id's.
const MOST_ID_DIGITS: usize = 9;

impl Mapping {
    /// What a row comes to by itself, and which of its values were mended.
    pub fn apply(&self, row: &Row) -> (Verdict, Vec<Repair>) {
        let mut visit = Visit {
            mapping: self,
            row,
            problems: Vec::new(),
            repairs: Vec::new(),
        };
        visit.check_width();
        let example = self.example(row);
        if let Some(Example::Part(at, fault)) = &example {
            visit.problem(Some(*at), "", fault, row.cell(*at).shown());
        }
        if let Some(at) = self.begins_as_another(row) {
            let fault = Fault::of("begins_as_another", &[]);
            visit.problem(Some(at), "", &fault, row.cell(at).shown());
        }
        let invitation = visit.invitation();
        let invitation = invitation.filter(|_| visit.problems.is_empty());
        let aside = match &invitation {
            // It could be invited as well.
            _ if matches!(example, Some(Example::Whole)) => Some(Aside::Example),
            Some(_) => None,
            None => self.aside(row),
        };
        match (aside, invitation) {
            (Some(aside), _) => (Verdict::Aside(aside), Vec::new()),
            (None, Some(invitation)) => (Verdict::Valid(invitation), visit.repairs),
            (None, None) => (Verdict::Invalid(visit.problems), visit.repairs),
        }
    }
}

/// One row on its way through the mapping, with what was found in it so far. A cell is told about once, however many fields it feeds
/// that it does not fit for the same reason.
struct Visit<'a> {
    mapping: &'a Mapping,
    row: &'a Row,
    problems: Vec<Problem>,
    repairs: Vec<Repair>,
}

/// A fault, which is among the row's problems already.
struct Noted;

/// What reading one value came to.
type ReadValue<'a> = Result<Option<Cow<'a, str>>, Noted>;

impl<'a> Visit<'a> {
    /// The row's invitation; `None` only with a problem noted.
    fn invitation(&mut self) -> Option<Invitation> {
        let recipient = self.recipient();
        let types = self.contract_types();
        let key = self.identity();
        let types = types?;
        let fields = self.fields(&types);
        let recipient = recipient.filter(|_| self.problems.is_empty())?;
        let addresses = addresses(&recipient, &types);
        Some(Invitation {
            key: key.or(addresses.phone).or(addresses.email)?,
            addresses,
            body: self.mapping.frame.write(&recipient, &types, &fields),
            contract_types: types.into_owned(),
        })
    }

    fn check_width(&mut self) {
        let width = self.mapping.names.len();
        let beyond = self.row.cells.get(width..).unwrap_or_default();
        if let Some(last) = beyond.iter().rposition(|cell| !cell.is_empty()) {
            let fault = Fault::of("too_many_cells", &[&(width + last + 1), &width]);
            self.problem(None, "", &fault, beyond[last].shown());
        }
    }

    fn recipient(&mut self) -> Option<Recipient> {
        let problems_before = self.problems.len();
        let Mapping { phone, email, .. } = self.mapping;
        let first = phone.as_ref().or(email.as_ref())?;
        let [phone, email] = [phone, email].map(|field| {
            let text = self.value(field.as_ref()?).ok()??;
            Some(text.into_owned())
        });
        let is_nobody = phone.is_none() && email.is_none();
        if is_nobody && self.problems.len() == problems_before {
            self.problem_of(first, &Fault::of("nobody_to_invite", &[]), "");
        }
        (!is_nobody).then_some(Recipient { phone, email })
    }

    /// The row's contract types, sorted; `None` with a problem noted.
    fn contract_types(&mut self) -> Option<Cow<'a, [ContractTypeId]>> {
        let ContractRule { types, told, words } = &self.mapping.contract;
        let text = match told {
            Some(field) => self.value(field).ok()?,
            None => None,
        };
        let types = types.as_deref().map(Cow::Borrowed);
        let (Some(field), Some(text)) = (told, text) else {
            if let (None, Some(field)) = (&types, told) {
                self.problem_of(field, &Fault::of("missing", &[]), "");
            }
            return types;
        };
        let here = match words {
            Some(words) => words
                .get(&fold_choice(&text))
                .map(|types| Cow::Borrowed(&**types)),
            None => ids_in(&text).map(Cow::Owned),
        };
        let fault = match (types, here) {
            (types @ Some(_), here) if here.is_none() || here == types => return types,
            (None, Some(here)) => return Some(here),
            (Some(_), _) => "contract_type_other",
            (None, None) if words.is_some() => "contract_word_unknown",
            (None, None) => "contract_number_invalid",
        };
        self.problem_of(field, &Fault::of(fault, &[]), &text);
        None
    }

    /// The key by the identity columns; `None` when the recipient tells, or with a problem noted.
    fn identity(&mut self) -> Option<CustomerKey> {
        let fields = self.mapping.identity.as_deref()?;
        let repairs_before = self.repairs.len();
        let found = fields.iter().map(|field| self.identity_value(field));
        let found: Vec<ReadValue<'a>> = found.collect();
        // What is compared and never sent: what was mended in it concerns nobody.
        self.repairs.truncate(repairs_before);
        let values: Vec<_> = found.into_iter().collect::<Result<_, _>>().ok()?;
        // Rows without any identity would all be the same invitation, and only the first would be sent.
        if values.iter().all(Option::is_none) {
            self.problem_of(fields.first()?, &Fault::of("missing", &[]), "");
            return None;
        }
        let values = values.iter();
        let values = values.map(|value| value.as_deref().unwrap_or_default());
        Some(key_of_values(values))
    }

    /// As its field is read, where it is one's; what is wrong with it is told of that one.
    fn identity_value(&mut self, field: &'a Field) -> ReadValue<'a> {
        let column = field.columns[0];
        let cell = self.row.cell(column);
        match field.read(column, cell) {
            Ok(Some(reading)) => Ok(Some(reading.text)),
            _ => self.note(column, field, Kind::Text.read(cell)),
        }
    }

    /// The values of every contract type's fields, by type and key, those of the row's problems left out.
    fn fields(&mut self, types: &[ContractTypeId]) -> FieldValues<'a> {
        let groups = &self.mapping.groups;
        let mut fields = FieldValues::new();
        for &id in types {
            if let Some(group) = groups.get(&Some(id)).or_else(|| groups.get(&None)) {
                let values = self.values(group);
                if !values.is_empty() {
                    fields.insert(id, values);
                }
            }
        }
        fields
    }

    fn values(&mut self, group: &'a [Field]) -> IndexMap<&'a str, Cow<'a, str>> {
        let fields = group.iter();
        let mut found: Vec<ReadValue<'a>> = fields.map(|field| self.value(field)).collect();
        for (at, field) in group.iter().enumerate() {
            if let Some(condition) = unmet(group, field, &found) {
                if matches!(found[at], Ok(Some(_))) {
                    let FormCondition { parent, value } = condition;
                    let above = group.iter().find(|field| field.key == *parent);
                    let above = above.and_then(|field| self.name(self.column(field)?));
                    let above = above.as_ref().unwrap_or(parent);
                    let fault = Fault::of("condition_unmet", &[&field.key, above, value]);
                    self.problem_of(field, &fault, "");
                }
                found[at] = Err(Noted);
            } else if let Ok(None) = found[at] {
                found[at] = Ok(field.default.as_deref().map(Cow::Borrowed));
                if field.required && field.default.is_none() {
                    self.problem_of(field, &Fault::of("missing", &[]), "");
                }
            }
        }
        self.check_birth_dates(group, &found);
        let keyed = group.iter().map(|field| &*field.key).zip(found);
        let values = keyed.filter_map(|(key, found)| Some((key, found.ok()??)));
        values.collect()
    }

    fn value(&mut self, field: &'a Field) -> ReadValue<'a> {
        if let Some(template) = &field.template {
            return self.render(template, field);
        }
        for &column in &field.columns {
            let read = field.read(column, self.row.cell(column));
            if let Some(text) = self.note(column, field, read)? {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    /// A template's text for this row, read as the field's type. Nothing when all its columns are empty.
    fn render(&mut self, template: &Template, field: &'a Field) -> ReadValue<'a> {
        // Every problem is noted before the first fault counts.
        let found = field.columns.iter().map(|&column| {
            let read = field.text(column, self.row.cell(column));
            self.note(column, field, read)
        });
        let found: Vec<ReadValue<'a>> = found.collect();
        let values: Vec<_> = found.into_iter().collect::<Result<_, _>>()?;
        if !values.is_empty() && values.iter().all(Option::is_none) {
            return Ok(None);
        }
        let values: Vec<Cow<'_, str>> = values.into_iter().map(Option::unwrap_or_default).collect();
        let (made, is_number) = template.render(&values).map_err(|error| {
            // What is no number is told as what is wrong with its cell.
            let mut texts = field.columns.iter().zip(&values);
            let asked = texts
                .find(|(at, text)| field.calculates_with(**at) && error.detail() == Some(text));
            let read = asked.map(|(&at, _)| (at, field.read(at, self.row.cell(at))));
            let (column, fault) = match read {
                Some((column, Err(fault))) => (Some(column), fault),
                Some((column, Ok(None))) => (Some(column), Fault::of("missing", &[])),
                _ => {
                    let fault = Fault::of("template_failed", &[&field.key, &error.kind()]);
                    (self.column(field), fault)
                }
            };
            let shown = column.map_or_else(String::new, |at| self.row.cell(at).shown());
            self.problem(column, &field.key, &fault, shown)
        })?;
        let mut text = made.trim();
        if let Some(empty) = values.iter().position(|value| value.is_empty()) {
            text = without_leftovers(text, &values);
            if text != made.trim() {
                self.repair(field.columns[empty], field, made.clone(), text);
            }
        }
        let text = Cell::Text(text.to_owned());
        let decimal = Some(DecimalMark::Point);
        let kind = match &field.kind {
            Kind::Number { .. } if is_number => &Kind::Number { decimal },
            kind => kind,
        };
        match kind.read(&text) {
            Ok(reading) => Ok(reading.map(|reading| Cow::Owned(reading.text.into_owned()))),
            Err(fault) => Err(self.problem_of(field, &fault, &text.as_shown())),
        }
    }

    /// What was read from a cell, with a fault or a repair noted.
    fn note(
        &mut self,
        column: usize,
        field: &Field,
        read: Result<Option<Reading<'a>>, Fault>,
    ) -> ReadValue<'a> {
        let cell = self.row.cell(column);
        let reading =
            read.map_err(|fault| self.problem(Some(column), &field.key, &fault, cell.shown()))?;
        let repaired = match &reading {
            Some(reading) => reading.repaired.then_some(&*reading.text),
            None => value::says_nothing(cell).then_some(""),
        };
        if let Some(to) = repaired {
            self.repair(column, field, cell.shown(), to);
        }
        Ok(reading.map(|reading| reading.text))
    }

    fn repair(&mut self, column: usize, field: &Field, from: String, to: &str) {
        let repair = Repair {
            row: self.row.number,
            column: self.name(column).unwrap_or_default(),
            field: field.key.clone(),
            from,
            to: to.to_owned(),
        };
        let is_same = |it: &Repair| it.column == repair.column && it.to == repair.to;
        if !self.repairs.iter().any(is_same) {
            self.repairs.push(repair);
        }
    }

    /// Notes birth dates of nobody alive, and one that is not that in the national id.
    fn check_birth_dates(&mut self, group: &[Field], found: &[ReadValue<'_>]) {
        let texts = found.iter().map(|found| found.as_ref().ok()?.as_deref());
        let mut all = group.iter().zip(texts);
        let births = all.clone().filter(|(field, _)| field.is_birth_date);
        let is_id = |field: &Field| matches!(field.kind, Kind::EgyptNationalId);
        let id = all.find(|(field, _)| field.is_customers && is_id(field));
        let mut born = id.and_then(|(id, text)| Some((id, value::birth_date_of(text?)?)));
        let today = self.mapping.today;
        let is_later = |date| today.is_some_and(|today| date > today);
        if let Some((id, _)) = born.filter(|(_, born)| is_later(*born)) {
            self.problem_of(id, &Fault::of("national_id_birth", &[]), "");
        }
        for (field, written) in births {
            // The first is the customer's own.
            let born = born.take_if(|_| field.is_customers);
            let (Kind::Date { output, .. }, Some(written)) = (&field.kind, written) else {
                continue;
            };
            // Two digits of a year tell no century.
            let is_whole = |date: &civil::Date| written.contains(&date.year().to_string());
            let date = read_back(written, output).filter(is_whole);
            if date.is_some_and(|date| date.year() < 1900 || is_later(date)) {
                self.problem_of(field, &Fault::of("birth_impossible", &[]), written);
            }
            if let Some((id, born)) = born
                && !is_date(written, born, output)
            {
                let column = self.column(id).and_then(|column| self.name(column));
                let fault = Fault::of("birth_date_mismatch", &[&column.unwrap_or_default()]);
                self.problem_of(field, &fault, written);
            }
        }
    }

    /// Notes a problem with what a person sees of the field's value: the cell, or the text made of several.
    fn problem_of(&mut self, field: &Field, fault: &Fault, text: &str) -> Noted {
        let column = self.column(field);
        let cell = column.map(|column| self.row.cell(column).shown());
        let shown = cell.unwrap_or_else(|| text.to_owned());
        self.problem(column, &field.key, fault, shown)
    }

    fn problem(
        &mut self,
        column: Option<usize>,
        field: &str,
        fault: &Fault,
        value: String,
    ) -> Noted {
        let problem = Problem {
            column: column.and_then(|column| self.name(column)),
            field: (!field.is_empty()).then(|| field.to_owned()),
            value,
            ..Problem::of_row(self.row.number, fault)
        };
        let is_same = |it: &Problem| it.column == problem.column && it.message == problem.message;
        if column.is_none() || !self.problems.iter().any(is_same) {
            self.problems.push(problem);
        }
        Noted
    }

    /// The column to point at for a field: of several the first that is filled.
    fn column(&self, field: &Field) -> Option<usize> {
        if field.template.is_some() && field.columns.len() > 1 {
            return None;
        }
        let mut all = field.columns.iter();
        let filled = all.find(|&&column| !self.row.cell(column).is_empty());
        filled.or(field.columns.first()).copied()
    }

    fn name(&self, column: usize) -> Option<String> {
        self.mapping.names.get(column).cloned()
    }
}

/// The condition under which a field shows, its own or one above it, when the parent there has another value. An empty parent has
/// no value.
fn unmet<'g>(
    group: &'g [Field],
    field: &'g Field,
    found: &[ReadValue<'_>],
) -> Option<&'g FormCondition> {
    let mut above = field.condition.as_ref();
    // A form's questions are a tree; whatever else it may be, nobody climbs for ever.
    for _ in group {
        let condition = above?;
        let mut fields = group.iter();
        let at = fields.position(|field| field.key == condition.parent)?;
        let (parent, text) = (&group[at], found[at].as_ref().ok());
        let text = text.and_then(|text| text.as_deref().or(parent.default.as_deref()));
        let is_other = |text| fold_choice(text) != fold_choice(&condition.value);
        if text.is_some_and(|text| text != condition.value && is_other(text)) {
            return Some(condition);
        }
        above = parent.condition.as_ref();
    }
    None
}

/// Whether a text written in the form `output` means this day. Forms that cannot be read back, and those that leave parts
/// out, are compared as they are written; a time of day beside the date does not matter.
fn is_date(text: &str, day: civil::Date, output: &str) -> bool {
    let written = strtime::format(output, day.to_datetime(civil::Time::midnight()));
    written.is_ok_and(|written| written == text) || read_back(text, output) == Some(day)
}

fn read_back(text: &str, output: &str) -> Option<civil::Date> {
    strtime::parse(output, text).ok()?.to_date().ok()
}

/// The contract types written in a cell: one number or several, separated by commas or semicolons. Sorted. `4,140` is one number
/// with a separator for thousands, and so no list.
fn ids_in(text: &str) -> Option<Vec<ContractTypeId>> {
    let mut groups = text.split(',').map(str::len);
    let may_be_grouped = matches!(groups.next(), Some(1 | 2)) && text.contains(',');
    if may_be_grouped && groups.all(|digits| digits == 3) {
        return None;
    }
    let parts = text.split([',', ';', '،', '؛']).map(fold_value);
    let id = |part: String| {
        let id = value::whole(&part);
        id.parse().ok().filter(|_| id.len() <= MOST_ID_DIGITS)
    };
    let ids: BTreeSet<ContractTypeId> = parts.map(id).collect::<Option<_>>()?;
    Some(ids.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::config::{Config, tests::told};
    use super::super::form::{self, BindOptions};
    use super::*;
    use crate::model::{Aside, EXAMPLE_MARKER, RowNumber};
    use crate::tables::rows;

    /// `[fields.414]` with these lines below it.
    fn fields_of_414(lines: &str) -> String {
        format!("[contract]\ntypes = [414]\n[fields.414]\n{lines}\n")
    }

    fn try_bind(toml: &str, headers: &[&str], options: &BindOptions) -> Result<Mapping, String> {
        let config = Config::parse(toml, "vlens-batch.toml", None).expect("a valid config");
        let columns = form::tests::columns(headers);
        Mapping::bind(&config, &columns, options).map_err(|error| told(&error))
    }

    fn bind(toml: &str, headers: &[&str]) -> Mapping {
        try_bind(toml, headers, &BindOptions::default()).expect("a mapping that fits")
    }

    fn row(cells: &[&str]) -> Row {
        let cell = |text: &&str| match *text {
            "" => Cell::Empty,
            text => Cell::Text(text.to_owned()),
        };
        Row {
            number: RowNumber(7),
            cells: cells.iter().map(cell).collect(),
        }
    }

    /// The form fields that go out, or `code field column` of every problem.
    fn outcome(mapping: &Mapping, cells: &[&str]) -> String {
        match mapping.apply(&row(cells)).0 {
            Verdict::Valid(invitation) => {
                let body: serde_json::Value = serde_json::from_str(&invitation.body).expect("JSON");
                body["SessionInput"]["RequestFieldsValues"].to_string()
            }
            Verdict::Aside(_) | Verdict::Duplicate(_) => String::new(),
            Verdict::Invalid(problems) => {
                let word = |word: Option<String>| word.unwrap_or_else(|| "-".to_owned());
                let told = problems.into_iter().map(|problem| {
                    format!(
                        "{} {} {}",
                        problem.code,
                        word(problem.field),
                        word(problem.column)
                    )
                });
                told.collect::<Vec<_>>().join(", ")
            }
        }
    }

    fn form() -> BindOptions {
        let mut form = form::tests::form(&[
            "fullName|Full name",
            "maritalStatus|Marital status|||Single|Married",
            "spouseName|Spouse",
            "spouseJob",
        ]);
        let below = |parent: &str, value: &str| {
            let (parent, value) = (parent.into(), value.into());
            Some(FormCondition { parent, value })
        };
        form.fields[2].condition = below("maritalStatus", "Married");
        form.fields[3].condition = below("spouseName", "Hany");
        BindOptions {
            forms: [(ContractTypeId(414), form)].into(),
            contract_types: vec![ContractTypeId(414)],
            ..BindOptions::default()
        }
    }

    #[test]
    fn what_sheet_and_form_lack_is_an_error_at_its_line() {
        let toml = "[recipient]\nphone = \"Mobil\"\n[fields.414]\nfulName = \"INCOME\"\n\
                    maritalStatus = { value = \"Maried\" }\nspouseName = { template = \"{{ row['City'] }}\" }\n";
        let refusal =
            try_bind(toml, &["Mobile", "Income", "income"], &form()).expect_err("a refusal");
        for parts in rows::<[&str; 3]>("apply.lacks") {
            let mut told = refusal.split("\n\n");
            let is_told = told.any(|one| parts.iter().all(|part| one.contains(part)));
            assert!(is_told, "{parts:?}\n{refusal}");
        }
        let refusal = try_bind("", &["phone", "ful name"], &form()).expect_err("a refusal");
        assert!(
            refusal.contains("no field for the column B \"ful name\"")
                && refusal.contains("`_ful name`")
        );
    }

    #[test]
    fn the_fingerprint_follows_what_decides_bodies_and_nothing_else() {
        let of = |toml: &str| bind(toml, &["phone", "A", "B"]).fingerprint;
        let base = of("[contract]\ntypes = [414]\n[fields.414]\na = \"A\"\n");
        for (is_same, other) in rows::<(bool, &str)>("apply.fingerprints") {
            assert_eq!(of(other) == base, is_same, "{other}");
        }
    }

    #[test]
    fn a_template_s_example_has_a_choice_where_a_name_could_stand() {
        let mut options = form();
        let fields = &mut options.forms.entry(ContractTypeId(414)).or_default().fields;
        fields[1].key = "bankName".into();
        let mapping = try_bind("", &["phone", "bankName", "_"], &options).expect("a mapping");
        let example = row(&["01012345678", "Single", EXAMPLE_MARKER]);
        let (verdict, _) = mapping.apply(&example);
        assert!(matches!(verdict, Verdict::Aside(Aside::Example)));
    }

    #[test]
    fn what_hides_a_question_hides_those_below_it() {
        let options = form();
        for order in [["spouseName", "spouseJob"], ["spouseJob", "spouseName"]] {
            let [first, second] =
                order.map(|key| format!("{key} = {{ column = \"{key}\", required = true }}\n"));
            let toml = format!("[fields.414]\nmaritalStatus = \"Status\"\n{first}{second}");
            let headers = ["phone", "Status", "spouseName", "spouseJob"];
            let mapping = try_bind(&toml, &headers, &options).expect("a mapping that fits");
            for (status, name, job, result) in rows::<(&str, &str, &str, &str)>("apply.hidden") {
                let cells = ["01012345678", status, name, job];
                assert_eq!(outcome(&mapping, &cells), result, "{order:?} {cells:?}");
            }
        }
    }

    #[test]
    fn few_of_many_mistakes_are_told() {
        let wrong: Vec<String> = (0..500)
            .map(|at| format!("k{at} = \"Incom{at}\""))
            .collect();
        let wrong = fields_of_414(&wrong.join("\n"));
        let refusal = try_bind(&wrong, &["phone", "Income"], &BindOptions::default());
        let refusal = refusal.expect_err("a refusal");
        assert_eq!(refusal.matches("did you mean").count(), 100);
        assert!(refusal.contains("400 more problems"), "{refusal}");
    }

    #[test]
    fn a_birth_date_is_compared_in_whatever_form_it_goes_out_and_no_message_holds_it() {
        for (output, cell, agrees) in rows::<(&str, &str, bool)>("apply.birth_dates") {
            let lines = format!(
                "id = {{ column = \"ID\", type = \"egypt_national_id\" }}\n\
                 birthDate = {{ column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\", output = \"{output}\" }}"
            );
            let mapping = bind(&fields_of_414(&lines), &["phone", "ID", "DOB"]);
            let (verdict, _) = mapping.apply(&row(&["01012345678", "29001011234567", cell]));
            let is_valid = matches!(verdict, Verdict::Valid(_));
            assert_eq!(is_valid, agrees, "{output} {cell}");
            let Verdict::Invalid(problems) = verdict else {
                continue;
            };
            for problem in problems {
                assert_eq!(problem.code.to_string(), "birth_date_mismatch");
                assert!(!problem.message.contains("199") && !problem.message.contains("29001"));
            }
        }
    }

    proptest! {
        /// Whatever stands in the cells: no panic, and what goes out is JSON of texts under known keys.
        #[test]
        fn any_cells_give_a_body_or_problems(cells in prop::collection::vec(any_cell(), 0..8)) {
            let lines = "name = \"A\"\nnumber = { column = \"B\", type = \"number\" }\n\
                         birthDate = { column = \"C\", type = \"date\" }\nid = { column = \"D\", type = \"egypt_national_id\" }\n\
                         yes = { column = \"E\", type = \"boolean\" }\nall = { template = \"{{ row['A'] }}{{ row['B'] }}\" }";
            let mapping = bind(&fields_of_414(lines), &["phone", "email", "A", "B", "C", "D", "E"]);
            match mapping.apply(&Row { number: RowNumber(2), cells }).0 {
                Verdict::Valid(invitation) => {
                    let body: serde_json::Value = serde_json::from_str(&invitation.body).expect("JSON");
                    let fields = body["SessionInput"]["RequestFieldsValues"]["414"].as_object().cloned().unwrap_or_default();
                    prop_assert!(fields.values().all(|value| value.as_str().is_some_and(|text| !text.is_empty())));
                }
                Verdict::Invalid(problems) => prop_assert!(!problems.is_empty()),
                Verdict::Aside(_) | Verdict::Duplicate(_) => {}
            }
        }
    }

    fn any_cell() -> impl Strategy<Value = Cell> {
        prop_oneof![
            Just(Cell::Empty),
            any::<String>().prop_map(Cell::Text),
            "0?1[0125][0-9]{8}".prop_map(Cell::Text),
            "[23][0-9]{13}".prop_map(Cell::Text),
            "[0-3][0-9]/[01][0-9]/19[0-9]{2}".prop_map(Cell::Text),
            any::<f64>().prop_map(Cell::Number),
            any::<bool>().prop_map(Cell::Boolean),
            Just(Cell::Merged { beside: true }),
        ]
    }
}
