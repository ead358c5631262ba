//! Writes the request body, straight into one string: member order and casing exactly as the vendor's sample has them.

use std::borrow::Cow;

use super::config::{RequestFields, SessionConfig, SessionKind};
use crate::model::{ContractTypeId, Recipient};

/// What is the same in every body, prepared once.
pub(crate) struct BodyFrame {
    layout: Layout,
    /// `"userPublicKey":"…",` or nothing.
    public_key: String,
    /// What follows the contract types up to the end of `sessionPermissions`.
    flags: String,
}

enum Layout {
    /// `RequestFieldsValues` inside `SessionInput`.
    Inside,
    /// `RequestFieldsValues` beside `SessionInput`.
    Beside,
    /// No `SessionInput`, no `RequestFieldsValues`.
    Bare,
}

/// The values of one contract type.
pub(crate) struct TypeValues<'a> {
    pub contract_type: ContractTypeId,
    pub slots: Vec<Slot<'a>>,
}

/// What one rule came to in this row.
pub(crate) struct Slot<'a> {
    /// The key as in the rule: quoted, with colon.
    pub key: &'a str,
    /// What goes out; none leaves the field out.
    pub text: Option<Cow<'a, str>>,
    /// Whether a person wrote it into the sheet, as against a constant or a default.
    pub is_written: bool,
    pub is_faulty: bool,
}

impl TypeValues<'_> {
    /// The keys and texts that go out.
    fn values(&self) -> impl Iterator<Item = (&str, &str)> {
        let slots = self.slots.iter();
        slots.filter_map(|slot| Some((slot.key, slot.text.as_deref()?)))
    }
}

impl BodyFrame {
    pub fn new(
        session: &SessionConfig,
        request_fields: RequestFields,
        user_public_key: Option<&str>,
    ) -> Self {
        BodyFrame {
            layout: match (session.kind, request_fields) {
                (SessionKind::Auth, _) => Layout::Bare,
                (SessionKind::Invitation, RequestFields::Inside) => Layout::Inside,
                (SessionKind::Invitation, RequestFields::TopLevel) => Layout::Beside,
            },
            public_key: user_public_key.map_or_else(String::new, |key| {
                format!("\"userPublicKey\":{},", quoted(key))
            }),
            flags: format!(
                "],\"minimalSignatureFlow\":{},\"DigitalIdentityOnly\":{}}}",
                session.minimal_signature_flow, session.digital_identity_only
            ),
        }
    }

    pub fn write(
        &self,
        recipient: &Recipient,
        types: &[ContractTypeId],
        fields: &[TypeValues<'_>],
    ) -> String {
        let mut body = String::with_capacity(self.size_of(fields));
        body.push_str(if matches!(self.layout, Layout::Bare) {
            "{"
        } else {
            "{\"SessionInput\":{"
        });
        for (key, value) in [
            ("\"phoneNumber\":", &recipient.phone),
            ("\"email\":", &recipient.email),
        ] {
            if let Some(value) = value {
                body.push_str(key);
                push_quoted(&mut body, value);
                body.push(',');
            }
        }
        body.push_str(&self.public_key);
        body.push_str("\"sessionPermissions\":{\"allowedContractTypeIds\":[");
        push_ids(&mut body, types);
        body.push_str(&self.flags);
        if matches!(self.layout, Layout::Beside) {
            body.push('}');
        }
        if !matches!(self.layout, Layout::Bare) {
            push_fields(&mut body, fields);
        }
        body.push('}');
        if matches!(self.layout, Layout::Inside) {
            body.push('}');
        }
        body
    }

    fn size_of(&self, fields: &[TypeValues<'_>]) -> usize {
        let values = fields.iter().flat_map(TypeValues::values);
        let values: usize = values.map(|(key, value)| key.len() + value.len() + 4).sum();
        256 + self.public_key.len() + values
    }
}

fn push_ids(body: &mut String, types: &[ContractTypeId]) {
    for (at, id) in types.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        body.push_str(comma);
        push_id(body, *id);
    }
}

fn push_fields(body: &mut String, fields: &[TypeValues<'_>]) {
    let mut filled = fields
        .iter()
        .filter(|fields| fields.values().next().is_some())
        .peekable();
    if filled.peek().is_none() {
        return;
    }
    body.push_str(",\"RequestFieldsValues\":{");
    while let Some(fields) = filled.next() {
        body.push('"');
        push_id(body, fields.contract_type);
        body.push_str("\":{");
        for (at, (key, value)) in fields.values().enumerate() {
            if at > 0 {
                body.push(',');
            }
            body.push_str(key);
            push_quoted(body, value);
        }
        body.push('}');
        if filled.peek().is_some() {
            body.push(',');
        }
    }
    body.push('}');
}

fn push_id(body: &mut String, id: ContractTypeId) {
    body.push_str(itoa::Buffer::new().format(id.0));
}

/// A text as JSON has it.
pub(crate) fn quoted(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    push_quoted(&mut json, text);
    json
}

fn push_quoted(json: &mut String, text: &str) {
    // Every byte is looked at, many at once, as nearly every text is plain to its end.
    let mut needs_escape = false;
    for b in text.bytes() {
        needs_escape |= b < 0x20 || b == b'"' || b == b'\\';
    }
    if needs_escape {
        // Serialising a text cannot fail.
        json.push_str(&serde_json::to_string(text).unwrap_or_default());
    } else {
        json.push('"');
        json.push_str(text);
        json.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(
        session: &SessionConfig,
        place: RequestFields,
        key: Option<&str>,
        fields: &[TypeValues<'_>],
    ) -> String {
        let recipient = Recipient {
            phone: Some("+201012345678".into()),
            email: None,
        };
        let types = [ContractTypeId(414), ContractTypeId(415)];
        BodyFrame::new(session, place, key).write(&recipient, &types, fields)
    }

    fn fields<'a>() -> Vec<TypeValues<'a>> {
        let slot = |key, text| Slot {
            key,
            text,
            is_written: true,
            is_faulty: false,
        };
        let slots = vec![
            slot("\"none\":", None),
            slot("\"a\":", Some(Cow::Borrowed("1 \"quoted\" \\ \n ع"))),
        ];
        vec![
            TypeValues {
                contract_type: ContractTypeId(414),
                slots,
            },
            TypeValues {
                contract_type: ContractTypeId(415),
                slots: Vec::new(),
            },
        ]
    }

    #[test]
    fn fields_sit_inside_or_beside_the_session() {
        let session = SessionConfig::default();
        let start = "{\"SessionInput\":{\"phoneNumber\":\"+201012345678\",\"sessionPermissions\":\
                     {\"allowedContractTypeIds\":[414,415],\"minimalSignatureFlow\":true,\"DigitalIdentityOnly\":false}";
        let values = "\"RequestFieldsValues\":{\"414\":{\"a\":\"1 \\\"quoted\\\" \\\\ \\n ع\"}}";
        assert_eq!(
            body(&session, RequestFields::Inside, None, &fields()),
            format!("{start},{values}}}}}")
        );
        assert_eq!(
            body(&session, RequestFields::TopLevel, None, &fields()),
            format!("{start}}},{values}}}")
        );
        assert_eq!(
            body(&session, RequestFields::Inside, None, &[]),
            format!("{start}}}}}")
        );
        assert_eq!(
            body(&session, RequestFields::TopLevel, None, &[]),
            format!("{start}}}}}")
        );
    }

    #[test]
    fn an_auth_session_has_its_members_at_the_top_and_no_fields() {
        let session = SessionConfig {
            kind: SessionKind::Auth,
            minimal_signature_flow: false,
            digital_identity_only: true,
            user_public_key_file: None,
        };
        assert_eq!(
            body(
                &session,
                RequestFields::Inside,
                Some("-----BEGIN\nKEY"),
                &fields()
            ),
            "{\"phoneNumber\":\"+201012345678\",\"userPublicKey\":\"-----BEGIN\\nKEY\",\"sessionPermissions\":\
             {\"allowedContractTypeIds\":[414,415],\"minimalSignatureFlow\":false,\"DigitalIdentityOnly\":true}}"
        );
    }
}
