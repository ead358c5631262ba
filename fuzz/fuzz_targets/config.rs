//! The reader of `vlens-batch.toml`: any text is a config, or errors that can be shown.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::mapping::Config;

fuzz_target!(|text: &str| {
    if let Err(errors) = Config::parse(text, "vlens-batch.toml", None) {
        assert!(errors.excerpt.is_some());
    }
});
