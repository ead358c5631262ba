//! What the same work costs without this tool: the yardsticks that `benches/run` holds the commands against.
//!
//! `plain csv FILE` counts records with the csv crate; `plain xlsx FILE` counts cells with calamine's streaming reader.

use std::error::Error;
use std::io::Write as _;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (what, file) = (args.next(), args.next());
    let count = match (what.as_deref(), file) {
        (Some("csv"), Some(file)) => csv_records(&file)?,
        (Some("xlsx"), Some(file)) => xlsx_cells(&file)?,
        _ => return Err("usage: plain csv|xlsx FILE".into()),
    };
    writeln!(std::io::stdout(), "{count}")?;
    Ok(())
}

fn csv_records(file: &str) -> Result<u64, Box<dyn Error>> {
    let mut reader = csv::Reader::from_path(file)?;
    let mut record = csv::ByteRecord::new();
    let mut count = 0;
    while reader.read_byte_record(&mut record)? {
        count += 1;
    }
    Ok(count)
}

fn xlsx_cells(file: &str) -> Result<u64, Box<dyn Error>> {
    use calamine::Reader as _;
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(file)?;
    let sheet = book.sheet_names().first().cloned().unwrap_or_default();
    let mut cells = book.worksheet_cells_reader(&sheet)?;
    let mut count = 0;
    while cells.next_cell()?.is_some() {
        count += 1;
    }
    Ok(count)
}
