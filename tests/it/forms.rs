//! The contract type's own form: pulled, made into a template, filled, and held against the mapping before anything is sent.

use std::io::{Cursor, Read, Write};

use serde_json::{Value, json};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::support::{Rude, Serve, World};

const FORM_414: &str = include_str!("../../src/sandbox/forms/414.json");
const MAPPING: &str = "[recipient]\nphone = \"Mobile\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"Name\"\n";
const SHEET: &str = "Mobile,Name\n01012345678,Mona Adel\n";

/// Fills a template as people do: cells below the example, the template's own formats kept. Column by header key.
fn fill(template: &[u8], rows: &[&[(&str, Fill)]]) -> Vec<u8> {
    let headers = headers(template);
    let mut archive = ZipArchive::new(Cursor::new(template)).expect("a whole workbook");
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..archive.len() {
        let mut part = archive.by_index(at).expect("a whole workbook");
        let name = part.name().expect("a whole workbook").into_owned();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).expect("a whole workbook");
        out.start_file(&name, SimpleFileOptions::default())
            .expect("a whole workbook");
        if name == "xl/worksheets/sheet1.xml" {
            let sheet = String::from_utf8(bytes).expect("a whole workbook");
            let (before, after) = sheet.split_once("</sheetData>").expect("a whole workbook");
            let added: String = (3..)
                .zip(rows)
                .map(|(row, cells)| row_xml(row, cells, &headers, &sheet))
                .collect();
            bytes = format!("{before}{added}</sheetData>{after}").into_bytes();
        }
        out.write_all(&bytes).expect("a whole workbook");
    }
    out.finish().expect("a whole workbook").into_inner()
}

enum Fill {
    Text(&'static str),
    Number(f64),
}

fn row_xml(row: u32, cells: &[(&str, Fill)], headers: &[String], sheet: &str) -> String {
    let mut placed: Vec<(usize, String)> = cells
        .iter()
        .map(|(key, value)| {
            let at = headers
                .iter()
                .position(|header| header.lines().last() == Some(key))
                .unwrap_or_else(|| panic!("no column {key}"));
            let letter = char::from(b'A' + u8::try_from(at).expect("a whole workbook"));
            let example = format!("r=\"{letter}2\" s=\"");
            let style = sheet.split_once(&example).expect("a whole workbook").1;
            let style = style.split_once('"').expect("a whole workbook").0;
            let cell = match value {
                Fill::Text(text) => {
                    format!("<c r=\"{letter}{row}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
                }
                Fill::Number(number) => {
                    format!("<c r=\"{letter}{row}\" s=\"{style}\"><v>{number}</v></c>")
                }
            };
            (at, cell)
        })
        .collect();
    placed.sort();
    let cells: String = placed.into_iter().map(|(_, cell)| cell).collect();
    format!("<row r=\"{row}\">{cells}</row>")
}

fn headers(template: &[u8]) -> Vec<String> {
    use calamine::{Reader, Xlsx};
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(template.to_vec())).expect("a whole workbook");
    let range = book
        .worksheet_range_at(0)
        .expect("a whole workbook")
        .expect("a whole workbook");
    range
        .rows()
        .next()
        .expect("a whole workbook")
        .iter()
        .map(ToString::to_string)
        .collect()
}

/// What arrived for contract type `id`.
fn arrived(world: &World, id: &str) -> Vec<Value> {
    world
        .server_log()
        .iter()
        .filter(|record| record.is_invitation())
        .map(|record| {
            let input = &record.json()["SessionInput"];
            assert_eq!(
                input["sessionPermissions"]["allowedContractTypeIds"],
                json!([id.parse::<i64>().expect("a whole workbook")])
            );
            json!([
                input["phoneNumber"],
                input["email"],
                input["RequestFieldsValues"][id]
            ])
        })
        .collect()
}

#[test]
fn from_pull_over_template_to_run_without_any_mapping() {
    // 32143 is 1988-01-01 as spreadsheets count days.
    let loan: &[&[(&str, Fill)]] = &[
        &[
            ("phoneNumber", Fill::Text("01012345678")),
            ("email", Fill::Text("mona@example.org")),
            ("414.fullName", Fill::Text("منى عادل")),
            ("414.nationalId", Fill::Text("28801010112345")),
            ("414.birthDate", Fill::Number(32143.0)),
            ("414.monthlyIncome", Fill::Number(12500.5)),
            ("414.city", Fill::Text("Giza")),
            ("414.maritalStatus", Fill::Text("Married")),
            ("414.spouseName", Fill::Text("Samir Fathy")),
            ("414.hasGuarantor", Fill::Text("No")),
        ],
        &[
            ("email", Fill::Text("omar@example.org")),
            ("414.fullName", Fill::Text("Omar Said")),
        ],
    ];
    let lease: &[&[(&str, Fill)]] = &[&[
        ("phoneNumber", Fill::Text("01112345678")),
        ("415.carModel", Fill::Text("Niva")),
        ("415.leaseStart", Fill::Number(46023.0)),
        ("415.carCondition", Fill::Text("Used")),
        ("415.mileageKm", Fill::Number(120_000.0)),
    ]];
    let expected_loan = vec![
        json!(["+201012345678", "mona@example.org", {
            "fullName": "منى عادل", "nationalId": "28801010112345", "birthDate": "1988-01-01",
            "monthlyIncome": "12500.5", "city": "Giza", "maritalStatus": "Married",
            "spouseName": "Samir Fathy", "hasGuarantor": "No"}]),
        json!([null, "omar@example.org", {"fullName": "Omar Said"}]),
    ];
    let expected_lease = vec![json!(["+201112345678", null, {
        "carModel": "Niva", "leaseStart": "2026-01-01", "carCondition": "Used", "mileageKm": "120000"}])];
    for language in [&[][..], &["--lang", "ar"], &["--lang", "en"]] {
        for (id, rows, expected) in [
            ("414", loan, &expected_loan),
            ("415", lease, &expected_lease),
        ] {
            for keeps_the_form in [true, false] {
                let world = World::with_server();
                world.vlens(["contract-types", "pull", id]).ends(0);
                let template = ["template", id, "--output", "empty.xlsx"];
                world.vlens(template).args(language).ends(0);
                let empty = std::fs::read(world.path("empty.xlsx")).unwrap();
                world.file("filled.xlsx", fill(&empty, rows));
                if !keeps_the_form {
                    std::fs::remove_dir_all(world.path("contract-types")).unwrap();
                }
                let ended = world.sent("filled.xlsx --concurrency 1", 0);
                assert_eq!(ended.json()["counts"]["created"], rows.len());
                ended.complains_of("row 2 (the template's example)");
                assert_eq!(&arrived(&world, id), expected, "{language:?}");
            }
        }
    }
}

#[test]
fn contract_types_are_listed_and_their_forms_stored_as_answered() {
    let world = World::with_server();
    let listed = world.ran("contract-types --json", 0).json();
    let ids: Vec<&Value> = listed["contract_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| &entry["id"])
        .collect();
    assert_eq!(ids, [414, 415]);
    assert_eq!(listed["contract_types"][0]["form_pulled_at"], Value::Null);
    world.ran("contract-types pull 414 415", 0);
    let stored = world.read("contract-types/414.json");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let form: Value = serde_json::from_str(FORM_414).unwrap();
    assert_eq!(
        stored["data"], form,
        "the whole answer, its envelope around the form"
    );
    let text = world.ran("contract-types", 0).stdout;
    assert!(!text.contains(" no\n"), "{text}");
}

#[test]
fn pulling_again_says_what_changed() {
    let world = World::with_server();
    let older = FORM_414
        .replace("\"monthlyIncome\"", "\"income\"")
        .replace("\"Aswan\"", "\"Luxor\"");
    world.file("contract-types/414.json", older);
    let ended = world.ran("contract-types pull 414", 0);
    for expected in ["renamed: income is monthlyIncome now", "+ Aswan, - Luxor"] {
        ended.shows(expected);
    }
    let again = world.ran("contract-types pull 414 --json", 0).json();
    assert_eq!(again["pulled"][0]["changes"], json!([]));
    assert_eq!(again["pulled"][0]["fields"], 14);
}

#[test]
fn a_renamed_field_is_one_message_before_anything_is_sent() {
    let world = World::with_server();
    world.config(MAPPING);
    world.file("customers.csv", SHEET);
    let renamed = FORM_414.replace("\"fullName\"", "\"fullNameEn\"");
    world.file("contract-types/414.json", renamed);
    let ended = world.sent("customers.csv", 5);
    assert_eq!(ended.json()["error"]["code"], "config_invalid");
    assert_eq!(
        ended.stderr.matches("has no field `fullName`").count(),
        1,
        "{}",
        ended.stderr
    );
    ended.complains_of("did you mean `fullNameEn`?");
    assert!(world.server_log().is_empty(), "nothing was sent");
    assert!(!world.ledger().exists());
}

#[test]
fn choices_and_conditions_are_held_against_the_form() {
    let world = World::new();
    world.file("contract-types/414.json", FORM_414);
    world.config(&format!(
        "{MAPPING}maritalStatus = \"Status\"\nspouseName = \"Spouse\"\n"
    ));
    let sheet = "Mobile,Name,Status,Spouse\n01012345678,A B,married,Hany\n01112345678,C D,Engaged,\n01212345678,E F,Single,Hany\n";
    world.file("customers.csv", sheet);
    let checked = world.ran("check customers.csv --json", 3).json();
    let told: Vec<(u64, &str)> = checked["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| {
            (
                problem["row"].as_u64().unwrap(),
                problem["field"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(told, [(3, "maritalStatus"), (4, "spouseName")]);
    let shown = world.ran("check customers.csv --show 1", 3);
    shown.shows("\"maritalStatus\":\"Married\"");
    let text = world.ran("check customers.csv", 3).stdout;
    assert!(
        text.contains("loanAmount"),
        "what gets no value is noted: {text}"
    );
}

#[test]
fn a_template_needs_a_form() {
    let world = World::new();
    let ended = world.ran("template 414 --output t.xlsx", 5);
    ended.complains_of("contract-types pull 414");
    assert!(!world.path("t.xlsx").exists());
}

#[test]
fn an_unknown_contract_type_leaves_what_is_there() {
    let world = World::with_server();
    let ended = world.ran("contract-types pull 414 999", 5);
    ended.complains_of("999");
    assert!(world.path("contract-types/414.json").exists());
    assert!(!world.path("contract-types/999.json").exists());
}

#[test]
fn who_is_not_let_in_is_told_the_way_out() {
    let world = World::with_server();
    let call = || world.line("contract-types pull 414");
    let refused = call().env("VLENS_PASSWORD", "wrong").ends(6);
    refused.complains_of("VLENS_PASSWORD");
    let base_url = format!("{}/elsewhere", world.base_url());
    call().env("VLENS_BASE_URL", base_url).ends(6);
    world.kill_server();
    let unreachable = call().ends(4);
    unreachable.complains_of("again later");
    let nobody = World::new();
    nobody.ran("contract-types", 5);
}

#[test]
fn its_requests_count_against_the_limits_of_the_ledger() {
    let world = World::with(Serve::default().limits(3, 0));
    world.config(&format!("[limits]\nper_second = 3\n{MAPPING}"));
    world.file(
        "customers.csv",
        "Mobile,Name\n01012345678,A B\n01112345678,C D\n",
    );
    world.ran("run customers.csv --yes", 0);
    for _ in 0..2 {
        world.ran("contract-types pull 414 415", 0);
    }
    let throttled = world
        .server_log()
        .iter()
        .filter(|r| r.status == Some(429))
        .count();
    assert_eq!(throttled, 0);
}

#[test]
fn an_account_without_the_right_is_told_how_to_do_without() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let server = Rude::serve_without_rights(status);
        let world = World::new();
        let vlens = |args: &[&str]| {
            let variables = server.variables();
            let variables = variables
                .iter()
                .map(|(name, value)| (*name, value.as_str()));
            world.vlens(args).envs(variables).ends(6)
        };
        for (args, path) in [
            (&["contract-types"][..], "contract-types/ID.json"),
            (
                &["contract-types", "pull", "414"],
                "contract-types/414.json",
            ),
        ] {
            let told = vlens(args);
            told.complains_of("GetBusinessRequestTypeTemplateFields");
            told.complains_of(path);
            let with_json: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
            assert_eq!(
                vlens(&with_json).json()["error"]["code"],
                "rights_missing",
                "{status}"
            );
        }
        assert!(!world.path("contract-types/414.json").exists());
    }
}

#[test]
fn numbered_headers_name_no_contract_types() {
    let world = World::new();
    world.file(
        "numbered.csv",
        "1. Name,phone,3. Address\nMona Adel,01012345678,Cairo\n",
    );
    world.file(
        "tight.csv",
        "1.Name,phone,3.Address\nMona Adel,01012345678,Cairo\n",
    );
    for file in ["numbered.csv", "tight.csv"] {
        world
            .vlens(["check", file])
            .ends(5)
            .complains_of("nothing says to which contract type");
        let body = world
            .vlens(["check", file, "--contract-type", "414", "--show", "1"])
            .ends(0)
            .json();
        let permissions = &body["SessionInput"]["sessionPermissions"];
        assert_eq!(permissions["allowedContractTypeIds"], json!([414]));
        let fields = &body["SessionInput"]["RequestFieldsValues"]["414"];
        let values: Vec<&Value> = fields.as_object().expect("fields").values().collect();
        assert_eq!(values, [&json!("Mona Adel"), &json!("Cairo")], "{file}");
    }
}

/// What `check` finds: row, field and code of each problem.
fn problems(world: &World, sheet: &str, options: &[&str]) -> Vec<(Value, Value, Value)> {
    let check = world.vlens(["check", sheet, "--json"]).args(options);
    let document = check.ends(3).json();
    let problems = document["problems"].as_array().expect("a list").iter();
    let told = problems.map(|it| (it["row"].clone(), it["field"].clone(), it["code"].clone()));
    told.collect()
}

#[test]
fn a_sheet_is_judged_alike_by_its_keys_by_its_form_and_as_init_maps_it() {
    const ROWS: &str = "01012345678,Mona Adel,123,abc,31/12/1990\n\
                        01112345678,Omar Said,28801010112345,20.000 جنيه,1988-01-01\n\
                        01212345678,Hany Fathy,28801010112345,7500,01/02/1988\n\
                        01512345678,Sara Nour,29001011234567,\"7,500\",01/01/1990\n";
    let expected = [
        (2, "nationalId", "national_id_invalid"),
        (2, "monthlyIncome", "number_invalid"),
        (3, "monthlyIncome", "number_ambiguous"),
        (4, "birthDate", "birth_date_mismatch"),
    ];
    let expected = expected.map(|(row, field, code)| (json!(row), json!(field), json!(code)));
    let keys = "phoneNumber,fullName,nationalId,monthlyIncome,birthDate\n";
    let labels = "Mobile,Full name,National ID,Monthly income,Date of birth\n";
    let of_414 = ["--contract-type", "414"];
    let world = World::new();
    world.file("keys.csv", format!("{keys}{ROWS}"));
    world.file("labels.csv", format!("{labels}{ROWS}"));
    assert_eq!(problems(&world, "keys.csv", &of_414), expected);
    for keeps_the_form in [false, true] {
        if keeps_the_form {
            world.file("contract-types/414.json", FORM_414);
            assert_eq!(problems(&world, "keys.csv", &of_414), expected);
            assert_eq!(problems(&world, "labels.csv", &of_414), expected);
        }
        let init = ["init", "labels.csv", "--yes", "--force"];
        world.vlens(init).args(of_414).ends(3);
        assert_eq!(problems(&world, "labels.csv", &[]), expected, "init");
        std::fs::remove_file(world.path("vlens-batch.toml")).expect("a config");
    }
}
