//! The workbook for people to fill in: one column a form field, labels above, choices as lists, an example row.
//!
//! Its headers hold the keys with their contract type, so that a filled copy needs no mapping and no stored form. What a list
//! offers is the choice's own text for the same reason.

use jiff::civil::date;
use rust_xlsxwriter::{
    Color, ConditionalFormatFormula, DataValidation, DataValidationErrorStyle, DataValidationRule,
    ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, IgnoreError, Workbook, Worksheet,
    XlsxError, utility,
};

use crate::error::Error;
use crate::model::{ContractTypeId, FieldType, Form, FormField};

use super::text::{Language, WORDS, word};
use super::workbook::{MAX_ROWS, failed, header_format, is_arabic, note, width};

/// What to make a template of.
#[derive(Debug, Clone, Copy)]
pub struct TemplateSpec<'a> {
    pub id: ContractTypeId,
    pub form: &'a Form,
    /// What the values of each of its fields must be.
    pub types: &'a [FieldType],
    /// What the labels are written in; none for Arabic above English.
    pub language: Option<Language>,
    /// The text by which the example row is known, so that it is never sent.
    pub example_marker: &'a str,
}

/// As the format numbers paper.
const A4: u8 = 9;
const HEADER_ROW: u32 = 0;
const EXAMPLE_ROW: u32 = 1;
const LAST_ROW: u32 = MAX_ROWS - 1;
/// The sheet that holds the lists. A list written into the cell's rule itself is cut at 255 characters.
const LISTS: &str = "_lists";
/// The header above the example's mark: a column that begins with `_` is left out.
const MARK_HEADER: &str = "_";

/// One column of the template.
struct Column<'a> {
    /// Above one another, the key last: by it `run` knows the column.
    labels: Vec<&'a str>,
    key: String,
    cells: Cells,
    /// None for the recipient's columns.
    field: Option<&'a FormField>,
    note: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cells {
    Text,
    Number,
    Date,
}

impl Cells {
    fn of(field_type: FieldType) -> Cells {
        match field_type {
            FieldType::Date => Cells::Date,
            FieldType::Number => Cells::Number,
            _ => Cells::Text,
        }
    }

    fn format(self) -> Format {
        match self {
            Cells::Text => Format::new().set_num_format("@"),
            Cells::Number => Format::new(),
            Cells::Date => Format::new().set_num_format("yyyy-mm-dd"),
        }
    }
}

fn listed(key: &str) -> impl Iterator<Item = &'static toml::Value> {
    let list = WORDS
        .get("template")
        .and_then(|template| template.get(key)?.as_array());
    list.into_iter().flatten()
}

/// Writes the workbook and gives its bytes.
pub fn write_template(spec: &TemplateSpec<'_>) -> Result<Vec<u8>, Error> {
    let columns = columns(spec);
    let mut workbook = Workbook::new();
    write_sheets(&mut workbook, spec, &columns)
        .and_then(|()| workbook.save_to_buffer())
        .map_err(failed)
}

/// The recipient's columns, then one for each field of the form.
fn columns<'a>(spec: &TemplateSpec<'a>) -> Vec<Column<'a>> {
    let recipient = [
        (
            "phoneNumber",
            "template_phone",
            said(spec, "template_example"),
        ),
        ("email", "template_email", String::new()),
    ];
    let recipient = recipient.map(|(key, label, note)| Column {
        labels: spec.languages().iter().map(|&l| word(l, label)).collect(),
        key: key.to_owned(),
        cells: Cells::Text,
        field: None,
        note,
    });
    let fields = spec.form.fields.iter().zip(spec.types);
    let fields = fields.map(|(field, &field_type)| Column {
        labels: labels(spec, field),
        key: format!("{}.{}", spec.id, field.key),
        cells: Cells::of(field_type),
        field: Some(field),
        note: note_on(spec, field),
    });
    recipient.into_iter().chain(fields).collect()
}

impl TemplateSpec<'_> {
    fn languages(&self) -> &[Language] {
        match &self.language {
            Some(language) => std::slice::from_ref(language),
            None => &[Language::Arabic, Language::English],
        }
    }
}

/// A sentence in the languages of the template, a line for each.
fn said(spec: &TemplateSpec<'_>, key: &str) -> String {
    let lines: Vec<&str> = spec.languages().iter().map(|&l| word(l, key)).collect();
    lines.join("\n")
}

fn label_in(field: &FormField, language: Language) -> &str {
    match language {
        Language::English => &field.label,
        Language::Arabic => &field.label_ar,
    }
}

/// In the wanted languages; the other is better than none.
fn labels<'a>(spec: &TemplateSpec<'_>, field: &'a FormField) -> Vec<&'a str> {
    let all = [Language::Arabic, Language::English];
    let in_languages = |languages: &[Language]| {
        let labels = languages.iter().map(|&language| label_in(field, language));
        let mut labels: Vec<&str> = labels.filter(|label| !label.is_empty()).collect();
        labels.dedup();
        labels
    };
    let wanted = in_languages(spec.languages());
    if wanted.is_empty() {
        in_languages(&all)
    } else {
        wanted
    }
}

/// On when a field shows, and on what its choices mean.
fn note_on(spec: &TemplateSpec<'_>, field: &FormField) -> String {
    let conditions = field.condition.iter().flat_map(|condition| {
        let parent = find(spec.form.fields.iter(), &condition.parent);
        spec.languages().iter().map(move |&language| {
            let label = parent.map_or("", |parent| label_in(parent, language));
            let label = if label.is_empty() {
                &condition.parent
            } else {
                label
            };
            word(language, "template_condition")
                .replace("{parent}", label)
                .replace("{value}", &condition.value)
        })
    });
    let meanings = field
        .options
        .iter()
        .filter(|option| !option.labels.is_empty());
    let meanings =
        meanings.map(|option| format!("{} = {}", option.value, option.labels.join(", ")));
    conditions.chain(meanings).collect::<Vec<_>>().join("\n")
}

fn find<'f>(mut fields: impl Iterator<Item = &'f FormField>, key: &str) -> Option<&'f FormField> {
    fields.find(|field| field.key == key)
}

fn write_sheets(
    workbook: &mut Workbook,
    spec: &TemplateSpec<'_>,
    columns: &[Column<'_>],
) -> Result<(), XlsxError> {
    let in_arabic = |column: &Column<'_>| column.labels.concat().contains(is_arabic);
    let sheet = workbook.add_worksheet();
    sheet.set_name(sheet_name(&spec.form.name))?;
    sheet.set_right_to_left(
        spec.language != Some(Language::English) && columns.iter().any(in_arabic),
    );
    sheet
        .set_landscape()
        .set_paper_size(A4)
        .set_print_fit_to_pages(1, 0);
    let lines = columns.iter().map(|column| column.labels.len() + 1).max();
    let lines = u8::try_from(lines.unwrap_or(1)).unwrap_or(9);
    sheet.set_row_height(HEADER_ROW, 17.0 * f64::from(lines) + 6.0)?;
    for (at, column) in (0u16..).zip(columns) {
        write_column(sheet, at, column, columns)?;
    }
    // The example's mark is in sight, so that nobody writes a customer over it and wonders why that one is not sent.
    let mark = u16::try_from(columns.len()).unwrap_or(u16::MAX);
    sheet.set_column_width(mark, 18)?;
    sheet.write_string_with_format(HEADER_ROW, mark, MARK_HEADER, &label_format())?;
    let example = as_example(Format::new());
    sheet.write_string_with_format(EXAMPLE_ROW, mark, spec.example_marker, &example)?;
    sheet.ignore_error_range(0, 0, LAST_ROW, mark, IgnoreError::NumberStoredAsText)?;
    sheet.set_freeze_panes(EXAMPLE_ROW, 0)?;
    write_lists(workbook, columns)
}

fn write_column(
    sheet: &mut Worksheet,
    at: u16,
    column: &Column<'_>,
    all: &[Column<'_>],
) -> Result<(), XlsxError> {
    let lines = column.labels.iter().copied().chain([column.key.as_str()]);
    let widest = lines.map(|line| width(line, 16, 36)).fold(0.0, f64::max);
    sheet.set_column_width(at, widest + 3.0)?;
    sheet.set_column_format(at, &column.cells.format())?;
    write_header(sheet, at, column)?;
    write_example(sheet, at, column, all)?;
    if let Some(rule) = rule(at, column)? {
        sheet.add_data_validation(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
    }
    write_condition(sheet, at, column, all)?;
    if !column.note.is_empty() {
        let lines = u32::try_from(column.note.lines().count()).unwrap_or(1);
        sheet.insert_note(
            HEADER_ROW,
            at,
            &note(&column.note, 280, 36 + 34 * lines.min(8)),
        )?;
    }
    Ok(())
}

/// Labels large, the key small, one below the other.
fn write_header(sheet: &mut Worksheet, at: u16, column: &Column<'_>) -> Result<(), XlsxError> {
    let label = Format::new().set_bold().set_font_color(Color::White);
    let key = Format::new()
        .set_font_size(8)
        .set_font_color(Color::RGB(0xC9_D6E8));
    if column.labels.is_empty() {
        sheet.write_string_with_format(HEADER_ROW, at, &column.key, &label_format())?;
        return Ok(());
    }
    let labels = format!("{}\n", column.labels.join("\n"));
    let parts = [(&label, labels.as_str()), (&key, column.key.as_str())];
    sheet.write_rich_string_with_format(HEADER_ROW, at, &parts, &label_format())?;
    Ok(())
}

fn label_format() -> Format {
    header_format()
        .set_align(FormatAlign::Center)
        .set_text_wrap()
        .set_border(FormatBorder::Thin)
        .set_border_color(Color::RGB(0x8A_9BB3))
}

fn as_example(format: Format) -> Format {
    format
        .set_italic()
        .set_font_color(Color::RGB(0x7A_7A7A))
        .set_background_color(Color::RGB(0xFF_F8DC))
}

/// A value that shows how to fill in the column, in a row whose other cells hold the choices of `chosen`.
fn write_example(
    sheet: &mut Worksheet,
    at: u16,
    column: &Column<'_>,
    all: &[Column<'_>],
) -> Result<(), XlsxError> {
    let format = as_example(column.cells.format());
    let is_shown = column.field.is_none_or(|field| shows(field, all));
    let choice = column.field.and_then(|field| chosen(field, all));
    match (choice, column.cells) {
        _ if !is_shown => sheet.write_blank(EXAMPLE_ROW, at, &format)?,
        (Some(choice), _) => sheet.write_string_with_format(EXAMPLE_ROW, at, choice, &format)?,
        (None, Cells::Date) => {
            sheet.write_datetime_with_format(EXAMPLE_ROW, at, date(1990, 1, 1), &format)?
        }
        (None, Cells::Number) => sheet.write_number_with_format(EXAMPLE_ROW, at, 5000, &format)?,
        (None, Cells::Text) => {
            let key = column.field.map_or(&column.key, |field| &field.key);
            sheet.write_string_with_format(EXAMPLE_ROW, at, example_for(key), &format)?
        }
    };
    Ok(())
}

fn example_for(key: &str) -> &'static str {
    let mut key = key.to_lowercase();
    key.retain(|c| c.is_ascii_alphanumeric());
    let pairs = listed("examples")
        .filter_map(|pair| Some((pair.get(0)?.as_str()?, pair.get(1)?.as_str()?)));
    let fits = |part: &str| key.ends_with(part) || part != "name" && key.contains(part);
    let mut fitting = pairs.filter(|(part, _)| fits(part));
    fitting.next().map_or("…", |(_, example)| example)
}

/// The choice that brings a conditional field to light, so that the example shows one; else the first.
fn chosen<'a>(field: &'a FormField, all: &[Column<'a>]) -> Option<&'a str> {
    let wanted = all
        .iter()
        .filter_map(|column| column.field?.condition.as_ref())
        .find(|condition| condition.parent == field.key);
    let is_wanted = |value: &str| wanted.is_some_and(|condition| condition.value == value);
    let mut choices = field.options.iter().map(|option| option.value.as_str());
    choices
        .clone()
        .find(|choice| is_wanted(choice))
        .or(choices.next())
}

/// Whether a field shows beside the example's choices.
fn shows(field: &FormField, all: &[Column<'_>]) -> bool {
    field.condition.as_ref().is_none_or(|condition| {
        let parent = find(
            all.iter().filter_map(|column| column.field),
            &condition.parent,
        );
        parent.is_some_and(|parent| chosen(parent, all) == Some(&condition.value))
    })
}

/// Lists and dates are held to what can be sent. What is said to somebody who errs is in both languages.
fn rule(at: u16, column: &Column<'_>) -> Result<Option<DataValidation>, XlsxError> {
    let rule = DataValidation::new().set_error_style(DataValidationErrorStyle::Stop);
    let choices = column.field.map_or(0, |field| field.options.len());
    let (rule, title, message) = if choices > 0 {
        let letters = utility::column_number_to_name(at);
        let range = Formula::new(format!("='{LISTS}'!${letters}$1:${letters}${choices}"));
        let rule = rule.allow_list_formula(range);
        (rule, "Not in the list", "template_not_listed")
    } else if column.cells == Cells::Date {
        let first = ExcelDateTime::from_ymd(1900, 1, 1)?;
        let rule = rule.allow_date(DataValidationRule::GreaterThan(first));
        (rule, "Not a date", "template_no_date")
    } else {
        return Ok(None);
    };
    let message = [Language::English, Language::Arabic].map(|language| word(language, message));
    rule.set_error_title(title)?
        .set_error_message(message.join("\n"))
        .map(Some)
}

/// Cells of a conditional field are greyed out while their parent has another value.
fn write_condition(
    sheet: &mut Worksheet,
    at: u16,
    column: &Column<'_>,
    all: &[Column<'_>],
) -> Result<(), XlsxError> {
    let condition = column.field.and_then(|field| field.condition.as_ref());
    let parent = condition.and_then(|condition| {
        let key = Some(&condition.parent);
        all.iter()
            .position(|column| column.field.map(|field| &field.key) == key)
    });
    let (Some(condition), Some(parent)) = (condition, parent) else {
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

/// Each list stands in the column of the same letter, on a sheet that is hidden.
fn write_lists(workbook: &mut Workbook, columns: &[Column<'_>]) -> Result<(), XlsxError> {
    let lists = columns
        .iter()
        .map(|column| column.field.map(|field| &field.options));
    if !lists.clone().flatten().any(|options| !options.is_empty()) {
        return Ok(());
    }
    let sheet = workbook.add_worksheet();
    sheet.set_name(LISTS)?;
    sheet.set_hidden(true);
    for (at, options) in (0u16..).zip(lists) {
        for (row, option) in (0u32..).zip(options.into_iter().flatten()) {
            sheet.write_string(row, at, &option.value)?;
        }
    }
    Ok(())
}

/// A sheet's name has at most 31 characters, and not these.
fn sheet_name(name: &str) -> String {
    let allowed = |c: &char| !"[]:*?/\\".contains(*c) && !c.is_control();
    let kept: String = name.chars().filter(allowed).take(31).collect();
    let kept = kept.trim().trim_matches('\'');
    let is_reserved = kept.eq_ignore_ascii_case("history") || kept == LISTS;
    if kept.is_empty() || is_reserved {
        return "Customers".to_owned();
    }
    kept.to_owned()
}
