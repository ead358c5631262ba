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

use super::words::{Language, is_arabic};
use super::workbook::{Book, MAX_ROWS, column_of, header_format, letters, note, write_cell};
use crate::error::Error;
use crate::model::{Cell, ContractTypeId, FieldType, Form, FormField, FormOption, printable};

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
/// The example row, by what a key ends in or has in it; the first that fits. Nobody in it exists.
const EXAMPLES: [(&str, &str); 10] = [
    ("spousename", "Ahmed Samir"),
    ("guarantorname", "Hany Fathy"),
    ("name", "Mona Adel"),
    ("nationalid", "29001011234567"),
    ("address", "12 Tahrir St., Dokki"),
    ("employer", "Nile Trading"),
    ("purpose", "Home repairs"),
    ("email", "mona@example.com"),
    ("phone", "01012345678"),
    ("mobile", "01012345678"),
];

/// One column of the template.
struct Column<'a> {
    /// Above one another, the key last: by it `run` knows the column.
    labels: Vec<String>,
    key: String,
    format: Format,
    is_date: bool,
    notes: Vec<String>,
    choices: &'a [FormOption],
    /// The column whose value decides whether this one shows, and the value.
    shown_by: Option<(u16, &'a str)>,
    /// Shows how to fill in the column.
    example: Cell,
}

impl<'a> TemplateSpec<'a> {
    fn said(&self, key: &str) -> impl Iterator<Item = String> {
        let words = self.languages.iter().map(|language| language.word(key));
        words.map(str::to_owned)
    }

    /// The recipient's columns, then one for each field of the form.
    fn columns(&self) -> Vec<Column<'a>> {
        let recipient = [
            ("phoneNumber", "template_phone"),
            ("email", "template_email"),
        ];
        let first_field = recipient.len();
        let recipient = recipient.map(|(key, label)| Column {
            labels: self.said(label).map(|label| label + REQUIRED).collect(),
            key: key.to_owned(),
            format: as_text(),
            is_date: false,
            notes: self
                .said("template_example")
                .chain(self.said("template_recipient"))
                .collect(),
            choices: &[],
            shown_by: None,
            example: Cell::Text(example_for(key).to_owned()),
        });
        let fields = self.form.fields.iter().zip(self.types);
        let fields = fields.map(|(field, &field_type)| {
            let shown_by = field.condition.as_ref().and_then(|condition| {
                let place = self.place_of(&condition.parent)?;
                Some((column_of(first_field + place), condition.value.as_str()))
            });
            Column {
                labels: self.labels(field),
                key: format!("{}.{}", self.id, field.key),
                format: match field_type {
                    FieldType::Date => Format::new().set_num_format("yyyy-mm-dd"),
                    FieldType::Number => Format::new(),
                    _ => as_text(),
                },
                is_date: field_type == FieldType::Date,
                notes: self.notes_on(field),
                choices: &field.options,
                shown_by,
                example: self.example(field, field_type),
            }
        });
        recipient.into_iter().chain(fields).collect()
    }

    fn place_of(&self, key: &str) -> Option<usize> {
        self.form.fields.iter().position(|field| field.key == key)
    }

    /// In the wanted languages; the other is better than none.
    fn labels(&self, field: &FormField) -> Vec<String> {
        let both = [Language::Arabic, Language::English];
        let lists = [self.languages, &both].map(|languages| {
            let labels = languages.iter().map(|&language| label_in(field, language));
            let mut labels: Vec<&str> = labels.filter(|label| !label.is_empty()).collect();
            labels.dedup();
            labels
        });
        let mark = if self.required.contains(&field.key) {
            REQUIRED
        } else {
            ""
        };
        let wanted = lists.iter().find(|labels| !labels.is_empty());
        let wanted = wanted.into_iter().flatten();
        wanted.map(|label| format!("{label}{mark}")).collect()
    }

    /// On when a field shows, and on what its choices mean.
    fn notes_on(&self, field: &FormField) -> Vec<String> {
        let is_required = self.required.contains(&field.key);
        let required = self.said("template_required").filter(|_| is_required);
        let conditions = field.condition.iter().flat_map(|condition| {
            let parent = self.place_of(&condition.parent);
            let parent = parent.map(|place| &self.form.fields[place]);
            self.languages.iter().map(move |&language| {
                let label = parent.map_or("", |parent| label_in(parent, language));
                let label = if label.is_empty() {
                    &condition.parent
                } else {
                    label
                };
                language.say("template_condition", &[label, &condition.value])
            })
        });
        let options = field.options.iter();
        let options = options.filter(|option| !option.labels.is_empty());
        let meanings =
            options.map(|option| format!("{} = {}", option.value, option.labels.join(", ")));
        required.chain(conditions).chain(meanings).collect()
    }

    /// A value for the example row, whose other cells hold their choices; none where the field would not show beside them.
    fn example(&self, field: &FormField, field_type: FieldType) -> Cell {
        let is_shown = field.condition.as_ref().is_none_or(|condition| {
            let parent = self.place_of(&condition.parent);
            let chosen = parent.and_then(|place| self.chosen(&self.form.fields[place]));
            chosen == Some(&condition.value)
        });
        match (self.chosen(field), field_type) {
            _ if !is_shown => Cell::Empty,
            (Some(choice), _) => Cell::Text(printable(choice).into_owned()),
            (None, FieldType::Date) => Cell::Date(date(1990, 1, 1).at(0, 0, 0, 0)),
            (None, FieldType::Number) => Cell::Number(5000.0),
            (None, _) => Cell::Text(example_for(&field.key).to_owned()),
        }
    }

    /// The choice that brings a conditional field to light, so that the example shows one; else the first.
    fn chosen<'f>(&self, field: &'f FormField) -> Option<&'f str> {
        let conditions = self.form.fields.iter();
        let mut conditions = conditions.filter_map(|other| other.condition.as_ref());
        let wanted = conditions.find(|condition| condition.parent == field.key);
        let mut choices = field.options.iter().map(|option| option.value.as_str());
        let first = choices.clone().next();
        choices
            .find(|choice| wanted.is_some_and(|wanted| wanted.value == *choice))
            .or(first)
    }
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
    let fitting = EXAMPLES.iter().find(|(part, _)| fits(part));
    fitting.map_or("…", |(_, example)| example)
}

/// Writes the workbook and gives its bytes.
pub fn write_template(spec: &TemplateSpec<'_>) -> Result<Vec<u8>, Error> {
    let columns = spec.columns();
    let mut labels = columns.iter().flat_map(|column| &column.labels);
    let in_arabic = labels.any(|label| label.contains(is_arabic));
    let right_to_left = spec.languages.contains(&Language::Arabic) && in_arabic;
    // A sheet's name has at most 31 characters.
    let name: String = spec.form.name.chars().take(31).collect();
    let name = if name == LISTS { "" } else { name.trim() };
    let mut book = Book::begin(Workbook::new(), name, right_to_left)?;
    write_sheet(book.sheet()?, spec, &columns)?;
    write_lists(&mut book.workbook, &columns)?;
    Ok(book.workbook.save_to_buffer()?)
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
        sheet.set_column_format(at, &column.format)?;
        if let Some(rule) = rule(at, column)? {
            sheet.add_data_validation(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
        }
        if let Some((parent, value)) = column.shown_by {
            let rule = grey_unless(parent, value);
            sheet.add_conditional_format(EXAMPLE_ROW, at, LAST_ROW, at, &rule)?;
        }
    }
    // The example's mark is in sight, so that nobody writes a customer over it and wonders why that one is not sent.
    let mark = column_of(columns.len());
    sheet.set_column_width(mark, 18)?;
    sheet.write_string_with_format(HEADER_ROW, mark, MARK_HEADER, &label_format())?;
    for (at, column) in (0u16..).zip(columns) {
        let format = as_example(column.format.clone());
        write_cell(sheet, EXAMPLE_ROW, at, &column.example, format)?;
    }
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

fn as_text() -> Format {
    Format::new().set_num_format("@")
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
    let choices = column.choices.len();
    let (rule, title, message) = if choices > 0 {
        let letters = utility::column_number_to_name(at);
        let range = Formula::new(format!("='{LISTS}'!${letters}$1:${letters}${choices}"));
        let rule = rule.allow_list_formula(range);
        (rule, "template_list_title", "template_not_listed")
    } else if column.is_date {
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
    if columns.iter().all(|column| column.choices.is_empty()) {
        return Ok(());
    }
    let sheet = workbook.add_worksheet();
    sheet.set_name(LISTS)?.set_hidden(true);
    for (at, column) in (0u16..).zip(columns) {
        for (row, option) in (0u32..).zip(column.choices) {
            sheet.write_string(row, at, printable(&option.value))?;
        }
    }
    Ok(())
}
