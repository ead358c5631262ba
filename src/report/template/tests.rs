use std::io::{Cursor, Read};

use calamine::{Data, Reader, Xlsx};

use super::*;
use crate::model::{FormCondition, FormField, FormOption};

const MARK: &str = "example / مثال";

fn field(key: &str, label: &str, label_ar: &str, kind: &str) -> FormField {
    FormField {
        key: key.into(),
        label: label.into(),
        label_ar: label_ar.into(),
        kind: kind.into(),
        ..FormField::default()
    }
}

fn loan() -> Form {
    let mut status = field(
        "maritalStatus",
        "Marital status",
        "الحالة الاجتماعية",
        "dropdown",
    );
    status.options = ["Single", "Married, \"at last\""]
        .map(|value| FormOption {
            value: value.into(),
            labels: Vec::new(),
        })
        .to_vec();
    let mut spouse = field("spouseName", "Spouse's name", "اسم الزوج", "text");
    spouse.condition = Some(FormCondition {
        parent: "maritalStatus".into(),
        value: "Married, \"at last\"".into(),
    });
    Form {
        name: "Loan: 2026/27".into(),
        fields: vec![
            field("fullName", "Full name", "الاسم بالكامل", "text"),
            field("birthDate", "Date of birth", "تاريخ الميلاد", "date"),
            field("income", "Income", "", "number"),
            status,
            spouse,
        ],
    }
}

fn workbook(form: &Form, language: TemplateLanguage) -> Vec<u8> {
    write_template(&TemplateSpec {
        id: ContractTypeId(414),
        form,
        language,
        example_marker: MARK,
    })
    .expect("a workbook")
}

fn part(bytes: &[u8], name: &str) -> String {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut text = String::new();
    archive
        .by_name(name)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    text
}

fn rows(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes.to_vec())).unwrap();
    let range = book.worksheet_range_at(0).unwrap().unwrap();
    let shown = |cell: &Data| cell.to_string();
    range
        .rows()
        .map(|row| row.iter().map(shown).collect())
        .collect()
}

#[test]
fn headers_hold_the_labels_and_end_in_the_key() {
    let cases = [
        (
            TemplateLanguage::Both,
            "الاسم بالكامل\nFull name\n414.fullName",
            "Income\n414.income",
        ),
        (
            TemplateLanguage::Arabic,
            "الاسم بالكامل\n414.fullName",
            "Income\n414.income",
        ),
        (
            TemplateLanguage::English,
            "Full name\n414.fullName",
            "Income\n414.income",
        ),
    ];
    for (language, name, income) in cases {
        let rows = rows(&workbook(&loan(), language));
        assert!(rows[0][0].ends_with("phoneNumber"), "{:?}", rows[0]);
        assert!(rows[0][1].ends_with("email"));
        assert_eq!(rows[0][2], name);
        assert_eq!(rows[0][4], income);
        assert_eq!(rows[0][7], "_");
    }
}

#[test]
fn the_example_is_marked_and_shows_the_conditional_field() {
    let rows = rows(&workbook(&loan(), TemplateLanguage::Both));
    assert_eq!(rows.len(), 2, "nothing but the header and one example");
    let example = &rows[1];
    assert_eq!(example[2], "Mona Adel");
    assert_eq!(example[5], "Married, \"at last\"");
    assert_eq!(example[6], "Ahmed Samir");
    assert_eq!(example[7], MARK);
}

#[test]
fn lists_dates_notes_and_direction_are_in_the_workbook() {
    let bytes = workbook(&loan(), TemplateLanguage::Both);
    let sheet = part(&bytes, "xl/worksheets/sheet1.xml");
    for expected in [
        "rightToLeft=\"1\"",
        "state=\"frozen\"",
        "type=\"list\"",
        "$F$1:$F$2",
        "type=\"date\"",
        "conditionalFormatting",
        "&lt;&gt;\"Married, \"\"at last\"\"\"",
    ] {
        assert!(sheet.contains(expected), "{expected}");
    }
    assert!(part(&bytes, "xl/comments1.xml").contains("Only when"));
    assert!(
        part(&bytes, "xl/workbook.xml").contains("name=\"_lists\" sheetId=\"2\" state=\"hidden\"")
    );
    assert!(part(&bytes, "xl/workbook.xml").contains("name=\"Loan 202627\""));
    let english = workbook(&loan(), TemplateLanguage::English);
    assert!(!part(&english, "xl/worksheets/sheet1.xml").contains("rightToLeft"));
}

#[test]
fn conditions_in_a_circle_do_no_harm() {
    let mut form = loan();
    form.fields[3].condition = Some(FormCondition {
        parent: "spouseName".into(),
        value: "x".into(),
    });
    let rows = rows(&workbook(&form, TemplateLanguage::Both));
    assert_eq!(rows[1][6], "", "it does not show");
}
