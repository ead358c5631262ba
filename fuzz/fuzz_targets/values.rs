//! Phones, dates, numbers, ids and e-mail addresses out of any text or number.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vlens_batch::mapping::value::{Country, DateOrder, DecimalMark, Kind, check_date_input};
use vlens_batch::model::Cell;

fuzz_target!(|input: (&str, f64, Option<String>)| {
    let (text, number, format) = input;
    let format = format.filter(|format| check_date_input(format, true).is_ok());
    let phone = Kind::Phone {
        country: Country::default(),
        landlines: true,
    };
    let date = |order| Kind::Date {
        input: format.clone(),
        output: "%Y-%m-%d".to_owned(),
        order,
    };
    let kinds = [
        Kind::Text,
        Kind::Number { decimal: None },
        Kind::Number {
            decimal: Some(DecimalMark::Comma),
        },
        phone,
        date(None),
        date(Some(DateOrder::DayMonth)),
        Kind::Email,
        Kind::Boolean,
        Kind::EgyptNationalId,
    ];
    let cells = [Cell::Text(text.to_owned()), Cell::Number(number)];
    for cell in &cells {
        for kind in &kinds {
            let Ok(Some(reading)) = kind.read(cell) else {
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
