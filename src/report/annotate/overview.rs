//! The workbook's first sheet: how many rows, what is wrong with them, what the colours mean, and what to do next.

use rust_xlsxwriter::{Format, FormatAlign, Worksheet, XlsxError};

use crate::report::CheckTally;
use crate::report::spreadsheet::header_format;
use crate::report::words::as_float;

use super::PROBLEMS_COLUMN;
use super::cells::Mark;

/// Groups of problems listed; the sheet behind has every one.
const GROUPS: usize = 200;

pub(super) fn write(
    sheet: &mut Worksheet,
    tally: &CheckTally,
    sheet_name: &str,
    notes_end: bool,
) -> Result<(), XlsxError> {
    let header = header_format();
    // Arabic names and counts beside English words.
    let left = Format::new().set_align(FormatAlign::Left);
    let bold = Format::new().set_bold().set_font_size(14);
    sheet
        .set_column_width(0, 44)?
        .set_column_width(1, 84)?
        .set_column_width(2, 12)?
        .set_landscape()
        .set_print_fit_to_pages(1, 0);
    sheet.write_string_with_format(0, 0, "What vlens-batch found in this sheet", &bold)?;
    let counts = [
        ("Rows", tally.rows(), Mark::None),
        ("Valid", tally.valid, Mark::None),
        (
            "Invalid: correct the marked cells",
            tally.invalid,
            Mark::Problem,
        ),
        (
            "Duplicates: the invitation of an earlier row",
            tally.duplicate,
            Mark::Duplicate,
        ),
        ("Values mended: nothing to do", tally.repaired, Mark::Repair),
    ];
    let mut at = 2;
    for (label, count, mark) in counts {
        sheet.write_string_with_format(at, 0, label, &mark.format())?;
        sheet.write_number_with_format(at, 1, as_float(count), &left)?;
        at += 1;
    }
    at += 1;
    for line in next_steps(tally, sheet_name, notes_end) {
        sheet.write_string(at, 0, line)?;
        at += 1;
    }
    at += 1;
    for (column, name) in (0u16..).zip(["Column", "Problem", "Times"]) {
        sheet.write_string_with_format(at, column, name, &header)?;
    }
    for (column, code, group) in tally.problems().into_iter().take(GROUPS) {
        at += 1;
        let column = if column.is_empty() { "–" } else { column };
        sheet.write_string_with_format(at, 0, column, &left)?;
        sheet.write_string(at, 1, code.meaning())?;
        sheet.write_number(at, 2, as_float(group.count))?;
    }
    Ok(())
}

fn next_steps(tally: &CheckTally, sheet_name: &str, notes_end: bool) -> Vec<String> {
    let mut lines = Vec::new();
    if tally.invalid > 0 {
        lines.push(format!(
            "On the sheet {sheet_name:?}, filter {PROBLEMS_COLUMN} for cells that are not empty; each note says what to change."
        ));
        lines.push(
            "Save, then check and run this file as it is: this sheet is passed over.".to_owned(),
        );
    }
    if notes_end {
        lines.push(format!(
            "There are more findings than notes; {PROBLEMS_COLUMN} has every one."
        ));
    }
    lines
}
