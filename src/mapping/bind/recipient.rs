//! Binds the recipient, the contract types and the identity.

use super::Binder;
use crate::mapping::config::{
    ConfigProblem, ContractConfig, ContractValue, DEFAULT_COUNTRY, RecipientConfig,
};
use crate::mapping::conventions::{Role, is_left_out};
use crate::mapping::names::{fold, visible};
use crate::mapping::rule::{ColumnRule, ContractRule, ContractWords};
use crate::mapping::value::Kind;
use crate::model::{Column, ContractTypeId};

/// Phone, e-mail, or both.
pub(super) struct RecipientRules {
    pub phone: Option<ColumnRule>,
    pub email: Option<ColumnRule>,
}

impl Binder<'_> {
    pub(super) fn bind_recipient(&mut self) -> RecipientRules {
        let (phone, email) = match &self.config.recipient {
            Some(RecipientConfig { phone, email, .. }) if phone.is_some() || email.is_some() => (
                phone.as_ref().and_then(|name| self.position(name)),
                email.as_ref().and_then(|name| self.position(name)),
            ),
            _ => self.recipient_from_headers(),
        };
        RecipientRules {
            phone: phone.map(|index| ColumnRule {
                index,
                kind: self.phone_kind(),
            }),
            email: email.map(|index| ColumnRule {
                index,
                kind: Kind::Email,
            }),
        }
    }

    /// How phone numbers are read, the recipient's and those in fields.
    pub(super) fn phone_kind(&self) -> Kind {
        let recipient = self.config.recipient.as_ref();
        Kind::Phone {
            country: recipient
                .map_or(DEFAULT_COUNTRY, |recipient| &recipient.country)
                .to_owned(),
            landlines: recipient.is_some_and(|recipient| recipient.landlines),
        }
    }

    fn recipient_from_headers(&mut self) -> (Option<usize>, Option<usize>) {
        let problems_before = self.problems.len();
        let phone = self.column_of_role(Role::Phone, "the phone", "[recipient] phone = \"…\"");
        let email = self.column_of_role(Role::Email, "the e-mail", "[recipient] email = \"…\"");
        if phone.is_none() && email.is_none() && self.problems.len() == problems_before {
            self.refuse(
                "no column says whom to invite".to_owned(),
                "name a column `phoneNumber` or `email`, or write [recipient] phone = \"…\" into vlens-batch.toml; \
                 a header that is not in the first row is found by --header-row"
                    .to_owned(),
            );
        }
        (phone, email)
    }

    /// The column whose header names a role; the API's own word wins over others.
    fn column_of_role(&mut self, role: Role, what: &str, way_out: &str) -> Option<usize> {
        let fitting: Vec<&Column> = self
            .header
            .columns
            .iter()
            .filter(|column| !is_left_out(&column.name) && Role::of(&column.name) == Some(role))
            .collect();
        let canonical: Vec<&Column> = fitting
            .iter()
            .copied()
            .filter(|column| role.is_canonical(&column.name))
            .collect();
        let exact: Vec<&Column> = canonical
            .iter()
            .copied()
            .filter(|column| role.is_own_word(&column.name))
            .collect();
        let candidates = [exact, canonical, fitting]
            .into_iter()
            .find(|columns| !columns.is_empty())?;
        if let [only] = candidates[..] {
            self.used.insert(only.index);
            return Some(only.index);
        }
        let same_name = candidates
            .iter()
            .all(|column| column.name == candidates[0].name);
        if same_name {
            let reason = self.header.standing_twice(&candidates);
            self.problems
                .push(ConfigProblem::nowhere(reason.message).hint(reason.hint));
        } else {
            let message = format!(
                "several columns could be {what}: {}",
                self.header.placed(&candidates)
            );
            self.refuse(message, format!("say which in vlens-batch.toml: {way_out}"));
        }
        None
    }

    pub(super) fn bind_contract(&mut self) -> Option<ContractRule> {
        if !self.options.contract_types.is_empty() {
            if self.config.contract.is_some() {
                self.notes
                    .push("[contract] is not used: --contract-type goes before it".to_owned());
            }
            return Some(ContractRule::Same(sorted(
                self.options.contract_types.iter().copied(),
            )));
        }
        match &self.config.contract {
            Some(ContractConfig::Same(types)) => {
                Some(ContractRule::Same(sorted(types.iter().map(|id| id.value))))
            }
            Some(ContractConfig::ByColumn { column, values }) => {
                let index = self.position(column)?;
                Some(match values {
                    Some(values) => ContractRule::Words {
                        index,
                        words: self.words(values),
                    },
                    None => ContractRule::Ids { index },
                })
            }
            None => self.contract_from_headers(),
        }
    }

    fn words(&mut self, values: &[ContractValue]) -> ContractWords {
        let mut words = ContractWords::default();
        for value in values {
            let types = sorted(value.types.iter().map(|id| id.value));
            let earlier = words.folded.insert(fold(&value.value.value), types.clone());
            if earlier.is_some_and(|earlier| earlier != types) {
                let message = format!(
                    "`{}` is written like another value, with other contract types",
                    value.value.value
                );
                self.problems.push(
                    ConfigProblem::at(&value.value.span, message).hint(
                        "case, spaces, `_`, `-` and Arabic letter variants make no difference"
                            .to_owned(),
                    ),
                );
            }
            words
                .exact
                .insert(value.value.value.trim().to_owned(), types);
        }
        words
    }

    fn contract_from_headers(&mut self) -> Option<ContractRule> {
        let problems_before = self.problems.len();
        let column = self.column_of_role(
            Role::ContractType,
            "the contract type",
            "[contract] column = \"…\"",
        );
        if let Some(index) = column {
            return Some(ContractRule::Ids { index });
        }
        let named = if self.config.fields.is_none() {
            self.types_in_headers()
        } else {
            Vec::new()
        };
        if !named.is_empty() {
            return Some(ContractRule::Same(named));
        }
        if self.problems.len() == problems_before {
            self.refuse(
                "nothing says to which contract type the customers are invited".to_owned(),
                "give --contract-type ID, add a column `contractTypeId`, or write [contract] types = [ID] into \
                 vlens-batch.toml"
                    .to_owned(),
            );
        }
        None
    }

    fn types_in_headers(&self) -> Vec<ContractTypeId> {
        let names = self
            .header
            .columns
            .iter()
            .map(|column| column.name.as_str());
        sorted(names.filter_map(|name| Some(self.types.explicit_key(&visible(name))?.0)))
    }

    pub(super) fn bind_identity(&mut self) -> Option<Vec<usize>> {
        let identity = self.config.identity.as_ref()?;
        Some(
            identity
                .columns
                .iter()
                .filter_map(|name| self.position(name))
                .collect(),
        )
    }
}

fn sorted(types: impl Iterator<Item = ContractTypeId>) -> Vec<ContractTypeId> {
    let mut types: Vec<ContractTypeId> = types.collect();
    types.sort_unstable();
    types.dedup();
    types
}
