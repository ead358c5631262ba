//! Purging: the bytes are gone, the promise stays.

use std::fs;

use super::*;

/// Whether any file of the ledger holds this text.
fn holds(desk: &Desk, text: &str) -> bool {
    fs::read_dir(desk.folder.path()).unwrap().any(|entry| {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes())
    })
}

#[test]
fn purged_customers_leave_no_bytes_and_are_still_known() {
    let mut desk = Desk::new();
    let lines = [
        Valid("111", "Mona-Adel"),
        Valid("222", "Omar-Said"),
        Valid("111", "Mona-Adel"),
        Invalid("bad-phone"),
        Valid("333", "Sara-Held"),
    ];
    let (mut ledger, run) = desk.enrolled(&lines);
    send(&mut ledger, run, &[CREATED, REJECTED, UNCERTAIN], &desk.now);
    let secrets = [
        "111",
        "Mona-Adel",
        "222",
        "Omar-Said",
        "bad-phone",
        "token-of-a-session",
        "The vendor says no",
        "Not a phone number",
    ];
    for text in secrets {
        assert!(holds(&desk, text), "{text} is there before");
    }
    desk.later(1000);
    let counts = desk.counts(run);
    let report = ledger.purge_older_than(desk.now.at).unwrap();
    assert_eq!(
        report,
        PurgeReport {
            rows: 4,
            tokens: 1,
            kept: 1
        }
    );
    // The uncertain row keeps its message, cells and body.
    for text in &secrets[..6] {
        assert!(!holds(&desk, text), "{text} is gone");
    }
    assert!(holds(&desk, "Sara-Held"));
    assert_eq!(desk.counts(run), counts);
    let results = desk.results(run);
    assert_eq!(results[0].cells, ["", ""]);
    assert!(results[0].token.is_none());
    assert_eq!(results[3].error_code.as_deref(), Some("phone_invalid"));
    assert_eq!(results[4].cells, ["333", "Sara-Held"]);
    assert_eq!(
        ledger.purge_older_than(desk.now.at).unwrap(),
        PurgeReport {
            rows: 0,
            tokens: 0,
            kept: 1
        }
    );

    let fingerprint = ledger.newest_sheet().unwrap().unwrap().fingerprint;
    assert!(fingerprint.is_empty(), "the file is enrolled afresh");
    drop(ledger);
    let (ledger, again) = desk.enrolled(&lines);
    assert_eq!(
        desk.counts(again),
        Counts {
            already_created: 1,
            rejected: 1,
            uncertain: 1,
            duplicate: 1,
            invalid: 1,
            ..Counts::default()
        }
    );
    assert_eq!(ledger.due_count(again).unwrap(), 0);
}

#[test]
fn what_is_newer_than_the_cutoff_stays() {
    let mut desk = Desk::new();
    let cutoff = desk.now.at;
    desk.later(1000);
    let (mut ledger, run) = desk.enrolled(&[Valid("111", "Mona-Adel"), Invalid("bad-phone")]);
    send(&mut ledger, run, &[CREATED], &desk.now);
    assert_eq!(
        ledger.purge_older_than(cutoff).unwrap(),
        PurgeReport::default()
    );
    assert_eq!(desk.results(run)[0].cells, ["111", "Mona-Adel"]);
    assert!(desk.results(run)[0].token.is_some());
}

#[test]
fn a_purged_rejection_has_nothing_to_send_until_its_file_comes_again() {
    let mut desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("111", "Mona-Adel")]);
    send(&mut ledger, run, &[REJECTED], &desk.now);
    desk.later(1000);
    ledger.purge_older_than(desk.now.at).unwrap();
    let rejected = Due {
        statuses: vec![Status::Rejected],
        ..Due::default()
    };
    assert_eq!(ledger.make_due(run, &rejected, &desk.now).unwrap(), 0);
    drop(ledger);
    let (mut ledger, run) = desk.enrolled(&[Valid("111", "Mona-Adel")]);
    assert_eq!(ledger.make_due(run, &rejected, &desk.now).unwrap(), 1);
    assert_eq!(desk.counts(run).pending, 1);
}
