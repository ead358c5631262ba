//! Writes the template's sheets: the one to fill in, and a hidden one that holds the lists.

use rust_xlsxwriter::{
    Color, ConditionalFormatFormula, DataValidation, DataValidationErrorStyle, DataValidationRule,
    ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, IgnoreError, Note, Workbook,
    Worksheet, XlsxError, utility,
};

use super::columns::{Cells, TemplateColumn};
use super::example::{Example, example};
use super::{TemplateLanguage, TemplateSpec};
use crate::report::spreadsheet::MAX_ROWS;

/// As the format numbers paper.
const A4: u8 = 9;
const HEADER_ROW: u32 = 0;
const EXAMPLE_ROW: u32 = 1;
const LAST_ROW: u32 = MAX_ROWS - 1;
/// The sheet that holds the lists. A list written into the cell's rule itself is cut at 255 characters.
const LISTS: &str = "_lists";
/// The header above the example's mark: a column that begins with `_` is left out.
const MARK_HEADER: &str = "_";
/// The characters of a sheet's name.
const SHEET_NAME_MAX_CHARS: usize = 31;

/// Writes both sheets.
pub(super) fn write(
    workbook: &mut Workbook,
    spec: &TemplateSpec<'_>,
    columns: &[TemplateColumn<'_>],
) -> Result<(), XlsxError> {
    let right_to_left = spec.language != TemplateLanguage::English
        && columns.iter().any(|column| is_arabic(&column.labels));
    let sheet = workbook.add_worksheet();
    sheet.set_name(sheet_name(&spec.form.name))?;
    sheet.set_right_to_left(right_to_left);
    sheet
        .set_landscape()
        .set_paper_size(A4)
        .set_print_fit_to_pages(1, 0);
    write_columns(sheet, columns)?;
    write_mark(sheet, columns, spec.example_marker)?;
    sheet.set_freeze_panes(EXAMPLE_ROW, 0)?;
    if columns.iter().any(has_list) {
        write_lists(workbook.add_worksheet(), columns)?;
    }
    Ok(())
}

fn write_columns(sheet: &mut Worksheet, columns: &[TemplateColumn<'_>]) -> Result<(), XlsxError> {
    let lines = columns.iter().map(|column| column.labels.len() + 1).max();
    sheet.set_row_height(
        HEADER_ROW,
        17.0 * f64::from(u8::try_from(lines.unwrap_or(1)).unwrap_or(9)) + 6.0,
    )?;
    for (at, column) in (0u16..).zip(columns) {
        sheet.set_column_width(at, width(column))?;
        sheet.set_column_format(at, &cell_format(column.cells))?;
        write_header(sheet, at, column)?;
        write_example(sheet, at, &example(column, columns), column.cells)?;
        add_rule(sheet, at, column)?;
        add_condition(sheet, at, column, columns)?;
        if let Some(note) = &column.note {
            let lines = u32::try_from(note.lines().count()).unwrap_or(1);
            let note = Note::new(note)
                .set_author("vlens-batch")
                .add_author_prefix(false)
                .set_width(280)
                .set_height(36 + 34 * lines.min(8));
            sheet.insert_note(HEADER_ROW, at, &note)?;
        }
    }
    let last = u16::try_from(columns.len()).unwrap_or(u16::MAX);
    sheet.ignore_error_range(0, 0, LAST_ROW, last, IgnoreError::NumberStoredAsText)?;
    Ok(())
}

/// Labels large, the key small, one below the other.
fn write_header(
    sheet: &mut Worksheet,
    at: u16,
    column: &TemplateColumn<'_>,
) -> Result<(), XlsxError> {
    let ground = header_format();
    let label = Format::new().set_bold().set_font_color(Color::White);
    let key = Format::new()
        .set_font_size(8)
        .set_font_color(Color::RGB(0xC9_D6E8));
    let labels = column.labels.join("\n");
    if labels.is_empty() {
        sheet.write_string_with_format(HEADER_ROW, at, &column.key, &ground)?;
        return Ok(());
    }
    let (labels, last_line) = (format!("{labels}\n"), column.key.as_str());
    sheet.write_rich_string_with_format(
        HEADER_ROW,
        at,
        &[(&label, labels.as_str()), (&key, last_line)],
        &ground,
    )?;
    Ok(())
}

fn write_example(
    sheet: &mut Worksheet,
    at: u16,
    example: &Example,
    cells: Cells,
) -> Result<(), XlsxError> {
    let format = as_example(cell_format(cells));
    match example {
        Example::Nothing => sheet.write_blank(EXAMPLE_ROW, at, &format)?,
        Example::Text(text) => sheet.write_string_with_format(EXAMPLE_ROW, at, text, &format)?,
        Example::Number(number) => {
            sheet.write_number_with_format(EXAMPLE_ROW, at, *number, &format)?
        }
        Example::Date { year, month, day } => {
            let date = ExcelDateTime::from_ymd(*year, *month, *day)?;
            sheet.write_datetime_with_format(EXAMPLE_ROW, at, &date, &format)?
        }
    };
    Ok(())
}

/// The column that marks the example. It is in sight, so that nobody writes a customer over the example and wonders why
/// that one is not sent.
fn write_mark(
    sheet: &mut Worksheet,
    columns: &[TemplateColumn<'_>],
    marker: &str,
) -> Result<(), XlsxError> {
    let at = u16::try_from(columns.len()).unwrap_or(u16::MAX);
    let marked = as_example(Format::new());
    sheet.set_column_width(at, 18)?;
    sheet.write_string_with_format(HEADER_ROW, at, MARK_HEADER, &header_format())?;
    sheet.write_string_with_format(EXAMPLE_ROW, at, marker, &marked)?;
    Ok(())
}

/// Lists and dates are held to what can be sent.
fn add_rule(sheet: &mut Worksheet, at: u16, column: &TemplateColumn<'_>) -> Result<(), XlsxError> {
    let rule = match column.field {
        Some(field) if has_list(column) => {
            let letters = utility::column_number_to_name(at);
            let last = field.options.len();
            let range = format!("='{LISTS}'!${letters}$1:${letters}${last}");
            DataValidation::new()
                .allow_list_formula(Formula::new(range))
                .set_error_title("Not in the list")?
                .set_error_message("Choose from the list.\nاختر من القائمة.")?
        }
        _ if column.cells == Cells::Date => DataValidation::new()
            .allow_date(DataValidationRule::GreaterThan(ExcelDateTime::from_ymd(
                1900, 1, 1,
            )?))
            .set_error_title("Not a date")?
            .set_error_message("Write it as 1990-12-31.\nاكتب التاريخ هكذا: 1990-12-31")?,
        _ => return Ok(()),
    };
    let rule = rule.set_error_style(DataValidationErrorStyle::Stop);
    sheet.add_data_validation(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
    Ok(())
}

/// Cells of a conditional field are greyed out while their parent has another value.
fn add_condition(
    sheet: &mut Worksheet,
    at: u16,
    column: &TemplateColumn<'_>,
    columns: &[TemplateColumn<'_>],
) -> Result<(), XlsxError> {
    let Some(condition) = column.field.and_then(|field| field.condition.as_ref()) else {
        return Ok(());
    };
    let is_parent = |column: &TemplateColumn<'_>| {
        column
            .field
            .is_some_and(|field| field.key == condition.parent)
    };
    let Some(parent) = columns.iter().position(is_parent) else {
        return Ok(());
    };
    let parent = utility::column_number_to_name(u16::try_from(parent).unwrap_or(u16::MAX));
    let value = condition.value.replace('"', "\"\"");
    let not_shown = format!("=${parent}{}<>\"{value}\"", EXAMPLE_ROW + 1);
    let grey = Format::new().set_background_color(Color::RGB(0xE3_E3E3));
    let rule = ConditionalFormatFormula::new()
        .set_rule(not_shown.as_str())
        .set_format(grey);
    sheet.add_conditional_format(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
    Ok(())
}

/// Each list stands in the column of the same letter.
fn write_lists(sheet: &mut Worksheet, columns: &[TemplateColumn<'_>]) -> Result<(), XlsxError> {
    sheet.set_name(LISTS)?;
    sheet.set_hidden(true);
    for (at, column) in (0u16..).zip(columns) {
        let options = column.field.iter().flat_map(|field| &field.options);
        for (row, option) in (0u32..).zip(options) {
            sheet.write_string(row, at, &option.value)?;
        }
    }
    Ok(())
}

fn has_list(column: &TemplateColumn<'_>) -> bool {
    column.field.is_some_and(|field| !field.options.is_empty())
}

fn header_format() -> Format {
    Format::new()
        .set_bold()
        .set_font_color(Color::White)
        .set_background_color(Color::RGB(0x1F_3A5F))
        .set_align(FormatAlign::Center)
        .set_align(FormatAlign::VerticalCenter)
        .set_text_wrap()
        .set_border(FormatBorder::Thin)
        .set_border_color(Color::RGB(0x8A_9BB3))
}

fn cell_format(cells: Cells) -> Format {
    match cells {
        Cells::Text => Format::new().set_num_format("@"),
        Cells::Number => Format::new(),
        Cells::Date => Format::new().set_num_format("yyyy-mm-dd"),
    }
}

fn as_example(format: Format) -> Format {
    format
        .set_italic()
        .set_font_color(Color::RGB(0x7A_7A7A))
        .set_background_color(Color::RGB(0xFF_F8DC))
}

fn width(column: &TemplateColumn<'_>) -> f64 {
    let widest = column
        .labels
        .iter()
        .copied()
        .chain([column.key.as_str()])
        .map(console::measure_text_width)
        .max()
        .unwrap_or(0);
    f64::from(u16::try_from(widest.clamp(16, 36)).unwrap_or(36)) + 3.0
}

fn is_arabic(labels: &[&str]) -> bool {
    labels
        .iter()
        .any(|label| label.chars().any(|c| matches!(c, '\u{600}'..='\u{6ff}')))
}

/// A sheet's name has at most 31 characters, and not these.
fn sheet_name(name: &str) -> String {
    let kept: String = name
        .chars()
        .filter(|c| !matches!(c, '[' | ']' | ':' | '*' | '?' | '/' | '\\') && !c.is_control())
        .take(SHEET_NAME_MAX_CHARS)
        .collect();
    let kept = kept.trim().trim_matches('\'').to_owned();
    let is_reserved = kept.eq_ignore_ascii_case("history") || kept == LISTS;
    if kept.is_empty() || is_reserved {
        "Customers".to_owned()
    } else {
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_makes_a_sheets_name() {
        for (name, expected) in [
            ("Personal loan", "Personal loan"),
            ("قرض شخصي", "قرض شخصي"),
            ("Car: lease/rent [new]", "Car leaserent new"),
            ("", "Customers"),
            ("'", "Customers"),
            ("History", "Customers"),
        ] {
            assert_eq!(sheet_name(name), expected);
        }
        assert_eq!(sheet_name(&"x".repeat(50)).len(), 31);
    }
}
