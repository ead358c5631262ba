use std::collections::BTreeMap;

use super::*;
use crate::mapping::{BindOptions, Config, Mapping};
use crate::model::{Cell, Column, ContractTypeId, Form, FormField, FormOption, Row, RowNumber};

fn field(key: &str, label: &str, kind: &str, choices: &[&str]) -> FormField {
    FormField {
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
    }
}

fn forms() -> BTreeMap<ContractTypeId, Form> {
    let form = Form {
        name: "Loan".into(),
        fields: vec![
            field("fullName", "Full name", "text", &[]),
            field("nationalId", "National ID", "text", &[]),
            field("birthDate", "Date of birth", "date", &[]),
            field("employer", "Employer", "text", &[]),
            field(
                "maritalStatus",
                "Marital status",
                "dropdown",
                &["Single", "Married"],
            ),
            field("mobile", "Mobile", "text", &[]),
        ],
    };
    BTreeMap::from([(ContractTypeId(414), form)])
}

fn sheet(columns: &[(&str, &[&str])]) -> (Vec<Column>, Vec<Row>) {
    let headers = columns.iter().enumerate().map(|(index, (name, _))| Column {
        name: (*name).to_owned(),
        index,
    });
    let height = columns.iter().map(|(_, values)| values.len()).max();
    let rows = (0..height.unwrap_or(0)).map(|row| {
        let cell = |(_, values): &(&str, &[&str])| match values.get(row) {
            Some(value) => Cell::Text((*value).to_owned()),
            None => Cell::Empty,
        };
        Row {
            number: RowNumber(2),
            cells: columns.iter().map(cell).collect(),
        }
    });
    (headers.collect(), rows.collect())
}

fn propose(columns: &[(&str, &[&str])]) -> Proposal {
    let (columns, rows) = sheet(columns);
    Proposal::of(&columns, &rows, &[ContractTypeId(414)], forms())
}

/// What each column is taken for; empty when for nothing.
fn taken(columns: &[(&str, &[&str])]) -> Vec<String> {
    let target = |column: &ColumnGuess| match &column.target {
        None => String::new(),
        Some(Target::Phone) => "phone".to_owned(),
        Some(Target::Email) => "email".to_owned(),
        Some(Target::ContractType) => "type".to_owned(),
        Some(Target::Field(key)) => key.clone(),
    };
    propose(columns).columns.iter().map(target).collect()
}

const MOBILES: &[&str] = &["01012345678", "01112345678"];
const IDS: &[&str] = &["29001011234567", "28512250112345"];
const NAMES: &[&str] = &["Mona Adel", "Omar Said"];
const DATES: &[&str] = &["1990-01-01", "1985-12-25"];

#[test]
fn values_veto_what_the_header_says() {
    assert_eq!(taken(&[("Mobile", NAMES)]), [""]);
    assert_eq!(taken(&[("National ID", MOBILES)]), [""]);
    assert_eq!(taken(&[("Date of birth", NAMES)]), [""]);
    assert_eq!(taken(&[("Full name", IDS)]), [""]);
    assert_eq!(taken(&[("Marital status", &["Active", "Closed"])]), [""]);
}

#[test]
fn values_decide_where_the_header_is_mute() {
    assert_eq!(
        taken(&[("A", MOBILES), ("B", IDS)]),
        ["phone", "nationalId"]
    );
    assert_eq!(taken(&[("Status", &["أعزب", "متزوجة"])]), ["maritalStatus"]);
    assert_eq!(taken(&[("Status", &["Open", "Closed"])]), [""]);
    assert_eq!(
        taken(&[("Anything", NAMES)]),
        [""],
        "many columns hold names"
    );
}

#[test]
fn other_people_and_other_things_are_left_alone() {
    for (header, values) in [
        ("Guarantor mobile", MOBILES),
        ("Branch manager mobile", MOBILES),
        ("Emergency contact", MOBILES),
        ("موبايل المندوب", MOBILES),
        ("Guarantor National ID", IDS),
        ("Employee", NAMES),
        ("Employee name", NAMES),
        ("Mother's name", NAMES),
        ("اسم الأم", NAMES),
        ("Nationality", &["Egyptian"]),
        ("ID expiry date", DATES),
        ("Created at", DATES),
    ] {
        assert_eq!(taken(&[(header, values)]), [""], "{header}");
    }
}

#[test]
fn of_two_that_fit_alike_none_is_taken_unless_one_is_first() {
    assert_eq!(
        taken(&[("Phone", MOBILES), ("Mobile", MOBILES)]),
        ["", "phone"]
    );
    assert_eq!(
        taken(&[("Mobile 1", MOBILES), ("Mobile 2", MOBILES)]),
        ["phone", "phone"]
    );
    assert_eq!(
        taken(&[("Mobile", MOBILES), ("Guarantor mobile 2", MOBILES)]),
        ["phone", ""]
    );
    assert_eq!(
        taken(&[("Tel.", MOBILES), ("Telephone", MOBILES)]),
        ["", "phone"]
    );
    assert_eq!(
        taken(&[("Customer name", NAMES), ("Client name", NAMES)]),
        ["", ""]
    );
}

#[test]
fn what_is_written_is_read_back_and_binds() {
    let columns: &[(&str, &[&str])] = &[
        ("Mobile \"new\"\n(\\)", MOBILES),
        ("First name", &["Mona"]),
        ("Surname", &["Adel"]),
        ("DOB", DATES),
        ("الحالة", &["أعزب"]),
        ("Amount\u{7f}", &["5"]),
    ];
    let text = propose(columns).to_toml("", "");
    let config = Config::parse(&text, "vlens-batch.toml").expect("a valid config");
    let options = BindOptions {
        forms: forms(),
        ..BindOptions::default()
    };
    let mapping = Mapping::bind(&config, &sheet(columns).0, &options).expect(&text);
    let row = Row {
        number: RowNumber(2),
        cells: ["01012345678", "Mona", "Adel", "1990-01-01", "أعزب", "5"]
            .map(|text| Cell::Text(text.to_owned()))
            .to_vec(),
    };
    let body = mapping.apply(&row).result.expect("a valid row").body;
    assert!(body.contains("\"birthDate\":\"1990-01-01\""), "{body}");
    assert!(body.contains("\"fullName\":\"Mona Adel\""), "{body}");
    assert!(body.contains("\"mobile\":\"+201012345678\""), "{body}");
}

#[test]
fn what_a_person_chooses_joins_what_was_guessed() {
    let mut proposal = propose(&[("Phone", MOBILES), ("Mobile", MOBILES)]);
    proposal.choose(0, Some(Target::Phone));
    let text = proposal.to_toml("", "");
    assert!(text.contains(r#"phone = ["Mobile","Phone"]"#), "{text}");
    proposal.choose(1, None);
    let text = proposal.to_toml("", "");
    assert!(text.contains("phone = \"Phone\""), "{text}");
}

/// What the full name is made of, in order; none: it is left open.
#[test]
fn a_part_of_a_name_is_never_the_full_name() {
    let (mona, adel, both) = (&["Mona", "Ali"][..], &["Adel", "Hassan"][..], NAMES);
    let hassan = &["Zaki", "Nabil"][..];
    for (columns, made_of) in [
        (
            &[("Name", mona), ("Surname", adel)][..],
            &["Name", "Surname"][..],
        ),
        (&[("Surname", adel), ("Name", mona)], &["Name", "Surname"]),
        (
            &[
                ("Name", mona),
                ("Middle Name", adel),
                ("Family Name", hassan),
            ],
            &["Name", "Middle Name", "Family Name"],
        ),
        (&[("الاسم", mona), ("العائلة", adel)], &["الاسم", "العائلة"]),
        (
            &[("الاسم", mona), ("اسم الاب", adel), ("اسم الجد", hassan)],
            &["الاسم", "اسم الاب", "اسم الجد"],
        ),
        (
            &[("الاسم", mona), ("الاسم الثاني", adel), ("الشهرة", hassan)],
            &["الاسم", "الاسم الثاني", "الشهرة"],
        ),
        (
            &[("Name 1", mona), ("Name 2", adel), ("Name 3", hassan)],
            &["Name 1", "Name 2", "Name 3"],
        ),
        (&[("الاسم ١", mona), ("الاسم ٢", adel)], &["الاسم ١", "الاسم ٢"]),
        (
            &[("Full name", mona), ("Surname", adel)],
            &["Full name", "Surname"],
        ),
        (&[("Name", both), ("Surname", hassan)], &["Name", "Surname"]),
        (
            &[("Name", mona), ("First name", mona), ("Last name", adel)],
            &["First name", "Last name"],
        ),
        // A whole name beside its parts, and others' names.
        (&[("Name", both), ("Surname", &["Adel", "Said"])], &["Name"]),
        (&[("Name", both), ("Father name", adel)], &["Name"]),
        (&[("Name", mona)], &["Name"]),
        (&[("Name", mona), ("City", &["Cairo", "Giza"])], &["Name"]),
        // Nobody knows what stands in these.
        (&[("Name", mona), ("", adel)], &[]),
        (&[("Customer name", mona), ("", adel), ("", hassan)], &[]),
        (&[("Name", mona), ("Blurb", adel)], &[]),
        (
            &[("Name", mona), ("Surname", adel), ("Last name", hassan)],
            &[],
        ),
    ] {
        let proposal = propose(columns);
        let target = Target::Field("fullName".to_owned());
        let feeding = proposal.columns_of(&target).into_iter();
        let headers: Vec<&str> = feeding.map(ColumnGuess::header).collect();
        assert_eq!(headers, made_of, "{columns:?}");
        let is_offered = |it: &ColumnGuess| it.candidates.contains(&target);
        assert!(!headers.is_empty() || proposal.columns.iter().any(is_offered));
    }
}

#[test]
fn an_empty_column_goes_behind_one_with_values() {
    let columns = [("Name", &["", ""][..]), ("Full name (as in ID)", NAMES)];
    assert_eq!(taken(&columns), ["", "fullName"]);
    assert_eq!(taken(&columns[..1]), ["fullName"]);
}

#[test]
fn a_part_of_an_address_is_joined_with_the_others() {
    let mut forms = forms();
    let form = forms.get_mut(&ContractTypeId(414)).expect("a form");
    form.fields.push(field("address", "Address", "text", &[]));
    let (street, number, area) = (&["12 Tahrir St"][..], &["12"][..], &["Dokki"][..]);
    for (columns, made_of) in [
        (
            &[("Address 1", street), ("Address 2", area)][..],
            &["Address 1", "Address 2"][..],
        ),
        (
            &[("Address line 1", street), ("Address line 2", area)],
            &["Address line 1", "Address line 2"],
        ),
        (
            &[
                ("الشارع", street),
                ("رقم العقار", number),
                ("المنطقة", area),
            ],
            &["الشارع", "رقم العقار", "المنطقة"],
        ),
        (&[("Address", street), ("District", area)], &["Address"]),
        (
            &[("Address", street), ("Work address 2", area)],
            &["Address"],
        ),
        (&[("Street", street), ("Branch", area)], &["Street"]),
    ] {
        let (header, rows) = sheet(columns);
        let types = [ContractTypeId(414)];
        let proposal = Proposal::of(&header, &rows, &types, forms.clone());
        let target = Target::Field("address".to_owned());
        let feeding = proposal.columns_of(&target).into_iter();
        let headers: Vec<&str> = feeding.map(ColumnGuess::header).collect();
        assert_eq!(headers, made_of, "{columns:?}");
    }
}
