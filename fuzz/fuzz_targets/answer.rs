//! The answer reader: any bytes under any status. Only a success may make a row created.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::model::Timestamp;
use vlens_batch::vlens::{RawAnswer, read_answer};

fuzz_target!(|input: (u16, Option<String>, Option<String>, &[u8])| {
    let (status, retry_after, date, body) = input;
    let answer = RawAnswer {
        status,
        retry_after,
        date,
        received: Timestamp(0),
        body: Ok(body.to_vec()),
    };
    let outcome = read_answer(&answer);
    if let Ok(token) = &outcome {
        assert!((200..300).contains(&status));
        assert!(!token.expose().trim().is_empty());
        let json: String = String::from_utf8_lossy(body).into_owned();
        assert!(json.contains("data") || json.contains('\\'));
    }
    if let Err(failure) = outcome {
        let _ = (failure.why.code(), failure.to_string());
    }
});
