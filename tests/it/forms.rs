//! The contract type's own form: pulled, made into a template, filled, and held against the mapping before anything is sent.

use serde_json::{Value, json};

use crate::support::{FORM_414, Rude, World, each, parts, pick, rows, zipped};

const MAPPING: &str = "[recipient]\nphone = \"Mobile\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"Name\"\n";
const SHEET: &str = "Mobile,Name\n01012345678,Mona Adel\n";

/// Fills a template as people do: cells below the example, the template's own formats kept. Column by header key; a text that begins
/// with `=` stands for a number.
fn fill(template: &[u8], headers: &[String], rows: &[Vec<(&str, &str)>]) -> Vec<u8> {
    let mut parts = parts(template);
    let sheet = parts.get_mut("xl/worksheets/sheet1.xml").expect("a sheet");
    let text = String::from_utf8(std::mem::take(sheet)).expect("XML");
    let (before, after) = text.split_once("</sheetData>").expect("rows");
    let added = (3..).zip(rows);
    let added = added.map(|(row, cells)| row_xml(row, cells, headers, &text));
    let added: String = added.collect();
    *sheet = format!("{before}{added}</sheetData>{after}").into_bytes();
    zipped(parts, 0)
}

fn row_xml(row: u32, cells: &[(&str, &str)], headers: &[String], sheet: &str) -> String {
    let mut placed: Vec<(usize, String)> = Vec::new();
    for (key, value) in cells {
        let mut keys = headers.iter().map(|header| header.lines().last());
        let at = keys.position(|known| known == Some(key));
        let at = at.unwrap_or_else(|| panic!("no column {key}"));
        let letter = char::from(b'A' + u8::try_from(at).expect("few columns"));
        let example = format!("r=\"{letter}2\" s=\"");
        let (_, style) = sheet.split_once(&example).expect("an example");
        let (style, _) = style.split_once('"').expect("a style");
        let place = format!("r=\"{letter}{row}\"");
        let cell = match value.strip_prefix('=') {
            Some(number) => format!("<c {place} s=\"{style}\"><v>{number}</v></c>"),
            None => format!("<c {place} t=\"inlineStr\"><is><t>{value}</t></is></c>"),
        };
        placed.push((at, cell));
    }
    placed.sort();
    let cells: String = placed.into_iter().map(|(_, cell)| cell).collect();
    format!("<row r=\"{row}\">{cells}</row>")
}

/// What arrived for contract type `id`.
fn arrived(world: &World, id: u32) -> Vec<Value> {
    let inputs = world.invitations().into_iter();
    let inputs = inputs.map(|record| record.json()["SessionInput"].clone());
    let asked = |input: Value| {
        let types = &input["sessionPermissions"]["allowedContractTypeIds"];
        assert_eq!(*types, json!([id]));
        let fields = &input["RequestFieldsValues"][id.to_string()];
        let word = |name: &str| input[name].as_str().unwrap_or_default();
        json!([word("phoneNumber"), word("email"), fields])
    };
    inputs.map(asked).collect()
}

#[test]
fn from_pull_over_template_to_run_without_any_mapping() {
    type Filled = (u32, Vec<Vec<(&'static str, &'static str)>>, Value);
    let filled = rows::<Filled>("forms.filled");
    for language in ["", " --lang ar", " --lang en"] {
        for (id, rows, expected) in &filled {
            for keeps_the_form in [true, false] {
                let world = World::with_server();
                world.ran(&format!("contract-types pull {id}"), 0);
                world.ran(&format!("template {id} --output empty.xlsx{language}"), 0);
                let empty = std::fs::read(world.path("empty.xlsx")).unwrap();
                let headers = world.cells("empty.xlsx", 0).remove(0);
                let headers: Vec<String> = headers.iter().map(ToString::to_string).collect();
                world.file("filled.xlsx", fill(&empty, &headers, rows));
                if !keeps_the_form {
                    std::fs::remove_dir_all(world.path("contract-types")).unwrap();
                }
                let ended = world.sent("filled.xlsx --concurrency 1", 0);
                assert_eq!(ended.json()["counts"]["created"], rows.len());
                ended.complains_of("as the template's example: 2.");
                assert_eq!(json!(arrived(&world, *id)), *expected, "{language}");
            }
        }
    }
}

#[test]
fn contract_types_are_listed_and_their_forms_stored_as_answered() {
    let world = World::with_server();
    let listed = world.ran("contract-types --json", 0).json();
    assert_eq!(each(&listed["contract_types"], "id"), [414, 415]);
    assert_eq!(listed["contract_types"][0]["form_pulled_at"], Value::Null);
    world.ran("contract-types pull 414 415", 0);
    let stored = world.read("contract-types/414.json");
    let stored: Value = serde_json::from_str(&stored).unwrap();
    let form: Value = serde_json::from_str(FORM_414).unwrap();
    // The whole answer, its envelope around the form.
    assert_eq!(stored["data"], form);
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
    for expected in "removed: income|added: monthlyIncome|added: city: the choice Aswan".split('|')
    {
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
    ended
        .fails_with("config_invalid")
        .complains_of("did you mean `fullNameEn`?");
    let told = ended.stderr.matches("has no field `fullName`").count();
    assert_eq!(told, 1, "{ended}");
    assert!(world.server_log().is_empty(), "nothing was sent");
    assert!(!world.ledger().exists());
}

#[test]
fn a_template_needs_a_form_and_an_unknown_contract_type_leaves_what_is_there() {
    let world = World::with_server();
    let ended = world.ran("template 414 --output t.xlsx", 5);
    ended.complains_of("contract-types pull 414");
    assert!(!world.path("t.xlsx").exists());
    let ended = world.ran("contract-types pull 414 999", 5);
    ended.complains_of("999");
    assert!(world.path("contract-types/414.json").exists());
    assert!(!world.path("contract-types/999.json").exists());
    // It serves sheets elsewhere too, for which no config says where forms are; one that does is named by what stores a form beside it.
    world.file(
        "out/a.csv",
        "phone,414.fullName,414.hasGuarantor\n01012345678,Mona Adel,لا يوجد\n01012345679,n/a,Yes\n",
    );
    let unknown = "No form of contract type 414";
    let told = world.ran("check out/a.csv", 0);
    told.hides(unknown).shows("Left empty: fullName in 1 row.");
    world.file("out/vlens-batch.toml", "[recipient]\nphone = \"phone\"\n");
    let told = world.ran("check out/a.csv", 0);
    told.shows("contract-types pull --config out/vlens-batch.toml 414");
}

#[test]
fn who_is_not_let_in_is_told_the_way_out() {
    let world = World::with_server();
    let call = || world.line("contract-types pull 414 --ledger o.db");
    let refused = call().env("VLENS_PASSWORD", "wrong").ends(6);
    refused.complains_of("`vlens-batch account --show --ledger o.db`");
    let base_url = format!("{}/elsewhere", world.base_url());
    call().env("VLENS_BASE_URL", base_url).ends(6);
    world.kill_server();
    call().ends(4).complains_of("again later");
    World::new().ran("contract-types", 5);
}

#[test]
fn its_requests_count_against_the_limits_of_the_ledger() {
    let world = World::with("--per-second 3 --per-minute 0");
    world.config(&format!("[limits]\nper_second = 3\n{MAPPING}"));
    let rows = "Mobile,Name\n01012345678,A B\n01112345678,C D\n";
    world.file("customers.csv", rows);
    world.ran("run customers.csv --yes", 0);
    for _ in 0..2 {
        world.ran("contract-types pull 414 415", 0);
    }
    let log = world.server_log();
    assert!(log.iter().all(|record| record.status != Some(429)));
}

#[test]
fn an_account_without_the_right_is_told_how_to_do_without() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        let server = Rude::answering(status);
        let world = World::new();
        for (line, path) in [
            ("contract-types", "contract-types/ID.json"),
            ("contract-types pull 414", "contract-types/414.json"),
        ] {
            let told = |json| {
                let vlens = world.line(&format!("{line}{json}"));
                vlens.envs(server.variables()).ends(6)
            };
            told("")
                .complains_of("GetBusinessRequestTypeTemplateFields")
                .complains_of(path);
            told(" --json").fails_with("rights_missing");
        }
        assert!(!world.path("contract-types/414.json").exists());
    }
}

/// What `check` finds: row, field and code of each problem.
fn problems(world: &World, line: &str) -> Vec<Value> {
    let document = world.ran(&format!("check {line} --json"), 3).json();
    let problems = document["problems"].as_array().expect("a list").iter();
    problems
        .map(|problem| pick(problem, ["row", "field", "code"]))
        .collect()
}

#[test]
fn a_sheet_is_judged_alike_by_its_keys_by_its_form_and_as_init_maps_it() {
    const ROWS: &str = "01012345678,Mona Adel,123,abc,31/12/1990\n\
                        01112345678,Omar Said,28801010112345,20.000 جنيه,1988-01-01\n\
                        01212345678,Hany Fathy,28801010112345,7500,01/02/1988\n\
                        01512345678,Sara Nour,29001011234567,\"7,500\",01/01/1990\n";
    let expected = [
        json!([2, "nationalId", "national_id_invalid"]),
        json!([2, "monthlyIncome", "number_invalid"]),
        json!([3, "monthlyIncome", "number_ambiguous"]),
        json!([4, "birthDate", "birth_date_mismatch"]),
    ];
    let keys = "phoneNumber,fullName,nationalId,monthlyIncome,birthDate\n";
    let labels = "Mobile,Full name,National ID,Monthly income,Date of birth\n";
    let world = World::new();
    world.file("keys.csv", format!("{keys}{ROWS}"));
    world.file("labels.csv", format!("{labels}{ROWS}"));
    let of_414 = |file: &str| problems(&world, &format!("{file} --contract-type 414"));
    assert_eq!(of_414("keys.csv"), expected);
    for keeps_the_form in [false, true] {
        if keeps_the_form {
            world.form(414);
            assert_eq!(of_414("keys.csv"), expected);
            assert_eq!(of_414("labels.csv"), expected);
        }
        world.ran("init labels.csv --yes --force --contract-type 414", 3);
        assert_eq!(problems(&world, "labels.csv"), expected, "init");
        std::fs::remove_file(world.path("vlens-batch.toml")).expect("a config");
    }
}
