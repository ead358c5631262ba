//! What fits a sheet and what does not: headers, configs, forms.

use super::*;

#[test]
fn headers_are_the_mapping_where_the_config_is_silent() {
    let plain = sheet(&[
        "الموبايل",
        "البريد الالكتروني",
        "\u{200f}fullName\u{a0}",
        "\u{200f}_note",
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
            "Contract type 414 gets no field values: there is no [fields.414]",
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
