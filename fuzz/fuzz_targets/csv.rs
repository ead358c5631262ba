//! The CSV reader: any bytes, with any delimiter and in any encoding.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use vlens_batch::model::{Row, RowNumber};
use vlens_batch::input::{Input, Options, Source};

const ENCODINGS: [Option<&str>; 5] = [
    None,
    Some("utf-8"),
    Some("windows-1256"),
    Some("utf-16le"),
    Some("shift_jis"),
];

fuzz_target!(|input: (u8, Option<char>, Option<u32>, &[u8])| {
    let (encoding, delimiter, header_row, bytes) = input;
    let options = Options {
        encoding: ENCODINGS[usize::from(encoding) % ENCODINGS.len()].map(str::to_owned),
        delimiter,
        header_row,
        ..Options::default()
    };
    let Ok(mut source) = Source::open(&Input::Stdin(Arc::from(bytes)), &options) else {
        return;
    };
    let mut row = Row::new();
    let mut last = RowNumber(0);
    while let Ok(true) = source.read(&mut row) {
        assert!(row.number > last, "row numbers only grow");
        last = row.number;
    }
});
