//! Which answer means what: one pure function and one table, and what is read of the vendor's envelope for it,
//! fit to be shown: no escape codes, no personal values, no endless text.
//!
//! When in doubt the answer is [`Why::Uncertain`]: a row held back costs a look, a customer invited twice cannot be undone.

use std::time::Duration;

use jiff::civil::DateTime;
use jiff::fmt::rfc2822;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::model::{
    Failure, Outcome, Refusal, Secret, Timestamp, Uncertainty, Why, mask, mask_text, printable,
};

/// An answer as it came, before anything is made of it.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    pub status: u16,
    pub retry_after: Option<String>,
    pub date: Option<String>,
    /// By our clock.
    pub received: Timestamp,
    /// Or why it was not read to its end.
    pub body: Result<Vec<u8>, &'static str>,
}

/// One odd answer does not hold a ledger for longer.
const STAYS_AWAY_MAX: Duration = Duration::from_hours(24);

/// Reads one answer to `CreateInvitation` or `CreateAuthSession`.
pub fn read_answer(answer: &RawAnswer) -> Outcome {
    let envelope = answer.read()?;
    let token = envelope.data.as_str().map(str::trim);
    match token.filter(|token| !token.is_empty()) {
        Some(token) if envelope.code() != ErrorCode::Odd => Ok(Secret::new(token)),
        _ => {
            let status = answer.status;
            let what = format!("HTTP {status}, but with neither a session token nor an error");
            let message = with_reason(what, &envelope.message());
            let why = Why::Uncertain(Uncertainty::Unreadable);
            Err(Failure { why, message })
        }
    }
}

fn with_reason(what: String, reason: &str) -> String {
    if reason.is_empty() {
        what
    } else {
        format!("{what}: {reason}")
    }
}

impl RawAnswer {
    /// The envelope of a success, or what any other answer means: the table.
    pub(super) fn read(&self) -> Result<Envelope, Failure> {
        let status = self.status;
        let (why, message) = match status {
            200..=299 => match Envelope::parse(self.bytes()) {
                Ok(envelope) if envelope.is_error() => return Err(envelope.rejection(status)),
                Ok(envelope) => return Ok(envelope),
                Err(_) => (Why::Uncertain(Uncertainty::Unreadable), self.unreadable()),
            },
            300..=399 => (
                Why::Uncertain(Uncertainty::Redirect),
                format!("HTTP {status}: the address sends elsewhere, so it is not the API"),
            ),
            401 => (Why::Unauthorized, self.told()),
            403 => (Why::Refused(Refusal::Rights), self.told()),
            404 | 405 => (Why::Refused(Refusal::NotTheApi), self.told()),
            429 => (
                Why::Throttled(self.retry_after()),
                "too many requests (429)".to_owned(),
            ),
            503 if let Some(asked) = self.retry_after() => (
                Why::Unavailable(asked),
                "the server asked to come back later (503)".to_owned(),
            ),
            408 | 500..=599 => (Why::Uncertain(Uncertainty::ServerError), self.told()),
            400..=499 => return Err(self.envelope().rejection(status)),
            _ => (
                Why::Uncertain(Uncertainty::Unreadable),
                format!("HTTP {status}, which no server answers with"),
            ),
        };
        Err(Failure { why, message })
    }

    /// What was read of the body; nothing when there is more of it.
    pub(super) fn bytes(&self) -> &[u8] {
        self.body.as_deref().unwrap_or_default()
    }

    /// An empty one where there is none.
    fn envelope(&self) -> Envelope {
        Envelope::parse(self.bytes()).unwrap_or_default()
    }

    /// Status and message, for people.
    fn told(&self) -> String {
        with_reason(format!("HTTP {}", self.status), &self.envelope().message())
    }

    /// Why a body that should hold an envelope holds none, for people.
    fn unreadable(&self) -> String {
        let reason = match &self.body {
            Err(why) => why,
            Ok(bytes) if bytes.trim_ascii().is_empty() => "the answer was empty",
            Ok(_) => "the answer was not the JSON that was expected",
        };
        format!("HTTP {}, but {reason}", self.status)
    }

    pub(super) fn server_date(&self) -> Option<Timestamp> {
        self.date.as_deref().and_then(http_date)
    }

    /// `Retry-After` (RFC 9110, section 10.2.3), in seconds or as a date, which is measured against the answer's own where it has one, so
    /// that a wrong clock on our side does not shift it. What cannot be read counts as absent.
    fn retry_after(&self) -> Option<Duration> {
        let text = self.retry_after.as_deref()?.trim();
        // Behind them may stand a fraction, or what a second header said; more than a number holds is long enough.
        let digits = text.split(|c: char| !c.is_ascii_digit()).next();
        let wait = if let Some(digits) = digits.filter(|digits| !digits.is_empty()) {
            Duration::from_secs(digits.parse().unwrap_or(u64::MAX))
        } else {
            let from = self.server_date().unwrap_or(self.received);
            let ms = http_date(text)?.ms_since(from);
            Duration::from_millis(u64::try_from(ms).unwrap_or(0))
        };
        Some(wait.min(STAYS_AWAY_MAX))
    }
}

/// Reads a time in one of the three forms that RFC 9110, section 5.6.7, has everybody take.
fn http_date(text: &str) -> Option<Timestamp> {
    // A wrong day of the week is no reason to wait no time.
    let parser = rfc2822::DateTimeParser::new().relaxed_weekday(true);
    let obsolete = |form| DateTime::strptime(form, text.trim()).ok();
    let obsolete = || {
        let time = obsolete("%A, %d-%b-%y %T GMT").or_else(|| obsolete("%a %b %e %T %Y"))?;
        TimeZone::UTC.to_timestamp(time).ok()
    };
    let time = parser.parse_timestamp(text.trim()).ok();
    Some(Timestamp(time.or_else(obsolete)?.as_millisecond()))
}

/// An error code as it was found.
#[derive(Debug, PartialEq, Eq)]
enum ErrorCode {
    /// Null, absent or 0.
    None,
    /// A number, also when written as a string.
    Number(i64),
    /// A word, fit to be shown.
    Word(String),
    /// Something that no code can be: whether the answer means an error cannot be told.
    Odd,
}

/// What stands in the vendor's envelope, or in the framework's own error form. A member that stands there twice is an error.
#[derive(Debug, Deserialize, Default)]
#[serde(default)]
pub(super) struct Envelope {
    data: Value,
    error_code: Value,
    error_message: Value,
    error_descriptions: Value,
    // The framework's form.
    result: Value,
    success: Value,
    error: Value,
    // Problem details (RFC 9457), which the same framework uses before the call reaches the vendor's code.
    title: Value,
    errors: Value,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Envelope {
    /// Reads a JSON object, or an array, which is the data of a call that reads.
    pub(super) fn parse(body: &[u8]) -> serde_json::Result<Envelope> {
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        if !body.trim_ascii_start().starts_with(b"[") {
            return serde_json::from_slice(body);
        }
        Ok(Envelope {
            data: serde_json::from_slice(body)?,
            ..Envelope::default()
        })
    }

    fn code(&self) -> ErrorCode {
        match read_code(&self.error_code) {
            ErrorCode::None => read_code(&self.error["code"]),
            code => code,
        }
    }

    /// Whether the answer tells of an error, whatever its HTTP status.
    pub(super) fn is_error(&self) -> bool {
        let is_failure = self.success == Value::Bool(false);
        is_failure || matches!(self.code(), ErrorCode::Number(_) | ErrorCode::Word(_))
    }

    fn rejection(&self, status: u16) -> Failure {
        let mut message = self.message();
        if message.is_empty() {
            message = format!("no reason given (HTTP {status})");
        }
        let code = match self.code() {
            ErrorCode::Number(code) => code,
            ErrorCode::None | ErrorCode::Word(_) | ErrorCode::Odd => i64::from(status),
        };
        if code == 401 {
            return Failure::new(Why::Unauthorized, message);
        }
        // They often repeat the message word for word.
        let details = self.details().into_iter().filter(|part| *part != message);
        let told: Vec<String> = std::iter::once(message.clone()).chain(details).collect();
        let told = shorten(&told.join(" "), DETAILS_MAX_CHARS);
        Failure::new(Why::Rejected(code), told)
    }

    /// The result of a call that reads: `data`, else the framework's `result`, else it stands bare.
    pub(super) fn into_data(self) -> Value {
        let found = [self.data, self.result].into_iter();
        let mut found = found.filter(|value| !value.is_null());
        found.next().unwrap_or(Value::Object(self.others))
    }

    /// The vendor's message, behind the code where that is a word, fit to be shown; empty when there is none.
    pub(super) fn message(&self) -> String {
        let error = &self.error;
        let told = [&self.error_message, &error["message"], error, &self.title];
        let mut told = told.into_iter().filter_map(Value::as_str).map(fit_text);
        let message = told.find(|text| !text.is_empty()).unwrap_or_default();
        match self.code() {
            ErrorCode::Word(word) => with_reason(word, &message),
            _ => message,
        }
    }

    /// What more is said about the error, in a shape that nobody promised.
    fn details(&self) -> Vec<String> {
        let [listed, details] = ["validationErrors", "details"].map(|name| &self.error[name]);
        let told = [&self.error_descriptions, listed, details, &self.errors];
        let told = told.map(|details| words_in(details, ""));
        let mut told = told.into_iter().filter(|words| !words.is_empty());
        told.next().unwrap_or_default()
    }
}

fn read_code(value: &Value) -> ErrorCode {
    match (value, as_integer(value)) {
        (Value::Null, _) | (_, Some(0)) => ErrorCode::None,
        (_, Some(code)) => ErrorCode::Number(code),
        (Value::String(text), None) if !text.trim().is_empty() => ErrorCode::Word(fit_text(text)),
        _ => ErrorCode::Odd,
    }
}

/// An integer, also when written as a string.
pub(super) fn as_integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        _ => value.as_i64(),
    }
}

const MESSAGE_MAX_CHARS: usize = 500;
const DETAILS_MAX_CHARS: usize = 4000;

/// A vendor's sentence for a terminal, a log or the ledger.
fn fit_text(text: &str) -> String {
    shorten(&mask_text(&plain(text)), MESSAGE_MAX_CHARS)
}

/// Text on one line, fit to be shown.
pub(super) fn plain(text: &str) -> String {
    let text = printable(text);
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ")
}

/// The text with each of `told` masked where it stands as words of its own, however its letters are cased: what the vendor was told
/// it may repeat, and no name looks like one.
pub(super) fn without(text: &str, mut told: Vec<String>) -> String {
    const SHORTEST_CHARS: usize = 3;
    let lower = |text: &str| -> Vec<char> {
        let first = |c: char| c.to_lowercase().next().unwrap_or(c);
        text.chars().map(first).collect()
    };
    told.sort_by_key(|value| std::cmp::Reverse(value.len()));
    let mut text = text.to_owned();
    for value in told {
        let wanted = lower(&plain(&value));
        if wanted.len() < SHORTEST_CHARS {
            continue;
        }
        let (letters, shown) = (lower(&text), text.chars().collect::<Vec<char>>());
        let is_within = |at: usize| letters.get(at).is_some_and(|c| c.is_alphanumeric());
        text.clear();
        let mut at = 0;
        while at < letters.len() {
            let end = at + wanted.len();
            let is_told = letters[at..].starts_with(&wanted) && !is_within(end);
            if is_told && !at.checked_sub(1).is_some_and(is_within) {
                text.push_str(&mask(&value));
                at = end;
            } else {
                text.push(shown[at]);
                at += 1;
            }
        }
    }
    text
}

/// The words in a vendor's JSON, fit to be shown; behind the name of what they are about, where there is one.
fn words_in(details: &Value, about: &str) -> Vec<String> {
    let words = match details {
        Value::String(words) => fit_text(words),
        Value::Number(number) => fit_text(&number.to_string()),
        Value::Array(entries) => {
            let entries = entries.iter().flat_map(|entry| words_in(entry, about));
            return entries.collect();
        }
        Value::Object(members) => {
            let first = |names: &[&str]| names.iter().find_map(|name| members.get(*name)?.as_str());
            let named = first(&["field", "key", "member", "propertyName"]);
            if let Some(words) = first(&["message", "error", "errorMessage", "description"]) {
                return words_in(&words.into(), named.unwrap_or(about));
            }
            let members = members.iter();
            return members
                .flat_map(|(name, value)| words_in(value, name))
                .collect();
        }
        Value::Null | Value::Bool(_) => return Vec::new(),
    };
    match words.is_empty() {
        true => Vec::new(),
        false if about.is_empty() => vec![words],
        false => vec![format!("{}: {words}", fit_name(about))],
    }
}

/// A member's name tells which field is meant, and may be a long path: it is masked only when it looks like a value.
fn fit_name(name: &str) -> String {
    let name = plain(name);
    let digits = name.chars().filter(|c| c.is_numeric()).count();
    if digits >= 7 || name.contains('@') {
        fit_text(&name)
    } else {
        shorten(&name, 120)
    }
}

fn shorten(text: &str, max_chars: usize) -> String {
    match text.char_indices().nth(max_chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::rows;
    use serde_json::json;

    const GOOD: &str =
        r#"{"data":"tok-1","error_code":null,"error_message":null,"error_descriptions":null}"#;

    type Body = Result<Vec<u8>, &'static str>;

    /// Two minutes before noon.
    const RECEIVED: Timestamp = Timestamp(1_795_262_280_000);

    fn answer_of(status: u16, retry_after: &str, date: Option<&str>, body: Body) -> Outcome {
        read_answer(&RawAnswer {
            status,
            retry_after: Some(retry_after.to_owned()),
            date: date.map(str::to_owned),
            received: RECEIVED,
            body,
        })
    }

    fn answer(status: u16, body: &str) -> Outcome {
        answer_of(status, "", None, Ok(body.into()))
    }

    /// An outcome in one line, without its sentence for people.
    fn word(outcome: &Outcome) -> String {
        match outcome.as_ref().map_err(|failure| failure.why) {
            Ok(token) => format!("created {}", token.expose()),
            Err(Why::Throttled(asked)) => format!("throttled {}", asked.is_some()),
            Err(Why::Refused(refusal)) => format!("refused {refusal:?}"),
            Err(why @ (Why::Rejected(_) | Why::Uncertain(_))) => format!("{why} {}", why.code()),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn a_2xx_is_read_by_its_body() {
        for (expected, body) in rows::<(&str, &str)>("answer.successes") {
            for status in [200, 201, 202, 204, 299] {
                let expected = expected.replace("{status}", &status.to_string());
                let word = word(&answer(status, body));
                assert_eq!(word, expected, "HTTP {status} {body}");
            }
        }
        let marked = answer(200, "\u{feff}{\"data\":\"tok-1\"}");
        assert_eq!(word(&marked), "created tok-1");
        let deep = format!("{{\"data\":{}", "[".repeat(100_000));
        assert_eq!(word(&answer(200, &deep)), "uncertain unreadable");
    }

    /// Without a body, and with one that holds an error code, which names a rejection but never overrules another status.
    #[test]
    fn every_other_status_is_read_by_itself() {
        for status in (100..200).chain(300..=999) {
            let expected = match status {
                300..=399 => "uncertain redirect",
                401 => "unauthorized",
                403 => "refused Rights",
                404 | 405 => "refused NotTheApi",
                408 | 500..=599 => "uncertain server_error",
                429 => "throttled false",
                400..=499 => "rejected",
                _ => "uncertain unreadable",
            };
            for body in rows::<&str>("answer.any") {
                let code = match (expected, body.contains("17")) {
                    ("rejected", true) => " 17".to_owned(),
                    ("rejected", false) => format!(" {status}"),
                    _ => String::new(),
                };
                let word = word(&answer(status, body));
                assert_eq!(word, format!("{expected}{code}"), "HTTP {status} {body}");
            }
        }
        assert_eq!(word(&answer(400, r#"{"error_code":401}"#)), "unauthorized");
    }

    #[test]
    fn an_unread_body_leaves_only_the_status() {
        for body in [Err("cut"), Ok(b"\xff".into())] {
            for (status, expected) in [(200, "uncertain unreadable"), (400, "rejected 400")] {
                let outcome = answer_of(status, "", None, body.clone());
                assert_eq!(word(&outcome), expected, "HTTP {status} {body:?}");
            }
        }
    }

    #[test]
    fn retry_after_counts_for_429_and_503_only_in_seconds_or_as_a_date() {
        const NOON: &str = "Sat, 21 Nov 2026 12:00:00 GMT";
        let good = || Ok(GOOD.into());
        for (status, retry_after, expected) in rows::<(u16, &str, &str)>("answer.waits") {
            let outcome = answer_of(status, retry_after, Some(NOON), good());
            assert_eq!(word(&outcome), expected, "HTTP {status} {retry_after}");
        }
        for (text, date, seconds) in rows::<(&str, &str, i64)>("answer.retry_after") {
            let date = Some(date).filter(|date| !date.is_empty());
            let seconds = u64::try_from(seconds).ok();
            let expected = seconds.map(|seconds| Duration::from_secs(seconds).min(STAYS_AWAY_MAX));
            let failure = answer_of(429, text, date, good()).expect_err("a 429");
            assert_eq!(failure.why, Why::Throttled(expected), "{text:?}");
        }
    }

    #[test]
    fn the_message_says_what_was_answered_without_telling_who() {
        for (message, status, body) in rows::<(&str, u16, &str)>("answer.reasons") {
            let failure = answer(status, body).expect_err(body);
            assert_eq!(failure.message, message, "{body}");
        }
    }

    #[test]
    fn what_was_told_is_masked_as_words_of_its_own() {
        let told = ["Mona Adel", "Mona", "Omar", "ok"].map(str::to_owned);
        assert_eq!(
            without("MONA ADEL, Monaco; mona: Omar's name is ok", told.to_vec()),
            "M***, Monaco; M***: O***'s name is ok"
        );
    }

    #[test]
    fn endless_text_is_cut() {
        let shown = fit_text(&"لا ".repeat(100_000));
        assert_eq!(shown.chars().count(), MESSAGE_MAX_CHARS + 1);
        let long: Vec<&str> = vec!["no"; 100_000];
        let body = json!({"error_code": 1, "error_descriptions": long}).to_string();
        let failure = answer(200, &body).expect_err("an error");
        assert_eq!(failure.message.chars().count(), DETAILS_MAX_CHARS + 1);
    }

    proptest::proptest! {
        #[test]
        fn nothing_creates_but_a_2xx_with_a_token_and_without_an_error(
            status in 100u16..=999,
            body in r#"\{("(data|error_code|success|error)":("tok"|null|0|17|"401"|false|\{\}),){0,3}"more":1\}|\PC*"#,
        ) {
            if answer(status, &body).is_ok() {
                proptest::prop_assert!((200..300).contains(&status));
                proptest::prop_assert!(body.contains(r#""data":""#));
                for error in [r#""error_code":17"#, r#""error_code":"401""#, r#""success":false"#] {
                    proptest::prop_assert!(!body.contains(error));
                }
            }
        }
    }
}
