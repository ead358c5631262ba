//! `init` on sheets as people have them: whatever it maps is right, it maps nearly everything, and `check` passes at once.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Recipe, World, cases, each, rows};

fn sheets() -> Vec<Case> {
    cases(include_str!("../corpus/init/sheets.toml"), "sheet")
}

#[derive(Deserialize)]
struct Case {
    file: String,
    #[expect(dead_code, reason = "for whoever reads the sheets")]
    why: Option<String>,
    #[serde(default)]
    args: Vec<String>,
    /// The one that is proposed.
    sheet: Option<String>,
    fields: BTreeMap<String, String>,
    recipe: Recipe,
    sent: Option<u64>,
}

/// An arrow key.
const DOWN: &str = "\u{1b}[B";

/// Columns right, wrong and open, and what went otherwise than it should.
#[derive(Default)]
struct Score {
    right: usize,
    wrong: Vec<String>,
    open: Vec<String>,
}

impl Score {
    fn see(&mut self, sheet: &Case, proposal: &Value) {
        assert_eq!(proposal["sheet"].as_str(), sheet.sheet.as_deref());
        let mut met = 0;
        for column in proposal["columns"].as_array().expect("columns") {
            let header = column["column"].as_str().expect("a header");
            let due = sheet.fields.get(header).map(String::as_str);
            let told = format!("{}: {header}: {}", sheet.file, column["field"]);
            met += usize::from(due.is_some());
            match (column["field"].as_str(), due) {
                (None, None) => {}
                (None, Some(_)) => self.open.push(told),
                (found, due) if found == due => self.right += 1,
                _ => self.wrong.push(told),
            }
        }
        assert_eq!(met, sheet.fields.len(), "{}: {proposal}", sheet.file);
    }
}

/// Nine in ten of the useful columns, none wrong; and from `init` to a sent batch without another step.
#[test]
fn sheets_of_everyday_kinds_are_understood_and_sent() {
    let (mut score, mut told) = (Score::default(), 0);
    for sheet in &sheets() {
        let world = World::with_server();
        world.form(414);
        world.file(&sheet.file, sheet.recipe.bytes());
        let init = world.vlens(["init", &sheet.file, "--yes", "--json"]);
        let ended = init.args(&sheet.args).ends(0);
        score.see(sheet, &ended.json());
        // The config is the folder's: of how this one is read it says but the sheet that no run finds by itself, and that it is this one's.
        let text = world.read("vlens-batch.toml");
        let is_told = text.contains("\"    # of this workbook; take it away for others\n\n");
        assert_eq!(text.contains("[source]"), is_told, "{}: {text}", sheet.file);
        assert!(!is_told || sheet.sheet.is_some(), "{text}");
        told += u32::from(is_told);
        if let Some(sent) = sheet.sent {
            let run = world.vlens(["run", &sheet.file, "--yes", "--json"]);
            let run = run.args(["--rate", "unlimited"]).args(&sheet.args).run();
            assert_eq!(run.json()["counts"]["created"], sent, "{run}");
        }
    }
    assert!(score.wrong.is_empty(), "{:#?}", score.wrong);
    let counts = (score.right, score.open.len(), told);
    assert_eq!(counts, (248, 0, 4), "{:#?}", score.open);
}

#[test]
fn a_config_is_not_replaced_unasked_and_one_sheet_may_have_its_own() {
    let world = World::new();
    world.file("customers.csv", "Mobile,Name\n01012345678,Mona Adel\n");
    let company = "[api]\ntenancy_name = \"acme\"\n";
    world.config(company);
    let init = |options: &str, code| {
        let line = format!("init customers.csv --contract-type 414 --yes{options}");
        world.ran(&line, code)
    };
    let text = |name: &str| world.read(name);
    let own = "customers.vlens-batch.toml";
    init("", 0);
    assert_eq!(text("vlens-batch.toml"), company);
    assert!(text(own).contains(company), "{}", text(own));
    assert!(text(own).contains("phone = \"Mobile\""));
    // It is the one that counts from now on.
    let show = world.ran("check customers.csv --show 1", 0);
    show.shows("\"fullName\":\"Mona Adel\"");
    // Of what is given back of the sheet, too.
    let marked = "Mobile,Name\n01012345678,Mona Samir\n";
    world.file("customers.marked.csv", marked);
    let show = world.ran("check customers.marked.csv --show 1", 0);
    show.shows("\"fullName\":\"Mona Samir\"");
    world.file(own, "# mine\n");
    init("", 2);
    assert_eq!(text(own), "# mine\n");
    init(" --force", 0);
    assert!(text(own).contains("phone = \"Mobile\""));
    assert_eq!(text("vlens-batch.toml"), company);
}

/// All but the sheet's own columns, types and way of reading; and what is replaced by force.
#[test]
fn what_a_config_says_of_the_company_holds_for_another_sheet_of_it() {
    let world = World::new();
    let company = "[session]\nminimal_signature_flow = false\n[result]\nlink = \"https://a.example/{{ token }}\"\n\
                   [follow]\nstage = \"State\"\n[identity]\ncolumns = [\"No\"]\n";
    let own = "[source]\ndelimiter = \";\"\nhidden = \"skip\"\n[recipient]\nphone = \"\"\ncountry = \"SA\"\nlandlines = true\n\
               [contract]\ntypes = [415]\n[fields.415]\nfullName = \"Who\"\n";
    world.config(&format!("{company}{own}"));
    // Numbers of the company's country, which are none of Egypt's.
    world.file("a.csv", "No,Contact\n7,0551234567\n");
    world.file("b.csv", "Contact,Client\n966551234567,Mona Adel\n");
    for (sheet, told_by) in [("a", true), ("b", false)] {
        for force in ["", " --force"] {
            let line = format!("init {sheet}.csv --contract-type 414 --yes --json{force}");
            world.ran(&line, 0);
            let text = world.read(format!("{sheet}.vlens-batch.toml"));
            let config: toml::Table = toml::from_str(&text).expect(&text);
            let company: toml::Table = toml::from_str(company).unwrap();
            for (name, table) in company {
                let is_kept = name != "identity" || told_by;
                assert_eq!(config.get(&name), is_kept.then_some(&table), "{text}");
            }
            let source = toml::Table::from_iter([("hidden".to_owned(), "skip".into())]);
            assert_eq!(config["source"].as_table(), Some(&source), "{text}");
            let lines = [
                "phone = \"Contact\"",
                "country = \"SA\"",
                "landlines = true",
                "types = [414]",
            ];
            for line in lines {
                assert!(text.contains(&format!("\n{line}\n")), "{text}");
            }
            assert!(!text.contains("415") && !text.contains("\"Who\""), "{text}");
        }
    }
}

/// Taken up, they are judged as what is sure.
#[test]
fn what_is_offered_as_a_remark_needs_nothing_more() {
    let world = World::new();
    world.form(414);
    world.file(
        "c.csv",
        "Name,Mobile,Net salary,Basic salary,No. on card\nMona Adel,01012345678,\"5,000\",4000,٢٨٨٠٤٢٣٠١١٢٣٤٦\n",
    );
    world.ran("init c.csv --yes", 0);
    let text = world.read("vlens-batch.toml");
    let text = text.replace(
        "# monthlyIncome = { column = \"Net",
        "monthlyIncome = { column = \"Net",
    );
    let text = text.replace("# nationalId", "nationalId");
    world.config(&text);
    let show = world.ran("check c.csv --show 1", 0);
    show.shows("\"monthlyIncome\":\"5000\",\"nationalId\":\"28804230112346\"");
}

/// Only the first 200 rows are looked at.
#[test]
fn a_part_of_a_name_that_a_later_row_lacks_or_has_leaves_no_double_blank() {
    let world = World::new();
    let row = |at: usize| {
        let (father, family) = if at < 220 { ("Ali", "") } else { ("", "Adel") };
        format!("Mona,{father},Zaki,{family},0101{at:07}\n")
    };
    let rows: String = (0..230).map(row).collect();
    let header = "First name,Second name,Third name,Family name,Mobile";
    world.file("c.csv", format!("{header}\n{rows}"));
    world.ran("init c.csv --yes --contract-type 414", 0);
    let show = world.ran("check c.csv --show 230", 0);
    show.shows("\"Mona Ali Zaki\"");
    show.shows("\"Mona Zaki Adel\"");
}

/// What is missing is said with the next command, and until then the headers go out as nobody's keys.
#[test]
fn without_a_contract_type_nothing_can_be_sent_and_the_way_on_is_said() {
    let world = World::new();
    world.file("customers.csv", "Mobile,Name\n01012345678,Mona Adel\n");
    let ended = world.ran("init customers.csv --ledger x.db", 5);
    ended.complains_of("vlens-batch init customers.csv --ledger x.db --contract-type ID --force");
    wrote(&world, "\ntypes = []\n");
    wrote(&world, "# [fields.414]\n# fullName = \"Name\"");
    for more in ["", " --contract-type 414"] {
        let check = world.ran(&format!("check customers.csv{more}"), 5);
        check.complains_of("types");
    }
    let named = "customers.csv --config vlens-batch.toml";
    let init = world.ran(&format!("init {named} --contract-type 414 --force"), 0);
    init.complains_of("vlens-batch check customers.csv");
    let show = world.ran(&format!("check {named} --show 1"), 0);
    show.shows("{\"fullName\":\"Mona Adel\"}");
}

/// A mapping of neither of them would keep the headers from counting, once they are right, and every customer would meet an empty form.
#[test]
fn headers_that_stand_twice_leave_no_mapping_and_an_empty_form_is_told() {
    let world = World::with_server();
    world.form(414);
    let sheet = |header| {
        let row = "01012345678,Mona Adel,Ali Zaki";
        world.file("c.csv", format!("{header}\n{row}\n"));
    };
    sheet("Mobile,Name,Name");
    let refused = world.ran("init c.csv --yes", 5);
    refused.complains_of("in the sheet, then: vlens-batch init c.csv");
    assert!(!world.path("vlens-batch.toml").exists());
    world.config("[contract]\ntypes = [414]\n[fields.414]\n");
    sheet("Mobile,Name,Guarantor");
    let told = "warning: No field of contract type 414 gets a value";
    world.ran("check c.csv", 0).shows(&told[9..]);
    world.sent("c.csv", 0).complains_of(told);
}

/// Asserts that the config holds this, and gives the config.
#[track_caller]
fn wrote(world: &World, lines: &str) -> String {
    let config = world.read("vlens-batch.toml");
    assert!(config.contains(lines), "{lines:?} in:\n{config}");
    config
}

#[test]
fn standard_input_is_looked_at_once_and_the_proposal_is_a_document() {
    let world = World::new();
    let init = world.line("init - --yes --contract-type 414 --json");
    let init = init.stdin("Mobile,Mobile 2,Name\n01012345678,01112345678,Mona Adel\n");
    let document = init.ends(0).json();
    let fields = each(&document["columns"], "field");
    assert_eq!(fields, ["phone", "phone", "fullName"]);
    assert_eq!(document["contract_types"], json!([414]));
    wrote(&world, "phone = [\"Mobile\",\"Mobile 2\"]");
}

#[test]
fn no_whole_personal_value_reaches_the_terminal() {
    let world = World::new();
    let sheets = sheets();
    let english = sheets.iter().find(|it| it.file == "01-english.csv");
    let recipe = &english.expect("a sheet").recipe;
    world.file("01-english.csv", recipe.bytes());
    let ended = world.ran("init 01-english.csv --contract-type 414", 0);
    for value in [
        "01012345678",
        "29001011234567",
        "mona@example.com",
        "Mona Adel",
    ] {
        ended.hides(value);
    }
    // A date is known again by its shape and its year, in the columns as in the row of the form.
    world.file(
        "dates.csv",
        "Mobile,DOB\n01012345678,31/12/1990\n01012345679,15/02/1985\n",
    );
    let ended = world.ran("init dates.csv --contract-type 414", 0);
    for (said, date) in [(ended.stderr, "**/**/1990"), (ended.stdout, "1990-**-**")] {
        assert!(said.contains(date), "{said}");
    }
}

/// What a person changes, joins, does not know, or does not want after all.
#[test]
fn at_a_terminal_enter_takes_a_guess_arrows_another_and_there_is_a_way_back() {
    for (header, options, keys, code, line) in
        rows::<(&str, &str, &str, i32, &str)>("init.at_a_terminal")
    {
        let world = World::new();
        let name = if header.ends_with("Rest") {
            "Mona,Adel"
        } else {
            "Mona Adel"
        };
        world.file("c.csv", format!("{header}\n01012345678,{name}\n"));
        let init = world.line(&format!("init c.csv{options}"));
        let (ended, screen) = init.on_a_terminal(keys);
        assert_eq!(ended, code, "{screen}");
        let asked = screen.split_once("as a form would show it");
        assert_eq!(asked.is_some(), code == 0, "{screen}");
        let (asked, _) = asked.unwrap_or((&screen, ""));
        assert!(!asked.contains("01012345678"), "masked: {screen}");
        if code == 0 {
            for line in ["\nphone = \"Mobile\"", "\ntypes = [414]", line] {
                wrote(&world, line);
            }
        }
        assert_eq!(world.path("vlens-batch.toml").exists(), code == 0);
    }
    for (keys, code, told) in [
        ("\u{1b}", 4, "No mapping was written"),
        ("\r\r", 5, "--contract-type ID --force"),
    ] {
        let world = World::new();
        world.file("c.csv", "Mobile,Name\n01012345678,Mona\n");
        let (ended, screen) = world.line("init c.csv").on_a_terminal(keys);
        assert_eq!(ended, code, "{screen}");
        assert!(screen.contains(told), "{screen}");
        assert_eq!(world.path("vlens-batch.toml").exists(), code == 5);
    }
}

#[test]
fn at_a_terminal_a_header_that_is_a_customers_is_masked_throughout() {
    let world = World::new();
    world.file(
        "c.csv",
        "Mobile,mona@example.com,Rest\n01012345678,Mona,Adel\n",
    );
    let full_name = format!("{}\r", DOWN.repeat(4));
    let keys = format!("{full_name}{full_name}\r");
    let init = world.line("init c.csv --contract-type 414 --header-row 1");
    let (_, screen) = init.on_a_terminal(&keys);
    let (asked, _) = screen.split_once("Write this down?").expect("a question");
    assert!(asked.contains("together with"), "{screen}");
    assert!(!asked.contains("mona@example"), "{screen}");
}

/// One contract type's form is stored, and the sheet has two products.
#[test]
fn a_column_of_products_is_asked_about_and_never_left_out() {
    const ROWS: &str = "01012345678,Mona,Personal loan\n01012345679,Ali,Personal loan / car\n";
    for (header, forms) in rows::<(&str, bool)>("init.products") {
        let world = World::new();
        if forms {
            world.form(414);
        }
        world.file("c.csv", format!("phone,Name,{header}\n{ROWS}"));
        let ended = world.ran("init c.csv --yes", 5);
        let loan = if forms { "414" } else { "…" };
        let lines = [
            format!("column = \"{header}\""),
            format!("values = {{ \"Personal loan\" = {loan}, \"Personal loan / car\" = … }}"),
        ];
        ended.complains_of("stand as remarks");
        // They may be anybody's cells.
        assert!(!ended.stderr.contains("Personal loan"));
        for line in lines {
            let text = wrote(&world, &format!("# {line}"));
            assert!(!text.contains("types = [414]"), "{header}: {text}");
        }
    }
    let world = World::new();
    world.form(414);
    world.file("c.csv", format!("phone,Name,Product\n{ROWS}"));
    let (code, screen) = world.line("init c.csv").on_a_terminal("٤١٥\r\r\r\r");
    assert_eq!(code, 0, "{screen}");
    wrote(
        &world,
        "values = { \"Personal loan\" = 414, \"Personal loan / car\" = 415 }",
    );
}

/// What `init --yes` writes for sheets of all kinds, kept word for word. `UPDATE_FROZEN=1` writes the file anew.
#[test]
fn proposals_are_as_they_were() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/init/frozen.jsonl");
    let update = std::env::var_os("UPDATE_FROZEN").is_some();
    let (mut written, sheets) = (String::new(), sheets());
    for line in std::fs::read_to_string(&path).unwrap().lines() {
        let mut case: Value = serde_json::from_str(line).unwrap();
        let (exit, toml) = proposed(&case, &sheets);
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
fn proposed(case: &Value, sheets: &[Case]) -> (i32, Option<String>) {
    let world = World::new();
    for id in case["forms"].as_array().expect("a list") {
        world.form(if id == 414 { 414 } else { 415 });
    }
    let kept = sheets.iter().find(|it| case["file"] == *it.file);
    let sheet = match kept {
        Some(kept) => kept.recipe.bytes(),
        None => case["sheet"].as_str().expect("a text").into(),
    };
    world.file("sheet.csv", sheet);
    let arguments = case["args"].as_array().expect("a list").iter();
    let ended = world
        .line("init sheet.csv --yes")
        .args(arguments.map(|argument| argument.as_str().expect("a text")))
        .run();
    let toml = std::fs::read_to_string(world.path("vlens-batch.toml")).ok();
    (ended.code().expect("an exit code"), toml)
}

/// Headers that nobody knows lose no customer, and a sheet without headers is refused.
#[test]
fn no_customer_is_taken_for_the_headers() {
    let rows = "Mona Adel,01012345678,married,28804230112346\nAli Hassan,01112345678,single,27911152104173\n";
    let world = World::with_server();
    world.form(414);
    for headers in [
        "q1,q2,q3,q4",
        "Customers,as of,2026-05-01\nName,Mobile,Marital status,ID",
    ] {
        world.file("known.csv", format!("{headers}\n{rows}"));
        world.ran("init known.csv --yes", 0);
        world.ran("check known.csv", 0).shows("2 rows, 2 valid");
        std::fs::remove_file(world.path("vlens-batch.toml")).expect("a config");
    }
    for (name, text) in [
        ("none.csv", rows),
        ("plain.csv", "منى عادل,٠١٠١٢٣٤٥٦٧٨\nعلي حسن,01112345678\n"),
        (
            "mail.csv",
            "Mona Adel,mona@example.com\nAli Hassan,ali@example.com\n",
        ),
    ] {
        world.file(name, text);
        for line in ["init {} --yes", "check {}", "run {} --yes"] {
            let line = format!("{} --contract-type 414 --json", line.replace("{}", name));
            world.ran(&line, 5).fails_with("header_is_a_customer");
        }
        world.ran(
            &format!("check {name} --contract-type 414 --header-row 1"),
            5,
        );
    }
    assert!(world.invitations().is_empty());
}
