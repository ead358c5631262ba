//! From TOML, headers and cells to bodies, keys and problems: the rows that the room is for, and the ones it refuses.

use super::*;
use crate::domain::ProblemCode as Code;
use crate::domain::{Cell, Column, Form, FormCondition, FormField, FormOption, RowNumber};

/// A sheet, its config, and what `bind` needs besides.
#[derive(Default)]
struct Sheet {
    toml: &'static str,
    headers: Vec<&'static str>,
    options: BindOptions,
}

fn sheet(headers: &[&'static str]) -> Sheet {
    Sheet {
        headers: headers.to_vec(),
        ..Sheet::default()
    }
}

impl Sheet {
    fn toml(mut self, toml: &'static str) -> Self {
        self.toml = toml;
        self
    }

    fn contract_type(mut self, id: i64) -> Self {
        self.options.contract_types.push(ContractTypeId(id));
        self
    }

    fn form(mut self, id: i64, fields: Vec<FormField>) -> Self {
        self.options.forms.insert(
            ContractTypeId(id),
            Form {
                name: String::new(),
                fields,
            },
        );
        self
    }

    fn try_bind(&self) -> Result<Mapping, ConfigErrors> {
        let config = Config::parse(self.toml, "vlens-batch.toml").expect("a valid config");
        let column = |(index, name): (usize, &&str)| Column {
            name: (*name).to_owned(),
            index,
        };
        let columns: Vec<Column> = self.headers.iter().enumerate().map(column).collect();
        Mapping::bind(&config, &columns, &self.options)
    }

    fn bind(&self) -> Mapping {
        self.try_bind().expect("a mapping that fits")
    }

    fn refusal(&self) -> String {
        self.try_bind()
            .expect_err("a mapping that does not fit")
            .render(false)
    }

    fn body(&self, cells: &[&str]) -> String {
        self.bind()
            .apply(&row(cells))
            .result
            .expect("a valid row")
            .body
    }

    /// `code field column` of every problem.
    fn problems(&self, cells: &[&str]) -> Vec<String> {
        problems_of(&self.bind(), &row(cells))
    }
}

fn problems_of(mapping: &Mapping, row: &Row) -> Vec<String> {
    let problems = mapping.apply(row).result.expect_err("an invalid row");
    let told = |problem: &Problem| {
        let word = |word: &Option<String>| word.clone().unwrap_or_else(|| "-".to_owned());
        format!(
            "{} {} {}",
            problem.code,
            word(&problem.field),
            word(&problem.column)
        )
    };
    problems.iter().map(told).collect()
}

fn row(cells: &[&str]) -> Row {
    let cell = |text: &&str| {
        if text.is_empty() {
            Cell::Empty
        } else {
            Cell::Text((*text).to_owned())
        }
    };
    Row {
        number: RowNumber(7),
        cells: cells.iter().map(cell).collect(),
    }
}

/// The fields of contract type 414 in a body.
fn fields(body: &str) -> String {
    let start = body
        .find("\"RequestFieldsValues\":")
        .map_or(body.len(), |at| at + "\"RequestFieldsValues\":".len());
    body[start..]
        .strip_suffix("}}")
        .unwrap_or_default()
        .to_owned()
}

fn field(key: &str, label: &str, label_ar: &str) -> FormField {
    FormField {
        key: key.into(),
        label: label.into(),
        label_ar: label_ar.into(),
        ..FormField::default()
    }
}

fn marital_status() -> FormField {
    let option = |value: &str, label: &str| FormOption {
        value: value.into(),
        labels: vec![label.into()],
    };
    let options = vec![option("Single", "أعزب"), option("Married", "متزوج")];
    FormField {
        kind: "dropdown".into(),
        options,
        ..field("maritalStatus", "Marital status", "الحالة")
    }
}

fn spouse_name() -> FormField {
    let condition = Some(FormCondition {
        parent: "maritalStatus".into(),
        value: "Married".into(),
    });
    FormField {
        condition,
        ..field("spouseName", "Spouse", "الزوج")
    }
}

#[test]
fn a_row_becomes_the_body_of_the_interface_byte_for_byte() {
    let documented = r#"{"SessionInput": {
  "phoneNumber": "+201012345678",
  "email": "mona@example.com",
  "sessionPermissions": {"allowedContractTypeIds": [414], "minimalSignatureFlow": true, "DigitalIdentityOnly": false},
  "RequestFieldsValues": {"414": {"fullName": "Mona Adel", "monthlyIncome": "5000"}}}}"#;
    let compact = serde_json::from_str::<serde_json::Value>(documented)
        .unwrap()
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

impl Sheet {
    fn options_with_type(&self, id: i64) -> Sheet {
        Sheet {
            toml: self.toml,
            headers: self.headers.clone(),
            options: self.options.clone(),
        }
        .contract_type(id)
    }
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
fn headers_are_the_mapping_where_the_config_is_silent() {
    let plain = sheet(&[
        "الموبايل",
        "البريد الالكتروني",
        "fullName",
        "_note",
        "#",
        "",
        "414.job",
    ]);
    let body = plain.body(&[
        "01012345678",
        "m@example.com",
        "Mona",
        "private",
        "1",
        "lost",
        "Clerk",
    ]);
    assert!(
        body.contains(r#""phoneNumber":"+201012345678","email":"m@example.com""#),
        "{body}"
    );
    assert_eq!(
        fields(&body),
        r#"{"414":{"fullName":"Mona","job":"Clerk"}}"#
    );

    let partly = sheet(&["Tel", "Name", "phone"])
        .toml("[recipient]\nphone = \"Tel\"\n[contract]\ntypes = 414\n");
    assert_eq!(
        fields(&partly.body(&["01012345678", "Mona", "02"])),
        r#"{"414":{"Name":"Mona","phone":"02"}}"#
    );

    let api_word_wins = sheet(&["mobile", "phoneNumber"]).contract_type(414);
    assert!(
        api_word_wins
            .body(&["5", "01012345678"])
            .contains("+201012345678")
    );
}

#[test]
fn headers_that_leave_a_doubt_are_refused() {
    for (sheet, message) in [
        (
            sheet(&["fullName"]).contract_type(414),
            "no column says whom to invite",
        ),
        (sheet(&["phone"]), "nothing says to which contract type"),
        (
            sheet(&["phone", "mobile"]).contract_type(414),
            "several columns could be the phone: A \"phone\" and B \"mobile\"",
        ),
        (
            sheet(&["phone", "phone"]).contract_type(414),
            "the header `phone` stands above several columns: A",
        ),
        (
            sheet(&["phone", "a", "a"]).contract_type(414),
            "several columns are the field `a`: B \"a\" and C \"a\"",
        ),
    ] {
        let refusal = sheet.refusal();
        assert!(refusal.contains(message), "{refusal}");
    }
}

#[test]
fn a_column_that_the_sheet_lacks_is_an_error_at_its_line() {
    let sheet = sheet(&["Mobile", "Income", "income"]).toml(
        "[recipient]\nphone = \"Mobil\"\n[contract]\ntypes = [414]\n[fields.414]\nmoney = \"INCOME\"\n\
         place = { template = \"{{ row['City'] }}\" }\n",
    );
    insta::assert_snapshot!(sheet.refusal(), @r#"
    error: the sheet has no column `Mobil`
     --> vlens-batch.toml:2:9
      |
    2 | phone = "Mobil"
      |         ^^^^^^^
      |
      = help: did you mean `Mobile`?

    error: `INCOME` could be any of the columns B "Income" and C "income"
     --> vlens-batch.toml:6:9
      |
    6 | money = "INCOME"
      |         ^^^^^^^^
      |
      = help: write it exactly as one of them is written

    error: the sheet has no column `City`
     --> vlens-batch.toml:7:22
      |
    7 | place = { template = "{{ row['City'] }}" }
      |                      ^^^^^^^^^^^^^^^^^^^
      |
      = help: its columns are: Mobile, Income, income
    "#);
}

#[test]
fn words_that_look_alike_may_not_mean_different_contract_types() {
    let refusal = sheet(&["phone", "P"])
        .toml("[contract]\ncolumn = \"P\"\nvalues = { \"Car loan\" = 414, \"car-loan\" = 415 }\n[fields.414]\n")
        .refusal();
    assert!(
        refusal.contains("`car-loan` is written like another value"),
        "{refusal}"
    );
}

#[test]
fn identity_columns_decide_what_is_the_same_invitation() {
    let by_number = sheet(&["phone", "No"]).toml(
        "[contract]\ntypes = [414]\n[identity]\ncolumns = [\"No\"]\n[fields.414]\nx = { value = \"1\" }\n",
    );
    let mapping = by_number.bind();
    let key = |cells: &[&str]| mapping.apply(&row(cells)).result.unwrap().key;
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
        values
            .iter()
            .for_each(|value| survey.see(&row(&["01012345678", value])));
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
fn a_filled_template_needs_no_config() {
    let form = vec![
        field("fullName", "Full name", "الاسم بالكامل"),
        marital_status(),
        spouse_name(),
    ];
    let filled = sheet(&[
        "#",
        "phoneNumber (رقم الهاتف)",
        "الاسم بالكامل\nFull name (fullName)",
        "Marital status",
        "الزوج",
    ])
    .contract_type(414)
    .form(414, form);
    let body = filled.body(&["", "01012345678", "Mona", "متزوج", "Ali"]);
    assert_eq!(
        fields(&body),
        r#"{"414":{"fullName":"Mona","maritalStatus":"Married","spouseName":"Ali"}}"#
    );
    let mapping = filled.bind();
    assert!(mapping.is_example(&row(&[EXAMPLE_MARKER, "01012345678"])));
    assert!(!mapping.is_example(&row(&["", EXAMPLE_MARKER])));
    assert!(!mapping.is_example(&row(&[])));
}

#[test]
fn a_form_refuses_what_it_does_not_know() {
    let form = || {
        vec![
            field("fullName", "Full name", ""),
            marital_status(),
            spouse_name(),
        ]
    };
    let conditions = sheet(&["phone", "Status", "Spouse"])
        .toml("[contract]\ntypes = [414]\n[fields.414]\nmaritalStatus = \"Status\"\nspouseName = \"Spouse\"\n")
        .form(414, form());
    assert_eq!(
        conditions.problems(&["01012345678", "أعزب", "Ali"]),
        ["condition_unmet spouseName Spouse"]
    );
    assert_eq!(
        conditions.problems(&["01012345678", "Widowed", ""]),
        ["choice_unknown maritalStatus Status"]
    );
    assert_eq!(
        fields(&conditions.body(&["01012345678", "married", "Ali"])),
        r#"{"414":{"maritalStatus":"Married","spouseName":"Ali"}}"#
    );
    assert_eq!(
        conditions.bind().notes(),
        ["Fields of contract type 414 that get no value: fullName"]
    );

    let wrong = sheet(&["phone", "Name"])
        .toml(
            "[contract]\ntypes = [414]\n[fields.414]\nfulName = \"Name\"\nmaritalStatus = { value = \"Maried\" }\n",
        )
        .form(414, form());
    insta::assert_snapshot!(wrong.refusal(), @r#"
    error: the form of contract type 414 has no field `fulName`
     --> vlens-batch.toml:4:1
      |
    4 | fulName = "Name"
      | ^^^^^^^
      |
      = help: did you mean `fullName`?

    error: `Maried` is not among the form's choices of `maritalStatus`
     --> vlens-batch.toml:5:27
      |
    5 | maritalStatus = { value = "Maried" }
      |                           ^^^^^^^^
      |
      = help: did you mean `Married`?
    "#);

    let header = sheet(&["phone", "ful name"])
        .contract_type(414)
        .form(414, form())
        .refusal();
    assert!(
        header.contains("no field for the column B \"ful name\""),
        "{header}"
    );
    assert!(
        header.contains("did you mean `fullName`?") && header.contains("`_ful name`"),
        "{header}"
    );
}

#[test]
fn notes_tell_what_is_left_out_and_what_goes_out() {
    let notes = sheet(&["phone", "fullName", "_private", ""])
        .contract_type(414)
        .bind()
        .notes();
    assert_eq!(
        notes,
        [
            "Fields that go out for contract type 414, by the headers: fullName",
            "Columns not used: _private",
            "Columns without a header, not used: D",
        ]
    );
    let notes = sheet(&["phone", "A"])
        .toml("[contract]\ntypes = [414]\n[fields.415]\na = \"A\"\n")
        .bind()
        .notes();
    assert_eq!(
        notes,
        [
            "[fields.415] is not used: no row is for contract type 415",
            "contract type 414 gets no field values: there is no [fields.414]",
        ]
    );
}

#[test]
fn the_fingerprint_follows_what_decides_bodies_and_nothing_else() {
    let headers = ["phone", "A", "B"];
    let of = |toml: &'static str| sheet(&headers).toml(toml).bind().fingerprint();
    let base = of("[contract]\ntypes = [414]\n[fields.414]\na = \"A\"\n");
    assert_eq!(
        base,
        of(
            "# a comment\n[limits]\nper_second = 5\n[contract]\ntypes = [414]\n\n[fields.414]\na = \"A\"\n"
        )
    );
    for other in [
        "[contract]\ntypes = [415]\n[fields.414]\na = \"A\"\n",
        "[contract]\ntypes = [414]\n[fields.414]\na = \"B\"\n",
        "[contract]\ntypes = [414]\n[fields.414]\na = { column = \"A\", default = \"-\" }\n",
        "[contract]\ntypes = [414]\n[session]\ndigital_identity_only = true\n[fields.414]\na = \"A\"\n",
        "[contract]\ntypes = [414]\n[recipient]\ncountry = \"SA\"\n[fields.414]\na = \"A\"\n",
        "[contract]\ntypes = [414]\n[identity]\ncolumns = [\"A\"]\n[fields.414]\na = \"A\"\n",
        "[api]\nrequest_fields = \"top_level\"\n[contract]\ntypes = [414]\n[fields.414]\na = \"A\"\n",
    ] {
        assert_ne!(base, of(other), "{other}");
    }
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
        .unwrap_err();
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
