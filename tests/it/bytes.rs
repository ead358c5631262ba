//! Whatever comes from outside, as bytes that nobody meant: each reader says what is wrong, and none panics. The same targets as
//! under `fuzz/`, short enough for every day; answers and values are tried beside their code.

use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use vlens_batch::input::{Input, Options, Source};
use vlens_batch::mapping::Config;
use vlens_batch::model::Hidden;

fn sample(name: &str) -> Vec<u8> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    std::fs::read(samples.join(name)).expect("a sample")
}

/// The bytes with some of them changed, and cut somewhere.
fn spoiled(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let places = vec((any::<prop::sample::Index>(), any::<u8>()), 0..12);
    let cut = prop_oneof![3 => Just(None), 1 => any::<prop::sample::Index>().prop_map(Some)];
    (places, cut).prop_map(move |(places, cut)| {
        let mut bytes = whole.clone();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.map_or(bytes.len(), |cut| cut.index(bytes.len())));
        bytes
    })
}

fn read_all(bytes: &[u8], options: &Options) {
    let input = Input::from_stdin(bytes).expect("a temporary file");
    let Ok(mut source) = Source::open(&input, options) else {
        return;
    };
    let mut last = None;
    while let Ok(Some(row)) = source.next_row() {
        assert!(last < Some(row.number), "row numbers only grow");
        last = Some(row.number);
    }
}

fn skipping() -> Options {
    Options {
        hidden: Some(Hidden::Skip),
        ..Options::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_csv_file(
        bytes in prop_oneof![vec(any::<u8>(), 0..400), spoiled(sample("customers.csv"))],
        delimiter in proptest::option::of(any::<char>()),
        header_row in proptest::option::of(any::<u32>()),
    ) {
        read_all(&bytes, &Options { delimiter, header_row, ..skipping() });
    }

    #[test]
    fn a_config(text in prop_oneof![
        any::<String>(),
        spoiled(sample("vlens-batch.toml")).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned()),
    ]) {
        if let Err(errors) = Config::parse(&text, "vlens-batch.toml") {
            prop_assert!(errors.excerpt.is_some_and(|drawn| !drawn.is_empty()));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_workbook(bytes in spoiled(sample("customers.xlsx"))) {
        read_all(&bytes, &skipping());
    }
}
