//! What rows become: bodies, keys, problems, repairs.

use proptest::prelude::*;

use super::*;

#[test]
fn a_row_becomes_the_body_of_the_interface_byte_for_byte() {
    let documented = r#"{"SessionInput": {
  "phoneNumber": "+201012345678",
  "email": "mona@example.com",
  "sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false},
  "RequestFieldsValues": {"414": {"fullName": "Mona Adel", "monthlyIncome": "5000"}}}}"#;
    let compact = serde_json::from_str::<serde_json::Value>(documented)
        .expect("no refusal")
        .to_string();
    let cells = ["+201012345678", "mona@example.com", "Mona Adel", "5000"];
    let by_headers =
        sheet(&["phoneNumber", "email", "fullName", "monthlyIncome"]).contract_type(414);
    assert_eq!(by_headers.body(&cells), compact);
    let by_config = sheet(&["Mobile", "E-mail", "Customer name", "Income"]).toml(
        "[recipient]\nphone = \"mobile\"\nemail = \"EMAIL\"\n[contract]\ntypes = [414]\n\
         [fields.414]\nfullName = \"customer_name\"\nmonthlyIncome = { column = \"Income\", type = \"number\" }\n",
    );
    assert_eq!(by_config.body(&cells), compact);
}

#[test]
fn fields_go_out_in_the_order_of_the_config_and_empty_ones_stay_out() {
    let sheet = sheet(&["phone", "A", "B", "C"]).toml(
        "[contract]\ntypes = [414]\n[fields.414]\nc = \"C\"\nb = { column = \"B\", default = \"-\" }\n\
         k = { value = \"EGP\" }\na = \"A\"\nt = { template = \"{{ row['a'] }}/{{ row.C|upper }}\" }\n",
    );
    let cases: [(&[&str], &str); 4] = [
        (
            &["01012345678", "1", "2", "x"],
            r#"{"414":{"c":"x","b":"2","k":"EGP","a":"1","t":"1/X"}}"#,
        ),
        (
            &["01012345678", "", "", "x"],
            r#"{"414":{"c":"x","b":"-","k":"EGP","t":"/X"}}"#,
        ),
        (
            &["01012345678", "1"],
            r#"{"414":{"b":"-","k":"EGP","a":"1","t":"1/"}}"#,
        ),
        (&["01012345678"], r#"{"414":{"b":"-","k":"EGP"}}"#),
    ];
    for (cells, expected) in cases {
        assert_eq!(fields(&sheet.body(cells)), expected);
    }
}

#[test]
fn every_problem_of_a_row_is_told() {
    let sheet = sheet(&["Mobile", "E-mail", "Name", "Income", "DOB", "ID", "Status"]).toml(
        "[contract]\ntypes = [414]\n[fields.414]\nfullName = { column = \"Name\", required = true }\n\
         income = { column = \"Income\", type = \"number\" }\n\
         birthDate = { column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\" }\n\
         nationalId = { column = \"ID\", type = \"egypt_national_id\" }\n\
         status = { column = \"Status\", type = \"choice\", choices = { \"أعزب\" = \"Single\" } }\n",
    );
    assert_eq!(
        sheet.problems(&[
            "12",
            "nobody",
            "",
            "much",
            "31/02/1990",
            "29001",
            "Divorced",
            "stray",
            ""
        ]),
        [
            "too_many_cells - -",
            "phone_invalid phone Mobile",
            "email_invalid email E-mail",
            "number_invalid income Income",
            "date_invalid birthDate DOB",
            "national_id_invalid nationalId ID",
            "choice_unknown status Status",
            "missing fullName Name",
        ]
    );
    assert_eq!(
        sheet.problems(&["", "", "Mona"]),
        ["recipient_missing phone Mobile"]
    );
    let good = [
        "01012345678",
        "",
        "Mona",
        "",
        "01/01/1990",
        "29001011234567",
        "اعزب",
        "",
        "",
    ];
    assert!(
        sheet.bind().apply(&row(&good)).result.is_ok(),
        "empty cells beyond the header do no harm"
    );
    let mut other_birthday = good;
    other_birthday[4] = "02/01/1990";
    assert_eq!(
        sheet.problems(&other_birthday),
        ["birth_date_mismatch birthDate DOB"]
    );
}

#[test]
fn cells_without_a_value_of_their_own_are_problems_where_they_are_used() {
    let mapping = sheet(&["phone", "A", "B", "_note"])
        .toml("[contract]\ntypes = [414]\n[fields.414]\na = \"A\"\nt = { template = \"{{ row['B'] }}!\" }\n")
        .bind();
    for (cell, code) in [
        (Cell::Error("#N/A".into()), Code::CellError),
        (Cell::Uncalculated, Code::FormulaUncalculated),
        (Cell::Merged, Code::MergedCell),
        (Cell::Undecodable("\u{fffd}".into()), Code::Undecodable),
    ] {
        let phone = Cell::Text("01012345678".into());
        let cells = vec![phone.clone(), cell.clone(), cell.clone(), cell.clone()];
        let problems = problems_of(
            &mapping,
            &Row {
                number: RowNumber(2),
                cells,
            },
        );
        assert_eq!(problems, [format!("{code} a A"), format!("{code} t B")]);
        let unused = Row {
            number: RowNumber(2),
            cells: vec![phone, Cell::Empty, Cell::Empty, cell],
        };
        assert!(mapping.apply(&unused).result.is_ok());
    }
}

#[test]
fn a_mended_value_is_told_with_what_stood_there() {
    let mapped = sheet(&["phone", "x"])
        .contract_type(414)
        .bind()
        .apply(&row(&["1012345678", "y"]));
    let repair = Repair {
        row: RowNumber(7),
        column: "phone".into(),
        field: "phone".into(),
        from: "1012345678".into(),
        to: "+201012345678".into(),
    };
    assert_eq!(mapped.repairs, [repair]);
    assert!(mapped.result.is_ok());
}

#[test]
fn rows_may_name_their_contract_types() {
    let words = sheet(&["phone", "Product", "Name", "Car"]).toml(
        "[contract]\ncolumn = \"Product\"\nvalues = { \"Personal loan\" = 414, \"قرض شخصى\" = 414, \"Lease\" = [416, 415] }\n\
         [fields.414]\nfullName = \"Name\"\n[fields.415]\ncar = \"Car\"\n",
    );
    for (product, types, values) in [
        ("personal  loan", "[414]", r#"{"414":{"fullName":"Mona"}}"#),
        ("قرض شخصي", "[414]", r#"{"414":{"fullName":"Mona"}}"#),
        ("Lease", "[415,416]", r#"{"415":{"car":"Fiat"}}"#),
    ] {
        let body = words.body(&["01012345678", product, "Mona", "Fiat"]);
        assert!(
            body.contains(&format!("\"allowedContractTypeIds\":{types}")),
            "{body}"
        );
        assert_eq!(fields(&body), values);
    }
    assert_eq!(
        words.problems(&["01012345678", "Loan"]),
        ["contract_type_unknown contract_type Product"]
    );
    assert_eq!(
        words.problems(&["01012345678", ""]),
        ["missing contract_type Product"]
    );

    let ids = sheet(&["phone", "contractTypeId", "fullName", "415.car"]);
    let body = ids.body(&["01012345678", "415, ٤١٤", "Mona", "Fiat"]);
    assert!(body.contains("[414,415]"), "{body}");
    assert_eq!(
        fields(&body),
        r#"{"414":{"fullName":"Mona"},"415":{"fullName":"Mona","car":"Fiat"}}"#
    );
    for id in ["0", "-4", "x", "414.5", "414,"] {
        assert_eq!(
            ids.problems(&["01012345678", id]),
            ["contract_type_unknown contract_type contractTypeId"]
        );
    }
    let overruled = ids
        .options_with_type(414)
        .body(&["01012345678", "999", "Mona", ""]);
    assert_eq!(fields(&overruled), r#"{"414":{"fullName":"Mona"}}"#);
}

#[test]
fn a_field_of_two_contract_types_is_complained_about_once() {
    let sheet = sheet(&["phone", "Income"]).toml(
        "[contract]\ntypes = [414, 415]\n[fields.414]\nincome = { column = \"Income\", type = \"number\" }\n\
         [fields.415]\nincome = { column = \"Income\", type = \"number\" }\n",
    );
    assert_eq!(
        sheet.problems(&["01012345678", "much"]),
        ["number_invalid income Income"]
    );
}

#[test]
fn identity_columns_decide_what_is_the_same_invitation() {
    let by_number = sheet(&["phone", "No"]).toml(
        "[contract]\ntypes = [414]\n[identity]\ncolumns = [\"No\"]\n[fields.414]\nx = { value = \"1\" }\n",
    );
    let mapping = by_number.bind();
    let key = |cells: &[&str]| mapping.apply(&row(cells)).result.expect("no refusal").key;
    assert_eq!(key(&["01012345678", "A-1"]), key(&["01012345679", " a-1"]));
    assert_ne!(key(&["01012345678", "A-1"]), key(&["01012345678", "A-2"]));
    assert_eq!(
        by_number.problems(&["01012345678", ""]),
        ["missing identity No"]
    );
}

#[test]
fn an_auth_session_sends_no_fields() {
    let mut auth = sheet(&["phone", "Name"])
        .toml("[session]\nkind = \"auth\"\n")
        .contract_type(414);
    auth.options.user_public_key = Some("KEY".into());
    assert_eq!(
        auth.body(&["01012345678", "Mona"]),
        r#"{"phoneNumber":"+201012345678","userPublicKey":"KEY","sessionPermissions":{"allowedContractTypeIds":[414],"minimalSignatureFlow":true,"DigitalIdentityOnly":false}}"#
    );
}

#[test]
fn a_date_columns_own_values_decide_between_day_and_month() {
    let dates = sheet(&["phone", "DOB"])
        .toml("[contract]\ntypes = [414]\n[fields.414]\nbirthDate = { column = \"DOB\", type = \"date\" }\n");
    let settled = |values: &[&str]| {
        let mut mapping = dates.bind();
        let mut survey = mapping.survey().expect("a date column without input");
        for value in values {
            survey.see(&row(&["01012345678", value]));
        }
        mapping.settle(survey);
        mapping
    };
    let sent = |mapping: &Mapping, value: &str| match mapping
        .apply(&row(&["01012345678", value]))
        .result
    {
        Ok(invitation) => fields(&invitation.body),
        Err(problems) => problems[0].code.to_string(),
    };
    let date = |text: &str| format!("{{\"414\":{{\"birthDate\":\"{text}\"}}}}");
    let day_first = settled(&["01/02/1990", "25/12/1990"]);
    assert_eq!(sent(&day_first, "01/02/1990"), date("1990-02-01"));
    let month_first = settled(&["01/02/1990", "12/25/1990"]);
    assert_eq!(sent(&month_first, "01/02/1990"), date("1990-01-02"));
    let mixed = settled(&["25/12/1990", "12/25/1990"]);
    assert_eq!(sent(&mixed, "01/02/1990"), "date_ambiguous");
    assert_eq!(sent(&mixed, "25/12/1990"), "date_ambiguous");
    assert_eq!(sent(&mixed, "1990-02-01"), date("1990-02-01"));
    let with_input = sheet(&["phone", "DOB"]).toml(
        "[contract]\ntypes = [414]\n[fields.414]\nd = { column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\" }\n",
    );
    assert!(with_input.bind().survey().is_none());
}

#[test]
fn messages_hold_no_whole_personal_value() {
    let mapping = sheet(&["phone", "DOB", "ID"])
        .toml(
            "[contract]\ntypes = [414]\n[fields.414]\nbirthDate = { column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\" }\n\
             nationalId = { column = \"ID\", type = \"egypt_national_id\" }\n\
             t = { template = \"{{ row['ID']|int + row['DOB'] }}\" }\n",
        )
        .bind();
    let problems = mapping
        .apply(&row(&["01012345678", "02/01/1990", "29001011234567"]))
        .result
        .expect_err("a refusal");
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem.code)
            .collect::<Vec<_>>(),
        [Code::TemplateFailed, Code::BirthDateMismatch]
    );
    for problem in problems {
        assert!(
            !problem.message.contains("1990") && !problem.message.contains("29001011234567"),
            "{}",
            problem.message
        );
    }
}

#[test]
fn a_birth_date_is_compared_in_whatever_form_it_goes_out() {
    for (output, cell, agrees) in [
        ("%Y-%m-%dT%H:%M", Cell::Text("01/01/1990".into()), true),
        (
            "%Y-%m-%dT%H:%M",
            Cell::Date(jiff::civil::datetime(1990, 1, 1, 13, 30, 0, 0)),
            true,
        ),
        ("%d/%m/%y", Cell::Text("01/01/1990".into()), true),
        ("%Y", Cell::Text("05/06/1990".into()), true),
        ("%Y", Cell::Text("01/01/1991".into()), false),
        ("%d.%m.%Y", Cell::Text("02/01/1990".into()), false),
    ] {
        let toml = format!(
            "[contract]\ntypes = [414]\n[fields.414]\nid = {{ column = \"ID\", type = \"egypt_national_id\" }}\n\
             birthDate = {{ column = \"DOB\", type = \"date\", input = \"%d/%m/%Y\", output = \"{output}\" }}\n"
        );
        let mapping = sheet(&["phone", "ID", "DOB"]).toml(toml.leak()).bind();
        let mut row = row(&["01012345678", "29001011234567"]);
        row.cells.push(cell);
        assert_eq!(
            mapping.apply(&row).result.is_ok(),
            agrees,
            "{output} {:?}",
            row.cells[2]
        );
    }
}

proptest! {
    /// Whatever stands in the cells: no panic, and what goes out is JSON of texts under known keys.
    #[test]
    fn any_cells_give_a_body_or_problems(cells in prop::collection::vec(any_cell(), 0..8)) {
        let mapping = everything();
        let row = Row { number: RowNumber(2), cells };
        match mapping.apply(&row).result {
            Ok(invitation) => {
                let body: serde_json::Value = serde_json::from_str(&invitation.body).expect("JSON");
                let fields = body["SessionInput"]["RequestFieldsValues"]["414"].as_object().cloned().unwrap_or_default();
                prop_assert!(fields.values().all(|value| value.as_str().is_some_and(|text| !text.is_empty())));
            }
            Err(problems) => prop_assert!(!problems.is_empty()),
        }
    }
}

fn everything() -> Mapping {
    sheet(&["phone", "email", "A", "B", "C", "D", "E"])
        .toml(
            "[contract]\ntypes = [414]\n[fields.414]\nname = \"A\"\nnumber = { column = \"B\", type = \"number\" }\n\
             birthDate = { column = \"C\", type = \"date\" }\nid = { column = \"D\", type = \"egypt_national_id\" }\n\
             yes = { column = \"E\", type = \"boolean\" }\nall = { template = \"{{ row['A'] }}{{ row['B'] }}\" }\n",
        )
        .bind()
}

fn any_cell() -> impl Strategy<Value = Cell> {
    prop_oneof![
        Just(Cell::Empty),
        "\\PC{0,12}".prop_map(Cell::Text),
        any::<String>().prop_map(Cell::Text),
        "0?1[0125][0-9]{8}".prop_map(Cell::Text),
        "[23][0-9]{13}".prop_map(Cell::Text),
        "[0-3][0-9]/[01][0-9]/19[0-9]{2}".prop_map(Cell::Text),
        any::<f64>().prop_map(Cell::Number),
        any::<bool>().prop_map(Cell::Boolean),
        Just(Cell::Merged),
    ]
}

#[test]
fn a_mapping_may_be_used_by_several_threads() {
    fn is_shareable<T: Send + Sync>() {}
    is_shareable::<Mapping>();
}
