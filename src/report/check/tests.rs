//! `check` told to a person and to a script.

use super::*;
use crate::model::{EarlierRow, Problem, ProblemCode, Repair, RowNumber, RunId};
use crate::report::Look;
use strum::VariantArray;

fn problem(row: u32, column: &str, code: ProblemCode, value: &str, message: &str) -> Problem {
    Problem {
        row: RowNumber(row),
        column: Some(column.to_owned()).filter(|column| !column.is_empty()),
        field: None,
        code,
        message: message.to_owned(),
        value: value.to_owned(),
    }
}

fn repair(row: u32) -> Repair {
    Repair {
        row: RowNumber(row),
        column: "Mobile".to_owned(),
        field: "phone".to_owned(),
        from: "1012345678".to_owned(),
        to: "+201012345678".to_owned(),
    }
}

/// 200,000 rows, every tenth of them invalid.
fn a_large_tally() -> CheckTally {
    let mut tally = CheckTally::new();
    for row in 2..200_002 {
        match row % 10 {
            0 if row % 20 == 0 => {
                tally.see_invalid();
                tally.see_problem(&problem(
                    row,
                    "Mobile",
                    ProblemCode::PhoneInvalid,
                    "0101234567",
                    "A digit is missing; write all eleven.",
                ));
            }
            0 => {
                tally.see_invalid();
                let message = format!(
                    "{:?} is not among Single, Married.",
                    ["Sngle", "Maried"][row as usize / 10 % 4 / 2]
                );
                tally.see_problem(&problem(
                    row,
                    "Status",
                    ProblemCode::ChoiceUnknown,
                    "Sngle",
                    &message,
                ));
            }
            1 => tally.see_duplicate(RowNumber(row), RowNumber(2)),
            2 => {
                tally.see_valid();
                tally.see_repair(&repair(row));
            }
            _ => tally.see_valid(),
        }
    }
    tally
}

fn text(tally: &CheckTally, width: usize, styled: bool) -> String {
    let mut out = Vec::new();
    let notes = ["Read as CSV in windows-1256, delimiter ;".to_owned()];
    tally
        .write_text(
            &mut out,
            "my customers.csv",
            &notes,
            "",
            Look::new(width, styled),
        )
        .unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_large_sheet_fits_on_one_screen() {
    insta::assert_snapshot!(text(&a_large_tally(), 100, false), @r#"
    my customers.csv: 200,000 rows, 160,000 valid, 20,000 invalid, 20,000 duplicates.
      Read as CSV in windows-1256, delimiter ;

       10,000  Status: The value is not among the choices.
               row 10 (S***): "Sngle" is not among Single, Married.
               row 30 (S***): "Maried" is not among Single, Married.
               row 50 (S***): "Sngle" is not among Single, Married.

       10,000  Mobile: A digit is missing; write all eleven.
               row 20 (01****4567), row 40 (01****4567), row 60 (01****4567), …

    20,000 values were mended; the sheet itself is not touched:
       20,000  Mobile, row 2: 10****5678 goes out as +2010****5678

    20,000 duplicates of an earlier row, not sent: row 11 repeats row 2, row 21 repeats row 2, row 31
    repeats row 2, …

    Correct the sheet and check again; every problem is marked in its cell by:
      vlens-batch check --annotate marked.xlsx "my customers.csv"
    Or create invitations for the 160,000 valid rows alone:
      vlens-batch run "my customers.csv"
    "#);
}

#[test]
fn a_narrow_terminal_gets_the_same_words() {
    insta::assert_snapshot!(text(&a_large_tally(), 40, false), @r#"
    my customers.csv: 200,000 rows, 160,000
    valid, 20,000 invalid, 20,000
    duplicates.
      Read as CSV in windows-1256, delimiter
      ;

       10,000  Status: The value is not
               among the choices.
               row 10 (S***): "Sngle" is not
               among Single, Married.
               row 30 (S***): "Maried" is
               not among Single, Married.
               row 50 (S***): "Sngle" is not
               among Single, Married.

       10,000  Mobile: A digit is missing;
               write all eleven.
               row 20 (01****4567), row 40
               (01****4567), row 60
               (01****4567), …

    20,000 values were mended; the sheet
    itself is not touched:
       20,000  Mobile, row 2: 10****5678
               goes out as +2010****5678

    20,000 duplicates of an earlier row, not
    sent: row 11 repeats row 2, row 21
    repeats row 2, row 31 repeats row 2, …

    Correct the sheet and check again; every
    problem is marked in its cell by:
      vlens-batch check --annotate marked.xlsx "my customers.csv"
    Or create invitations for the 160,000
    valid rows alone:
      vlens-batch run "my customers.csv"
    "#);
}

#[test]
fn colour_changes_no_letter() {
    let styled = text(&a_large_tally(), 100, true);
    assert!(styled.contains("\u{1b}["));
    assert_eq!(
        console::strip_ansi_codes(&styled),
        text(&a_large_tally(), 100, false)
    );
}

#[test]
fn the_worst_comes_first_and_every_kind_at_once_still_fits() {
    let mut tally = CheckTally::new();
    for (times, &code) in ProblemCode::VARIANTS.iter().enumerate() {
        for row in 0..=times {
            tally.see_invalid();
            let message = format!("Message {row} of this kind.");
            tally.see_problem(&problem(
                u32::try_from(row).unwrap() + 2,
                "Name",
                code,
                "secret name",
                &message,
            ));
        }
    }
    for width in [80, 100] {
        let text = text(&tally, width, false);
        assert!(text.lines().count() <= 40, "{text}");
    }
    let text = text(&tally, 100, false);
    let worst = ProblemCode::VARIANTS.last().unwrap().meaning();
    assert!(text.find(worst).unwrap() < text.find(ProblemCode::TemplateFailed.meaning()).unwrap());
    assert!(text.contains("other kinds; --json lists them all."));
    assert!(!text.contains("secret name"), "values are masked");
}

#[test]
fn a_clean_sheet_says_what_comes_next() {
    let mut tally = CheckTally::new();
    tally.see_valid();
    insta::assert_snapshot!(text(&tally, 100, false), @r#"
    my customers.csv: 1 row, 1 valid.
      Read as CSV in windows-1256, delimiter ;

    Create the invitations:
      vlens-batch run "my customers.csv"
    "#);
}

fn earlier(row: u32) -> EarlierRow {
    EarlierRow {
        run: RunId(2),
        source: "may.csv".to_owned(),
        row: RowNumber(row),
    }
}

#[test]
fn rows_of_an_earlier_run_are_told_with_both_row_numbers() {
    let mut tally = CheckTally::new();
    for row in 2..7 {
        tally.see_valid();
        tally.see_already_created(RowNumber(row), row != 3, Some(earlier(row + 10)));
    }
    insta::assert_snapshot!(text(&tally, 100, false), @r#"
    my customers.csv: 5 rows, 5 valid.
      Read as CSV in windows-1256, delimiter ;

    5 rows were invited by an earlier run and would not be sent again: row 2 (run 2, row 12 of may.csv),
    row 3 (run 2, row 13 of may.csv), row 4 (run 2, row 14 of may.csv), … 1 of them has changed since;
    --resend-changed sends what changed.

    There is nothing left to send.
    "#);
    tally.see_valid();
    assert!(text(&tally, 100, false).contains("Create the invitations:"));
}

#[test]
fn the_json_document_holds_every_problem_and_adds_up() {
    let mut tally = CheckTally::new();
    let mut out = Vec::new();
    let mut json = CheckJson::default();
    for row in [2, 3] {
        let problem = problem(
            row,
            "",
            ProblemCode::RecipientMissing,
            "",
            "Give a phone or an e-mail address.",
        );
        tally.see_invalid();
        tally.see_problem(&problem);
        json.problem(&problem).unwrap();
    }
    tally.see_valid();
    for row in [4, 4] {
        tally.see_repair(&repair(row));
        json.repair(&repair(row)).unwrap();
    }
    json.duplicate(RowNumber(5), RowNumber(4)).unwrap();
    json.already_created(RowNumber(4), false, Some(&earlier(9)))
        .unwrap();
    json.already_created(RowNumber(6), true, None).unwrap();
    json.write_to(
        &mut out,
        "a \"b\".csv",
        &tally,
        &["Read as CSV.".to_owned()],
    )
    .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["source"], "a \"b\".csv");
    assert_eq!(document["rows"], 3);
    assert_eq!(document["valid"], 1);
    assert_eq!(document["invalid"], 2);
    assert_eq!(document["duplicate"], 0);
    assert_eq!(document["repaired"], 2);
    assert_eq!(document["problems"][1]["row"], 3);
    assert_eq!(document["problems"][1]["code"], "recipient_missing");
    assert_eq!(document["problems"][1]["column"], serde_json::Value::Null);
    assert_eq!(document["repairs"][0]["to"], "+201012345678");
    assert_eq!(
        document["duplicates"],
        serde_json::json!([{"row": 5, "first_row": 4}])
    );
    assert_eq!(
        document["already_created"][0],
        serde_json::json!({"row": 4, "changed": true, "run": 2, "run_source": "may.csv", "run_row": 9})
    );
    assert_eq!(
        document["already_created"][1]["run"],
        serde_json::Value::Null
    );
    assert_eq!(document["notes"], serde_json::json!(["Read as CSV."]));
}

#[test]
fn an_empty_document_is_still_json() {
    let mut out = Vec::new();
    CheckJson::default()
        .write_to(&mut out, "-", &CheckTally::new(), &[])
        .unwrap();
    let document: serde_json::Value = serde_json::from_slice(&out).unwrap();
    assert_eq!(document["problems"], serde_json::json!([]));
}
