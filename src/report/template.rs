//! The workbook for people to fill in: one column a form field, labels above, choices as lists, an example row.
//!
//! Its headers hold the keys with their contract type, so that a filled copy needs no mapping and no stored form. What a list
//! offers is the choice's own text for the same reason.

use std::io::Write;

use jiff::civil::date;
use rust_xlsxwriter::{
    Color, DataValidation, DataValidationErrorStyle, DataValidationRule, ExcelDateTime, Format,
    FormatAlign, FormatBorder, Formula, IgnoreError, Workbook, Worksheet, XlsxError, utility,
};

use super::words::{Language, is_arabic};
use super::workbook::{
    Book, MAX_ROWS, column_of, header_format, height, letters, note, write_cell,
};
use crate::error::Error;
use crate::mapping::names::WORDS;
use crate::model::{Cell, ContractTypeId, EXAMPLE_MARKER, FieldType, Form, FormField, printable};

#[derive(Debug, Clone, Copy)]
pub struct TemplateSpec<'a> {
    pub id: ContractTypeId,
    pub form: &'a Form,
    /// What the values of each of its fields must be.
    pub types: &'a [FieldType],
    /// The keys of fields that may not stay empty.
    pub required: &'a [String],
    /// What the labels are written in, the first above the others.
    pub languages: &'a [Language],
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

struct TemplateColumn {
    /// The recipient's columns are as fields of the form.
    field: FormField,
    field_type: FieldType,
    /// By it `run` knows the column.
    key: String,
    is_recipient: bool,
}

impl TemplateColumn {
    fn format(&self) -> Format {
        match self.field_type {
            FieldType::Date => Format::new().set_num_format("yyyy-mm-dd"),
            FieldType::Number => Format::new(),
            _ => Format::new().set_num_format("@"),
        }
    }
}

impl TemplateSpec<'_> {
    /// The recipient's columns, then one for each field of the form.
    fn columns(&self) -> Vec<TemplateColumn> {
        let recipient = [
            ("phoneNumber", "template_phone"),
            ("email", "template_email"),
        ];
        let recipient = recipient.map(|(key, label)| TemplateColumn {
            field: FormField {
                key: key.to_owned(),
                label: Language::English.word(label).to_owned(),
                label_ar: Language::Arabic.word(label).to_owned(),
                ..FormField::default()
            },
            field_type: FieldType::Text,
            key: key.to_owned(),
            is_recipient: true,
        });
        let fields = self.form.fields.iter().zip(self.types);
        let fields = fields.map(|(field, &field_type)| TemplateColumn {
            field: field.clone(),
            field_type,
            key: format!("{}.{}", self.id, field.key),
            is_recipient: false,
        });
        recipient.into_iter().chain(fields).collect()
    }

    fn is_required(&self, column: &TemplateColumn) -> bool {
        column.is_recipient || self.required.contains(&column.field.key)
    }

    /// In the wanted languages; the other is better than none.
    fn labels(&self, column: &TemplateColumn) -> Vec<String> {
        let both: &[Language] = &[Language::Arabic, Language::English];
        let label = |language: &Language| label_in(&column.field, *language);
        let has_label = |language: &Language| !label(language).is_empty();
        let is_told = self.languages.iter().any(has_label);
        let languages = if is_told { self.languages } else { both };
        let told = languages.iter().filter(|it| has_label(it));
        let mut labels: Vec<&str> = told.map(label).collect();
        labels.dedup();
        let is_required = self.is_required(column);
        let mark = if is_required { REQUIRED } else { "" };
        let marked = labels.iter().map(|label| format!("{label}{mark}"));
        marked.collect()
    }

    /// On when a field shows, and on what its choices mean.
    fn notes(&self, column: &TemplateColumn) -> Vec<String> {
        let words: &[&str] = match (column.is_recipient, self.is_required(column)) {
            (true, _) => &["template_example", "template_recipient"],
            (false, true) => &["template_required"],
            (false, false) => &[],
        };
        let told = words
            .iter()
            .flat_map(|word| self.languages.iter().map(|it| it.word(word)));
        let mut notes: Vec<String> = told.map(str::to_owned).collect();
        if let Some(condition) = &column.field.condition {
            let mut fields = self.form.fields.iter();
            let parent = fields.find(|field| field.key == condition.parent);
            notes.extend(self.languages.iter().map(|&language| {
                let label = parent.map_or("", |parent| label_in(parent, language));
                let label = Some(label).filter(|label| !label.is_empty());
                let label = label.unwrap_or(&condition.parent);
                language.say("template_condition", &[&label, &condition.value])
            }));
        }
        for option in &column.field.options {
            if !option.labels.is_empty() {
                notes.push(format!("{} = {}", option.value, option.labels.join(", ")));
            }
        }
        notes
    }

    /// A value that shows how to fill in the column.
    fn example(&self, column: &TemplateColumn) -> Cell {
        let options = column.field.options.iter().map(|option| &option.value);
        // The choice that brings a conditional field to light, so that the example shows one; else the first.
        let is_wanted = |choice: &&String| {
            let conditions = self.form.fields.iter().flat_map(|field| &field.condition);
            let mut conditions = conditions.filter(|one| one.parent == column.field.key);
            conditions.next().is_some_and(|one| one.value == **choice)
        };
        let chosen = options.clone().find(is_wanted);
        match (chosen.or(options.clone().next()), column.field_type) {
            (Some(choice), _) => Cell::Text(printable(choice).into_owned()),
            (None, FieldType::Date) => Cell::Date(date(1990, 1, 1).at(0, 0, 0, 0)),
            (None, FieldType::Number) => Cell::Number(5000.0),
            (None, _) => Cell::Text(example_for(&column.field.key).to_owned()),
        }
    }
}

fn label_in(field: &FormField, language: Language) -> &str {
    match language {
        Language::English => &field.label,
        Language::Arabic => &field.label_ar,
    }
}

/// The example row is about one person.
fn example_for(key: &str) -> &'static str {
    let mut key = key.to_lowercase();
    key.retain(|c| c.is_ascii_alphanumeric());
    let fits = |part: &str| key.ends_with(part) || part != "name" && key.contains(part);
    let mut examples = WORDS.example_person.iter().chain(&WORDS.example_others);
    let fitting = examples.find(|[part, _]| fits(part));
    fitting.map_or("…", |[_, example]| example)
}

pub fn write_template(spec: &TemplateSpec<'_>, out: impl Write) -> Result<(), Error> {
    let columns = spec.columns();
    let mut labels = columns.iter().flat_map(|column| spec.labels(column));
    let in_arabic = labels.any(|label| label.contains(is_arabic));
    let right_to_left = spec.languages.contains(&Language::Arabic) && in_arabic;
    // A sheet's name has at most 31 characters.
    let name: String = spec.form.name.trim().chars().take(31).collect();
    let is_taken = name.eq_ignore_ascii_case(LISTS);
    let name = if is_taken { "" } else { &name };
    let mut book = Book::begin(Workbook::new(), name, right_to_left, "")?;
    let sheet = book.sheet()?;
    // Rows are written one after another, and not kept.
    let mut tallest = 0.0;
    for (at, column) in (0u16..).zip(&columns) {
        tallest = write_header(sheet, at, spec, column)?.max(tallest);
    }
    sheet.set_row_height(HEADER_ROW, tallest)?;
    let mark = column_of(columns.len());
    sheet.set_column_width(mark, 18)?;
    sheet.write_string_with_format(HEADER_ROW, mark, MARK_HEADER, &label_format())?;
    for (at, column) in (0u16..).zip(&columns) {
        sheet.set_column_format(at, &column.format())?;
        if let Some(rule) = rule(at, column)? {
            sheet.add_data_validation(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
        }
        let (example, format) = (spec.example(column), as_example(column.format()));
        write_cell(sheet, EXAMPLE_ROW, at, &example, format)?;
    }
    // The example's mark is in sight, so that nobody writes a customer over it and wonders why that one is not sent.
    let example = as_example(Format::new());
    sheet.write_string_with_format(EXAMPLE_ROW, mark, EXAMPLE_MARKER, &example)?;
    sheet.ignore_error_range(0, 0, LAST_ROW, mark, IgnoreError::NumberStoredAsText)?;
    sheet.set_freeze_panes(EXAMPLE_ROW, 0)?;
    write_lists(&mut book.workbook, &columns)?;
    book.save(out)
}

/// Labels large, the key small, one below the other; beside them a note. Returns the height that they take.
fn write_header(
    sheet: &mut Worksheet,
    at: u16,
    spec: &TemplateSpec<'_>,
    column: &TemplateColumn,
) -> Result<f64, XlsxError> {
    let large = Format::new().set_bold().set_font_color(Color::White);
    let small = Format::new().set_font_size(8);
    let small = small.set_font_color(Color::RGB(0xC9_D6E8));
    let key = printable(&column.key);
    let mut labels = spec.labels(column).join("\n");
    if !labels.is_empty() {
        labels.push('\n');
    }
    let whole = format!("{labels}{key}");
    let width = letters(&whole, 16, 36) + 3.0;
    sheet.set_column_width(at, width)?;
    if labels.is_empty() {
        sheet.write_string_with_format(HEADER_ROW, at, &*key, &label_format())?;
    } else {
        let parts = [(&large, labels.as_str()), (&small, &*key)];
        sheet.write_rich_string_with_format(HEADER_ROW, at, &parts, &label_format())?;
    }
    let notes = spec.notes(column);
    if !notes.is_empty() {
        let lines = u32::try_from(notes.len()).unwrap_or(1);
        let note = note(&notes.join("\n"), 280, 36 + 34 * lines.min(8));
        sheet.insert_note(HEADER_ROW, at, &note)?;
    }
    Ok(height(&whole, width))
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

/// Lists and dates are held to what can be sent. What is said to somebody who errs is in both languages.
fn rule(at: u16, column: &TemplateColumn) -> Result<Option<DataValidation>, XlsxError> {
    let rule = DataValidation::new().set_error_style(DataValidationErrorStyle::Stop);
    let choices = column.field.options.len();
    let (rule, title, message) = if choices > 0 {
        let letters = utility::column_number_to_name(at);
        let range = Formula::new(format!("='{LISTS}'!${letters}$1:${letters}${choices}"));
        let rule = rule.allow_list_formula(range);
        (rule, "template_list_title", "template_not_listed")
    } else if column.field_type == FieldType::Date {
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

/// Each list stands in the column of the same letter, on a sheet that is hidden.
fn write_lists(workbook: &mut Workbook, columns: &[TemplateColumn]) -> Result<(), XlsxError> {
    if columns.iter().all(|column| column.field.options.is_empty()) {
        return Ok(());
    }
    let sheet = workbook.add_worksheet();
    sheet.set_name(LISTS)?.set_hidden(true);
    for (at, column) in (0u16..).zip(columns) {
        for (row, option) in (0u32..).zip(&column.field.options) {
            sheet.write_string(row, at, printable(&option.value))?;
        }
    }
    Ok(())
}
