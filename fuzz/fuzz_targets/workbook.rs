//! The workbook readers: any bytes, and what a real workbook becomes when some of its bytes are others (see the corpus).
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use vlens_batch::domain::Row;
use vlens_batch::source::{Hidden, Input, Options, Source};

fuzz_target!(|bytes: &[u8]| {
    let options = Options {
        hidden: Some(Hidden::Skip),
        ..Options::default()
    };
    let Ok(mut source) = Source::open(&Input::Stdin(Arc::from(bytes)), &options) else {
        return;
    };
    let mut row = Row::new();
    for _ in 0..10_000 {
        if !matches!(source.read(&mut row), Ok(true)) {
            return;
        }
    }
});
