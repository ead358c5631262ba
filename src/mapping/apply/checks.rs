//! What the fields of one row have to say about each other: conditions on a parent's answer, and the birth date in a
//! national id.

use jiff::civil;
use jiff::fmt::strtime;

use super::visit::Visit;
use crate::mapping::body::Slot;
use crate::mapping::names::fold;
use crate::mapping::rule::{BirthCheck, FieldGroup, FieldRule};
use crate::mapping::value::{self, Fault};
use crate::model::ProblemCode;

impl Visit<'_> {
    /// Notes a birth date that is not the one in the national id.
    pub(super) fn compare_birth_dates(
        &mut self,
        check: &BirthCheck,
        group: &FieldGroup,
        slots: &[Slot<'_>],
    ) {
        let (Some(id), Some(written)) = (
            &slots[check.national_id].text,
            &slots[check.birth_date].text,
        ) else {
            return;
        };
        let Some(born) = value::birth_date_of(id) else {
            return;
        };
        if is_date(written, born, &check.output) {
            return;
        }
        let rule = &group.rules[check.birth_date];
        let id_column = group.rules[check.national_id].column();
        let id_name = id_column
            .and_then(|index| self.mapping.names.get(index))
            .map_or("", String::as_str);
        let message = format!(
            "The birth date is not the one in the national id (column \"{id_name}\"): correct one of the two."
        );
        let fault = Fault {
            code: ProblemCode::BirthDateMismatch,
            message,
        };
        let shown = rule
            .column()
            .map_or_else(|| written.to_string(), |index| self.row.cell(index).shown());
        self.problem(rule.column(), Some(&rule.key), fault, shown);
    }

    /// Notes a value whose field does not show for this row.
    pub(super) fn condition_unmet(&mut self, rule: &FieldRule, group: &FieldGroup) {
        let Some(condition) = &rule.condition else {
            return;
        };
        let parent = &group.rules[condition.parent].key;
        let message = format!(
            "The field `{}` is only for customers whose `{parent}` is \"{}\": empty the cell, or correct `{parent}`.",
            rule.key, condition.value
        );
        let fault = Fault {
            code: ProblemCode::ConditionUnmet,
            message,
        };
        let shown = rule
            .column()
            .map_or_else(String::new, |index| self.row.cell(index).shown());
        self.problem(rule.column(), Some(&rule.key), fault, shown);
    }
}

/// Whether a rule's parent has another value than the one that shows this field. An empty parent has no value.
pub(super) fn is_unmet(rule: &FieldRule, slots: &[Slot<'_>]) -> bool {
    let Some(condition) = &rule.condition else {
        return false;
    };
    match &slots[condition.parent].text {
        Some(text) => **text != condition.value && fold(text) != condition.folded,
        None => false,
    }
}

/// Whether a text written in the form `output` means this day. Forms that cannot be read back, and those that leave parts
/// out, are compared as they are written; a time of day beside the date does not matter.
fn is_date(text: &str, day: civil::Date, output: &str) -> bool {
    if value::plain_date(text, output) == Some(day) {
        return true;
    }
    let written = strtime::format(output, day.to_datetime(civil::Time::midnight()));
    let read_back = || strtime::parse(output, text).and_then(|parts| parts.to_date());
    written.is_ok_and(|written| written == text) || read_back().is_ok_and(|date| date == day)
}
