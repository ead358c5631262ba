//! The workbook reader: any bytes, and what a real workbook becomes when some of its bytes are others (see the corpus).
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::input::{Input, Options, Source};
use vlens_batch::model::Hidden;

fuzz_target!(|bytes: &[u8]| {
    let options = Options {
        hidden: Some(Hidden::Skip),
        ..Options::default()
    };
    let input = Input::from_stdin(bytes).expect("a temporary file");
    let Ok(mut source) = Source::open(&input, &options) else {
        return;
    };
    for _ in 0..10_000 {
        if !matches!(source.next_row(), Ok(Some(_))) {
            return;
        }
    }
});
