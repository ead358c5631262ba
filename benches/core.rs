//! Measures the pure parts, a row or an answer at a time: `cargo bench --bench core`.

use std::num::NonZeroU32;
use std::time::Duration;

use divan::{Bencher, black_box};
use vlens_batch::mapping::{BindOptions, Config, Mapping};
use vlens_batch::model::{Cell, Column, Row, RowNumber};
use vlens_batch::send::{Limiter, Limits};
use vlens_batch::vlens::{Body, RawAnswer, read_answer};

const COLUMNS: &[&str] = &[
    "Name",
    "Mobile",
    "E-mail",
    "National ID",
    "Date of birth",
    "Marital status",
    "Monthly income",
    "Product",
    "Street",
    "City",
];

const CUSTOMER: &[&str] = &[
    "منى عادل إبراهيم",
    "01012345678",
    "mona.adel@example.com",
    "28804230112346",
    "23/04/1988",
    "متزوجة",
    "12,500",
    "Personal loan",
    "12 شارع طلعت حرب",
    "Cairo",
];

const CONFIG: &str = r#"
[recipient]
phone = "Mobile"
email = "E-mail"
country = "EG"

[contract]
column = "Product"
values = { "Personal loan" = 414 }

[fields.414]
fullName = { column = "Name", required = true }
nationalId = { column = "National ID", type = "egypt_national_id", required = true }
birthDate = { column = "Date of birth", type = "date", input = "%d/%m/%Y" }
monthlyIncome = { column = "Monthly income", type = "number" }
maritalStatus = { column = "Marital status", type = "choice", choices = { "متزوج" = "Married", "متزوجة" = "Married" } }
city = "City"
currency = { value = "EGP" }
"#;

fn main() {
    divan::main();
}

fn mapping(config: &str) -> Mapping {
    let config = Config::parse(config, "vlens-batch.toml").expect("a config");
    let columns: Vec<Column> = COLUMNS
        .iter()
        .enumerate()
        .map(|(index, name)| Column {
            name: (*name).to_owned(),
            index,
        })
        .collect();
    Mapping::bind(&config, &columns, &BindOptions::default()).expect("a mapping")
}

fn row() -> Row {
    Row {
        number: RowNumber(2),
        cells: CUSTOMER
            .iter()
            .map(|text| Cell::Text((*text).to_owned()))
            .collect(),
    }
}

#[divan::bench]
fn map_a_row(bencher: Bencher<'_, '_>) {
    let (mapping, row) = (mapping(CONFIG), row());
    bencher.bench_local(|| mapping.apply(black_box(&row)));
}

#[divan::bench]
fn map_a_row_with_a_template(bencher: Bencher<'_, '_>) {
    let config = format!(
        "{CONFIG}address = {{ template = \"{{{{ row['Street'] }}}}, {{{{ row['City'] }}}}\" }}\n"
    );
    let (mapping, row) = (mapping(&config), row());
    bencher.bench_local(|| mapping.apply(black_box(&row)));
}

#[divan::bench]
fn read_an_answer(bencher: Bencher<'_, '_>) {
    let body = br#"{"data":"eyJhbGciOiJIUzI1NiJ9.c2Vzc2lvbg.c2lnbmF0dXJl","error_code":null,"error_message":null}"#;
    let answer = RawAnswer {
        status: 200,
        retry_after: None,
        date: Some("Sun, 22 Nov 2026 00:00:00 GMT".to_owned()),
        body: Body::Whole(body.to_vec()),
    };
    bencher.bench_local(|| read_answer(black_box(&answer)));
}

/// One request that is granted and answered, with as many in the windows as the limits allow.
#[divan::bench(args = [60, 6000])]
fn keep_the_pace(bencher: Bencher<'_, '_>, per_minute: u32) {
    let mut pace = Limiter::new(Limits {
        per_second: NonZeroU32::new(per_minute),
        per_minute: NonZeroU32::new(per_minute),
    });
    let step = Duration::from_secs(61) / per_minute;
    let mut now = Duration::ZERO;
    bencher.bench_local(|| {
        now += step;
        let permit = pace.ask(black_box(now));
        pace.answered(now);
        permit
    });
}
