//! The workbook for people to fill in: one column a form field, labels above, choices as lists, an example row.
//!
//! Its headers hold the keys with their contract type, so that a filled copy needs no mapping and no stored form. What a list
//! offers is the choice's own text for the same reason.

use std::borrow::Cow;
use std::io::Write;

use jiff::civil::date;
use rust_xlsxwriter::{
    Color, ConditionalFormatFormula, DataValidation, DataValidationErrorStyle, DataValidationRule,
    DocProperties, ExcelDateTime, Format, FormatAlign, FormatBorder, Formula, IgnoreError,
    Workbook, Worksheet, XlsxError, utility,
};

use super::words::{Language, is_arabic};
use super::workbook::{
    Book, MAX_ROWS, WRITTEN_AT, column_of, header_format, letters, note, write_cell,
};
use crate::error::Error;
use crate::model::{Cell, ContractTypeId, EXAMPLE_PERSON, FieldType, Form, FormField, printable};

/// What to make a template of.
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
/// The example row beside its person, by what a key ends in or has in it; the first that fits.
const EXAMPLES: [(&str, &str); 3] = [
    ("address", "12 Tahrir St., Dokki"),
    ("employer", "Nile Trading"),
    ("purpose", "Home repairs"),
];

/// One column of the template.
struct Column<'a> {
    /// The recipient's columns are as fields of the form.
    field: Cow<'a, FormField>,
    field_type: FieldType,
    /// By it `run` knows the column.
    key: String,
    is_recipient: bool,
}

impl Column<'_> {
    fn format(&self) -> Format {
        match self.field_type {
            FieldType::Date => Format::new().set_num_format("yyyy-mm-dd"),
            FieldType::Number => Format::new(),
            _ => Format::new().set_num_format("@"),
        }
    }
}

impl<'a> TemplateSpec<'a> {
    /// The recipient's columns, then one for each field of the form.
    fn columns(&self) -> Vec<Column<'a>> {
        let recipient = [
            ("phoneNumber", "template_phone"),
            ("email", "template_email"),
        ];
        let recipient = recipient.map(|(key, label)| Column {
            field: Cow::Owned(FormField {
                key: key.to_owned(),
                label: Language::English.word(label).to_owned(),
                label_ar: Language::Arabic.word(label).to_owned(),
                ..FormField::default()
            }),
            field_type: FieldType::Text,
            key: key.to_owned(),
            is_recipient: true,
        });
        let fields = self.form.fields.iter().zip(self.types);
        let fields = fields.map(|(field, &field_type)| Column {
            field: Cow::Borrowed(field),
            field_type,
            key: format!("{}.{}", self.id, field.key),
            is_recipient: false,
        });
        recipient.into_iter().chain(fields).collect()
    }

    fn is_required(&self, column: &Column<'_>) -> bool {
        column.is_recipient || self.required.contains(&column.field.key)
    }

    /// In the wanted languages; the other is better than none.
    fn labels(&self, column: &Column<'_>) -> Vec<String> {
        let both = [Language::Arabic, Language::English];
        let lists = [self.languages, &both].map(|languages| {
            let labels = languages.iter();
            let labels = labels.map(|&language| label_in(&column.field, language));
            let mut labels: Vec<&str> = labels.filter(|label| !label.is_empty()).collect();
            labels.dedup();
            labels
        });
        let is_required = self.is_required(column);
        let mark = if is_required { REQUIRED } else { "" };
        let wanted = lists.iter().find(|labels| !labels.is_empty());
        let wanted = wanted.into_iter().flatten();
        wanted.map(|label| format!("{label}{mark}")).collect()
    }

    /// On when a field shows, and on what its choices mean.
    fn notes(&self, column: &Column<'_>, all: &[Column<'_>]) -> Vec<String> {
        let words: &[&str] = match (column.is_recipient, self.is_required(column)) {
            (true, _) => &["template_example", "template_recipient"],
            (false, true) => &["template_required"],
            (false, false) => &[],
        };
        let in_each = |word: &&str| {
            let said = self.languages.iter().map(|language| language.word(word));
            said.map(str::to_owned).collect::<Vec<_>>()
        };
        let words = words.iter().flat_map(in_each);
        let conditions = column.field.condition.iter().flat_map(|condition| {
            let parent = parent_of(column, all).map(|at| &all[at].field);
            self.languages.iter().map(move |&language| {
                let label = parent.map(|parent| label_in(parent, language));
                let label = label.filter(|label| !label.is_empty());
                let label = label.unwrap_or(&condition.parent);
                language.say("template_condition", &[label, &condition.value])
            })
        });
        let options = column.field.options.iter();
        let options = options.filter(|option| !option.labels.is_empty());
        let meanings =
            options.map(|option| format!("{} = {}", option.value, option.labels.join(", ")));
        words.chain(conditions).chain(meanings).collect()
    }
}

/// The place of the column whose value decides whether this one shows.
fn parent_of(column: &Column<'_>, all: &[Column<'_>]) -> Option<usize> {
    let parent = &column.field.condition.as_ref()?.parent;
    let is_parent = |other: &Column<'_>| !other.is_recipient && other.field.key == *parent;
    all.iter().position(is_parent)
}

/// A value that shows how to fill in the column, beside the choices of the example row; none where the field would not show.
fn example(column: &Column<'_>, all: &[Column<'_>]) -> Cell {
    let is_shown = column.field.condition.as_ref().is_none_or(|condition| {
        let parent = parent_of(column, all).map(|at| &all[at].field);
        parent.and_then(|parent| chosen(parent, all)) == Some(&condition.value)
    });
    match (chosen(&column.field, all), column.field_type) {
        _ if !is_shown => Cell::Empty,
        (Some(choice), _) => Cell::Text(printable(choice).into_owned()),
        (None, FieldType::Date) => Cell::Date(date(1990, 1, 1).at(0, 0, 0, 0)),
        (None, FieldType::Number) => Cell::Number(5000.0),
        (None, _) => Cell::Text(example_for(&column.field.key).to_owned()),
    }
}

/// The choice that brings a conditional field to light, so that the example shows one; else the first.
fn chosen<'f>(field: &'f FormField, all: &[Column<'_>]) -> Option<&'f str> {
    let mut conditions = all
        .iter()
        .filter_map(|other| other.field.condition.as_ref());
    let wanted = conditions.find(|condition| condition.parent == field.key);
    let mut choices = field.options.iter().map(|option| option.value.as_str());
    let first = choices.clone().next();
    choices
        .find(|choice| wanted.is_some_and(|wanted| wanted.value == *choice))
        .or(first)
}

fn label_in(field: &FormField, language: Language) -> &str {
    match language {
        Language::English => &field.label,
        Language::Arabic => &field.label_ar,
    }
}

fn example_for(key: &str) -> &'static str {
    let mut key = key.to_lowercase();
    key.retain(|c| c.is_ascii_alphanumeric());
    let fits = |part: &str| key.ends_with(part) || part != "name" && key.contains(part);
    let mut examples = EXAMPLE_PERSON.iter().chain(&EXAMPLES);
    let fitting = examples.find(|(part, _)| fits(part));
    fitting.map_or("…", |(_, example)| example)
}

/// Writes the workbook and gives its bytes.
pub fn write_template(
    spec: &TemplateSpec<'_>,
    written_at: u64,
    out: impl Write + Send,
) -> Result<(), Error> {
    let columns = spec.columns();
    let mut labels = columns.iter().flat_map(|column| spec.labels(column));
    let in_arabic = labels.any(|label| label.contains(is_arabic));
    let right_to_left = spec.languages.contains(&Language::Arabic) && in_arabic;
    // A sheet's name has at most 31 characters.
    let name: String = spec.form.name.trim().chars().take(31).collect();
    let is_taken = name.eq_ignore_ascii_case(LISTS);
    let name = if is_taken { "" } else { &name };
    let mut book = Book::begin(Workbook::new(), name, right_to_left)?;
    let sheet = book.sheet()?;
    write_header(sheet, spec, &columns)?;
    for (at, column) in (0u16..).zip(&columns) {
        sheet.set_column_format(at, &column.format())?;
        if let Some(rule) = rule(at, column)? {
            sheet.add_data_validation(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
        }
        if let (Some(condition), Some(parent)) =
            (&column.field.condition, parent_of(column, &columns))
        {
            let rule = grey_unless(column_of(parent), &condition.value);
            sheet.add_conditional_format(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
        }
        let (example, format) = (example(column, &columns), as_example(column.format()));
        write_cell(sheet, EXAMPLE_ROW, at, &example, format)?;
    }
    // The example's mark is in sight, so that nobody writes a customer over it and wonders why that one is not sent.
    let mark = column_of(columns.len());
    let example = as_example(Format::new());
    sheet.write_string_with_format(EXAMPLE_ROW, mark, spec.example_marker, &example)?;
    sheet.ignore_error_range(0, 0, LAST_ROW, mark, IgnoreError::NumberStoredAsText)?;
    sheet.set_freeze_panes(EXAMPLE_ROW, 0)?;
    write_lists(&mut book.workbook, &columns)?;
    let properties = DocProperties::new();
    let properties = properties.set_custom_property(WRITTEN_AT, written_at.to_string());
    book.workbook.set_properties(&properties);
    Ok(book.workbook.save_to_writer(out)?)
}

/// Labels large, the key small, one below the other; beside them a note.
fn write_header(
    sheet: &mut Worksheet,
    spec: &TemplateSpec<'_>,
    columns: &[Column<'_>],
) -> Result<(), XlsxError> {
    let large = Format::new().set_bold().set_font_color(Color::White);
    let small = Format::new()
        .set_font_size(8)
        .set_font_color(Color::RGB(0xC9_D6E8));
    let mut most_lines = 1;
    for (at, column) in (0u16..).zip(columns) {
        let key = printable(&column.key);
        let mut lines = spec.labels(column);
        lines.push(key.to_string());
        most_lines = most_lines.max(lines.len());
        sheet.set_column_width(at, letters(&lines.join("\n"), 16, 36) + 3.0)?;
        lines.pop();
        if lines.is_empty() {
            sheet.write_string_with_format(HEADER_ROW, at, &*key, &label_format())?;
        } else {
            let labels = lines.join("\n") + "\n";
            let parts = [(&large, labels.as_str()), (&small, &*key)];
            sheet.write_rich_string_with_format(HEADER_ROW, at, &parts, &label_format())?;
        }
        let notes = spec.notes(column, columns);
        if !notes.is_empty() {
            let lines = u32::try_from(notes.len()).unwrap_or(1);
            let note = note(&notes.join("\n"), 280, 36 + 34 * lines.min(8));
            sheet.insert_note(HEADER_ROW, at, &note)?;
        }
    }
    let mark = column_of(columns.len());
    sheet.set_column_width(mark, 18)?;
    sheet.write_string_with_format(HEADER_ROW, mark, MARK_HEADER, &label_format())?;
    let lines = u8::try_from(most_lines).unwrap_or(9);
    sheet.set_row_height(HEADER_ROW, 17.0 * f64::from(lines) + 6.0)?;
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

/// Lists and dates are held to what can be sent. What is said to somebody who errs is in both languages.
fn rule(at: u16, column: &Column<'_>) -> Result<Option<DataValidation>, XlsxError> {
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

/// Cells of a conditional field are greyed out while their parent has another value.
fn grey_unless(parent: u16, value: &str) -> ConditionalFormatFormula {
    let parent = utility::column_number_to_name(parent);
    let value = value.replace('"', "\"\"");
    let not_shown = format!("=${parent}{}<>\"{value}\"", EXAMPLE_ROW + 1);
    let grey = Format::new().set_background_color(Color::RGB(0xE3_E3E3));
    ConditionalFormatFormula::new()
        .set_rule(not_shown.as_str())
        .set_format(grey)
}

/// Each list stands in the column of the same letter, on a sheet that is hidden.
fn write_lists(workbook: &mut Workbook, columns: &[Column<'_>]) -> Result<(), XlsxError> {
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
