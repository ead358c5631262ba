//! The workbook for people to fill in: one column a form field, labels above, choices as lists, an example row.
//!
//! Its headers hold the keys with their contract type, so that a filled copy needs no mapping and no stored form. What a list
//! offers is the choice's own text for the same reason.

use std::sync::LazyLock;

use jiff::civil::date;
use rust_xlsxwriter::{
    Color, ConditionalFormatFormula, DataValidation, DataValidationErrorStyle, DataValidationRule,
    ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, IgnoreError, Workbook, Worksheet,
    XlsxError, utility,
};

use super::words::{Language, is_arabic};
use super::workbook::{Book, MAX_ROWS, failed, header_format, letters, note};
use crate::error::Error;
use crate::model::{ContractTypeId, FieldType, Form, FormField, printable};

/// What to make a template of.
#[derive(Debug, Clone, Copy)]
pub struct TemplateSpec<'a> {
    pub id: ContractTypeId,
    pub form: &'a Form,
    /// What the values of each of its fields must be.
    pub types: &'a [FieldType],
    /// The keys of fields that may not stay empty.
    pub required: &'a [String],
    /// What the labels are written in; none for Arabic above English.
    pub language: Option<Language>,
    /// The text by which the example row is known, so that it is never sent.
    pub example_marker: &'a str,
}

const HEADER_ROW: u32 = 0;
const EXAMPLE_ROW: u32 = 1;
const LAST_ROW: u32 = MAX_ROWS - 1;
/// The sheet that holds the lists. A list written into the cell's rule itself is cut at 255 characters.
const LISTS: &str = "_lists";
/// The header above the example's mark: a column that begins with `_` is left out.
const MARK_HEADER: &str = "_";
/// Behind the label of a column that may not stay empty.
const REQUIRED: &str = " *";

/// `template.toml`.
#[derive(serde::Deserialize)]
struct Knowledge {
    examples: Vec<(String, String)>,
}

static KNOWLEDGE: LazyLock<Knowledge> = LazyLock::new(|| {
    toml::from_str(include_str!("words/template.toml"))
        .expect("template.toml belongs to the program and tests read it")
});

/// One column of the template.
struct Column<'a> {
    /// Above one another, the key last: by it `run` knows the column.
    labels: Vec<String>,
    key: String,
    cells: Cells,
    /// None for the recipient's columns.
    field: Option<&'a FormField>,
    notes: Vec<String>,
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

impl<'a> TemplateSpec<'a> {
    fn languages(&self) -> &[Language] {
        match &self.language {
            Some(language) => std::slice::from_ref(language),
            None => &[Language::Arabic, Language::English],
        }
    }

    fn said(&self, key: &str) -> impl Iterator<Item = String> {
        let words = self.languages().iter().map(|language| language.word(key));
        words.map(str::to_owned)
    }

    /// The recipient's columns, then one for each field of the form.
    fn columns(&self) -> Vec<Column<'a>> {
        let recipient = [
            ("phoneNumber", "template_phone"),
            ("email", "template_email"),
        ];
        let recipient = recipient.map(|(key, label)| Column {
            labels: self.said(label).map(|label| label + REQUIRED).collect(),
            key: key.to_owned(),
            cells: Cells::Text,
            field: None,
            notes: self
                .said("template_example")
                .chain(self.said("template_recipient"))
                .collect(),
        });
        let fields = self.form.fields.iter().zip(self.types);
        let fields = fields.map(|(field, &field_type)| Column {
            labels: self.labels(field),
            key: format!("{}.{}", self.id, field.key),
            cells: Cells::of(field_type),
            field: Some(field),
            notes: self.notes_on(field),
        });
        recipient.into_iter().chain(fields).collect()
    }

    /// In the wanted languages; the other is better than none.
    fn labels(&self, field: &FormField) -> Vec<String> {
        let mark = if self.required.contains(&field.key) {
            REQUIRED
        } else {
            ""
        };
        let both = [Language::Arabic, Language::English];
        let lists = [self.languages(), &both].map(|languages| {
            let labels = languages.iter().map(|&language| label_in(field, language));
            let mut labels: Vec<&str> = labels.filter(|label| !label.is_empty()).collect();
            labels.dedup();
            labels
        });
        let wanted = lists.into_iter().find(|labels| !labels.is_empty());
        let wanted = wanted.unwrap_or_default().into_iter();
        wanted.map(|label| format!("{label}{mark}")).collect()
    }

    /// On when a field shows, and on what its choices mean.
    fn notes_on(&self, field: &FormField) -> Vec<String> {
        let is_required = self.required.contains(&field.key);
        let required = self.said("template_required").filter(|_| is_required);
        let conditions = field.condition.iter().flat_map(|condition| {
            let parent = self
                .form
                .fields
                .iter()
                .find(|field| field.key == condition.parent);
            self.languages().iter().map(move |&language| {
                let label = parent.map_or("", |parent| label_in(parent, language));
                let label = if label.is_empty() {
                    &condition.parent
                } else {
                    label
                };
                language.say("template_condition", &[label, &condition.value])
            })
        });
        let options = field
            .options
            .iter()
            .filter(|option| !option.labels.is_empty());
        let meanings =
            options.map(|option| format!("{} = {}", option.value, option.labels.join(", ")));
        required.chain(conditions).chain(meanings).collect()
    }
}

fn label_in(field: &FormField, language: Language) -> &str {
    match language {
        Language::English => &field.label,
        Language::Arabic => &field.label_ar,
    }
}

/// Writes the workbook and gives its bytes.
pub fn write_template(spec: &TemplateSpec<'_>) -> Result<Vec<u8>, Error> {
    let columns = spec.columns();
    let in_arabic = columns
        .iter()
        .any(|column| column.labels.concat().contains(is_arabic));
    let right_to_left = spec.language != Some(Language::English) && in_arabic;
    // A sheet's name has at most 31 characters.
    let name: String = spec.form.name.chars().take(31).collect();
    let name = if name == LISTS { "" } else { name.trim() };
    let mut book = Book::begin(Workbook::new(), name, right_to_left, true)?;
    write_sheet(book.sheet()?, spec, &columns)
        .and_then(|()| write_lists(&mut book.workbook, &columns))
        .and_then(|()| book.workbook.save_to_buffer())
        .map_err(failed)
}

fn write_sheet(
    sheet: &mut Worksheet,
    spec: &TemplateSpec<'_>,
    columns: &[Column<'_>],
) -> Result<(), XlsxError> {
    let lines = columns.iter().map(|column| column.labels.len() + 1).max();
    let lines = u8::try_from(lines.unwrap_or(1)).unwrap_or(9);
    sheet.set_row_height(HEADER_ROW, 17.0 * f64::from(lines) + 6.0)?;
    for (at, column) in (0u16..).zip(columns) {
        write_header(sheet, at, column)?;
        sheet.set_column_format(at, &column.cells.format())?;
        write_example(sheet, at, column, columns)?;
        if let Some(rule) = rule(at, column)? {
            sheet.add_data_validation(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
        }
        write_condition(sheet, at, column, columns)?;
    }
    // The example's mark is in sight, so that nobody writes a customer over it and wonders why that one is not sent.
    let mark = u16::try_from(columns.len()).unwrap_or(u16::MAX);
    sheet.set_column_width(mark, 18)?;
    sheet.write_string_with_format(HEADER_ROW, mark, MARK_HEADER, &label_format())?;
    let example = as_example(Format::new());
    sheet.write_string_with_format(EXAMPLE_ROW, mark, spec.example_marker, &example)?;
    sheet.ignore_error_range(0, 0, LAST_ROW, mark, IgnoreError::NumberStoredAsText)?;
    sheet.set_freeze_panes(EXAMPLE_ROW, 0)?;
    Ok(())
}

/// Labels large, the key small, one below the other; beside them a note.
fn write_header(sheet: &mut Worksheet, at: u16, column: &Column<'_>) -> Result<(), XlsxError> {
    let name = printable(&column.key);
    let lines = [column.labels.as_slice(), &[name.to_string()]].concat();
    sheet.set_column_width(at, letters(&lines.join("\n"), 16, 36) + 3.0)?;
    let label = Format::new().set_bold().set_font_color(Color::White);
    let key = Format::new()
        .set_font_size(8)
        .set_font_color(Color::RGB(0xC9_D6E8));
    if column.labels.is_empty() {
        sheet.write_string_with_format(HEADER_ROW, at, &*name, &label_format())?;
    } else {
        let labels = format!("{}\n", column.labels.join("\n"));
        let parts = [(&label, labels.as_str()), (&key, &*name)];
        sheet.write_rich_string_with_format(HEADER_ROW, at, &parts, &label_format())?;
    }
    if !column.notes.is_empty() {
        let lines = u32::try_from(column.notes.len()).unwrap_or(1);
        let note = note(&column.notes.join("\n"), 280, 36 + 34 * lines.min(8));
        sheet.insert_note(HEADER_ROW, at, &note)?;
    }
    Ok(())
}

fn label_format() -> Format {
    header_format()
        .set_align(FormatAlign::Center)
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
    let condition = column.field.and_then(|field| field.condition.as_ref());
    let is_shown = condition.is_none_or(|condition| {
        let parent = parent_of(column, all).and_then(|parent| all[parent].field);
        parent.is_some_and(|parent| chosen(parent, all) == Some(&condition.value))
    });
    let choice = column.field.and_then(|field| chosen(field, all));
    match (choice, column.cells) {
        _ if !is_shown => sheet.write_blank(EXAMPLE_ROW, at, &format)?,
        (Some(choice), _) => {
            sheet.write_string_with_format(EXAMPLE_ROW, at, printable(choice), &format)?
        }
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
    let fits = |part: &str| key.ends_with(part) || part != "name" && key.contains(part);
    let mut fitting = KNOWLEDGE.examples.iter().filter(|(part, _)| fits(part));
    fitting.next().map_or("…", |(_, example)| example)
}

/// The choice that brings a conditional field to light, so that the example shows one; else the first.
fn chosen<'a>(field: &'a FormField, all: &[Column<'a>]) -> Option<&'a str> {
    let conditions = all
        .iter()
        .filter_map(|column| column.field?.condition.as_ref());
    let mut wanted = conditions.filter(|condition| condition.parent == field.key);
    let wanted = wanted.next().map(|condition| &condition.value);
    let mut choices = field.options.iter().map(|option| &option.value);
    let first = choices.clone().next();
    choices
        .find(|&choice| Some(choice) == wanted)
        .or(first)
        .map(String::as_str)
}

/// The place of the column whose value decides whether this one shows.
fn parent_of(column: &Column<'_>, all: &[Column<'_>]) -> Option<usize> {
    let parent = &column.field?.condition.as_ref()?.parent;
    all.iter()
        .position(|column| column.field.is_some_and(|field| field.key == *parent))
}

/// Lists and dates are held to what can be sent. What is said to somebody who errs is in both languages.
fn rule(at: u16, column: &Column<'_>) -> Result<Option<DataValidation>, XlsxError> {
    let rule = DataValidation::new().set_error_style(DataValidationErrorStyle::Stop);
    let choices = column.field.map_or(0, |field| field.options.len());
    let (rule, title, message) = if choices > 0 {
        let letters = utility::column_number_to_name(at);
        let range = Formula::new(format!("='{LISTS}'!${letters}$1:${letters}${choices}"));
        let rule = rule.allow_list_formula(range);
        (rule, "template_list_title", "template_not_listed")
    } else if column.cells == Cells::Date {
        let first = ExcelDateTime::from_ymd(1900, 1, 1)?;
        let rule = rule.allow_date(DataValidationRule::GreaterThan(first));
        (rule, "template_date_title", "template_no_date")
    } else {
        return Ok(None);
    };
    let both = |key, between| {
        let words = [Language::Arabic, Language::English].map(|language| language.word(key));
        words.join(between)
    };
    rule.set_error_title(both(title, " / "))?
        .set_error_message(both(message, "\n"))
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
    let (Some(condition), Some(parent)) = (condition, parent_of(column, all)) else {
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
    sheet.set_name(LISTS)?.set_hidden(true);
    for (at, options) in (0u16..).zip(lists) {
        for (row, option) in (0u32..).zip(options.into_iter().flatten()) {
            sheet.write_string(row, at, printable(&option.value))?;
        }
    }
    Ok(())
}
