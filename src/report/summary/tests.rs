//! The summary as it stands in a terminal: wide and narrow, in colour and plain.

use super::*;
use crate::model::{Counts, RunId, Timestamp};
use strum::VariantArray;

/// A run with a bit of everything.
pub(crate) fn a_summary() -> RunSummary {
    RunSummary {
        run: RunId(3),
        source: "customers.csv".to_owned(),
        base_url: "https://api.vlenseg.com".to_owned(),
        tenancy_name: "acme".to_owned(),
        started_at: Timestamp(1_795_293_540_000),
        finished_at: Some(Timestamp(1_795_294_527_000)),
        stopped: None,
        rows: 12_040,
        counts: Counts {
            created: 11_980,
            already_created: 40,
            invalid: 12,
            duplicate: 1,
            rejected: 4,
            failed: 1,
            uncertain: 2,
            pending: 0,
        },
        changed: 1,
        requests: 11_990,
        throttled: 3,
        seconds: 987.2,
        ledger: "vlens-batch.db".to_owned(),
    }
}

fn text(summary: &RunSummary, why: Option<&str>, look: Look) -> String {
    let mut out = Vec::new();
    let ending = Ending {
        summary,
        why,
        further: &Further::default(),
    };
    write_summary(&mut out, &ending, look).unwrap();
    String::from_utf8(out).unwrap()
}

fn status_text(record: &RunRecord, options: &str) -> String {
    let further = Further {
        reading: options.to_owned(),
        sending: options.to_owned(),
    };
    let mut out = Vec::new();
    write_status(&mut out, record, &further, Look::new(100, false)).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_finished_run_says_what_needs_a_person_and_how() {
    insta::assert_snapshot!(text(&a_summary(), None, Look::new(100, false)), @r"
    Run 3 of customers.csv is finished; 19 rows need a person.

       11,980  invitations created
           40  created before, not sent again
            1  duplicate of an earlier row
            1  row changed after its invitation was created; not sent again without --resend-changed
    11,990 requests to Vlens in 16 min 27 s, 3 told to wait (429); tenant acme at
    https://api.vlenseg.com

           12  invalid: these rows do not pass validation; they were not sent.
               See what to correct, correct it in the file, and run again:
                 vlens-batch check customers.csv

            4  rejected by Vlens: Vlens answered that it will not create these invitations.
               See why, correct the rows, and run again:
                 vlens-batch export 3 --only rejected --output rejected.csv
               If nothing in them was wrong, try them as they are:
                 vlens-batch retry 3 --rejected

            1  failed: certainly not created, and every attempt is used up.
               Try again:
                 vlens-batch retry 3 --failed

            2  uncertain: nobody can tell whether these invitations were created; they are held back.
               Find out from Vlens whether they were created:
                 vlens-batch export 3 --only uncertain --output uncertain.csv
               Then say so, row by row; not-created makes a row due again:
                 vlens-batch settle 3 --row N --as created
                 vlens-batch settle 3 --row N --as not-created
    ");
}

#[test]
fn a_narrow_terminal_gets_the_same_words() {
    let narrow = text(&a_summary(), None, Look::new(40, false));
    insta::assert_snapshot!(narrow, @r"
    Run 3 of customers.csv is finished; 19
    rows need a person.

       11,980  invitations created
           40  created before, not sent
               again
            1  duplicate of an earlier row
            1  row changed after its
               invitation was created; not
               sent again without
               --resend-changed
    11,990 requests to Vlens in 16 min 27 s,
    3 told to wait (429); tenant acme at
    https://api.vlenseg.com

           12  invalid: these rows do not
               pass validation; they were
               not sent.
               See what to correct, correct
               it in the file, and run
               again:
                 vlens-batch check customers.csv

            4  rejected by Vlens: Vlens
               answered that it will not
               create these invitations.
               See why, correct the rows,
               and run again:
                 vlens-batch export 3 --only rejected --output rejected.csv
               If nothing in them was wrong,
               try them as they are:
                 vlens-batch retry 3 --rejected

            1  failed: certainly not
               created, and every attempt is
               used up.
               Try again:
                 vlens-batch retry 3 --failed

            2  uncertain: nobody can tell
               whether these invitations
               were created; they are held
               back.
               Find out from Vlens whether
               they were created:
                 vlens-batch export 3 --only uncertain --output uncertain.csv
               Then say so, row by row;
               not-created makes a row due
               again:
                 vlens-batch settle 3 --row N --as created
                 vlens-batch settle 3 --row N --as not-created
    ");
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        words(&narrow),
        words(&text(&a_summary(), None, Look::new(100, false)))
    );
}

#[test]
fn colour_changes_no_letter() {
    let styled = text(&a_summary(), None, Look::new(100, true));
    assert!(styled.contains("\u{1b}["));
    assert_eq!(
        console::strip_ansi_codes(&styled),
        text(&a_summary(), None, Look::new(100, false))
    );
}

#[test]
fn a_run_without_trouble_is_short() {
    let mut summary = a_summary();
    summary.changed = 0;
    summary.throttled = 0;
    summary.requests = 1;
    summary.counts = Counts {
        created: 1,
        ..Counts::default()
    };
    insta::assert_snapshot!(text(&summary, None, Look::new(100, false)), @r"
    Run 3 of customers.csv is done: every row is dealt with.

            1  invitation created
    1 request to Vlens in 16 min 27 s; tenant acme at https://api.vlenseg.com
    ");
}

#[test]
fn a_refused_run_says_why_and_points_to_the_doctor() {
    let mut summary = a_summary();
    summary.stopped = Some(Stop::Refused);
    summary.counts = Counts {
        pending: 500,
        ..Counts::default()
    };
    summary.source = "-".to_owned();
    let why = Some("Vlens answered 403: the admin user may not create invitations.");
    insta::assert_snapshot!(text(&summary, why, Look::new(100, false)), @r"
    Run 3 of standard input stopped early.
    Vlens refuses every request, so nothing more was sent.
    Vlens answered 403: the admin user may not create invitations.

            0  invitations created
          500  rows not tried yet
            1  row changed after its invitation was created; not sent again without --resend-changed
    11,990 requests to Vlens in 16 min 27 s, 3 told to wait (429); tenant acme at
    https://api.vlenseg.com

    First see what is wrong with the credentials, rights or address:
      vlens-batch doctor
    Run again to go on with the rows not tried yet; nothing is sent twice:
      vlens-batch resume 3
    ");
}

#[test]
fn it_never_says_that_an_invitation_was_sent() {
    for stop in [None]
        .into_iter()
        .chain(Stop::VARIANTS.iter().copied().map(Some))
    {
        let mut summary = a_summary();
        summary.stopped = stop;
        summary.counts.pending = 1;
        let text = text(&summary, None, Look::new(100, false));
        assert!(
            !text.contains("invitation sent") && !text.contains("invitations sent"),
            "{text}"
        );
    }
}

#[test]
fn a_status_tells_going_on_from_cut_off() {
    let mut summary = a_summary();
    summary.finished_at = None;
    summary.counts.pending = 40;
    let mut record = RunRecord {
        summary,
        in_progress: true,
    };
    let going_on = status_text(&record, "");
    assert!(
        going_on
            .starts_with("Run 3 of customers.csv is going on: 12,000 of 12,040 rows dealt with.\n"),
        "{going_on}"
    );
    record.in_progress = false;
    let cut_off = status_text(&record, "--ledger b.db");
    assert!(
        cut_off.starts_with("Run 3 of customers.csv was cut off before its end.\n"),
        "{cut_off}"
    );
    assert!(
        cut_off.contains("  vlens-batch run customers.csv --ledger b.db\n"),
        "{cut_off}"
    );
}
