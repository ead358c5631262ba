//! The way of a sheet that needs correcting: what `check` and `export` give back is corrected and run as it is.

use serde_json::{Value, json};

use crate::support::{Promise, World};

const SHEET: &str = "الموبايل,الاسم,تاريخ الميلاد\n\
                     1012345678,منى عادل,31/01/1990\n\
                     0101,أحمد,1/2/1990\n\
                     01212345678,=1+1,31/12/90\n\
                     01012345678,منى,31/01/1990\n";

const CONFIG: &str = "[contract]\ntypes = [414]\n[fields.414]\nfullName = \"الاسم\"\n\
                      birthDate = { column = \"تاريخ الميلاد\", type = \"date\", input = \"%d/%m/%Y\" }\n";

/// What is the same however the sheet is written.
fn outcome(document: &Value) -> Value {
    let problems: Vec<Value> = document["problems"]
        .as_array()
        .expect("problems")
        .iter()
        .map(|problem| {
            json!([
                problem["row"],
                problem["column"],
                problem["code"],
                problem["value"]
            ])
        })
        .collect();
    json!([
        problems,
        document["duplicates"],
        document["valid"],
        document["repairs"]
    ])
}

#[test]
fn an_annotated_sheet_is_checked_like_the_original() {
    let world = World::new();
    world.file("customers.csv", SHEET);
    world.config(CONFIG);
    let check = |file: &str, more: &[&str]| {
        let told = world
            .vlens(["check", file, "--json"])
            .args(more)
            .run()
            .expect(3)
            .json();
        let shown = world
            .vlens(["check", file, "--show", "9"])
            .run()
            .expect(3)
            .stdout;
        (outcome(&told), shown)
    };
    let original = check("customers.csv", &["--annotate", "marked.xlsx"]);
    assert_eq!(
        original.0[0].as_array().map(Vec::len),
        Some(3),
        "{original:?}"
    );
    assert_eq!(check("marked.xlsx", &[]), original);
    // Marked again, it is still the same sheet.
    assert_eq!(
        check("marked.xlsx", &["--annotate", "again.xlsx"]),
        original
    );
    assert_eq!(check("again.xlsx", &[]), original);
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
        world.send("customers.csv").run().expect(3);
        for file in ["left.csv", "left.xlsx"] {
            export_what_is_left(&world, file);
        }
        let left = std::fs::read_to_string(world.path("left.csv")).expect("the export");
        world.file("left.csv", left.replace("0111234567,", "01112345678,"));
        let summary = world.send("left.csv").run().expect(0).json();
        assert_eq!(summary["counts"]["created"], 1);
        let body = world.server_log().last().expect("a request").json();
        assert_eq!(
            body["SessionInput"]["RequestFieldsValues"],
            json!({ "414": { "fullName": "Ahmed" } })
        );
        world.check_invariants(&Promise::default());
    }
}

/// Only the row with the problem is in it, and that problem is its only one.
fn export_what_is_left(world: &World, file: &str) {
    world
        .vlens([
            "export",
            "--only",
            "rejected,invalid,failed",
            "--output",
            file,
        ])
        .run()
        .expect(0);
    let left = world
        .vlens(["check", file, "--json"])
        .run()
        .expect(3)
        .json();
    assert_eq!(left["rows"], 1, "{file}: {left}");
    let problems = left["problems"].as_array().expect("problems");
    assert_eq!(problems.len(), 1, "{file}: {left}");
    assert_eq!(problems[0]["column"], "phoneNumber", "{file}");
}

#[test]
fn a_row_that_an_earlier_run_invited_is_told_with_both_row_numbers() {
    let world = World::with_server();
    world.customers("may.csv", 3);
    world.send("may.csv").run().expect(0);
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
    let screen = world.vlens(["check", "june.csv"]).run().expect(0).stdout;
    let screen = screen.replace('\n', " ");
    for words in [
        "2 rows were invited by an earlier run",
        "row 4 (run 1, row 3 of may.csv)",
        "1 of them has changed",
        "Create the invitations",
    ] {
        assert!(screen.contains(words), "{words}: {screen}");
    }
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
    assert!(
        told.stdout.lines().all(|line| line.chars().count() <= 80),
        "{told}"
    );
    let again = world.ran("check marked.xlsx --json", 3).json();
    assert_eq!(
        (&again["rows"], &again["invalid"]),
        (&json!(2_000), &json!(200))
    );
}

#[test]
fn the_next_command_is_quoted_for_the_shell() {
    let world = World::new();
    world.file(
        "my customers.csv",
        "phone,name\n0101,Mona\n01012345678,Sara\n",
    );
    world.file(
        "my config.toml",
        "[contract]\ntypes = [414]\n[fields.414]\nname = \"name\"\n",
    );
    let told = world
        .vlens(["check", "my customers.csv", "--config", "my config.toml"])
        .args(["--ledger", "it's.db"])
        .run()
        .expect(3);
    let command =
        "vlens-batch run \"my customers.csv\" --config \"my config.toml\" --ledger \"it's.db\"";
    assert!(told.stdout.contains(command), "{told}");
}

/// The texts of a sheet's cells, row by row; what is no text is written as a number.
fn cells(world: &World, book: &str, sheet: usize) -> Vec<Vec<String>> {
    let mut book: calamine::Xlsx<_> = calamine::open_workbook(world.path(book)).expect("a book");
    let range = calamine::Reader::worksheet_range_at(&mut book, sheet);
    let range = range.expect("a sheet").expect("a readable sheet");
    let texts = |row: &[calamine::Data]| row.iter().map(ToString::to_string).collect();
    range.rows().map(texts).collect()
}

/// A part of a workbook.
fn part(world: &World, book: &str, name: &str) -> String {
    let file = std::fs::File::open(world.path(book)).expect("a book");
    let mut book = zip::ZipArchive::new(file).expect("a package");
    let mut text = String::new();
    let mut part = book.by_name(name).expect("a part");
    std::io::Read::read_to_string(&mut part, &mut text).expect("text");
    text
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
    assert!(
        checked.stdout.contains("1 row, 1 valid.") && checked.stdout.contains("row 4 (a total)"),
        "{checked}"
    );
    let told = cells(&world, "marked.xlsx", 1);
    assert!(
        told[3][0].starts_with("صف إجمالي") && told[3][1] == "الإجمالي",
        "{told:?}"
    );
    let ran = world.sent("customers.csv", 0);
    assert_eq!(ran.json()["rows"], 1);
    assert!(ran.stderr.contains("row 5 (a signature)"), "{ran}");
}

#[test]
fn a_name_alone_is_a_customer_whose_phone_is_missing() {
    let world = World::new();
    world.file("customers.csv", "fullName,phone,city\nMona Adel,,\n");
    let checked = world
        .ran("check customers.csv --contract-type 414 --json", 3)
        .json();
    assert_eq!(checked["problems"][0]["code"], "recipient_missing");
}

#[test]
fn corrections_in_a_marked_book_are_never_overwritten() {
    let world = World::new();
    world.file("customers.csv", "phone,name\n0101,Mona\n01012345678,Sara\n");
    world.config("[contract]\ntypes = [414]\n[fields.414]\nname = \"name\"\n");
    let mark = "check customers.csv --annotate customers.marked.xlsx";
    world.ran(mark, 3);
    world.ran(mark, 3);
    let book = world.path("customers.marked.xlsx");
    let saved = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
    let file = std::fs::File::options()
        .write(true)
        .open(&book)
        .expect("a book");
    file.set_modified(saved).expect("a time");
    let before = std::fs::read(&book).expect("a book");
    let refused = world.ran(mark, 2);
    assert_eq!(std::fs::read(&book).expect("a book"), before);
    // Both commands that it names work, and so does the one that a check names.
    for command in refused
        .stderr
        .split('`')
        .filter(|text| text.starts_with("vlens-batch "))
    {
        world.ran(command.trim_start_matches("vlens-batch "), 3);
    }
    let told = world.ran("check customers.csv", 3).stdout;
    let command = told
        .lines()
        .find(|line| line.contains("--annotate"))
        .expect("a command");
    assert!(command.contains("customers.marked-2.xlsx"), "{told}");
    world.ran(command.trim().trim_start_matches("vlens-batch "), 3);
    // A book of somebody else's is nobody's to overwrite.
    world.file("other.xlsx", "theirs");
    world.ran("check customers.csv --annotate other.xlsx", 2);
}

#[test]
fn an_export_is_read_as_it_was_written_whatever_the_config_says_of_the_sheet() {
    let world = World::with_server();
    let sheet = "Title;;\n;;\nphone;fullName;nationalId\n\
                 01012345678;Mona;29001011234567\n0101;Ali;29001011234577\n";
    world.file("customers.csv", sheet);
    world.config(
        "[source]\nheader_row = 3\ndelimiter = \";\"\nencoding = \"windows-1256\"\nsheet = \"June\"\n\
         [contract]\ntypes = [414]\n[fields.414]\nfullName = \"fullName\"\n",
    );
    world.sent("customers.csv", 3);
    for file in ["left.csv", "left.xlsx"] {
        world.ran(&format!("export --only invalid --output {file}"), 0);
        let checked = world.ran(&format!("check {file} --json"), 3).json();
        let problem = &checked["problems"][0];
        assert_eq!(
            (&checked["rows"], &problem["row"]),
            (&json!(1), &json!(2)),
            "{checked}"
        );
        assert_eq!(problem["column"], "phone");
    }
}

/// A book as a bank keeps it: titles, Arabic headers, widths and number formats of its own.
fn a_bank_s_book(world: &World) {
    use rust_xlsxwriter::{ExcelDateTime, Format, Workbook};
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    let mut fill = || -> Result<(), rust_xlsxwriter::XlsxError> {
        sheet.set_name("العملاء")?.set_right_to_left(true);
        sheet.write(0, 0, "بنك النيل")?;
        for (at, name) in (0..).zip(["الاسم", "الموبايل", "تاريخ الميلاد", "الدخل"])
        {
            sheet.write(2, at, name)?;
        }
        let money = Format::new().set_num_format("#,##0.00\" ج.م\"");
        let day = Format::new().set_num_format("dd/mm/yyyy");
        sheet.set_column_width(0, 31.5)?;
        for (row, phone) in [(3, "0101"), (4, "01012345678")] {
            sheet.write(row, 0, "منى عادل")?.write(row, 1, phone)?;
            sheet.write_with_format(row, 2, ExcelDateTime::from_ymd(1990, 12, 31)?, &day)?;
            sheet.write_with_format(row, 3, 5000.5, &money)?;
        }
        Ok(())
    };
    fill().expect("a filled sheet");
    book.save(world.path("loans.xlsx")).expect("a book");
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
    let told = cells(&world, "marked.xlsx", 1);
    assert_eq!(told[0][1], "بنك النيل");
    assert_eq!(told[2][0], "_المشكلات");
    assert_eq!(
        told[3][0],
        "الموبايل: لا يوجد رقم هاتف صحيح في الخلية؛ اكتب أرقامه فقط."
    );
    let sheet = part(&world, "marked.xlsx", "xl/worksheets/sheet2.xml");
    assert!(
        sheet.contains("min=\"2\" max=\"2\" width=\"32.2"),
        "{sheet}"
    );
    assert!(sheet.contains("rightToLeft=\"1\""), "{sheet}");
    let styles = part(&world, "marked.xlsx", "xl/styles.xml");
    for format in ["#,##0.00&quot; ج.م&quot;", "dd/mm/yyyy"] {
        assert!(styles.contains(format), "{format} in {styles}");
    }
    let again = world.ran("check marked.xlsx --json", 3).json();
    assert_eq!(
        (&again["rows"], &again["problems"][0]["row"]),
        (&json!(2), &json!(4))
    );
    world.ran("check loans.xlsx --lang en --annotate english.xlsx", 3);
    let told = cells(&world, "english.xlsx", 1);
    assert!(
        told[3][0].contains("The cell holds no phone number"),
        "{told:?}"
    );
}

#[test]
fn results_keep_numbers_and_dates_and_show_arabic_over_the_words_that_scripts_read() {
    let world = World::with_server();
    a_bank_s_book(&world);
    world.sent("loans.xlsx", 3);
    world.ran("export --output results.xlsx", 0);
    let mut book: calamine::Xlsx<_> =
        calamine::open_workbook(world.path("results.xlsx")).expect("a book");
    let range = calamine::Reader::worksheet_range_at(&mut book, 0).expect("a sheet");
    let range = range.expect("a readable sheet");
    let row: Vec<calamine::Data> = range.rows().nth(1).expect("a row").to_vec();
    assert!(matches!(row[2], calamine::Data::DateTime(_)), "{row:?}");
    assert_eq!(row[3], calamine::Data::Float(5000.5));
    assert_eq!(row[1], calamine::Data::String("0101".to_owned()));
    let names: Vec<String> = range
        .rows()
        .next()
        .expect("a header")
        .iter()
        .map(ToString::to_string)
        .collect();
    assert!(names.contains(&"vlens_status".to_owned()), "{names:?}");
    let error = names
        .iter()
        .position(|name| name == "vlens_error")
        .expect("a column");
    assert!(
        row[error].to_string().starts_with("الموبايل: لا يوجد"),
        "{row:?}"
    );
    let styles = part(&world, "results.xlsx", "xl/styles.xml");
    for shown in ["غير صالحة", "التفاصيل"] {
        assert!(styles.contains(shown), "{shown}");
    }
    assert!(
        styles.contains("wrapText=\"1\" readingOrder=\"2\""),
        "{styles}"
    );
}

#[test]
fn a_sheet_that_nothing_maps_is_answered_with_init() {
    let world = World::with_server();
    world.file("customers.csv", "Customer,Mobile no\nMona,01012345678\n");
    for line in ["check customers.csv", "run customers.csv --yes"] {
        let told = world.ran(line, 5);
        assert!(
            told.stderr.contains("vlens-batch init customers.csv"),
            "{told}"
        );
    }
    let told = world.ran("check customers.csv --contract-type 414", 0);
    assert!(
        told.stdout.contains("vlens-batch init customers.csv"),
        "{told}"
    );
}
