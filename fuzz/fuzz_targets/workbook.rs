//! The workbook reader: any bytes, and what a real workbook becomes when some of its bytes are others (see the corpus).
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::input::{Hidden, Input, Options, READER_THREAD, Source};

/// A panic of a workbook library ends its own thread and becomes a complaint, as in the program. Any other ends the fuzzing.
fn let_the_reader_panic() {
    let fatal = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name() != Some(READER_THREAD) {
            fatal(panic);
        }
    }));
}

fuzz_target!(init: let_the_reader_panic(), |bytes: &[u8]| {
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
