//! Phones, dates, numbers, ids and e-mail addresses out of any text or number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::mapping::value::{
    Convention, Country, DateOrder, DecimalMark, Kind, check_date_input,
};
use vlens_batch::model::Cell;

fuzz_target!(|input: (&str, f64, Option<String>)| {
    let (text, number, format) = input;
    let format = format.filter(|format| check_date_input(format, true).is_ok());
    let phone = Kind::Phone {
        country: Country::default(),
        landlines: true,
    };
    let date = Kind::Date {
        input: format,
        output: "%Y-%m-%d".to_owned(),
    };
    let kinds = [
        Kind::Text,
        Kind::Number { decimal: None },
        Kind::Number {
            decimal: Some(DecimalMark::Comma),
        },
        phone,
        date,
        Kind::Email,
        Kind::Boolean,
        Kind::EgyptNationalId,
    ];
    let cells = [Cell::Text(text.to_owned()), Cell::Number(number)];
    let day_first = Convention::Dates(DateOrder::DayMonth);
    let proofs = [None, Some(day_first)];
    for (cell, proved) in cells
        .iter()
        .flat_map(|cell| proofs.map(|proved| (cell, proved)))
    {
        for kind in &kinds {
            let Ok(Some(reading)) = kind.read_by(proved, cell) else {
                continue;
            };
            assert!(!reading.text.is_empty());
            if matches!(kind, Kind::Phone { .. }) {
                // What goes out reads as itself: a second pass never turns one customer into another.
                let sent = Cell::Text(reading.text.to_string());
                let again = kind.read(&sent).map(|again| again.map(|again| again.text));
                assert_eq!(again, Ok(Some(reading.text)));
            }
        }
    }
});
