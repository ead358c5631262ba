//! Which columns a template has, what stands above them, and how their cells are formatted.

use super::{TemplateLanguage, TemplateSpec};
use crate::error::Error;
use crate::model::{FormField, FormOption};
use crate::report::spreadsheet::column_count;

/// Keys and labels with one of these hold digits that are no amount: as a number they would lose zeros and places.
const DIGITS_THAT_ARE_TEXT: &[&str] = &[
    "phone",
    "mobile",
    "tel",
    "id",
    "iban",
    "account",
    "card",
    "passport",
    "code",
    "رقم",
    "هاتف",
    "موبايل",
    "محمول",
    "حساب",
    "كود",
];

/// One column of the template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TemplateColumn<'a> {
    /// Labels, one a line.
    pub labels: Vec<&'a str>,
    /// The last line of the header, by which `run` knows the column.
    pub key: String,
    pub cells: Cells,
    /// The form field; none for the recipient's columns.
    pub field: Option<&'a FormField>,
    /// A remark on the header.
    pub note: Option<String>,
}

/// How a column's cells are formatted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cells {
    Text,
    Number,
    Date,
}

/// The recipient's columns, then one for each field of the form.
pub(super) fn columns<'a>(spec: &TemplateSpec<'a>) -> Result<Vec<TemplateColumn<'a>>, Error> {
    // One more is needed for the example's mark.
    column_count(spec.form.fields.len() + 3)?;
    let recipient = [
        (
            "phoneNumber",
            "Phone",
            "رقم الهاتف",
            Some(example_note(spec.language)),
        ),
        ("email", "E-mail", "البريد الإلكتروني", None),
    ];
    let recipient = recipient
        .into_iter()
        .map(|(key, en, ar, note)| TemplateColumn {
            labels: labels(spec.language, en, ar),
            key: key.to_owned(),
            cells: Cells::Text,
            field: None,
            note,
        });
    let fields = spec.form.fields.iter().map(|field| TemplateColumn {
        labels: labels(spec.language, &field.label, &field.label_ar),
        key: format!("{}.{}", spec.id, field.key),
        cells: cells(field),
        field: Some(field),
        note: note(spec, field),
    });
    Ok(recipient.chain(fields).collect())
}

fn labels<'a>(language: TemplateLanguage, en: &'a str, ar: &'a str) -> Vec<&'a str> {
    let wanted: &[&str] = match language {
        TemplateLanguage::Both => &[ar, en],
        TemplateLanguage::Arabic if !ar.is_empty() => &[ar],
        TemplateLanguage::English if !en.is_empty() => &[en],
        // The other language is better than none.
        TemplateLanguage::Arabic => &[en],
        TemplateLanguage::English => &[ar],
    };
    let mut labels: Vec<&str> = Vec::new();
    for &label in wanted {
        if !label.is_empty() && !labels.contains(&label) {
            labels.push(label);
        }
    }
    labels
}

fn cells(field: &FormField) -> Cells {
    let is_amount = matches!(
        field.kind.as_str(),
        "number" | "numeric" | "decimal" | "integer" | "int" | "currency"
    );
    match field.kind.as_str() {
        "date" if field.options.is_empty() => Cells::Date,
        _ if is_amount && field.options.is_empty() && !holds_digits(field) => Cells::Number,
        _ => Cells::Text,
    }
}

fn holds_digits(field: &FormField) -> bool {
    let words = [&field.key, &field.label, &field.label_ar].map(|text| words_of(text));
    words
        .iter()
        .flatten()
        .any(|word| DIGITS_THAT_ARE_TEXT.contains(&word.as_str()))
}

/// `nationalId` and `National ID` alike: `national`, `id`.
fn words_of(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_lower = false;
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && was_lower) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        was_lower = c.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

fn example_note(language: TemplateLanguage) -> String {
    both(
        language,
        "Row 2 is an example and is never sent. Fill in from row 3 on; phone or e-mail, or both.",
        "الصف الثاني مثال ولا يُرسل أبدًا. ابدأ من الصف الثالث؛ الهاتف أو البريد الإلكتروني أو كلاهما.",
    )
}

/// On when a field shows, and on what its choices mean.
fn note(spec: &TemplateSpec<'_>, field: &FormField) -> Option<String> {
    let condition = field.condition.as_ref().map(|condition| {
        let parent = spec
            .form
            .fields
            .iter()
            .find(|parent| parent.key == condition.parent);
        let named = |label: Option<&String>| {
            label
                .filter(|label| !label.is_empty())
                .unwrap_or(&condition.parent)
                .clone()
        };
        let (en, ar) = (
            named(parent.map(|parent| &parent.label)),
            named(parent.map(|parent| &parent.label_ar)),
        );
        both(
            spec.language,
            &format!(
                "Only when “{en}” is “{}”; otherwise leave it empty.",
                condition.value
            ),
            &format!(
                "فقط إذا كان «{ar}» هو «{}»، وإلا فاتركه فارغًا.",
                condition.value
            ),
        )
    });
    let meanings: Vec<String> = field
        .options
        .iter()
        .filter(|option| !option.labels.is_empty())
        .map(|FormOption { value, labels }| format!("{value} = {}", labels.join(", ")))
        .collect();
    let meanings = (!meanings.is_empty()).then(|| meanings.join("\n"));
    let parts: Vec<String> = condition.into_iter().chain(meanings).collect();
    (!parts.is_empty()).then(|| parts.join("\n"))
}

fn both(language: TemplateLanguage, en: &str, ar: &str) -> String {
    match language {
        TemplateLanguage::Both => format!("{ar}\n{en}"),
        TemplateLanguage::Arabic => ar.to_owned(),
        TemplateLanguage::English => en.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_that_are_no_amount_stay_text() {
        let kind_of = |key: &str, kind: &str| {
            cells(&FormField {
                key: key.into(),
                kind: kind.into(),
                ..FormField::default()
            })
        };
        for (key, kind, expected) in [
            ("monthlyIncome", "number", Cells::Number),
            ("nationalId", "number", Cells::Text),
            ("mobile_no", "number", Cells::Text),
            ("accountNumber", "integer", Cells::Text),
            ("birthDate", "date", Cells::Date),
            ("fullName", "text", Cells::Text),
            ("paid", "number", Cells::Number),
        ] {
            assert_eq!(kind_of(key, kind), expected, "{key}");
        }
    }
}
