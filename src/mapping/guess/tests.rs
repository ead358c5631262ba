use std::collections::BTreeMap;

use super::*;
use crate::mapping::{BindOptions, Config, Mapping};
use crate::model::{Cell, Column, ContractTypeId, Form, FormField, FormOption, Row, RowNumber};

/// The form's fields: key, label, the vendor's kind, choices.
const FIELDS: [(&str, &str, &str, &[&str]); 7] = [
    ("fullName", "Full name", "text", &[]),
    ("nationalId", "National ID", "text", &[]),
    ("birthDate", "Date of birth", "date", &[]),
    ("employer", "Employer", "text", &[]),
    (
        "maritalStatus",
        "Marital status",
        "dropdown",
        &["Single", "Married"],
    ),
    ("mobile", "Mobile", "text", &[]),
    ("address", "Address", "text", &[]),
];

fn forms() -> BTreeMap<ContractTypeId, Form> {
    let fields = FIELDS.map(|(key, label, kind, choices)| FormField {
        key: key.into(),
        label: label.into(),
        kind: kind.into(),
        options: choices
            .iter()
            .map(|value| FormOption {
                value: (*value).into(),
                labels: Vec::new(),
            })
            .collect(),
        ..FormField::default()
    });
    let form = Form {
        name: "Loan".into(),
        fields: fields.into(),
    };
    BTreeMap::from([(ContractTypeId(414), form)])
}

/// Columns as `Header: values; Header: values`, the values by what they are, or `one|other`.
fn sheet(text: &str) -> (Vec<Column>, Vec<Row>) {
    let (headers, values): (Vec<&str>, Vec<&str>) = text
        .split(';')
        .filter_map(|column| column.rsplit_once(':'))
        .unzip();
    let values = values.into_iter().map(|values| match values.trim() {
        "mobiles" => "01012345678|01112345678",
        "ids" => "29001011234567|28512250112345",
        "names" => "Mona Adel|Omar Said",
        "dates" => "1990-01-01|1985-12-25",
        "firsts" => "Mona|Ali",
        "lasts" => "Adel|Hassan",
        "others" => "Zaki|Nabil",
        written => written,
    });
    let values: Vec<Vec<&str>> = values.map(|values| values.split('|').collect()).collect();
    let columns = headers.iter().enumerate().map(|(index, name)| Column {
        name: name.trim().to_owned(),
        index,
    });
    let height = values.iter().map(Vec::len).max().unwrap_or(0);
    let rows = (0..height).map(|row| {
        let cell = |values: &Vec<&str>| match values.get(row) {
            Some(value) => Cell::Text((*value).to_owned()),
            None => Cell::Empty,
        };
        Row {
            number: RowNumber(2),
            cells: values.iter().map(cell).collect(),
        }
    });
    (columns.collect(), rows.collect())
}

fn propose(text: &str) -> Proposal {
    let (columns, rows) = sheet(text);
    Proposal::of(&columns, &rows, &[ContractTypeId(414)], forms())
}

/// What follows from each line of a table, `columns -> what`.
fn each_of(table: &str, found: impl Fn(&Proposal) -> Vec<String>) {
    for line in table.lines().filter(|line| !line.trim().is_empty()) {
        let (columns, expected) = line.split_once("->").expect(line);
        let found = found(&propose(columns)).join(", ");
        assert_eq!(found, expected.trim(), "{line}");
    }
}

/// `-` where a column is taken for nothing.
fn each_takes(table: &str) {
    each_of(table, |proposal| {
        let target = |column: &ColumnGuess| serde_json::to_value(&column.target).expect("JSON");
        let targets = proposal.columns.iter().map(target);
        let words = targets.map(|target| target.as_str().unwrap_or("-").to_owned());
        words.collect()
    });
}

/// What a field is made of, in order; nothing where it is left open.
fn each_joins(table: &str, key: &str) {
    each_of(table, |proposal| {
        let target = Target::field(key);
        let feeding = proposal.columns_of(&target).into_iter();
        let headers: Vec<String> = feeding.map(|it| it.header().to_owned()).collect();
        let is_offered = |it: &ColumnGuess| it.candidates.contains(&target);
        assert!(!headers.is_empty() || proposal.columns.iter().any(is_offered));
        headers
    });
}

#[test]
fn values_veto_what_the_header_says() {
    each_takes(
        "
        Mobile: names -> -
        National ID: mobiles -> -
        Date of birth: names -> -
        Full name: ids -> -
        Marital status: Active|Closed -> -",
    );
}

#[test]
fn values_decide_where_the_header_is_mute_but_many_columns_hold_names() {
    each_takes(
        "
        A: mobiles; B: ids -> phone, nationalId
        Status: أعزب|متزوجة -> maritalStatus
        Status: Open|Closed -> -
        Anything: names -> -",
    );
}

#[test]
fn other_people_and_other_things_are_left_alone() {
    each_takes(
        "
        Guarantor mobile: mobiles -> -
        Branch manager mobile: mobiles -> -
        Emergency contact: mobiles -> -
        موبايل المندوب: mobiles -> -
        Guarantor National ID: ids -> -
        Employee: names -> -
        Employee name: names -> -
        Mother's name: names -> -
        اسم الأم: names -> -
        Nationality: Egyptian -> -
        ID expiry date: dates -> -
        Created at: dates -> -",
    );
}

#[test]
fn of_two_that_fit_alike_none_is_taken_unless_one_is_first() {
    each_takes(
        "
        Phone: mobiles; Mobile: mobiles -> -, phone
        Mobile 1: mobiles; Mobile 2: mobiles -> phone, phone
        Mobile: mobiles; Guarantor mobile 2: mobiles -> phone, -
        Tel.: mobiles; Telephone: mobiles -> -, phone
        Customer name: names; Client name: names -> -, -",
    );
}

#[test]
fn an_empty_column_goes_behind_one_with_values() {
    each_takes(
        "
        Name: |; Full name (as in ID): names -> -, fullName
        Name: | -> fullName",
    );
}

#[test]
fn what_is_written_is_read_back_and_binds() {
    let columns = "Mobile \"new\"\n(\\): mobiles; First name: Mona; Surname: Adel; DOB: dates; الحالة: أعزب; \
                   Amount\u{7f}: 5";
    let text = propose(columns).to_toml("", "");
    let config = Config::parse(&text, "vlens-batch.toml").expect("a valid config");
    let options = BindOptions {
        forms: forms(),
        ..BindOptions::default()
    };
    let (columns, rows) = sheet(columns);
    let mapping = Mapping::bind(&config, &columns, &options).expect(&text);
    let body = mapping.apply(&rows[0]).result.expect("a valid row").body;
    assert!(body.contains("\"birthDate\":\"1990-01-01\""), "{body}");
    assert!(body.contains("\"fullName\":\"Mona Adel\""), "{body}");
    assert!(body.contains("\"mobile\":\"+201012345678\""), "{body}");
}

#[test]
fn what_a_person_chooses_joins_what_was_guessed() {
    let mut proposal = propose("Phone: mobiles; Mobile: mobiles");
    proposal.choose(0, Some(Target::Phone));
    let text = proposal.to_toml("", "");
    assert!(text.contains(r#"phone = ["Mobile","Phone"]"#), "{text}");
    proposal.choose(1, None);
    let text = proposal.to_toml("", "");
    assert!(text.contains("phone = \"Phone\""), "{text}");
}

/// The last are others' names or a whole name beside its parts, and what nobody can know.
#[test]
fn a_part_of_a_name_is_never_the_full_name() {
    each_joins(
        "
        Name: firsts; Surname: lasts -> Name, Surname
        Surname: lasts; Name: firsts -> Name, Surname
        Name: firsts; Middle Name: lasts; Family Name: others -> Name, Middle Name, Family Name
        الاسم: firsts; العائلة: lasts -> الاسم, العائلة
        الاسم: firsts; اسم الاب: lasts; اسم الجد: others -> الاسم, اسم الاب, اسم الجد
        الاسم: firsts; الاسم الثاني: lasts; الشهرة: others -> الاسم, الاسم الثاني, الشهرة
        Name 1: firsts; Name 2: lasts; Name 3: others -> Name 1, Name 2, Name 3
        الاسم ١: firsts; الاسم ٢: lasts -> الاسم ١, الاسم ٢
        Full name: firsts; Surname: lasts -> Full name, Surname
        Name: names; Surname: others -> Name, Surname
        Name: firsts; First name: firsts; Last name: lasts -> First name, Last name
        Name: names; Surname: Adel|Said -> Name
        Name: names; Father name: lasts -> Name
        Name: firsts -> Name
        Name: firsts; City: Cairo|Giza -> Name
        Name: firsts; : lasts ->
        Customer name: firsts; : lasts; : others ->
        Name: firsts; Blurb: lasts ->
        Name: firsts; Surname: lasts; Last name: others ->",
        "fullName",
    );
}

#[test]
fn a_part_of_an_address_is_joined_with_the_others() {
    each_joins(
        "
        Address 1: 12 Tahrir St; Address 2: Dokki -> Address 1, Address 2
        Address line 1: 12 Tahrir St; Address line 2: Dokki -> Address line 1, Address line 2
        الشارع: 12 Tahrir St; رقم العقار: 12; المنطقة: Dokki -> الشارع, رقم العقار, المنطقة
        Address: 12 Tahrir St; District: Dokki -> Address
        Address: 12 Tahrir St; Work address 2: Dokki -> Address
        Street: 12 Tahrir St; Branch: Dokki -> Street",
        "address",
    );
}
