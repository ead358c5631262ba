//! `init` on sheets as people have them: whatever it maps is right, it maps nearly everything, and `check` passes at once.

use std::path::Path;

use serde_json::Value;

use crate::support::World;

const FORM_414: &str = include_str!("../../src/sandbox/forms/414.json");
const FORM_415: &str = include_str!("../../src/sandbox/forms/415.json");

fn corpus(file: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/init");
    std::fs::read(path.join(file)).expect("a sheet of the corpus")
}

#[test]
fn a_config_is_not_replaced_unasked() {
    let world = World::new();
    world.file("customers.csv", "Mobile,Name\n01012345678,Mona Adel\n");
    world.config("# mine\n");
    let init = |options: &[&str]| {
        world
            .vlens(["init", "customers.csv", "--contract-type", "414"])
            .args(options)
            .run()
    };
    init(&["--yes"]).expect(2);
    let text = || std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    assert_eq!(text(), "# mine\n");
    init(&["--yes", "--force"]).expect(0);
    assert!(text().contains("phone = \"Mobile\""));
}

#[test]
fn without_a_terminal_nothing_is_asked_and_what_is_missing_is_said() {
    let world = World::new();
    world.file("customers.csv", "Mobile,Name\n01012345678,Mona Adel\n");
    let ended = world.vlens(["init", "customers.csv"]).run().expect(5);
    assert!(ended.stderr.contains("contract type"), "{}", ended.stderr);
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    assert!(
        text.contains("# [fields.414]\n# fullName = \"Name\""),
        "{text}"
    );
}

#[test]
fn standard_input_is_looked_at_once_and_checked() {
    let world = World::new();
    let ended = world
        .vlens(["init", "-", "--yes", "--contract-type", "414", "--json"])
        .stdin("Mobile,Name\n01012345678,Mona Adel\n")
        .run()
        .expect(0);
    let document: Value = ended.json();
    assert_eq!(
        (&document["rows"], &document["valid"]),
        (&1.into(), &1.into())
    );
    assert!(world.path("vlens-batch.toml").exists());
}

#[test]
fn no_whole_personal_value_reaches_the_terminal() {
    let world = World::new();
    world.file("01-english.csv", corpus("01-english.csv"));
    let ended = world.ran("init 01-english.csv --contract-type 414", 0);
    for value in [
        "01012345678",
        "29001011234567",
        "mona@example.com",
        "Mona Adel",
    ] {
        assert!(!ended.stderr.contains(value), "{value}");
    }
}

#[test]
fn a_column_of_contract_types_is_found_by_its_words() {
    let world = World::new();
    world.file("contract-types/414.json", FORM_414);
    world.file("contract-types/415.json", FORM_415);
    let name = |text: &str| {
        let form: Value = serde_json::from_str(text).unwrap();
        form["name"].as_str().unwrap().to_owned()
    };
    let (loan, lease) = (name(FORM_414), name(FORM_415));
    world.file(
        "customers.csv",
        format!(
            "Mobile,Name,Product\n01012345678,Mona Adel,{loan}\n01112345679,Omar Said,{lease}\n"
        ),
    );
    world.ran("init customers.csv --yes", 0);
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    assert!(text.contains("column = \"Product\""), "{text}");
    for id in [414, 415] {
        assert!(
            text.contains(&format!("[fields.{id}]\nfullName = \"Name\"")),
            "{text}"
        );
    }
}

#[test]
fn at_a_terminal_enter_takes_a_guess_and_arrows_another() {
    const DOWN: &str = "\u{1b}[B";
    // Below "leave it out": phone, e-mail, contract type, fullName.
    let another = format!("414\r\r{}\r", DOWN.repeat(4));
    for (keys, remark, name) in [
        ("414\r\r\r", "\n#   Blurb\n", ""),
        (&another, "", "\nfullName = \"Blurb\""),
    ] {
        let world = World::new();
        world.file("customers.csv", "Mobile,Blurb\n01012345678,Mona Adel\n");
        let (code, screen) = world.vlens(["init", "customers.csv"]).on_a_terminal(keys);
        assert_eq!(code, 0, "{screen}");
        assert!(!screen.contains("01012345678"), "masked: {screen}");
        let config = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
        for line in ["\nphone = \"Mobile\"", "\ntypes = [414]", remark, name] {
            assert!(config.contains(line), "{line:?} in:\n{config}");
        }
    }
}

#[test]
fn at_a_terminal_escape_leaves_everything_as_it_was() {
    let world = World::new();
    world.file("customers.csv", "Mobile\n01012345678\n");
    let (code, screen) = world
        .vlens(["init", "customers.csv"])
        .on_a_terminal("\u{1b}");
    assert_eq!(code, 4, "{screen}");
    assert!(screen.contains("No mapping was written"), "{screen}");
    assert!(!world.path("vlens-batch.toml").exists());
}

/// One contract type's form is stored, and the sheet has two products.
#[test]
fn a_column_of_products_is_asked_about_and_never_left_out() {
    let rows = "01012345678,Mona,Personal loan\n01012345679,Ali,Car lease\n";
    for (header, forms) in [
        ("Product", true),
        ("Product", false),
        ("المنتج", true),
        ("Contract type", true),
        ("Requested product (new)", true),
        // Its values tell, whatever it is called.
        ("Programme of the month", true),
    ] {
        let world = World::new();
        if forms {
            world.file("contract-types/414.json", FORM_414);
        }
        world.file("c.csv", format!("phone,Name,{header}\n{rows}"));
        let ended = world.vlens(["init", "c.csv", "--yes"]).run().expect(5);
        let loan = if forms { "414" } else { "…" };
        let lines = [
            format!("column = \"{header}\""),
            format!("values = {{ \"Personal loan\" = {loan}, \"Car lease\" = … }}"),
        ];
        let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
        assert!(!text.contains("types = [414]"), "{header}: {text}");
        for line in lines {
            assert!(ended.stderr.contains(&line), "{header}: {}", ended.stderr);
            assert!(text.contains(&format!("# {line}")), "{header}: {text}");
        }
    }
    let world = World::new();
    world.file("contract-types/414.json", FORM_414);
    world.file("c.csv", format!("phone,Name,Product\n{rows}"));
    let (code, screen) = world.vlens(["init", "c.csv"]).on_a_terminal("415\r\r\r\r");
    assert_eq!(code, 0, "{screen}");
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    let values = "values = { \"Personal loan\" = 414, \"Car lease\" = 415 }";
    assert!(text.contains(values), "{text}");
}

#[test]
fn a_column_that_only_looks_like_products_is_no_question() {
    for (header, values) in [
        ("النوع", ["ذكر", "أنثى"]),
        ("Type", ["Male", "Female"]),
        ("Contract", ["C-1001", "C-1002"]),
        ("Type", ["VIP", "VIP"]),
        ("Contract type", ["", ""]),
    ] {
        let world = World::new();
        world.file("contract-types/414.json", FORM_414);
        let [one, other] = values;
        let rows = format!("01012345678,Mona,{one}\n01012345679,Ali,{other}\n");
        world.file("c.csv", format!("phone,Name,{header}\n{rows}"));
        world.vlens(["init", "c.csv", "--yes"]).run().expect(0);
        let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
        assert!(text.contains("types = [414]"), "{header}: {text}");
    }
}

#[test]
fn a_header_that_names_its_contract_type_feeds_no_other() {
    let world = World::new();
    world.file(
        "c.csv",
        "phone,414.employer,415.city\n01012345678,Orange,Giza\n",
    );
    world.vlens(["init", "c.csv", "--yes"]).run().expect(0);
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    let groups: Vec<&str> = text.split("[fields.").skip(1).collect();
    assert!(
        groups[0].starts_with("414]\nemployer = \"414.employer\"\n\n"),
        "{text}"
    );
    assert!(
        groups[1].starts_with("415]\ncity = \"415.city\"\n"),
        "{text}"
    );
}

#[test]
fn numbered_headers_are_no_contract_types() {
    let world = World::new();
    world.file(
        "c.csv",
        "1. Full name,2. Mobile,3. Address,4. National ID\nMona Adel,01012345678,Cairo,29001011234567\n",
    );
    world.vlens(["init", "c.csv", "--yes"]).run().expect(5);
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    assert!(!text.contains("\ntypes ="), "{text}");
    assert!(text.contains("phone = \"2. Mobile\""), "{text}");
    assert!(text.contains("# fullName = \"1. Full name\""), "{text}");
}

/// As openpyxl writes a workbook: no program has calculated it yet.
#[test]
fn a_column_of_formulas_without_results_is_mapped_and_told() {
    let world = World::new();
    world.file("contract-types/414.json", FORM_414);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/formulas-uncached.xlsx");
    world.file("c.xlsx", std::fs::read(path).unwrap());
    let check = world.vlens(["init", "c.xlsx", "--yes", "--json"]).run();
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    for line in [
        "\nfullName = \"Full name\"",
        "\nbirthDate = { column = \"Birth date\"",
    ] {
        assert!(text.contains(line), "{text}");
    }
    let document: Value = check.expect(3).json();
    let codes = document["problems"].as_array().unwrap();
    assert!(
        codes
            .iter()
            .any(|problem| problem["code"] == "formula_uncalculated")
    );
}

#[test]
fn dates_of_digits_alone_get_their_form() {
    let world = World::new();
    world.file("contract-types/414.json", FORM_414);
    world.file(
        "c.csv",
        "phone,BIRTH_DT\n01012345678,19900131\n01012345679,19851115\n",
    );
    world.vlens(["init", "c.csv", "--yes"]).run().expect(0);
    let text = std::fs::read_to_string(world.path("vlens-batch.toml")).unwrap();
    let rule = "birthDate = { column = \"BIRTH_DT\", type = \"date\", input = \"%Y%m%d\" }";
    assert!(text.contains(rule), "{text}");
}

/// What `init --yes` writes for sheets of all kinds, kept word for word. `UPDATE_FROZEN=1` writes the file anew.
#[test]
fn proposals_are_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/init/frozen.jsonl");
    let update = std::env::var_os("UPDATE_FROZEN").is_some();
    let mut written = String::new();
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let mut case: Value = serde_json::from_str(line).unwrap();
        let (exit, toml) = proposed(&case);
        if update {
            case["exit"] = exit.into();
            case["toml"] = toml.into();
            written.push_str(&case.to_string());
            written.push('\n');
        } else {
            assert_eq!(case["exit"], exit, "{}", case["name"]);
            assert_eq!(case["toml"].as_str(), toml.as_deref(), "{}", case["name"]);
        }
    }
    if update {
        std::fs::write(&path, written).unwrap();
    }
}

/// The exit code, and the config where one was written.
fn proposed(case: &Value) -> (i32, Option<String>) {
    let world = World::new();
    for id in case["forms"].as_array().expect("a list") {
        let form = if id == 414 { FORM_414 } else { FORM_415 };
        world.file(format!("contract-types/{id}.json"), form);
    }
    let sheet = match case["file"].as_str() {
        Some(file) => corpus(file),
        None => case["sheet"].as_str().expect("a text").into(),
    };
    world.file("sheet.csv", sheet);
    let arguments = case["args"].as_array().expect("a list").iter();
    let ended = world
        .vlens(["init", "sheet.csv", "--yes"])
        .args(arguments.map(|argument| argument.as_str().expect("a text")))
        .run();
    let toml = std::fs::read_to_string(world.path("vlens-batch.toml")).ok();
    (ended.code().expect("an exit code"), toml)
}
