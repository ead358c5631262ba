//! What goes out for a row: the request body, with member order and casing exactly as the vendor's sample has them, and the
//! key that makes two rows the same invitation.

use std::borrow::Cow;

use indexmap::IndexMap;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::config::{RequestFields, SessionConfig, SessionKind};
use super::names::{fold_value, plain_number};
use crate::model::{Addresses, ContractTypeId, CustomerKey, Recipient};

#[derive(Debug)]
pub(crate) struct BodyFrame {
    pub session: SessionConfig,
    pub request_fields: RequestFields,
    pub user_public_key: Option<String>,
}

/// The values of form fields by contract type and key, without a type that has none.
pub(crate) type FieldValues<'a> = IndexMap<ContractTypeId, IndexMap<&'a str, Cow<'a, str>>>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CreateInvitation<'a> {
    session_input: SessionInput<'a>,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    request_fields_values: &'a FieldValues<'a>,
}

/// The whole body of `CreateAuthSession`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionInput<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_public_key: Option<&'a str>,
    session_permissions: SessionPermissions<'a>,
    #[serde(rename = "RequestFieldsValues")]
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    fields: &'a FieldValues<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionPermissions<'a> {
    allowed_contract_type_ids: &'a [ContractTypeId],
    minimal_signature_flow: bool,
    #[serde(rename = "DigitalIdentityOnly")]
    digital_identity_only: bool,
}

impl BodyFrame {
    pub fn write(
        &self,
        recipient: &Recipient,
        types: &[ContractTypeId],
        fields: &FieldValues<'_>,
    ) -> String {
        let none = FieldValues::new();
        let (inside, beside) = match self.request_fields {
            RequestFields::Inside => (fields, &none),
            RequestFields::TopLevel => (&none, fields),
        };
        let session = SessionInput {
            phone_number: recipient.phone.as_deref(),
            email: recipient.email.as_deref(),
            user_public_key: self.user_public_key.as_deref(),
            session_permissions: SessionPermissions {
                allowed_contract_type_ids: types,
                minimal_signature_flow: self.session.minimal_signature_flow.unwrap_or(true),
                digital_identity_only: self.session.digital_identity_only,
            },
            fields: inside,
        };
        let body = match self.session.kind {
            SessionKind::Auth => serde_json::to_string(&session),
            SessionKind::Invitation => serde_json::to_string(&CreateInvitation {
                session_input: session,
                request_fields_values: beside,
            }),
        };
        body.expect("texts, numbers and their keys are always JSON")
    }
}

/// Whether a body is `CreateInvitation`'s, as can be seen from the body itself.
pub fn is_invitation(body: &str) -> bool {
    body.starts_with("{\"SessionInput\"")
}

/// E-mail addresses are compared without regard to case. Keys are kept in ledgers for years: what is hashed here never changes.
pub(crate) fn addresses(
    Recipient { phone, email }: &Recipient,
    sorted_types: &[ContractTypeId],
) -> Addresses {
    let lower = email.as_ref().map(|email| email.to_lowercase());
    let [phone, email] = [phone, &lower].map(|address| {
        let mut hash = Sha256::new_with_prefix(address.as_ref()?);
        for id in sorted_types {
            hash.update(b"\0");
            hash.update(id.0.to_be_bytes());
        }
        Some(kept(hash))
    });
    Addresses { phone, email }
}

/// The values of the columns that `[identity]` names, folded; of numbers, what they come to (`0012`, `12.0`).
pub(crate) fn key_of_values<'a>(values: impl IntoIterator<Item = &'a str>) -> CustomerKey {
    // Apart from every key of a recipient, whose text is never empty.
    let mut hash = Sha256::new_with_prefix(b"\0identity");
    for value in values {
        hash.update(b"\0");
        // The apostrophe keeps a spreadsheet from reading a number.
        let value = fold_value(value.trim_start().trim_start_matches('\''));
        let number = plain_number(&value);
        let is_number = number
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'.'));
        // A spreadsheet takes the zeros before an application number away.
        hash.update(match number.trim_start_matches('0') {
            "" => &number[..number.len().min(1)],
            bare if is_number => bare,
            _ => number,
        });
    }
    kept(hash)
}

fn kept(hash: Sha256) -> CustomerKey {
    let hash = hash.finalize();
    std::array::from_fn(|at| hash[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(phone: &str, email: &str) -> Recipient {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Recipient {
            phone: given(phone),
            email: given(email),
        }
    }

    #[test]
    fn what_tells_invitations_apart_stays_as_ledgers_have_it() {
        let key = |phone: &str, email: &str, types: &[i64]| {
            let types: Vec<ContractTypeId> = types.iter().copied().map(ContractTypeId).collect();
            let Addresses { phone, email } = addresses(&recipient(phone, email), &types);
            phone.or(email)
        };
        let one = key("+201012345678", "", &[414]);
        assert_eq!(one, key("+201012345678", "a@example.com", &[414]));
        assert_ne!(one, key("+201012345679", "", &[414]));
        assert_ne!(one, key("+201012345678", "", &[414, 415]));
        assert_eq!(
            key("", "Mona@Example.com", &[414]),
            key("", "mona@example.com", &[414])
        );
        assert_eq!(
            key_of_values(["A-1", "أحمد"]),
            key_of_values([" 'a–1 ", "احمد"])
        );
        assert_ne!(key_of_values(["1-11"]), key_of_values(["11-1"]));
        assert_ne!(key_of_values(["a", "bc"]), key_of_values(["ab", "c"]));
        assert_eq!(key_of_values(["0012.50"]), key_of_values(["12.5"]));
        let one = one.expect("a key by phone");
        assert_eq!(one[..4], [0xab, 0xc3, 0x77, 0xe6]);
        assert_eq!(key_of_values(["A-1"])[..4], [0x0c, 0x5a, 0x4f, 0x3a]);
    }
}
