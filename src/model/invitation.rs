//! What one valid row becomes, and the form whose fields it fills; what became of its request, and the link that a tenant makes of the
//! token that it gave.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use strum::{Display, IntoStaticStr};

use super::printable::Secret;
use super::row::RowNumber;

/// The vendor's number for a contract type, such as 414.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContractTypeId(pub i64);

impl fmt::Display for ContractTypeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As people write it: a number from 1 on.
impl FromStr for ContractTypeId {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            Ok(id @ 1..) => Ok(ContractTypeId(id)),
            _ => Err("a contract type is a number from 1 on, such as 414"),
        }
    }
}

/// An invitation to be created: its identity, and the exact bytes of the request body. It holds personal data, so it cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    pub key: CustomerKey,
    pub addresses: Addresses,
    /// Sorted, without repetition.
    pub contract_types: Vec<ContractTypeId>,
    /// The JSON body of the request, exactly as it is sent.
    pub body: String,
}

/// Phone, e-mail, or both.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Recipient {
    /// E.164, such as `+201012345678`.
    pub phone: Option<String>,
    pub email: Option<String>,
}

/// Computed from what makes two rows the same invitation, never from the run or the row number, so that a re-sorted file meets its own
/// history: as much of the SHA-256 of the identity's canonical text as is kept, so that even among a thousand million no two are taken
/// for one.
pub type CustomerKey = [u8; 16];

/// Names a request in the team's register, before that has heard of it.
pub type RequestName = [u8; 16];

/// The keys by phone and by e-mail, each with the contract types; the first that is there is the customer's unless other columns tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Addresses {
    pub phone: Option<CustomerKey>,
    pub email: Option<CustomerKey>,
}

impl Addresses {
    /// What a customer who is known by `key`, his phone's, was known by before that was there, and is once it is gone: the e-mail alone.
    pub fn email_behind(&self, key: CustomerKey) -> Option<CustomerKey> {
        self.email.filter(|_| self.phone == Some(key))
    }
}

/// Whom an invitation is for, as others can know him again. It holds personal data, so it does not print itself.
pub struct Customer {
    pub key: CustomerKey,
    /// The columns that tell customers apart by this key: whom others told apart is known by the body.
    pub told_by: String,
    pub addresses: Addresses,
    /// The request's body; empty once purged.
    pub body: String,
}

/// The form of one contract type: every field of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Form {
    /// Empty where the vendor gave none.
    pub name: String,
    /// In the form's order, the tree of related questions flattened.
    pub fields: Vec<FormField>,
}

impl Form {
    pub fn field(&self, key: &str) -> Option<&FormField> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// What a field's values must be. Its name is the mapping's `type`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum FieldType {
    #[default]
    Text,
    Number,
    Date,
    Phone,
    Email,
    Choice,
    Boolean,
    EgyptNationalId,
}

/// A cell with this text in a column left out (`#`, `_…`) marks a template's example row, which is never sent.
pub const EXAMPLE_MARKER: &str = "example / مثال";

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormField {
    /// The key under which a value is sent in `RequestFieldsValues`.
    pub key: String,
    pub label: String,
    pub label_ar: String,
    /// The vendor's word for the kind of field (an open list: `text`, `number`, `date`, `dropdown`, …), in lower case.
    pub kind: String,
    /// The choices, empty when the field is free.
    pub options: Vec<FormOption>,
    pub condition: Option<FormCondition>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FormOption {
    /// The text to send.
    pub value: String,
    /// Other labels that a person may write for the same choice (the Arabic one, say).
    pub labels: Vec<String>,
}

/// A conditional field shows where the field `parent` has this value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormCondition {
    pub parent: String,
    pub value: String,
}

/// What a request for an invitation came to: the session token, with which whoever holds it can act as the customer, or why there is
/// none. Which answer means what: the table in `vlens/answer.rs`.
pub type Outcome = Result<Secret, Failure>;

/// Why a request gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    pub why: Why,
    /// What was observed, for people: no secret, values masked.
    pub message: String,
}

impl Failure {
    pub fn new(why: Why, message: impl Into<String>) -> Self {
        Failure {
            why,
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.why {
            Why::Rejected(code) => write!(f, "{} (error_code {code})", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

/// What follows from each for a row: the table in `send/decide.rs`. All but the first and the last are certainly not created, by no
/// fault of the row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Why {
    /// Vlens answered that it will not: its `error_code`, else the HTTP status.
    Rejected(i64),
    /// No connection was made: DNS, connection, TLS.
    Unreachable,
    /// A connection was made, and the request did not begin to leave, or the server said that it processed nothing of it
    /// (HTTP/2, RFC 9113, section 8.7).
    Unprocessed,
    /// 429, with its `Retry-After`.
    Throttled(Option<Duration>),
    /// 503 with `Retry-After`.
    Unavailable(Duration),
    /// 401, as HTTP status or `error_code`: the token is not accepted.
    Unauthorized,
    /// Every request would be refused alike.
    Refused(Refusal),
    /// Created or not: nobody can tell.
    Uncertain(Uncertainty),
}

impl Why {
    /// The vendor's code, or a word.
    pub fn code(self) -> String {
        match self {
            Why::Rejected(code) => code.to_string(),
            Why::Uncertain(why) => why.to_string(),
            _ => self.to_string(),
        }
    }

    /// For how long the server asks to stay away.
    pub fn retry_after(self) -> Option<Duration> {
        match self {
            Why::Throttled(asked) => asked,
            Why::Unavailable(asked) => Some(asked),
            _ => None,
        }
    }

    /// Whether a call that only reads may succeed if it is simply made again, later.
    pub fn may_pass(self) -> bool {
        match self {
            Why::Unreachable | Why::Unprocessed | Why::Throttled(_) | Why::Unavailable(_) => true,
            Why::Uncertain(_) => !self.is_not_the_api(),
            Why::Rejected(_) | Why::Unauthorized | Why::Refused(_) => false,
        }
    }

    /// Whether what answers is not the API, or has no such call.
    pub fn is_not_the_api(self) -> bool {
        matches!(
            self,
            Why::Refused(Refusal::NotTheApi) | Why::Uncertain(Uncertainty::Redirect)
        )
    }
}

/// Why every request would be refused alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// 401 after a fresh login, or a refused login: wrong credentials, a lock-out, a second factor. Never tried again in a loop.
    Credentials,
    /// 403.
    Rights,
    /// 404, 405, a certificate that nobody vouches for.
    NotTheApi,
}

/// Why an outcome cannot be told. Its word is kept in the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Display, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
pub enum Uncertainty {
    /// The request went out and no answer came in time.
    Timeout,
    /// The connection broke after the request began to leave.
    Broken,
    /// An answer came that does not tell: no token, no error, cut, not JSON, too long.
    Unreadable,
    /// 408, 5xx: the server failed with the request in its hands.
    ServerError,
    /// 3xx: this address is not the API.
    Redirect,
    /// The process ended before the answer came.
    Interrupted,
}

/// `[result] link`: the tenant's own address, made from a row's session token. It knows `{{ token }}` (percent-encoded) and
/// `{{ row }}`, and nothing else, so that a link is never much longer than its template.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct LinkTemplate(String);

impl TryFrom<String> for LinkTemplate {
    type Error = String;

    /// Takes a template such as `https://onboard.example/start?session={{ token }}`; or says what is wrong, and advice.
    fn try_from(text: String) -> Result<Self, String> {
        let gaps = text.split("{{").skip(1).map(|gap| gap.split_once("}}"));
        let names: Vec<Option<&str>> = gaps.map(|gap| Some(gap?.0.trim())).collect();
        let mut known = names.iter().flatten();
        let why = match known.find(|name| !matches!(**name, "token" | "row")) {
            _ if names.contains(&None) => "has a {{ that is not closed by }}".to_owned(),
            Some(other) => format!("uses {other:?}, which is not known here"),
            None if names.contains(&Some("token")) => return Ok(LinkTemplate(text)),
            None => "does not use {{ token }}, so every link would be the same".to_owned(),
        };
        Err(
            why + "\nwrite it like \"https://onboard.example/start?session={{ token }}\"; {{ row }} is known as well"
        )
    }
}

impl LinkTemplate {
    pub fn render(&self, token: &str, row: RowNumber) -> String {
        let mut pieces = self.0.split("{{");
        let mut link = pieces.next().unwrap_or_default().to_owned();
        for (name, text) in pieces.filter_map(|piece| piece.split_once("}}")) {
            match name.trim() {
                "token" => link.push_str(&percent_encoded(token)),
                _ => link.push_str(&row.to_string()),
            }
            link.push_str(text);
        }
        link
    }
}

/// RFC 3986: everything but the unreserved characters is escaped, so that a token fits in a path and in a query.
fn percent_encoded(text: &str) -> String {
    let encoded = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    });
    encoded.collect()
}
