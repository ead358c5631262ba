//! What goes out for a row: the request body, with member order and casing exactly as the vendor's sample has them, and the
//! key that makes two rows the same invitation.

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::config::{RequestFields, SessionConfig, SessionKind};
use super::names::fold_value;
use crate::model::{ContractTypeId, InvitationKey, Recipient};

/// What is the same in every body.
#[derive(Debug)]
pub(crate) struct BodyFrame {
    pub session: SessionConfig,
    pub request_fields: RequestFields,
    pub user_public_key: Option<String>,
}

impl BodyFrame {
    /// The body of one invitation; `fields` are the values by contract type and key, without a type that has none.
    pub fn write(
        &self,
        recipient: &Recipient,
        types: &[ContractTypeId],
        fields: Map<String, Value>,
    ) -> String {
        let texts = [
            ("phoneNumber", &recipient.phone),
            ("email", &recipient.email),
            ("userPublicKey", &self.user_public_key),
        ];
        let given = texts.into_iter();
        let given = given.filter_map(|(name, text)| Some((name, Value::from(text.as_deref()?))));
        let permissions = json!({
            "allowedContractTypeIds": types,
            "minimalSignatureFlow": self.session.minimal_signature_flow,
            "DigitalIdentityOnly": self.session.digital_identity_only,
        });
        let mut session = object(given.chain([("sessionPermissions", permissions)]));
        if self.session.kind == SessionKind::Auth {
            return session.to_string();
        }
        let values = ("RequestFieldsValues", Value::Object(fields));
        let values = Some(values).filter(|(_, fields)| *fields != json!({}));
        let (inside, beside) = match self.request_fields {
            RequestFields::Inside => (values, None),
            RequestFields::TopLevel => (None, values),
        };
        if let Some((name, fields)) = inside {
            session[name] = fields;
        }
        object([("SessionInput", session)].into_iter().chain(beside)).to_string()
    }
}

/// Its members stay in this order.
fn object(members: impl Iterator<Item = (&'static str, Value)>) -> Value {
    let members = members.map(|(name, value)| (name.to_owned(), value));
    Value::Object(members.collect())
}

/// The key by phone, else e-mail, with the set of contract types. E-mail addresses are compared without regard to
/// case. Keys are kept in ledgers for years: what is hashed here never changes.
pub(crate) fn key_of_recipient(
    recipient: &Recipient,
    sorted_types: &[ContractTypeId],
) -> InvitationKey {
    let mut hash = Sha256::new();
    match (&recipient.phone, &recipient.email) {
        (Some(phone), _) => hash.update(phone),
        (None, email) => hash.update(email.as_deref().unwrap_or_default().to_lowercase()),
    }
    for id in sorted_types {
        hash.update(b"\0");
        hash.update(id.0.to_be_bytes());
    }
    InvitationKey(hash.finalize().into())
}

/// The values of the columns that `[identity]` names, folded.
pub(crate) fn key_of_values<'a>(values: impl IntoIterator<Item = &'a str>) -> InvitationKey {
    let mut hash = Sha256::new();
    // Apart from every key of a recipient, whose text is never empty.
    hash.update(b"\0identity");
    for value in values {
        hash.update(b"\0");
        hash.update(fold_value(value));
    }
    InvitationKey(hash.finalize().into())
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
    fn members_stand_where_the_session_and_the_api_want_them() {
        let types = [ContractTypeId(414), ContractTypeId(415)];
        let fields = json!({"414": {"a": "1 \"q\" \\ \n ع"}});
        let fields = fields.as_object().cloned().unwrap_or_default();
        let start = "{\"SessionInput\":{\"phoneNumber\":\"+201012345678\",\"sessionPermissions\":\
                     {\"allowedContractTypeIds\":[414,415],\"minimalSignatureFlow\":true,\"DigitalIdentityOnly\":false}";
        let values = "\"RequestFieldsValues\":{\"414\":{\"a\":\"1 \\\"q\\\" \\\\ \\n ع\"}}";
        let auth = "{\"phoneNumber\":\"+201012345678\",\"userPublicKey\":\"-----BEGIN\\nKEY\",\"sessionPermissions\":\
                    {\"allowedContractTypeIds\":[414,415],\"minimalSignatureFlow\":true,\"DigitalIdentityOnly\":false}}";
        for (kind, place, key, fields, body) in [
            (
                SessionKind::Invitation,
                RequestFields::Inside,
                None,
                fields.clone(),
                format!("{start},{values}}}}}"),
            ),
            (
                SessionKind::Invitation,
                RequestFields::TopLevel,
                None,
                fields.clone(),
                format!("{start}}},{values}}}"),
            ),
            (
                SessionKind::Invitation,
                RequestFields::TopLevel,
                None,
                Map::new(),
                format!("{start}}}}}"),
            ),
            (
                SessionKind::Auth,
                RequestFields::Inside,
                Some("-----BEGIN\nKEY"),
                fields.clone(),
                auth.to_owned(),
            ),
        ] {
            let session = SessionConfig {
                kind,
                ..SessionConfig::default()
            };
            let frame = BodyFrame {
                session,
                request_fields: place,
                user_public_key: key.map(str::to_owned),
            };
            assert_eq!(
                frame.write(&recipient("+201012345678", ""), &types, fields),
                body
            );
        }
    }

    #[test]
    fn what_tells_invitations_apart_stays_as_ledgers_have_it() {
        let key = |phone: &str, email: &str, types: &[i64]| {
            let types: Vec<ContractTypeId> = types.iter().copied().map(ContractTypeId).collect();
            key_of_recipient(&recipient(phone, email), &types)
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
            key_of_values([" a-1 ", "احمد"])
        );
        assert_ne!(key_of_values(["1-11"]), key_of_values(["11-1"]));
        assert_ne!(key_of_values(["a", "bc"]), key_of_values(["ab", "c"]));
        assert_eq!(format!("{one:?}"), "abc377e6009b…");
        assert_eq!(format!("{:?}", key_of_values(["A-1"])), "0c5a4f3a262d…");
    }
}
