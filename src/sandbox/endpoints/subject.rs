//! Whom a request is about, for the log: also of requests that are refused, or turned away before anybody reads them.

use serde_json::Value;

use super::{Call, creates_sessions};

/// Recipient and contract types, as far as they can be read.
#[derive(Debug, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct Subject {
    /// Phone, else e-mail.
    pub key: Option<String>,
    pub types: Vec<i64>,
}

impl Subject {
    pub(in crate::sandbox) fn of(call: &Call<'_>) -> Self {
        if !creates_sessions(call.path) {
            return Subject::default();
        }
        let body: Value = serde_json::from_slice(call.body).unwrap_or_default();
        let session = body.get("SessionInput").unwrap_or(&body);
        let text = |member: &str| session[member].as_str().map(str::to_owned);
        let types = session["sessionPermissions"]["allowedContractTypeIds"].as_array();
        Subject {
            key: text("phoneNumber").or_else(|| text("email")),
            types: types
                .into_iter()
                .flatten()
                .filter_map(Value::as_i64)
                .collect(),
        }
    }
}
