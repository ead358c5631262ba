//! The table at the end of the API's description, row by row, and the promise that no answer escapes it.

use std::time::Duration;

use super::*;
use crate::model::{RetryAfter, Timestamp};

const GOOD: &str =
    r#"{"data":"tok-1","error_code":null,"error_message":null,"error_descriptions":null}"#;

fn answer(status: u16, body: &str) -> Outcome {
    read_answer(&RawAnswer {
        status,
        retry_after: None,
        date: None,
        body: Body::Whole(body.as_bytes()),
    })
}

fn answer_with_retry_after(status: u16, retry_after: &str, date: Option<&str>) -> Outcome {
    read_answer(&RawAnswer {
        status,
        retry_after: Some(retry_after),
        date,
        body: Body::Whole(GOOD.as_bytes()),
    })
}

/// An outcome in one line, without its sentence for people.
fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Created { token } => format!("created {}", token.expose()),
        Outcome::Rejected { code, .. } => format!("rejected {code}"),
        Outcome::NotCreated(NotCreated::Unreachable { .. }) => "unreachable".into(),
        Outcome::NotCreated(NotCreated::Throttled { retry_after }) => {
            format!("throttled {}", retry_after.is_some())
        }
        Outcome::NotCreated(NotCreated::Unavailable { .. }) => "unavailable".into(),
        Outcome::NotCreated(NotCreated::Unauthorized { .. }) => "unauthorized".into(),
        Outcome::NotCreated(NotCreated::Refused { refusal, .. }) => format!("refused {refusal:?}"),
        Outcome::Uncertain { why, stop, .. } => {
            let stop = if *stop { " stop" } else { "" };
            format!("uncertain {}{stop}", why.into_str())
        }
    }
}

#[test]
fn a_2xx_is_read_by_its_body() {
    for (body, expected) in [
        // No error and a token.
        (GOOD, "created tok-1"),
        (r#"{"data":"tok-1"}"#, "created tok-1"),
        (r#"{"data":" tok-1\n","error_code":0}"#, "created tok-1"),
        (r#"{"data":"tok-1","error_code":"0"}"#, "created tok-1"),
        (
            r#"{"data":"tok-1","success":true,"error":null}"#,
            "created tok-1",
        ),
        (
            r#"{"data":"tok-1","error_message":"","more":{}}"#,
            "created tok-1",
        ),
        // No error, but no token.
        ("{}", "uncertain unreadable"),
        (r#"{"data":null}"#, "uncertain unreadable"),
        (r#"{"data":""}"#, "uncertain unreadable"),
        (r#"{"data":"  "}"#, "uncertain unreadable"),
        (r#"{"data":17}"#, "uncertain unreadable"),
        (r#"{"data":{"token":"tok-1"}}"#, "uncertain unreadable"),
        (r#"{"data":["tok-1"]}"#, "uncertain unreadable"),
        (
            r#"{"result":"tok-1","success":true}"#,
            "uncertain unreadable",
        ),
        // No JSON object, or one that contradicts itself.
        ("", "uncertain unreadable"),
        ("  \r\n", "uncertain unreadable"),
        ("<html><body>Welcome</body></html>", "uncertain unreadable"),
        ("\"tok-1\"", "uncertain unreadable"),
        (r#"["tok-1"]"#, "uncertain unreadable"),
        (r#"{"data":"tok-1""#, "uncertain unreadable"),
        (
            r#"{"data":"tok-1"}{"data":"tok-2"}"#,
            "uncertain unreadable",
        ),
        (r#"{"data":"tok-1","data":"tok-2"}"#, "uncertain unreadable"),
        (
            r#"{"data":"tok-1","error_code":true}"#,
            "uncertain unreadable",
        ),
        (
            r#"{"data":"tok-1","error_code":1.5}"#,
            "uncertain unreadable",
        ),
        // An error, whatever stands beside it.
        (
            r#"{"data":null,"error_code":1,"error_message":"No"}"#,
            "rejected 1",
        ),
        (r#"{"data":"tok-1","error_code":1}"#, "rejected 1"),
        (r#"{"data":"tok-1","error_code":"17"}"#, "rejected 17"),
        (r#"{"error_code":"PhoneInUse"}"#, "rejected 200"),
        (r#"{"error_code":-1}"#, "rejected -1"),
        (r#"{"error_code":403}"#, "rejected 403"),
        (r#"{"error_code":429}"#, "rejected 429"),
        (r#"{"error_code":500}"#, "rejected 500"),
        (r#"{"data":"tok-1","success":false}"#, "rejected 200"),
        (
            r#"{"success":false,"error":{"code":0,"message":"No"}}"#,
            "rejected 200",
        ),
        (
            r#"{"success":false,"error":{"code":12,"message":"No"}}"#,
            "rejected 12",
        ),
        // 401 inside is a 401.
        (r#"{"error_code":401}"#, "unauthorized"),
        (r#"{"error_code":"401"}"#, "unauthorized"),
        (r#"{"success":false,"error":{"code":401}}"#, "unauthorized"),
    ] {
        for status in [200, 201, 202, 204, 299] {
            let expected = if expected == "rejected 200" {
                format!("rejected {status}")
            } else {
                expected.to_owned()
            };
            assert_eq!(
                word(&answer(status, body)),
                expected,
                "HTTP {status} {body}"
            );
        }
    }
}

#[test]
fn every_other_status_is_read_by_itself() {
    for status in (100..200).chain(300..=999) {
        let expected = match status {
            300..=399 => "uncertain redirect stop".to_owned(),
            401 => "unauthorized".to_owned(),
            403 => "refused Rights".to_owned(),
            404 | 405 => "refused NotTheApi".to_owned(),
            408 | 500..=599 => "uncertain server_error".to_owned(),
            429 => "throttled false".to_owned(),
            400..=499 => format!("rejected {status}"),
            _ => "uncertain unreadable".to_owned(),
        };
        for body in ["", "<html>", GOOD, r#"{"data":null}"#] {
            assert_eq!(
                word(&answer(status, body)),
                expected,
                "HTTP {status} {body}"
            );
        }
    }
}

#[test]
fn a_code_inside_names_the_rejection_but_never_overrules_another_status() {
    let body = r#"{"error_code":17,"error_message":"No"}"#;
    let unauthorized = r#"{"error_code":401}"#;
    for (status, body, expected) in [
        (400, body, "rejected 17"),
        (409, body, "rejected 17"),
        (413, body, "rejected 17"),
        (415, body, "rejected 17"),
        (422, body, "rejected 17"),
        (400, unauthorized, "unauthorized"),
        (401, body, "unauthorized"),
        (403, body, "refused Rights"),
        (403, unauthorized, "refused Rights"),
        (404, body, "refused NotTheApi"),
        (429, body, "throttled false"),
        (500, body, "uncertain server_error"),
        (500, unauthorized, "uncertain server_error"),
        (302, body, "uncertain redirect stop"),
    ] {
        assert_eq!(
            word(&answer(status, body)),
            expected,
            "HTTP {status} {body}"
        );
    }
}

#[test]
fn an_unread_body_leaves_only_the_status() {
    for body in [Body::TooLong, Body::Cut] {
        for (status, expected) in [
            (200, "uncertain unreadable"),
            (302, "uncertain redirect stop"),
            (400, "rejected 400"),
            (401, "unauthorized"),
            (403, "refused Rights"),
            (404, "refused NotTheApi"),
            (429, "throttled false"),
            (500, "uncertain server_error"),
        ] {
            let outcome = read_answer(&RawAnswer {
                status,
                retry_after: None,
                date: None,
                body,
            });
            assert_eq!(word(&outcome), expected, "HTTP {status} {body:?}");
        }
    }
}

#[test]
fn retry_after_counts_for_429_and_503_only() {
    for (status, retry_after, expected) in [
        (429, "7", "throttled true"),
        (429, "soon", "throttled false"),
        (503, "7", "unavailable"),
        (503, "Sat, 21 Nov 2026 12:00:00 GMT", "unavailable"),
        (503, "soon", "uncertain server_error"),
        (500, "7", "uncertain server_error"),
        (502, "7", "uncertain server_error"),
        (504, "7", "uncertain server_error"),
        (408, "7", "uncertain server_error"),
        (200, "7", "created tok-1"),
    ] {
        let outcome = answer_with_retry_after(status, retry_after, None);
        assert_eq!(word(&outcome), expected, "HTTP {status} {retry_after}");
    }
}

#[test]
fn what_the_server_asked_for_is_passed_on() {
    let asked = |retry_after, date| match answer_with_retry_after(429, retry_after, date) {
        Outcome::NotCreated(NotCreated::Throttled { retry_after }) => retry_after,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        asked("7", None),
        Some(RetryAfter::After(Duration::from_secs(7)))
    );
    assert_eq!(
        asked(
            "Sat, 21 Nov 2026 12:00:30 GMT",
            Some("Sat, 21 Nov 2026 12:00:00 GMT")
        ),
        Some(RetryAfter::At {
            at: Timestamp(1_795_262_430_000),
            date: Some(Timestamp(1_795_262_400_000)),
        })
    );
}

#[test]
fn a_rejection_tells_why_without_telling_who() {
    let body = r#"{"data":null,"error_code":17,"error_message":"Phone +201012345678 is \u001b[31mtaken",
        "error_descriptions":{"phoneNumber":["+201012345678 of mona@example.com"]}}"#;
    let Outcome::Rejected {
        code,
        message,
        details,
    } = answer(200, body)
    else {
        panic!("not rejected");
    };
    assert_eq!(code, 17);
    assert_eq!(message, "Phone +2010****5678 is taken");
    assert_eq!(
        details.as_deref(),
        Some(r#"{"phoneNumber":["+2010****5678 of m***@example.com"]}"#)
    );
}

#[test]
fn a_rejection_without_a_reason_says_so() {
    let Outcome::Rejected { message, .. } = answer(422, "<html>") else {
        panic!("not rejected");
    };
    assert_eq!(message, "no reason given (HTTP 422)");
}

#[test]
fn json_nested_without_end_is_unreadable_and_nothing_worse() {
    for opening in ["[", "{\"data\":"] {
        let body = format!("{{\"data\":{}", opening.repeat(100_000));
        assert_eq!(word(&answer(200, &body)), "uncertain unreadable");
    }
}

#[test]
fn a_token_is_not_printed() {
    let outcome = answer(200, GOOD);
    assert!(!format!("{outcome:?}").contains("tok-1"));
}

proptest::proptest! {
    #[test]
    fn nothing_creates_but_a_2xx_with_a_token_and_without_an_error(
        status in 100u16..=999,
        body in r#"\{("(data|error_code|success|error)":("tok"|null|0|17|"401"|false|\{\}),){0,3}"more":1\}|\PC*"#,
    ) {
        if matches!(answer(status, &body), Outcome::Created { .. }) {
            proptest::prop_assert!((200..300).contains(&status));
            proptest::prop_assert!(body.contains(r#""data":""#));
            for error in [r#""error_code":17"#, r#""error_code":"401""#, r#""success":false"#] {
                proptest::prop_assert!(!body.contains(error));
            }
        }
    }
}

#[test]
fn the_message_says_what_was_answered() {
    let message = |status, body| {
        let answer = RawAnswer {
            status,
            retry_after: None,
            date: None,
            body,
        };
        read_answer(&answer).message().unwrap_or_default()
    };
    for (status, body, said) in [
        (
            200,
            Body::TooLong,
            "HTTP 200, but the answer was longer than this tool reads",
        ),
        (200, Body::Cut, "HTTP 200, but the answer was cut short"),
        (
            200,
            Body::Whole(b" \n"),
            "HTTP 200, but the answer was empty",
        ),
        (
            200,
            Body::Whole(b"<p>"),
            "HTTP 200, but the answer was not the JSON that was expected",
        ),
        (
            200,
            Body::Whole(b"{}"),
            "HTTP 200, but with neither a session token nor an error",
        ),
        (
            200,
            Body::Whole(br#"{"error_message":"Come back"}"#),
            "HTTP 200, but with neither a session token nor an error: Come back",
        ),
        (401, Body::Whole(b"{}"), "HTTP 401"),
        (
            401,
            Body::Whole(br#"{"error_message":"Gone"}"#),
            "HTTP 401: Gone",
        ),
    ] {
        assert_eq!(message(status, body), said);
    }
}
