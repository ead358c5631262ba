//! Makes `samples/customers.xlsx` from `samples/customers.csv`: the same customers as a colleague keeps them in Excel, with
//! phones and ids as text, birth dates as dates and incomes as numbers. Run it again after the CSV has changed:
//!
//! ```sh
//! cargo run --example make_samples
//! ```

use std::error::Error;
use std::path::Path;

use rust_xlsxwriter::{DocProperties, ExcelDateTime, Format, Workbook, Worksheet};

/// Columns that Excel keeps as something else than text.
const DATE: &str = "Date of birth";
const NUMBER: &str = "Monthly income";

fn main() -> Result<(), Box<dyn Error>> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut source = csv::Reader::from_path(samples.join("customers.csv"))?;
    let headers = source.headers()?.clone();
    let mut book = Workbook::new();
    // The same bytes each time, so that a change of the file is a change of its content.
    let made = ExcelDateTime::from_ymd(2026, 11, 21)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&made));
    let sheet = book.add_worksheet().set_name("Customers")?;
    let bold = Format::new().set_bold();
    for (column, header) in (0..).zip(&headers) {
        sheet.write_with_format(0, column, header, &bold)?;
    }
    for (row, record) in (1..).zip(source.records()) {
        let record = record?;
        for (column, (header, text)) in (0..).zip(headers.iter().zip(&record)) {
            write(sheet, row, column, header, text)?;
        }
    }
    book.save(samples.join("customers.xlsx"))?;
    Ok(())
}

fn write(
    sheet: &mut Worksheet,
    row: u32,
    column: u16,
    header: &str,
    text: &str,
) -> Result<(), Box<dyn Error>> {
    match header {
        DATE => {
            let format = Format::new().set_num_format("dd/mm/yyyy");
            sheet.write_with_format(row, column, &date(text)?, &format)?;
        }
        NUMBER => {
            let format = Format::new().set_num_format("#,##0");
            let number: f64 = text.replace(',', "").parse()?;
            sheet.write_with_format(row, column, number, &format)?;
        }
        _ => {
            sheet.write_with_format(row, column, text, &Format::new().set_num_format("@"))?;
        }
    }
    Ok(())
}

/// `23/04/1988`
fn date(text: &str) -> Result<ExcelDateTime, Box<dyn Error>> {
    let mut parts = text.split('/');
    let mut part = || parts.next().ok_or("a date has three parts");
    let (day, month, year) = (part()?, part()?, part()?);
    Ok(ExcelDateTime::from_ymd(
        year.parse()?,
        month.parse()?,
        day.parse()?,
    )?)
}
