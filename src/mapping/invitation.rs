//! What goes out for a row: the request body, with member order and casing exactly as the vendor's sample has them, and the
//! key that makes two rows the same invitation.

use std::borrow::Cow;

use serde::{Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::config::{RequestFields, SessionConfig, SessionKind};
use super::names::fold_value;
use crate::model::{ContractTypeId, InvitationKey, Recipient};

/// What is the same in every body.
pub(crate) struct BodyFrame {
    session: SessionConfig,
    request_fields: RequestFields,
    user_public_key: Option<String>,
}

/// The values of one contract type; at least one.
pub(crate) struct TypeValues<'a> {
    pub contract_type: ContractTypeId,
    /// By the fields' keys, in the mapping's order.
    pub values: Vec<(&'a str, Cow<'a, str>)>,
}

/// The values of all contract types.
type Fields<'a> = &'a [TypeValues<'a>];

#[derive(Serialize)]
struct Session<'a> {
    #[serde(rename = "phoneNumber", skip_serializing_if = "Option::is_none")]
    phone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(rename = "userPublicKey", skip_serializing_if = "Option::is_none")]
    user_public_key: Option<&'a str>,
    #[serde(rename = "sessionPermissions")]
    permissions: Permissions<'a>,
    #[serde(
        rename = "RequestFieldsValues",
        skip_serializing_if = "<[_]>::is_empty",
        serialize_with = "by_type"
    )]
    fields: Fields<'a>,
}

#[derive(Serialize)]
struct Permissions<'a> {
    #[serde(rename = "allowedContractTypeIds")]
    types: &'a [ContractTypeId],
    #[serde(rename = "minimalSignatureFlow")]
    minimal_signature_flow: bool,
    #[serde(rename = "DigitalIdentityOnly")]
    digital_identity_only: bool,
}

#[derive(Serialize)]
struct Invitation<'a> {
    #[serde(rename = "SessionInput")]
    session: Session<'a>,
    #[serde(
        rename = "RequestFieldsValues",
        skip_serializing_if = "<[_]>::is_empty",
        serialize_with = "by_type"
    )]
    fields: Fields<'a>,
}

impl BodyFrame {
    pub fn new(
        session: &SessionConfig,
        request_fields: RequestFields,
        user_public_key: Option<&str>,
    ) -> Self {
        BodyFrame {
            session: session.clone(),
            request_fields,
            user_public_key: user_public_key.map(str::to_owned),
        }
    }

    pub fn write(
        &self,
        recipient: &Recipient,
        types: &[ContractTypeId],
        fields: &[TypeValues<'_>],
    ) -> String {
        let (inside, beside): (Fields<'_>, Fields<'_>) =
            match (self.session.kind, self.request_fields) {
                (SessionKind::Auth, _) => (&[], &[]),
                (SessionKind::Invitation, RequestFields::Inside) => (fields, &[]),
                (SessionKind::Invitation, RequestFields::TopLevel) => (&[], fields),
            };
        let session = Session {
            phone: recipient.phone.as_deref(),
            email: recipient.email.as_deref(),
            user_public_key: self.user_public_key.as_deref(),
            permissions: Permissions {
                types,
                minimal_signature_flow: self.session.minimal_signature_flow,
                digital_identity_only: self.session.digital_identity_only,
            },
            fields: inside,
        };
        let json = match self.session.kind {
            SessionKind::Auth => serde_json::to_string(&session),
            SessionKind::Invitation => serde_json::to_string(&Invitation {
                session,
                fields: beside,
            }),
        };
        // Texts, numbers and flags are always JSON.
        json.unwrap_or_default()
    }
}

impl Serialize for TypeValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.values.iter().map(|(key, text)| (key, text)))
    }
}

fn by_type<S: Serializer>(fields: &Fields<'_>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(fields.iter().map(|values| (values.contract_type, values)))
}

/// What a customer can be known by in a body that was sent.
#[derive(Debug, Default)]
pub struct KnownBy {
    /// Phone and e-mail.
    pub recipient: Vec<String>,
    /// Keys and values of the form fields.
    pub fields: Vec<(String, String)>,
}

impl KnownBy {
    pub fn of_body(body: &str) -> KnownBy {
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        let session = body.get("SessionInput").unwrap_or(&body);
        let recipient = ["phoneNumber", "email"].map(|member| session[member].as_str());
        let types = [session, &body].map(|place| place["RequestFieldsValues"].as_object());
        let groups = types.into_iter().flatten().flat_map(|types| types.values());
        let fields = groups.filter_map(Value::as_object).flatten();
        KnownBy {
            recipient: recipient.into_iter().flatten().map(str::to_owned).collect(),
            fields: fields
                .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
                .collect(),
        }
    }
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
        let fields = [TypeValues {
            contract_type: ContractTypeId(414),
            values: vec![("a", "1 \"q\" \\ \n ع".into())],
        }];
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
                &fields[..],
                format!("{start},{values}}}}}"),
            ),
            (
                SessionKind::Invitation,
                RequestFields::TopLevel,
                None,
                &fields,
                format!("{start}}},{values}}}"),
            ),
            (
                SessionKind::Invitation,
                RequestFields::TopLevel,
                None,
                &[],
                format!("{start}}}}}"),
            ),
            (
                SessionKind::Auth,
                RequestFields::Inside,
                Some("-----BEGIN\nKEY"),
                &fields,
                auth.to_owned(),
            ),
        ] {
            let session = SessionConfig {
                kind,
                ..SessionConfig::default()
            };
            let frame = BodyFrame::new(&session, place, key);
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
