//! The way of a sheet that needs correcting: what `check` and `export` give back is corrected and run as it is.

use serde_json::{Value, json};

use crate::support::{Promise, Recipe, World, each, parts, pick, rows};

const SHEET: &str = "الموبايل,الاسم,تاريخ الميلاد\n\
                     1012345678,منى عادل,31/01/1990\n\
                     0101,أحمد,1/2/1990\n\
                     01212345678,=1+1,31/12/90\n\
                     01012345678,منى,31/01/1990\n";

const CONFIG: &str = "[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم\"\n\
                      birthDate = { column = \"تاريخ الميلاد\", type = \"date\", input = \"%d/%m/%Y\" }\n";

/// Two customers, one of whom nobody can reach.
const TWO: &str = "phone,name\n0101,Mona\n01012345678,Sara\n";
const TWO_MAPPED: &str = "[contract]\ntypes = [414]\n[fields.414]\nname = \"name\"\n";

#[test]
fn an_annotated_sheet_is_checked_like_the_original() {
    let world = World::new();
    world.file("customers.csv", SHEET);
    world.config(CONFIG);
    // What is the same however the sheet is written.
    let check = |file: &str, more: &str| {
        let told = world.ran(&format!("check {file} --json{more}"), 3).json();
        let problems = told["problems"].as_array().expect("problems").iter();
        let problems = problems.map(|one| pick(one, ["row", "column", "code", "value"]));
        let problems: Vec<Value> = problems.collect();
        let others = pick(&told, ["duplicates", "valid", "repairs"]);
        let shown = world.ran(&format!("check {file} --show 9"), 3).stdout;
        (problems, others, shown)
    };
    let original = check("customers.csv", " --annotate marked.xlsx");
    assert_eq!(original.0.len(), 3, "{original:?}");
    // Marked again, it is still the same sheet.
    let marked = check("marked.xlsx", " --annotate again.xlsx");
    assert_eq!(marked, original);
    assert_eq!(check("again.xlsx", ""), original);
}

#[test]
fn what_needs_a_person_is_exported_corrected_and_run_as_it_is() {
    let by_mapping = "[recipient]\nphone = \"phoneNumber\"\n[contract]\ncolumn = \"contractTypeId\"\n\
                      [fields.414]\nfullName = \"fullName\"\n";
    for config in [None, Some(by_mapping)] {
        let world = World::with_server();
        if let Some(config) = config {
            world.config(config);
        }
        world.file(
            "customers.csv",
            "phoneNumber,contractTypeId,fullName\n\
             01012345678,414,Mona\n0111234567,414,Ahmed\n01212345678,414,Sara\n",
        );
        world.sent("customers.csv", 3);
        for file in ["left.csv", "left.xlsx"] {
            export_what_is_left(&world, file);
        }
        let left = world.read("left.csv");
        world.file("left.csv", left.replace("0111234567,", "01112345678,"));
        let summary = world.sent("left.csv", 0).json();
        assert_eq!(summary["counts"]["created"], 1);
        let last = world.invitations().pop().expect("a request");
        assert_eq!(last.fields(414), json!({ "fullName": "Ahmed" }));
        world.check_invariants(&Promise::default());
    }
}

/// Only the row with the problem is in it, and that problem is its only one.
fn export_what_is_left(world: &World, file: &str) {
    let export = format!("export --only rejected,invalid,failed --output {file}");
    world.ran(&export, 0);
    let left = world.ran(&format!("check {file} --json"), 3).json();
    assert_eq!(left["rows"], 1, "{file}: {left}");
    assert_eq!(each(&left["problems"], "column"), ["phoneNumber"], "{file}");
}

#[test]
fn what_an_export_or_a_check_added_is_never_given_back_beside_the_fresh() {
    let world = World::with_server();
    world.config(&TWO_MAPPED.replace("\nname", "\nfullName"));
    world.file("two.csv", TWO);
    world.sent("two.csv", 3);
    world.ran("export --output results.csv", 0);
    let results = world.read("results.csv");
    let stale = world.export()[1]["token"].to_string();
    let stale = stale.trim_matches('"');
    assert!(results.contains(stale), "{results}");
    world.file("results.csv", results.replace("Sara", "Sara Ali"));
    world.sent("results.csv --resend-changed", 3);
    let again = world.ran("export", 0);
    let header = results.lines().next().expect("a header");
    again.shows(header).hides(stale);
    assert_eq!(again.stdout.lines().next(), Some(header));
    world.ran("export --without-tokens", 0).hides(stale);
    // Marked in one language, and again in the other, with a column of the team's own before it.
    world.ran("check two.csv --annotate marked.xlsx --lang ar", 3);
    world.ran("check marked.xlsx --annotate again.xlsx --lang en", 3);
    let headers = |book: &str| {
        let cells = world.cells(book, 1).remove(0).into_iter();
        cells.map(|cell| cell.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(headers("marked.xlsx"), ["_المشكلات", "phone", "name"]);
    assert_eq!(headers("again.xlsx"), ["_problems", "phone", "name"]);
    let told = world.cells("again.xlsx", 1)[1].clone();
    assert_eq!(
        told[1..],
        ["0101", "Mona"].map(|text| calamine::Data::String(text.to_owned()))
    );
    world.sent("marked.xlsx", 3);
    world.ran("export", 0).hides("_المشكلات");
}

#[test]
fn a_row_that_an_earlier_run_invited_is_told_with_both_row_numbers() {
    let world = World::with_server();
    world.customers("may.csv", 3);
    world.sent("may.csv", 0);
    world.file(
        "june.csv",
        "phoneNumber,contractTypeId,fullName,monthlyIncome\n\
         01099999999,414,New,1\n+201010000002,414,Customer 2,5002\n+201010000001,415,Changed,1\n",
    );
    let told = world.ran("check june.csv --json", 0).json();
    assert_eq!(
        told["already_created"],
        json!([
            { "row": 3, "changed": false, "run": 1, "run_source": "may.csv", "run_row": 4 },
            { "row": 4, "changed": true, "run": 1, "run_source": "may.csv", "run_row": 3 },
        ])
    );
    let told = world.ran("check june.csv", 0);
    told.shows("2 rows were invited by an earlier run")
        .shows("row 4 (run 1, row 3 of may.csv)")
        .shows("1 of them has changed")
        .shows("Create the invitations");
}

#[test]
fn a_sheet_full_of_problems_is_told_on_one_screen_and_marked_in_a_workbook() {
    let world = World::new();
    let rows: String = (0..2_000)
        .map(|n| match n % 20 {
            0 => format!("0101,Customer {n},5000\n"),
            10 => format!("010{n:08},Customer {n},much\n"),
            _ => format!("010{n:08},Customer {n},5000\n"),
        })
        .collect();
    world.file("customers.csv", format!("phone,name,income\n{rows}"));
    world.config(
        "[contract]\ntypes = [414]\n[fields.414]\nname = \"name\"\nincome = { column = \"income\", type = \"number\" }\n",
    );
    let told = world.ran("check customers.csv --annotate marked.xlsx", 3);
    assert!(told.stdout.lines().count() <= 40, "{told}");
    let mut lines = told.stdout.lines();
    assert!(lines.all(|line| line.chars().count() <= 80), "{told}");
    let again = world.ran("check marked.xlsx --json", 3).json();
    assert_eq!(pick(&again, ["rows", "invalid"]), json!([2_000, 200]));
}

#[test]
fn the_next_command_names_the_config_where_it_would_find_another() {
    let world = World::new();
    world.file("loans.csv", TWO);
    world.file("loans.vlens-batch.toml", TWO_MAPPED);
    let check = world.ran("check loans.csv --annotate marked.xlsx", 3);
    check.shows("vlens-batch check marked.xlsx --config loans.vlens-batch.toml");
    let ours = world.config(TWO_MAPPED);
    world.file(
        "sheets/two.csv",
        TWO.replace("01012345678", "+201555000422"),
    );
    world
        .ran("run sheets/two.csv --sandbox", 3)
        .hides("--config");
    let status = world.line("status --ledger ../sheets/vlens-batch.sandbox.db");
    let status = status.after_shell("mkdir b; cd b; touch vlens-batch.toml");
    let told = status.ends(3);
    let options = format!("--config {} --ledger ../sheets", ours.display());
    for command in ["sheets/two.csv", "--only rejected --output rejected.xlsx"] {
        told.shows(&format!("{command} {options}"));
    }
    // Nor does it find one where there was none; and what it sends is told by the run's own.
    let rows = "phoneNumber\n+201555000500\n01012345671\n01012345672\n";
    world.file("bare/two.csv", format!("{rows}0101\n"));
    world.file("bare/resends.toml", "[retry]\non_uncertain = \"resend\"\n");
    let bare = "bare/two.csv --sandbox --contract-type 414 --limit 1";
    let ran = world.ran(&format!("run {bare} --config none"), 4);
    ran.shows("two.csv --config none");
    let status = "status --ledger bare/vlens-batch.sandbox.db";
    let told = world.ran(status, 4);
    told.shows("two.csv --config none")
        .shows("and with no other");
    world.ran(&format!("run {bare} --config bare/resends.toml"), 4);
    let told = world.ran(status, 4);
    told.shows("sends it once more")
        .shows("and once more with those that failed or are");
}

#[test]
fn the_next_command_is_quoted_for_the_shell() {
    let world = World::new();
    world.file("my customers.csv", TWO);
    world.file("my config.toml", TWO_MAPPED);
    let check = world.line("check 'my customers.csv' --config 'my config.toml'");
    let told = check.args(["--ledger", "it's.db"]).ends(3);
    told.shows(
        "vlens-batch run \"my customers.csv\" --config \"my config.toml\" --ledger \"it's.db\"",
    );
    // What begins like an option.
    world.file("-x.csv", TWO);
    let ran = world.ran("run ./-x.csv --sandbox --contract-type 414", 3);
    ran.shows("vlens-batch check ./-x.csv --ledger");
    let checked = world.ran("check --contract-type 414 -- -x.csv", 3);
    checked.shows("vlens-batch check --annotate ./-x.marked.xlsx ./-x.csv");
}

/// A part of a workbook.
fn part(world: &World, book: &str, name: &str) -> String {
    let book = std::fs::read(world.path(book)).expect("a book");
    let part = parts(&book).remove(name).expect("a part");
    String::from_utf8(part).expect("text")
}

#[test]
fn rows_that_are_no_customers_are_told_and_end_no_run_with_3() {
    let world = World::with_server();
    let sheet = "م,الاسم,الموبايل,المبلغ\n\
                 ,فرع الدقي,,\n\
                 1,منى عادل,01012345678,5000\n\
                 الإجمالي,,1,5000\n\
                 إعداد: نادية,,,\n";
    world.file("customers.csv", sheet);
    world.config("[recipient]\nphone = \"الموبايل\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم\"\n");
    // The title stands below the names, where a customer without a phone would stand too.
    let checked = world.ran("check customers.csv --json", 3).json();
    assert_eq!(checked["problems"][0]["row"], 2, "{checked}");
    world.file(
        "customers.csv",
        sheet.replace(",فرع الدقي,,", "فرع الدقي,,,"),
    );
    let checked = world.ran("check customers.csv --annotate marked.xlsx", 0);
    checked.shows("1 row, 1 valid.").shows("as totals: 4.");
    let overview = world.cells("marked.xlsx", 0);
    let doubt = "صفوف لا تُرسل لأنها سطر نصي، كعنوان قسم: 2.";
    let mut cells = overview.iter().flatten();
    assert!(cells.any(|cell| cell == doubt), "{overview:?}");
    let told = &world.cells("marked.xlsx", 1)[3];
    assert!(told[0].to_string().starts_with("صف إجمالي"), "{told:?}");
    assert_eq!(told[1], "الإجمالي");
    let ran = world.sent("customers.csv", 0);
    assert_eq!(ran.json()["rows"], 1);
    ran.complains_of("as signatures: 5.");
}

#[test]
fn corrections_in_a_marked_book_are_never_overwritten() {
    let world = World::new();
    world.file("customers.csv", TWO);
    world.config(TWO_MAPPED);
    let mark = "check customers.csv --annotate customers.marked.xlsx";
    world.ran(mark, 3);
    world.ran(mark, 3);
    let book = world.path("customers.marked.xlsx");
    let saved = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    world.set_time(&book, saved);
    let before = std::fs::read(&book).expect("a book");
    let refused = world.ran(mark, 2);
    assert_eq!(std::fs::read(&book).expect("a book"), before);
    // Both commands that it names work, and so does the one that a check names.
    let quoted = refused.stderr.split('`');
    for command in quoted.filter_map(|text| text.strip_prefix("vlens-batch ")) {
        world.ran(command, 3);
    }
    let told = world.ran("check customers.csv", 3).stdout;
    let mut lines = told
        .lines()
        .filter_map(|line| line.trim().strip_prefix("vlens-batch "));
    let command = lines.find(|line| line.contains("--annotate"));
    let command = command.expect("a command");
    assert!(command.contains("customers.marked-2.xlsx"), "{told}");
    world.ran(command, 3);
    // A book of somebody else's is nobody's to overwrite.
    world.file("other.xlsx", "theirs");
    world.ran("check customers.csv --annotate other.xlsx", 2);
}

#[test]
fn an_export_is_read_as_it_was_written_whatever_the_config_says_of_the_sheet() {
    let world = World::with_server();
    // The row that tells what a comma means is left out.
    let sheet = "Title;;\n;;\nphone;fullName;income\n01012345678;Mona;1250,50\n0101;Ali;12,500\n";
    world.file("customers.csv", sheet);
    world.config(
        "[source]\nheader_row = 3\ndelimiter = \";\"\nencoding = \"windows-1256\"\nsheet = \"June\"\n\
         [contract]\ntypes = [414]\n[fields.414]\nfullName = \"fullName\"\nincome = { column = \"income\", type = \"number\" }\n",
    );
    world.sent("customers.csv", 3);
    for file in ["left.csv", "left.xlsx"] {
        world.ran(&format!("export --only invalid --output {file}"), 0);
        let checked = world.ran(&format!("check {file} --json"), 3).json();
        let columns = each(&checked["problems"], "column");
        assert_eq!(checked["problems"][0]["row"], 2, "{checked}");
        assert_eq!(columns, ["phone", "income"], "{checked}");
    }
}

/// A book as a bank keeps it: titles, Arabic headers, widths and number formats of its own.
fn a_bank_s_book(world: &World) {
    let book = rows::<Recipe>("correcting.bank").remove(0).bytes();
    world.file("loans.xlsx", book);
    world.config(
        "[source]\nheader_row = 3\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم\"\n\
         birthDate = { column = \"تاريخ الميلاد\", type = \"date\" }\nincome = { column = \"الدخل\", type = \"number\" }\n",
    );
}

#[test]
fn a_marked_book_keeps_its_face_and_speaks_the_sheets_language() {
    let world = World::new();
    a_bank_s_book(&world);
    world.ran("check loans.xlsx --annotate marked.xlsx", 3);
    let told = world.cells("marked.xlsx", 1);
    assert_eq!(told[0][1], "بنك النيل");
    assert_eq!(told[2][0], "_المشكلات");
    assert_eq!(
        told[3][0],
        "الموبايل: لا يوجد رقم هاتف صحيح في الخلية؛ اكتب أرقامه فقط."
    );
    let overview = world.cells("marked.xlsx", 0);
    let mut cells = overview.iter().flatten();
    let is_told = cells.any(|cell| cell == "قُرئت الورقة «العملاء» من ملف XLSX.");
    assert!(is_told, "{overview:?}");
    let sheet = part(&world, "marked.xlsx", "xl/worksheets/sheet2.xml");
    for face in ["min=\"2\" max=\"2\" width=\"32.2", "rightToLeft=\"1\""] {
        assert!(sheet.contains(face), "{face} in {sheet}");
    }
    assert!(!sheet.contains("#REF!"), "merged, and of no use");
    let styles = part(&world, "marked.xlsx", "xl/styles.xml");
    for format in ["#,##0.00&quot; ج.م&quot;", "dd/mm/yyyy"] {
        assert!(styles.contains(format), "{format} in {styles}");
    }
    let again = world.ran("check marked.xlsx --json", 3).json();
    assert_eq!(again["rows"], 2);
    assert_eq!(again["problems"][0]["row"], 4);
    world.ran("check loans.xlsx --lang en --annotate english.xlsx", 3);
    let told = world.cells("english.xlsx", 1)[3][0].to_string();
    assert!(told.contains("The cell holds no phone number"), "{told}");
}

#[test]
fn results_keep_numbers_and_dates_and_show_arabic_over_the_words_that_scripts_read() {
    let world = World::with_server();
    a_bank_s_book(&world);
    world.sent("loans.xlsx", 3);
    world.ran("export --output results.xlsx", 0);
    let cells = world.cells("results.xlsx", 0);
    let (names, row) = (&cells[0], &cells[1]);
    assert!(matches!(row[2], calamine::Data::DateTime(_)), "{row:?}");
    assert_eq!(row[3], calamine::Data::Float(5000.5));
    assert_eq!(row[1], calamine::Data::String("0101".to_owned()));
    let has_results = names.iter().any(|name| *name == "vlens_status");
    assert!(has_results, "{names:?}");
    let error = names.iter().position(|name| *name == "vlens_error");
    let error = row[error.expect("a column")].to_string();
    assert!(error.starts_with("الموبايل: لا يوجد"), "{row:?}");
    let styles = part(&world, "results.xlsx", "xl/styles.xml");
    for shown in ["غير صالحة", "_الحالة", "wrapText=\"1\" readingOrder=\"2\""] {
        assert!(styles.contains(shown), "{shown} in {styles}");
    }
}

#[test]
fn a_sheet_that_nothing_maps_is_answered_with_init() {
    let world = World::with_server();
    world.file("customers.csv", "Customer,Mobile no\nMona,01012345678\n");
    for line in ["check customers.csv", "run customers.csv --yes"] {
        let told = world.ran(line, 5);
        told.complains_of("vlens-batch init customers.csv");
    }
    let told = world.ran("check customers.csv --contract-type 414", 0);
    told.shows("vlens-batch init customers.csv");
}
