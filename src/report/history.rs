//! The text of `status --row N`: one row's present state and everything that happened to it. Shows none of its cells.

use std::io::{self, Write};

use crate::model::RowHistory;

use super::vendor;
use super::words::{Look, counted};

/// Writes a row's whole history, oldest first.
pub fn write_history(out: &mut dyn Write, history: &RowHistory, look: Look) -> io::Result<()> {
    let result = &history.result;
    let head = match history.duplicate_of {
        Some(first) => format!("Row {}: {} of row {first}", result.row, result.status),
        None => format!("Row {}: {}", result.row, result.status),
    };
    look.paragraph(out, "", &look.strong(&head))?;
    let error = result.error.as_deref().map(vendor::in_words);
    let reason = [result.error_code.as_deref(), error.as_deref()];
    let reason: Vec<&str> = reason.into_iter().flatten().collect();
    if !reason.is_empty() {
        look.paragraph(out, "  ", &reason.join(": "))?;
    }
    look.paragraph(
        out,
        "  ",
        &counted(
            result.attempts.into(),
            "request left for it",
            "requests left for it",
        ),
    )?;
    for attempt in &history.attempts {
        let took = attempt.answered_at.map_or(String::new(), |answered| {
            format!(" after {} ms", answered.ms_since(attempt.sent_at).max(0))
        });
        let message = attempt.message.as_deref().map(vendor::in_words);
        let notes = [attempt.code.as_deref(), message.as_deref()];
        let notes: Vec<&str> = notes.into_iter().flatten().collect();
        let colon = if notes.is_empty() { "" } else { ": " };
        let text = format!(
            "run {}  {}{took}{colon}{}",
            attempt.run,
            attempt.event.replace('_', " "),
            notes.join(", ")
        );
        look.paragraph(out, &format!("  {}  ", attempt.sent_at), &text)?;
    }
    Ok(())
}

/// The same as a document. It holds neither cells nor token.
pub fn history_json(history: &RowHistory) -> serde_json::Value {
    let result = &history.result;
    serde_json::json!({
        "row": result.row,
        "status": result.status,
        "duplicate_of": history.duplicate_of,
        "error_code": result.error_code,
        "error": result.error,
        "attempts": result.attempts,
        "sent_at": result.sent_at,
        "history": history.attempts,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AttemptRecord, ResultRow, RowNumber, RunId, Status, Timestamp};

    #[test]
    fn a_history_tells_each_request_and_no_cell() {
        let attempt = |at, took: Option<i64>, event: &str, code: Option<&str>| AttemptRecord {
            run: RunId(3),
            sent_at: Timestamp(at),
            answered_at: took.map(|ms| Timestamp(at + ms)),
            event: event.to_owned(),
            code: code.map(str::to_owned),
            message: None,
        };
        let history = RowHistory {
            result: ResultRow {
                row: RowNumber(7),
                cells: vec!["Mona Adel".to_owned()],
                status: Status::Rejected,
                token: None,
                error_code: Some("1034".to_owned()),
                error: Some("The customer has a pending request.".to_owned()),
                attempts: 2,
                sent_at: Some(Timestamp(1_795_293_541_000)),
            },
            duplicate_of: None,
            attempts: vec![
                attempt(1_795_293_540_000, Some(212), "throttled", None),
                attempt(1_795_293_541_000, Some(340), "rejected", Some("1034")),
            ],
        };
        let mut out = Vec::new();
        write_history(&mut out, &history, Look::new(80, false)).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap(), @r"
        Row 7: rejected
          1034: The customer has a pending request.
          2 requests left for it
          2026-11-21T20:39:00Z  run 3 throttled after 212 ms
          2026-11-21T20:39:01Z  run 3 rejected after 340 ms: 1034
        ");
    }
}
