//! The config as people write it: the interface's own sample, and every kind of mistake with the text that it gets.

use proptest::prelude::*;

use super::*;

/// The sample of the interface, whole.
const SAMPLE: &str = r#"# vlens-batch.toml
[api]
base_url = "https://api.vlenseg.com"
tenancy_name = "acme"
request_fields = "inside"  # where RequestFieldsValues sits: "inside" SessionInput, as documented, or "top_level"

[limits]
per_second = 10            # the vendor's documented default per tenant
per_minute = 60            # both hold at once, in any second and any minute
concurrency = 8
timeout_seconds = 30
max_attempts = 5
max_consecutive_failures = 20

[source]
sheet = "Customers"        # XLSX, XLSB, XLS, ODS; default: the first visible sheet with data
header_row = 1
delimiter = ";"            # default: detected
encoding = "windows-1256"  # default: detected
hidden = "skip"            # rows hidden or filtered away in the sheet

[recipient]
phone = "Mobile"           # a column; phone or email or both
email = "E-mail"
country = "EG"             # for national numbers

[contract]
types = [414]              # the same for every row, or instead:
# column = "Product"
# values = { "Personal loan" = 414, "قرض شخصي" = 414, "Lease" = [415, 416] }

[session]
kind = "invitation"        # or "auth": CreateAuthSession, no pre-filled fields, no admin login
minimal_signature_flow = true
digital_identity_only = false
user_public_key_file = "session.pem"   # optional

[identity]
columns = ["Application no"]   # what makes two rows the same invitation; default: recipient + contract types

[result]
link = "https://onboard.example/start?session={{ token }}"   # optional: a link column in exports

[retry]
on_uncertain = "hold"      # or "resend"

[fields.414]
fullName = "Customer name"                                   # a column
monthlyIncome = { column = "Income", type = "number" }
birthDate = { column = "DOB", type = "date", input = "%d/%m/%Y", output = "%Y-%m-%d" }
nationalId = { column = "ID", type = "egypt_national_id", required = true }
employer = { column = "Employer", default = "-" }
address = { template = "{{ row['Street'] }}, {{ row['City'] }}" }
currency = { value = "EGP" }
maritalStatus = { column = "Status", type = "choice", choices = { "أعزب" = "Single", "متزوج" = "Married" } }
"#;

fn errors_of(text: &str) -> String {
    Config::parse(text, "vlens-batch.toml")
        .expect_err("a refusal")
        .render(false)
}

#[test]
fn the_interfaces_sample_is_understood_whole() {
    let config = Config::parse(SAMPLE, "vlens-batch.toml").expect("no refusal");
    assert_eq!(
        config.api.base_url.as_deref(),
        Some("https://api.vlenseg.com")
    );
    assert_eq!(config.api.tenancy_name.as_deref(), Some("acme"));
    assert_eq!(config.api.request_fields, RequestFields::Inside);
    let limits = LimitsConfig {
        per_second: Some(10),
        per_minute: Some(60),
        concurrency: Some(8),
        timeout_seconds: Some(30),
        max_attempts: Some(5),
        max_consecutive_failures: Some(20),
    };
    assert_eq!(config.limits, limits);
    let source = SourceConfig {
        sheet: Some("Customers".into()),
        header_row: Some(1),
        delimiter: Some(';'),
        encoding: Some("windows-1256".into()),
        hidden: Some(Hidden::Skip),
    };
    assert_eq!(config.source, source);
    assert_eq!(
        format!("{:?}", config.contract),
        "Some(Same([ContractTypeId(414)]))"
    );
    assert_eq!(config.session.kind, SessionKind::Invitation);
    assert_eq!(
        config.session.user_public_key_file.as_deref(),
        Some("session.pem")
    );
    assert_eq!(
        config.result.link.as_deref(),
        Some("https://onboard.example/start?session={{ token }}")
    );
    assert_eq!(config.retry.on_uncertain, OnUncertain::Hold);
    let keys: Vec<&str> = config
        .fields
        .iter()
        .flatten()
        .flat_map(|f| &f.fields)
        .map(|f| &*f.key.value)
        .collect();
    assert_eq!(
        keys,
        [
            "fullName",
            "monthlyIncome",
            "birthDate",
            "nationalId",
            "employer",
            "address",
            "currency",
            "maritalStatus"
        ]
    );
    assert_eq!(
        config.known_names(),
        [
            "Mobile",
            "E-mail",
            "Application no",
            "Customer name",
            "Income",
            "DOB",
            "ID",
            "Employer",
            "Street",
            "City",
            "Status"
        ]
    );
}

#[test]
fn the_other_ways_of_saying_things_are_understood() {
    let config = Config::parse(
        "api = { request_fields = \"top_level\" }\n\
         [contract]\ncolumn = \"Product\"\nvalues = { \"قرض\" = 414, \"Lease\" = [415, 416] }\n\
         [session]\nkind = \"auth\"\n[identity]\ncolumns = \"No\"\n[retry]\non_uncertain = \"resend\"\n\
         [source]\ndelimiter = \"\\t\"\nhidden = \"send\"\n",
        "x.toml",
    )
    .expect("no refusal");
    assert_eq!(config.api.request_fields, RequestFields::TopLevel);
    assert_eq!(config.session.kind, SessionKind::Auth);
    assert_eq!(config.source.delimiter, Some('\t'));
    assert_eq!(config.source.hidden, Some(Hidden::Send));
    assert_eq!(config.retry.on_uncertain, OnUncertain::Resend);
    let Some(ContractConfig::ByColumn {
        column,
        values: Some(values),
    }) = config.contract
    else {
        panic!("a column tells")
    };
    assert_eq!(column.value, "Product");
    assert_eq!(
        values
            .iter()
            .map(|value| value.types.len())
            .collect::<Vec<_>>(),
        [1, 2]
    );
}

#[test]
fn an_empty_file_and_a_byte_order_mark_are_fine() {
    assert_eq!(Config::parse("", "").expect("no refusal"), Config::none());
    let config =
        Config::parse("\u{feff}[api]\ntenancy_name = \"acme\"\n", "x").expect("no refusal");
    assert_eq!(config.api.tenancy_name.as_deref(), Some("acme"));
}

#[test]
fn an_error_shows_its_line_and_points_at_the_place() {
    insta::assert_snapshot!(errors_of("[api]\ntenency_name = \"acme\"\n\n[recipient]\nphone = 5\n"), @r#"
    error: unknown key `tenency_name` in [api]
     --> vlens-batch.toml:2:1
      |
    2 | tenency_name = "acme"
      | ^^^^^^^^^^^^
      |
      = help: did you mean `tenancy_name`?

    error: `phone` must be a text in quotes, not a whole number
     --> vlens-batch.toml:5:9
      |
    5 | phone = 5
      |         ^
    "#);
}

#[test]
fn arabic_lines_are_shown_as_they_are() {
    insta::assert_snapshot!(
        errors_of("[fields.414]\nmaritalStatus = { column = \"الحالة الاجتماعية\", type = \"choise\" }\n"),
        @r#"
    error: `type` must be "text", "number", "date", "phone", "email", "choice", "boolean" or "egypt_national_id"
     --> vlens-batch.toml:2:56
      |
    2 | maritalStatus = { column = "الحالة الاجتماعية", type = "choise" }
      |                                                        ^^^^^^^^
      |
      = help: did you mean `choice`?
    "#
    );
}

#[test]
fn every_mistake_is_named() {
    for (text, message) in [
        ("[limit]\n", "unknown key `limit` in the file"),
        ("[limit]\n", "did you mean `limits`?"),
        ("stray = 1\n", "known here: api, limits"),
        (
            "[limits]\nper_second = 0\n",
            "`per_second` must be a whole number from 1",
        ),
        (
            "[limits]\nper_second = -1\n",
            "`per_second` must be a whole number from 1",
        ),
        (
            "[limits]\nper_minute = 99999999999\n",
            "`per_minute` must be a whole number from 1",
        ),
        (
            "[limits]\nconcurrency = 1.5\n",
            "must be a whole number, not a number with a fraction",
        ),
        (
            "[limits]\nconcurrency = \"8\"\n",
            "must be a whole number, not a text",
        ),
        (
            "limits = 5\n",
            "[limits] must be a table, not a whole number",
        ),
        (
            "[source]\nhidden = \"show\"\n",
            "`hidden` must be \"skip\" or \"send\"",
        ),
        (
            "[source]\ndelimiter = \";;\"\n",
            "`delimiter` must be one character",
        ),
        ("[source]\nheader_row = 0\n", "`header_row` must be"),
        (
            "[api]\nbase_url = \"api.vlenseg.com\"\n",
            "must begin with https://",
        ),
        (
            "[api]\nrequest_fields = \"toplevel\"\n",
            "did you mean `top_level`?",
        ),
        ("[api]\ntenancy_name = \" \"\n", "`tenancy_name` is empty"),
        (
            "[recipient]\ncountry = \"Egypt\"\n",
            "no country's two letters",
        ),
        (
            "[contract]\ntypes = [414]\ncolumn = \"P\"\n",
            "`types` and `column` exclude each other",
        ),
        (
            "[contract]\nvalues = { a = 1 }\n",
            "`values` needs a `column`",
        ),
        ("[contract]\ntypes = []\n", "no contract type is named here"),
        (
            "[contract]\ntypes = [\"414\"]\n",
            "a contract type must be a whole number, not a text",
        ),
        ("[contract]\ntypes = 0\n", "a number from 1 on"),
        (
            "[session]\nkind = \"invite\"\n",
            "`kind` must be \"invitation\" or \"auth\"",
        ),
        (
            "[session]\nminimal_signature_flow = \"yes\"\n",
            "must be true or false, not a text",
        ),
        ("[identity]\ncolumns = []\n", "`columns` is empty"),
        (
            "[result]\nlink = \"https://x/{{ token\"\n",
            "`link` is no valid template",
        ),
        (
            "[fields]\nfullName = \"Name\"\n",
            "`fullName` in [fields] is no contract type",
        ),
        (
            "[fields.0414]\na = \"A\"\n",
            "`0414` in [fields] is no contract type",
        ),
        ("[fields.414]\na = 5\n", "must be a column's name in quotes"),
        (
            "[fields.414]\na = { type = \"text\" }\n",
            "the field `a` has no value to send",
        ),
        (
            "[fields.414]\na = { column = \"A\", value = \"x\" }\n",
            "several values to send: \"column\" and \"value\"",
        ),
        (
            "[fields.414]\na = { value = \"x\", type = \"date\" }\n",
            "`type` means nothing beside `value`",
        ),
        (
            "[fields.414]\na = { column = \"A\", input = \"%d\" }\n",
            "`input` belongs to type = \"date\"",
        ),
        (
            "[fields.414]\na = { column = \"A\", type = \"date\", input = \"dd/mm\" }\n",
            "`input` is no date format",
        ),
        (
            "[fields.414]\na = { column = \"A\", colum = \"B\" }\n",
            "did you mean `column`?",
        ),
        (
            "[fields.414]\na = { column = \"A\", type = \"choice\", choices = 5 }\n",
            "`choices` must be a table",
        ),
        (
            "[fields.414]\na = { template = \"{{ City }}\" }\n",
            "row['City']",
        ),
        (
            "[fields.414]\na = \"A\"\na = \"B\"\n",
            "this key stands here twice",
        ),
        ("[fields.414]\na = \"A\n", "this is no valid TOML"),
    ] {
        let errors = errors_of(text);
        assert!(
            errors.contains(message),
            "{text}\n{errors}\nlacks: {message}"
        );
    }
}

#[test]
fn all_mistakes_are_told_in_the_order_of_the_lines() {
    let errors = Config::parse(
        "[limits]\nper_second = 0\nconcurency = 4\n[retry]\non_uncertain = \"x\"\n[oops]\n",
        "x",
    );
    let problems = errors.expect_err("a refusal").problems;
    let starts: Vec<usize> = problems
        .iter()
        .filter_map(|problem| problem.span.clone())
        .map(|span| span.start)
        .collect();
    assert_eq!(problems.len(), 4);
    assert!(starts.is_sorted());
}

proptest! {
    /// Whatever the file holds: no panic, and every error can be shown, coloured or not.
    #[test]
    fn any_text_is_read_or_refused(pieces in prop::collection::vec(any_piece(), 0..12)) {
        let text = pieces.concat();
        if let Err(errors) = Config::parse(&text, "vlens-batch.toml") {
            prop_assert!(!errors.problems.is_empty());
            prop_assert!(!errors.render(true).is_empty() && !errors.render(false).is_empty());
        }
    }
}

/// Pieces of configs, right and wrong, and anything else.
fn any_piece() -> impl Strategy<Value = String> {
    let lines: Vec<&str> = SAMPLE.lines().collect();
    let words = [
        "\n", "[", "[[", "{", "}", "=", "\"", "\"\"\"", "'", "#", ",", "\r\n", "\u{feff}", "ع",
        "password", "414", ".",
    ];
    prop_oneof![
        prop::sample::select(lines).prop_map(|line| format!("{line}\n")),
        prop::sample::select(words.as_slice().to_vec()).prop_map(str::to_owned),
        any::<String>(),
    ]
}
