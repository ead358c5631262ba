//! What a sweep of an inbox puts beside a sheet: in the words of its people, over nothing that is theirs, and open to nobody else.

use std::collections::BTreeMap;

use super::inbox::{book, deals_with, files, some, statuses, sweep};
use crate::support::{Customer, Promise, Recipe, World, sheet};

/// A sheet too wide is told of, a text too long is cut, and neither keeps another sheet from being sent.
#[test]
fn what_no_workbook_holds_is_no_other_sheets_concern() {
    let world = World::with_server();
    let wide = |line: &str| format!("{line}{}\n", ",_".repeat(16_376));
    let wide: String = sheet(&some(0, 1)).lines().map(wide).collect();
    world.file("inbox/a.csv", wide);
    world.file("inbox/b.csv", sheet(&some(1, 1)));
    let long = "x".repeat(40_000);
    let header = "phoneNumber,contractTypeId,fullName,_note\n";
    let rows = format!("+201010000003,414,Mona,{long}\n+201010000004,414,{long},\n");
    world.file("inbox/c.csv", format!("{header}{rows}"));
    let swept = |password: &str, code: i32, dealt: &[(&str, u64)]| {
        let sweep = world.line("inbox inbox --settled 0s --json --metrics-file vlens.prom");
        deals_with(&sweep.env("VLENS_PASSWORD", password).ends(code), dealt);
        let metrics = world.read("vlens.prom");
        let told = format!("exit_code{{tenant=\"sandbox\"}} {code}\n");
        assert!(metrics.contains(&told), "{metrics}");
    };
    let right = world.variables()["VLENS_PASSWORD"].clone();
    let dealt = [("a.csv", 5), ("b.csv", 0), ("c.csv", 3)];
    swept(&right, 5, &dealt);
    assert!(world.read("inbox/a.error.txt").contains("16,384"));
    swept(&right, 0, &[]);
    world.file("inbox/d.csv", "");
    world.file("inbox/e.csv", sheet(&some(5, 1)));
    swept("wrong", 6, &[("d.csv", 5), ("e.csv", 6)]);
    let of_c = statuses(&world, "c.results.xlsx");
    assert_eq!(of_c, ["created", "invalid"]);
    let marked = world.cells("inbox/c.marked.xlsx", 1);
    for cell in [&marked[1][4], &marked[2][3]] {
        let text = cell.to_string();
        assert_eq!(text.chars().count(), 32_767);
        assert!(text.ends_with("x…"));
    }
}

#[test]
fn each_sheet_has_results_of_its_own_however_it_is_called() {
    let world = World::with_server();
    let long = "ع".repeat(122) + ".csv";
    let names = ["a.csv", "a.tsv", "a.csv.csv", "z.csv", &long];
    for (n, name) in names.iter().enumerate() {
        let mark = if name.ends_with("tsv") { "\t" } else { "," };
        let rows = sheet(&some(n, 1)).replace(',', mark);
        world.file(format!("inbox/{name}"), rows);
    }
    let mut dealt = names.map(|name| (name, 0));
    dealt.sort_unstable();
    deals_with(&sweep(&world).expect(0), &dealt);
    let results =
        |(name, bytes): (String, Vec<u8>)| name.contains(".results.").then_some((name, bytes));
    let results: BTreeMap<_, _> = files(&world).into_iter().filter_map(results).collect();
    let whole = ["a.csv.csv", "a.csv", "a.tsv"].map(|name| format!("{name}.results.xlsx"));
    assert!(results.keys().take(3).eq(&whole), "{:?}", results.keys());
    assert_eq!(results.len(), 5);
    world.check_invariants(&Promise::default());
}

#[test]
fn what_is_kept_or_open_under_a_name_of_ours_stays_and_ours_get_a_number_and_it_is_said() {
    let world = World::with_server();
    let kept = ["a.results.xlsx", "b.error.txt", "c.results.xlsx"];
    for name in kept {
        world.file(format!("inbox/{name}"), "mine");
    }
    for (n, name) in ["a.csv", "c.csv", "d.csv"].iter().enumerate() {
        world.file(format!("inbox/{name}"), sheet(&some(n, 1)));
    }
    world.file("inbox/b.csv", "");
    world.file("inbox/~$a.results.xlsx", "mona");
    // Where replacing is refused, as on Windows: here because it is a folder.
    world.file("inbox/d.results.xlsx/inside", "");
    let swept = sweep(&world).expect(5);
    let dealt = [("a.csv", 0), ("b.csv", 5), ("c.csv", 0), ("d.csv", 0)];
    deals_with(&swept, &dealt);
    for name in ["a", "c", "d"] {
        let numbered = format!("{name}.results-2.xlsx");
        assert_eq!(statuses(&world, &numbered), ["created"]);
        swept.complains_of(&numbered);
    }
    let second = world.path("inbox/b.error-2.txt");
    assert!(second.exists());
    world.file("inbox/b.csv", sheet(&some(3, 1)));
    deals_with(&sweep(&world).expect(0), &[("b.csv", 0)]);
    assert!(!second.exists());
    for name in kept {
        assert_eq!(world.read(format!("inbox/{name}")), "mine");
    }
}

#[test]
fn names_of_files_command_no_terminal_and_errors_are_told_in_the_sheets_language() {
    let world = World::with_server();
    world.file("inbox/a\u{1b}[31m\n2026 ERROR forged.csv", "phone\n12\n");
    let check = world.vlens([
        "check",
        "inbox/a\u{1b}[31m\n2026 ERROR forged.csv",
        "--contract-type",
        "414",
    ]);
    let told = check.ends(3);
    for text in [&told.stdout, &told.stderr] {
        assert!(
            !text.contains('\u{1b}') && !text.contains("\n2026 ERROR"),
            "{told}"
        );
    }
    told.shows("$'inbox/a\\033[31m\\0122026 ERROR forged.csv'");
    world.file("inbox/b.csv", "الاسم\nمنى\n");
    let swept = world.line("inbox inbox --settled 0s").run();
    let is_raw = swept.stdout.contains('\u{1b}') || swept.stdout.contains("\n2026");
    assert!(!is_raw, "{swept}");
    let said = world.read("inbox/b.error.txt");
    let is_told = said.starts_with("لم يُستخدم") && said.contains("\nerror: ");
    assert!(is_told, "{said}");
}

#[test]
fn corrections_in_a_marked_sheet_are_never_lost_and_nobody_else_may_read_them() {
    let world = World::with_server();
    let marked = world.path("inbox/a.marked.xlsx");
    let bad = |phone: &str| sheet(&[Customer::new(1), Customer::new(2).phone(phone)]);
    let modes = |mode| {
        for name in ["inbox/a.results.xlsx", "inbox/a.marked.xlsx"] {
            assert_eq!(world.mode(name), mode, "{name}");
        }
    };
    world.file("inbox/a.csv", bad("12"));
    sweep(&world).expect(3);
    // They are their owner's alone, unless the folder is a group's.
    modes(0o600);
    let shared = std::os::unix::fs::PermissionsExt::from_mode(0o2770);
    std::fs::set_permissions(world.path("inbox"), shared).expect("a shared folder");
    // As it was written, it is written afresh; once somebody has saved it, never.
    world.file("inbox/a.csv", bad("123"));
    sweep(&world).expect(3);
    modes(0o640);
    assert!(marked.exists() && !world.path("inbox/a.marked-2.xlsx").exists());
    let corrections = book("[[\"phoneNumber\", \"contractTypeId\"], [\"still bad\", 414]]");
    world.file("inbox/a.marked.xlsx", &corrections);
    world.file("inbox/a.csv", bad("1234"));
    sweep(&world).expect(3);
    let second = world.path("inbox/a.marked-2.xlsx");
    assert!(second.exists());
    // A good sheet has no marked copy.
    world.file("inbox/a.csv", bad("+201010000002"));
    deals_with(&sweep(&world).expect(0), &[("a.csv", 0)]);
    assert!(!second.exists());
    assert_eq!(std::fs::read(marked).expect("a book"), corrections);
}

#[test]
fn what_a_sheet_leaves_in_doubt_is_told_beside_it() {
    let world = World::with_server();
    let rows = |phone: &str| {
        format!("rows = [[\"phoneNumber\", \"contractTypeId\"], [\"{phone}\", 414]]\n")
    };
    let (cairo, giza) = (rows("+201010000001"), rows("+201010000002"));
    let branches =
        format!("[[sheet]]\nname = \"Cairo\"\n{cairo}[[sheet]]\nname = \"Giza\"\n{giza}");
    let branches: Recipe = toml::from_str(&branches).expect("a recipe");
    world.file("inbox/branches.xlsx", branches.bytes());
    let config = "[recipient]\nphone = \"Mobile\"\n[contract]\ntypes = [414]\n[fields.414]\nfullName = \"Name\"\n";
    let (header, customer) = ("No,Name,Mobile\n", "1,Mona Adel,+201010000003\n");
    for (name, rows) in [
        ("left out", format!("{header}Giza branch,,\n{customer}")),
        ("plain", format!("{header}{customer}Total,,1\n")),
    ] {
        world.file(format!("inbox/{name}.vlens-batch.toml"), config);
        world.file(format!("inbox/{name}.csv"), rows);
    }
    let dealt = [("branches.xlsx", 0), ("left out.csv", 0), ("plain.csv", 0)];
    deals_with(&sweep(&world).expect(0), &dealt);
    for (name, told) in [("branches", "\"Giza\""), ("left out", "title: 2")] {
        let overview = world.cells(format!("inbox/{name}.marked.xlsx"), 0);
        let mut cells = overview.iter().flatten();
        let is_told = cells.any(|cell| cell.to_string().contains(told));
        assert!(is_told, "{overview:?}");
    }
    assert!(!world.path("inbox/plain.marked.xlsx").exists());
}

#[test]
fn a_customer_whose_row_is_another_s_by_now_is_told() {
    let world = World::with_server();
    let mut rows = some(0, 2);
    world.file("inbox/jan.csv", sheet(&rows));
    sweep(&world).expect(0);
    rows[1] = rows[1].clone().name("Somebody Else");
    world.file("inbox/feb.csv", sheet(&rows));
    let swept = world.line("inbox inbox --settled 0s").ends(0);
    swept.shows("created before 2, of these with other content than the sheet's now");
    let results = || format!("{:?}", world.cells("inbox/feb.results.xlsx", 0));
    assert!(results().contains("is not what was sent last"));
    // Whoever runs a sheet himself has its results written afresh, too.
    world.ran("run inbox/feb.csv --resend-changed --yes", 0);
    sweep(&world).expect(0);
    assert!(!results().contains("is not what was sent last"));
}
