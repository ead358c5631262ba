//! The server's log: what really arrived, whatever the program believes.

use std::path::Path;

use serde_json::Value;

/// One request as the server saw it.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Record {
    /// When it arrived, in Unix milliseconds of a clock that never steps.
    pub at_ms: u64,
    pub path: String,
    /// Phone, else e-mail, of the person invited.
    pub key: Option<String>,
    /// Whether an invitation came of it.
    pub accepted: bool,
    /// The session token, if so.
    pub token: Option<String>,
    /// The HTTP status that left; none when none did.
    pub status: Option<u16>,
    pub fault: Option<String>,
    /// The body as it came, of invitations and sessions.
    pub body: Option<String>,
}

impl Record {
    /// Whether it asked for an invitation or a session.
    pub fn is_invitation(&self) -> bool {
        self.path.ends_with("/CreateInvitation") || self.path.ends_with("/CreateAuthSession")
    }

    pub fn json(&self) -> Value {
        let body = self.body.as_deref().expect("a body in the log");
        serde_json::from_str(body).expect("a body that is JSON")
    }

    /// The form fields that it brought for a contract type.
    pub fn fields(&self, contract_type: u32) -> Value {
        let input = &self.json()["SessionInput"];
        input["RequestFieldsValues"][contract_type.to_string()].clone()
    }
}

/// Reads the log. A last line without its end is being written just now: its answer has not left yet.
pub fn read(path: &Path) -> Vec<Record> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => panic!("the server's log cannot be read: {error}"),
    };
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let parse = |line: &str| serde_json::from_str(line).expect("a line of the server's log");
    let mut records: Vec<Record> = text[..whole].lines().map(parse).collect();
    // Each is written when it is answered, which need not be in the order of arrival.
    records.sort_by_key(|record| record.at_ms);
    records
}

/// Asserts that at least 97 % of a quota of 60 requests a minute was used: a machine that is busy otherwise makes some requests late
/// by some milliseconds, a limiter that wastes time wastes it in every window.
#[track_caller]
pub fn uses_up_the_quota(log: &[Record]) {
    let least_ms = (log.len() - 1) / 60 * 60_000 + (log.len() - 1) % 60 * 100;
    let took_ms = log[log.len() - 1].at_ms - log[0].at_ms;
    assert!(
        took_ms * 97 <= least_ms as u64 * 100,
        "{took_ms} ms, where {least_ms} would do"
    );
}
