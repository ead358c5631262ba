//! From the invitation to the signature: files from the portal, webhook logs and systems of one's own say who has signed.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::{Recipe, World, cases, pick, rows};

const CONFIG: &str = "
[result]
link = \"https://onboard.example/start?session={{ token }}\"
[follow]
match = \"رقم الموبايل\"
stage = \"الحالة\"
at = \"آخر تحديث\"
signed = [\"تم التوقيع\"]
";

/// The phones on the reminder list of the newest run; each has a link.
fn reminded(world: &World) -> Vec<String> {
    let list = world.ran("export --not-signed --format jsonl", 0);
    let phone = |row: Value| {
        let token = row["token"].as_str().expect("a token");
        let link = format!("https://onboard.example/start?session={token}");
        assert_eq!(pick(&row, ["status", "link"]), json!(["created", link]));
        let phone = row["source"]["phoneNumber"].as_str();
        phone.expect("a phone").to_owned()
    };
    list.json_lines().into_iter().map(phone).collect()
}

#[test]
fn a_log_that_grows_while_it_is_read_is_followed_and_one_begun_anew_is_not() {
    let world = World::with_created(1);
    let log = |lines| {
        let line = "{\"phone\":\"+201000000001\",\"status\":\"opened\"}\n";
        world.file("log.jsonl", line.repeat(lines));
    };
    log(2);
    for (lines, code) in [(3, 0), (1, 4)] {
        // Between its two readings.
        let follow = world.line("follow log.jsonl").stopping_at("before_commit");
        let mut follow = follow.start();
        follow.wait_until_stopped();
        log(lines);
        follow.thaw();
        follow.wait().expect(code);
    }
}

#[test]
fn the_loop_from_the_invitation_to_the_reminder_list() {
    // The server and the customers' sheet have a world each, so that the portal's file has a place before the server starts.
    let portal = World::new();
    let file = portal.path("portal.csv");
    let world = World::with(&format!("--portal {}", file.display()));
    world.config(CONFIG);
    let invited = world.customers("customers.csv", 40);
    world.sent("customers.csv --concurrency 1", 0);
    assert_eq!(reminded(&world).len(), 40);

    let text = world.read(&file);
    let words = rows::<(&str, &str)>("follow.words").into_iter();
    let translated = words.fold(text.clone(), |text, (english, arabic)| {
        text.replace(english, arabic)
    });
    world.file("portal.csv", translated);
    let told = world.ran("follow portal.csv --json", 0).json();
    assert_eq!(pick(&told, COUNTS), json!([40, 0, 0, 0, 0]), "{told}");
    let signed = |told: &Value| pick(told, ["signed", "not_signed"]);
    assert_eq!(signed(&told), json!([15, 25]), "{told}");
    let lines = text.lines().filter(|line| line.contains("Customer signed"));
    let have_signed: Vec<&str> = lines.map(|line| &line[..13]).collect();
    assert_eq!(have_signed.len(), 15);
    let others = invited.into_iter().map(|customer| customer.phone);
    let others = others.filter(|phone| !have_signed.contains(&phone.as_str()));
    let others: Vec<String> = others.collect();
    assert_eq!(reminded(&world), others);

    // A newer file tells of some only: one more signed, one takes it back, the others stay as they were.
    let newer = format!(
        "رقم الموبايل,الحالة,آخر تحديث\n{},تم التوقيع,2030-01-02 10:00\n{},سُحب,2030-01-02 10:00\n+201099999999,تم التوقيع,2030-01-02\n",
        others[0], have_signed[0]
    );
    world.file("newer.csv", newer);
    let told = world.ran("follow newer.csv --json", 0).json();
    assert_eq!(pick(&told, COUNTS), json!([2, 1, 0, 0, 38]), "{told}");
    assert_eq!(signed(&told), json!([1, 1]), "{told}");
    let now = reminded(&world);
    assert_eq!(now.len(), 25);
    assert!(!now.contains(&others[0]) && now.iter().any(|phone| phone == have_signed[0]));
    let rows = world.export();
    let mut rows = rows.iter();
    let row = rows.find(|row| row["source"]["phoneNumber"] == *others[0]);
    let stage = pick(row.expect("a row"), ["stage", "stage_at", "signed"]);
    let expected = json!(["تم التوقيع", "2030-01-02T10:00:00Z", true]);
    assert_eq!(stage, expected);

    // An older file, read once more, changes nothing.
    world.ran("follow portal.csv", 0);
    assert_eq!(reminded(&world), now);
    let page = world.ran("report", 0);
    page.shows("How far customers have come");
    let page = world.ran("report --lang ar", 0);
    page.shows("مراحل تعاقد العملاء");
    world.ran("purge --older-than 0d --yes", 0).shows("40");
    world.ran("export", 0).hides("تم التوقيع");
}

/// Mona is in both sheets, Ali has signed.
#[test]
fn the_reminder_list_has_each_customer_of_every_sheet_once() {
    let world = World::with_server();
    let config = "[contract]\ntypes = [414]\n[recipient]\nphone = \"Mobile\"\n[fields.414]\nfullName = \"Name\"\n";
    world.config(config);
    let march = "Name,Mobile\nMona,01012345678\nAli,01112345678\nOmar,01512345678\n";
    world.file("march.csv", march);
    world.file(
        "april.csv",
        "Mobile,City,Name\n01212345678,Giza,Sara\n01012345678,Cairo,Mona\n",
    );
    world.sent("march.csv", 0);
    world.sent("april.csv", 0);
    world.file("portal.csv", "Mobile,Status\n01112345678,Customer signed\n");
    world
        .ran("follow portal.csv", 0)
        .shows("Those who have not signed");
    world.ran("export --not-signed --output march.csv", 2);
    let list = |line: &str| {
        let list = world.ran(&format!("export --not-signed --format csv{line}"), 0);
        let rows = list.stdout.trim_start_matches('\u{feff}').lines();
        let cells = rows.map(|row| row.split(',').take(3).collect::<Vec<_>>().join(","));
        cells.collect::<Vec<_>>()
    };
    let all = [
        "Mobile,City,Name",
        "01212345678,Giza,Sara",
        "01012345678,Cairo,Mona",
        "01512345678,,Omar",
    ];
    assert_eq!(list(""), all);
    assert_eq!(list(" 1").len(), 3, "a run's own");
    world.file("portal.csv", "Mobile,Status\n01012345678,Customer signed\n");
    world.ran("follow portal.csv", 0);
    assert_eq!(list(""), [all[0], all[1], all[3]]);
    world.ran("purge --older-than 0d --yes", 0);
    assert_eq!(list("").len(), 1, "nobody can be reminded");
}

#[test]
fn who_is_invited_again_is_reminded_again() {
    let world = World::with_server();
    world.file("customers.csv", SHEET);
    world.sent("customers.csv", 0);
    let told = "Mobile,Status\n01012345678,Customer signed\n01112345678,Customer signed\n";
    world.file("portal.csv", told);
    world.ran("follow portal.csv", 0);
    world.file(
        "customers.csv",
        SHEET.replace("29001011234567", "29001011234568"),
    );
    world.sent("customers.csv --resend-changed", 0);
    let stages: Vec<_> = world
        .export()
        .iter()
        .map(|row| row["stage"].clone())
        .collect();
    assert_eq!(stages, [Value::Null, json!("Customer signed")]);
}

#[test]
fn words_that_nobody_knows_and_sheets_that_nobody_reads_are_told() {
    let world = World::with_server();
    world.file("customers.csv", SHEET);
    world.sent("customers.csv", 0);
    let sheets = "[[sheet]]\nname = \"Page 1\"\nrows = [[\"Phone\", \"Status\"], [\"01012345678\", \"Signed\"], \
         [\"01112345678\", \"Customer signed\"], [\"01212345678\", \"Signed\"]]\nhidden_rows = [4]\n\
         [[sheet]]\nname = \"Page 2\"\nrows = [[\"Phone\", \"Status\"], [\"01112345678\", \"Signed\"]]\n";
    let sheets: Recipe = toml::from_str(sheets).expect("a recipe");
    world.file("portal.xlsx", sheets.bytes());
    let told = world.ran("follow portal.xlsx", 5);
    told.complains_of("--hidden skip").hides("whether to send");
    let told = world.ran("follow portal.xlsx --hidden send", 0);
    told.complains_of("Page 2")
        .shows("1  Customer signed: signed");
    told.shows("2  Signed\n").shows("[follow]");
    let told = world
        .ran("follow portal.xlsx --hidden skip --json", 0)
        .json();
    let word = |stage, signed| json!({"stage": stage, "rows": 1, "signed": signed});
    let words = [word("Customer signed", true), word("Signed", false)];
    assert_eq!(told["stages"], json!(words));
    // A column that is no stage's shows nobody on the screen.
    let told = world.ran(
        "follow portal.xlsx --hidden skip --match Status --stage Phone",
        0,
    );
    told.hides("01012345678");
}

#[test]
fn a_file_whose_columns_are_unknown_is_told_with_the_whole_next_command() {
    let world = World::with_server();
    world.file("customers.csv", SHEET);
    world.ran("run customers.csv --rate unlimited --ledger our.db", 0);
    world.file("the portal.csv", "Client,State,Status\nx,y,z\n");
    let follow = "follow 'the portal.csv' --ledger our.db --sheet 1";
    let refused = world.ran(follow, 5);
    let next = "vlens-batch follow \"the portal.csv\" --ledger our.db --sheet 1 --match COLUMN";
    refused.complains_of(next);
}

/// A sheet of customers and a file that tells of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// The customers' sheet; without it two of bare headers.
    sheet: Option<String>,
    config: Option<String>,
    /// The file's name.
    file: String,
    #[serde(default)]
    args: Vec<String>,
    #[serde(flatten)]
    is: Expected,
}

#[derive(Deserialize)]
struct Expected {
    told: Recipe,
    /// The stage of each row.
    stages: Vec<String>,
    /// Rows that are signed.
    signed: Vec<usize>,
    /// matched, not ours, ambiguous, unreadable, never seen
    counts: [u64; 5],
}

const COUNTS: [&str; 5] = [
    "matched",
    "not_ours",
    "ambiguous",
    "unreadable",
    "never_seen",
];

const SHEET: &str = "phoneNumber,email,contractTypeId,nationalId\n\
    01012345678,mona@example.com,414,29001011234567\n\
    01112345678,ali@example.com,414,29001021234567\n";

#[test]
fn files_of_many_kinds_are_understood() {
    let cases = cases::<Case>(include_str!("follow.toml"), "case");
    assert!(cases.len() >= 12);
    for case in cases {
        let world = World::with_server();
        world.file("customers.csv", case.sheet.as_deref().unwrap_or(SHEET));
        if let Some(config) = &case.config {
            world.config(config);
        }
        let name = &case.name;
        world.sent("customers.csv", 0);
        world.file(&case.file, case.is.told.bytes());
        let follow = world.vlens(["follow", &case.file, "--json"]);
        let told = follow.args(&case.args).ends(0).json();
        let counts = pick(&told, COUNTS);
        assert_eq!(counts, json!(case.is.counts), "{name}: {told}");
        let rows = world.export();
        let stages = rows.iter().map(|row| row["stage"].as_str().unwrap_or("-"));
        assert_eq!(stages.collect::<Vec<_>>(), case.is.stages, "{name}");
        let signed = (0..rows.len()).filter(|&at| rows[at]["signed"] == true);
        assert_eq!(signed.collect::<Vec<_>>(), case.is.signed, "{name}");
    }
}

#[test]
fn a_file_that_does_not_tell_is_refused_with_its_columns() {
    let world = World::with_customers(1);
    world.file("portal.csv", "Name,Status\nMona,Customer signed\n");
    world
        .ran("follow portal.csv", 5)
        .complains_of("There is no ledger");
    world.sent("customers.csv", 0);
    for (file, text, options, words) in rows::<(&str, &str, &str, Vec<&str>)>("follow.refused") {
        world.file(file, text);
        let told = world.ran(&format!("follow {file}{options}"), 5);
        for words in words {
            told.complains_of(words);
        }
    }
    // No header of values on the screen, and no customer.
    world.file("values.csv", "01012345678,Status\n01112345678,Approved\n");
    let told = world.ran("follow values.csv", 5);
    told.complains_of("seems to be a customer's")
        .hides("01012345678");
    world.file("strangers.csv", "Mobile,Status\n01112345678,Approved\n");
    let told = world.ran("follow strangers.csv", 0);
    told.shows("Nobody in this file").hides("01112345678");
    world.ran("export --not-signed --only created", 2);
    world.ran("follow strangers.csv --contract-type 414", 2);
}
