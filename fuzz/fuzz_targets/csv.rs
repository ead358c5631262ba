//! The CSV reader: any bytes, with any delimiter and in any encoding.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::input::{Input, Options, Source};
use vlens_batch::model::RowNumber;

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
    let input = Input::from_stdin(bytes).expect("a temporary file");
    let Ok(mut source) = Source::open(&input, &options) else {
        return;
    };
    let mut last = RowNumber(0);
    while let Ok(Some(row)) = source.next_row() {
        assert!(row.number > last, "row numbers only grow");
        last = row.number;
    }
});
