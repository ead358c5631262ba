use std::collections::BTreeMap;

use super::*;
use crate::mapping::form::tests::{columns, form};
use crate::mapping::names::Role;
use crate::mapping::value::Country;
use crate::model::{Cell, Column, ContractTypeId, Form, Row, RowNumber};
use crate::tables::rows;

fn forms() -> BTreeMap<ContractTypeId, Form> {
    let form = form(&[
        "fullName|Full name||text",
        "nationalId|National ID||text",
        "birthDate|Date of birth||date",
        "employer|Employer||text",
        "maritalStatus|Marital status||dropdown|Single|Married",
        "mobile|Mobile||text",
        "address|Address||text",
        "landlordMail|Landlord's e-mail||text",
        "loanAmount|Loan amount||number",
        "guarantorName|Guarantor's name||text",
        "hasGuarantor|Is there a guarantor?||dropdown|Yes|No",
    ]);
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
        "tens" => "1023456780|1023456787",
        "ids" => "29001011234567|28512250112345",
        "names" => "Mona Adel|Omar Said",
        "dates" => "1990-01-01|1985-12-25",
        "firsts" => "Mona|Ali",
        "lasts" => "Adel|Hassan",
        "others" => "Zaki|Nabil",
        "zakis" => "Murad|Salem",
        written => written,
    });
    let values: Vec<Vec<&str>> = values.map(|values| values.split('|').collect()).collect();
    let headers: Vec<&str> = headers.into_iter().map(str::trim).collect();
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
    (columns(&headers), rows.collect())
}

fn propose(text: &str) -> Proposal {
    let (columns, rows) = sheet(text);
    Proposal::of(
        &columns,
        &rows,
        &[ContractTypeId(414)],
        forms(),
        Country::default(),
    )
}

/// Values veto what the header says, decide where it is mute, and leave alone what is another's, another thing, or one of two alike.
#[test]
fn a_column_is_taken_for_what_its_header_and_its_values_say_together() {
    for (columns, taken) in rows::<(&str, &str)>("guess.takes") {
        let proposal = propose(columns);
        let target = |column: &ColumnGuess| serde_json::to_value(&column.target).expect("JSON");
        let targets = proposal.columns.iter().map(target);
        let words = targets.map(|target| target.as_str().unwrap_or("-").to_owned());
        assert_eq!(words.collect::<Vec<_>>().join(", "), taken, "{columns}");
    }
}

#[test]
fn a_part_of_a_name_or_an_address_is_joined_with_the_others_and_never_the_whole() {
    for (key, columns, joined) in rows::<(&str, &str, &str)>("guess.joins") {
        let proposal = propose(columns);
        let role = Role::of(key).map(Target::Role);
        let target = role.unwrap_or_else(|| Target::Field(key.to_owned()));
        let feeding = proposal.columns_of(&target).into_iter();
        let headers: Vec<String> = feeding.map(|it| it.header().to_owned()).collect();
        assert_eq!(headers.join(", "), joined, "{columns}");
        let is_offered = |it: &ColumnGuess| it.candidates.contains(&target);
        assert!(!headers.is_empty() || proposal.columns.iter().any(is_offered));
    }
}

#[test]
fn what_a_person_chooses_joins_what_was_guessed() {
    let mut proposal = propose("Phone: mobiles; Mobile: mobiles");
    proposal.choose(0, Some(Target::Role(Role::Phone)));
    let text = proposal.to_toml("", "", "");
    assert!(text.contains(r#"phone = ["Mobile","Phone"]"#), "{text}");
    // The form asks for it once more.
    let field = "\nmobile = { column = [\"Mobile\",\"Phone\"], type = \"phone\" }\n";
    assert!(text.contains(field), "{text}");
    proposal.choose(1, None);
    let text = proposal.to_toml("", "", "");
    assert!(text.contains("phone = \"Phone\""), "{text}");
}
