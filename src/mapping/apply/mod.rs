//! Maps one row: its invitation, or every problem it has. Runs once for each row of a sheet, so it looks nothing up by
//! name and builds the body in one string.

mod checks;
mod fields;
mod visit;

use std::borrow::Cow;

use super::names::{fold, fold_value};
use super::rule::{ColumnRule, ContractRule};
use super::value::{Fault, Kind};
use super::{Mapped, Mapping, identity};
use crate::model::{ContractTypeId, Invitation, InvitationKey, ProblemCode, Recipient, Row};
use visit::{Found, Visit};

impl Mapping {
    /// What a row becomes.
    pub fn apply(&self, row: &Row) -> Mapped {
        let mut visit = Visit {
            mapping: self,
            row,
            problems: Vec::new(),
            repairs: Vec::new(),
        };
        let invitation = visit.invitation();
        let Visit {
            problems, repairs, ..
        } = visit;
        let result = match invitation {
            Some(invitation) if problems.is_empty() => Ok(invitation),
            _ => Err(problems),
        };
        Mapped { result, repairs }
    }
}

impl<'a> Visit<'a> {
    /// The row's invitation; `None` only with a problem noted.
    fn invitation(&mut self) -> Option<Invitation> {
        self.check_width();
        let recipient = self.recipient();
        let types = self.contract_types();
        let identity = self.identity();
        let types = types?;
        let fields = self.fields(&types);
        if !self.problems.is_empty() {
            return None;
        }
        let recipient = recipient?;
        let key = identity.unwrap_or_else(|| identity::of_recipient(&recipient, &types));
        let body = self.mapping.frame.write(&recipient, &types, &fields);
        Some(Invitation {
            key,
            recipient,
            contract_types: types.into_owned(),
            body,
        })
    }

    fn check_width(&mut self) {
        let width = self.mapping.width;
        let Some(beyond) = self.row.cells.get(width..) else {
            return;
        };
        let Some(last) = beyond.iter().rposition(|cell| !cell.is_empty()) else {
            return;
        };
        let message = format!(
            "The row has {} cells and the header {width}: look for a stray separator, or add a header.",
            width + last + 1
        );
        let value = beyond[last].shown();
        self.problem(
            None,
            None,
            Fault {
                code: ProblemCode::TooManyCells,
                message,
            },
            value,
        );
    }

    fn recipient(&mut self) -> Option<Recipient> {
        let problems_before = self.problems.len();
        let mapping = self.mapping;
        let recipient = Recipient {
            phone: self.recipient_part(mapping.phone.as_ref(), "phone"),
            email: self.recipient_part(mapping.email.as_ref(), "email"),
        };
        if recipient.phone.is_some() || recipient.email.is_some() {
            return Some(recipient);
        }
        if self.problems.len() == problems_before {
            let rule = mapping.phone.as_ref().map(|rule| (rule, "phone"));
            let (rule, field) = rule
                .or(mapping.email.as_ref().map(|rule| (rule, "email")))
                .unzip();
            let message =
                "Nobody to invite: fill in a phone number or an e-mail address.".to_owned();
            let fault = Fault {
                code: ProblemCode::RecipientMissing,
                message,
            };
            self.problem(rule.map(|rule| rule.index), field, fault, String::new());
        }
        None
    }

    fn recipient_part(&mut self, rule: Option<&'a ColumnRule>, field: &str) -> Option<String> {
        let rule = rule?;
        let text = self.read(rule.index, &rule.kind, field).text()?;
        Some(text.into_owned())
    }

    /// The row's contract types, sorted; `None` with a problem noted.
    fn contract_types(&mut self) -> Option<Cow<'a, [ContractTypeId]>> {
        let mapping = self.mapping;
        let index = match &mapping.contract {
            ContractRule::Same(types) => return Some(Cow::Borrowed(types)),
            ContractRule::Ids { index } | ContractRule::Words { index, .. } => *index,
        };
        let text = match self.read(index, &Kind::Text, "contract_type") {
            Found::Text(text) => text,
            Found::Nothing => {
                self.missing(Some(index), "contract_type");
                return None;
            }
            Found::Fault => return None,
        };
        let types = match &mapping.contract {
            ContractRule::Words { words, .. } => {
                let types = words
                    .exact
                    .get(&*text)
                    .or_else(|| words.folded.get(&fold(&text)));
                types.map(|types| Cow::Borrowed(types.as_slice()))
            }
            _ => ids_in(&text).map(Cow::Owned),
        };
        if types.is_none() {
            let message = match &mapping.contract {
                ContractRule::Words { .. } => {
                    "This value names no contract type: correct it, or add it to [contract] values."
                }
                _ => "This is no contract type: write its number, such as 414.",
            };
            let fault = Fault {
                code: ProblemCode::ContractTypeUnknown,
                message: message.to_owned(),
            };
            self.problem(
                Some(index),
                Some("contract_type"),
                fault,
                self.row.cell(index).shown(),
            );
        }
        types
    }

    /// The key by the identity columns; `None` when the recipient tells, or with a problem noted.
    fn identity(&mut self) -> Option<InvitationKey> {
        let columns = self.mapping.identity.as_deref()?;
        let problems_before = self.problems.len();
        let values: Vec<Option<Cow<'a, str>>> = columns
            .iter()
            .map(|&index| self.read_silently(index, "identity").text())
            .collect();
        if self.problems.len() > problems_before {
            return None;
        }
        // Rows without any identity would all be the same invitation, and only the first would be sent.
        if values.iter().all(Option::is_none) {
            self.missing(columns.first().copied(), "identity");
            return None;
        }
        Some(identity::of_values(
            values
                .iter()
                .map(|value| value.as_deref().unwrap_or_default()),
        ))
    }
}

/// The contract types written in a cell: one number or several, separated by commas or semicolons. Sorted.
fn ids_in(text: &str) -> Option<Vec<ContractTypeId>> {
    let mut ids = text
        .split([',', ';', '،', '؛'])
        .map(|part| {
            fold_value(part)
                .parse()
                .ok()
                .filter(|&id: &i64| id > 0)
                .map(ContractTypeId)
        })
        .collect::<Option<Vec<_>>>()?;
    ids.sort_unstable();
    ids.dedup();
    Some(ids)
}
