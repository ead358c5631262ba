//! Sheets meet the ledger: first, again, re-sorted, changed.

use super::*;

#[test]
fn every_row_of_a_sheet_is_on_paper_with_its_status() {
    let desk = Desk::new();
    let mut ledger = desk.open();
    let columns = ["Mobile".to_owned(), "Name".to_owned()];
    let mut enrolment = ledger.enrol(&sheet(b"file", &columns), &desk.now).unwrap();
    let lines = [
        Valid("1", "Mona"),
        Valid("2", "Adel"),
        Valid("1", "Mona"),
        Invalid("x"),
    ];
    enter(&mut enrolment, &lines, usual_plan);
    let run = enrolment.commit().unwrap();
    let counts = Counts {
        pending: 2,
        duplicate: 1,
        invalid: 1,
        ..Counts::default()
    };
    assert_eq!(desk.counts(run), counts);

    let results = desk.results(run);
    assert_eq!(
        results.iter().map(|row| row.row.0).collect::<Vec<_>>(),
        [2, 3, 4, 5]
    );
    assert_eq!(results[0].cells, ["1", "Mona"]);
    assert_eq!(
        results[2].error.as_deref(),
        Some("The same invitation stands in row 2.")
    );
    assert_eq!(results[3].error_code.as_deref(), Some("phone_invalid"));
    assert_eq!(
        results[3].error.as_deref(),
        Some("Mobile: Not a phone number.")
    );
    assert_eq!(desk.reader().columns(run).unwrap(), columns);
}

#[test]
fn an_enrolment_that_is_dropped_leaves_no_trace() {
    let desk = Desk::new();
    let mut ledger = desk.open();
    let mut enrolment = ledger.enrol(&sheet(b"file", &[]), &desk.now).unwrap();
    enter(
        &mut enrolment,
        &[Valid("1", "Mona"), Invalid("x")],
        usual_plan,
    );
    drop(enrolment);
    assert_eq!(ledger.newest_sheet().unwrap(), None);
    assert_eq!(ledger.newest_run().unwrap(), None);
    assert!(
        desk.reader()
            .standing(&invitation("1", "Mona"))
            .unwrap()
            .is_none()
    );
    // And the next one is not disturbed by it.
    let run = enrol(&mut ledger, &[Valid("1", "Mona")], usual_plan, &desk.now);
    assert_eq!(desk.counts(run).pending, 1);
}

#[test]
fn the_bodies_to_send_come_back_byte_for_byte_in_the_sheets_order() {
    let desk = Desk::new();
    let (ledger, run) =
        desk.enrolled(&[Valid("2", "قرض \\\"شخصي\\\""), Invalid("x"), Valid("1", "")]);
    let due = ledger.due(run, RowNumber(0), 10).unwrap();
    assert_eq!(due[0].body, invitation("2", "قرض \\\"شخصي\\\"").body);
    assert_eq!(due[1].body, invitation("1", "").body);
    assert_eq!(due[1].row, RowNumber(4));
    assert_eq!(ledger.due(run, RowNumber(2), 10).unwrap().len(), 1);
    assert_eq!(ledger.due(run, RowNumber(0), 1).unwrap().len(), 1);
    assert_eq!(ledger.due_count(run).unwrap(), 2);
}

#[test]
fn a_re_sorted_file_meets_its_own_history() {
    let desk = Desk::new();
    let (mut ledger, first) =
        desk.enrolled(&[Valid("1", "Mona"), Valid("2", "Adel"), Valid("3", "Sara")]);
    send(&mut ledger, first, &[CREATED, REJECTED, CREATED], &desk.now);
    drop(ledger);
    let (ledger, second) = desk.enrolled(&[
        Valid("3", "Sara"),
        Valid("4", "Omar"),
        Valid("2", "Adel"),
        Valid("1", "Mona"),
    ]);
    assert_eq!(
        desk.counts(second),
        Counts {
            already_created: 2,
            pending: 1,
            rejected: 1,
            ..Counts::default()
        }
    );
    assert_eq!(
        desk.counts(first),
        Counts {
            created: 2,
            rejected: 1,
            ..Counts::default()
        }
    );
    let due = ledger.due(second, RowNumber(0), 10).unwrap();
    assert_eq!(due.iter().map(|row| row.row.0).collect::<Vec<_>>(), [3]);
    let results = desk.results(second);
    assert_eq!(results[0].status, Status::Created);
    assert_eq!(
        results[0].token.as_ref().map(Secret::expose),
        Some("token-of-a-session")
    );
}

#[test]
fn where_an_invitation_was_created_can_be_told() {
    let desk = Desk::new();
    let (mut ledger, first) =
        desk.enrolled(&[Valid("1", "Mona"), Valid("2", "Adel"), Valid("2", "Adel")]);
    send(&mut ledger, first, &[REJECTED, CREATED], &desk.now);
    drop(ledger);
    let (ledger, _) = desk.enrolled(&[Valid("2", "Adel"), Valid("1", "Mona")]);
    drop(ledger);
    let reader = desk.reader();
    let created_in = |who: &str, content: &str| {
        let standing = reader.standing(&invitation(who, content)).unwrap();
        reader.created_in(standing.unwrap().0).unwrap()
    };
    let earlier = created_in("2", "Adel").unwrap();
    assert_eq!((earlier.run, earlier.row), (first, RowNumber(3)));
    assert_eq!(earlier.source, "customers.csv");
    assert_eq!(created_in("1", "Mona"), None, "it was rejected");
}

#[test]
fn a_customer_in_two_sheets_moves_in_both() {
    let desk = Desk::new();
    let (ledger, first) = desk.enrolled(&[Valid("1", "Mona"), Valid("2", "Adel")]);
    drop(ledger);
    let (mut ledger, second) = desk.enrolled(&[Valid("2", "Adel")]);
    assert_eq!(send(&mut ledger, second, &[CREATED], &desk.now), rows(&[2]));
    assert_eq!(desk.counts(second).created, 1);
    assert_eq!(
        desk.counts(first),
        Counts {
            already_created: 1,
            pending: 1,
            ..Counts::default()
        }
    );
    assert_eq!(ledger.due_count(first).unwrap(), 1);
}

#[test]
fn a_changed_row_is_remembered_and_sent_when_a_person_wants_it() {
    let desk = Desk::new();
    let (mut ledger, first) = desk.enrolled(&[Valid("1", "Mona"), Valid("2", "Adel")]);
    send(&mut ledger, first, &[CREATED], &desk.now);
    drop(ledger);
    let (mut ledger, second) = desk.enrolled(&[Valid("1", "Mona Adel"), Valid("2", "Adel")]);
    assert_eq!(desk.summary(second).changed, 1);
    assert_eq!(desk.counts(second).already_created, 2);

    // The unchanged file again: still one changed row, until it is resent.
    let sheet = ledger.newest_sheet().unwrap().unwrap();
    let third = ledger
        .begin_run_on(sheet.id, "customers.csv", &desk.now)
        .unwrap();
    assert_eq!(desk.summary(third).changed, 1);
    let which = Due {
        changed_created: true,
        ..Due::default()
    };
    ledger
        .begin_process(Work::Sending(third), "run", "mona", &desk.now)
        .unwrap();
    assert_eq!(ledger.make_due(third, &which, &desk.now).unwrap(), 1);
    assert_eq!(
        ledger.due(third, RowNumber(0), 9).unwrap()[0].body,
        invitation("1", "Mona Adel").body
    );
    send(&mut ledger, third, &[CREATED], &desk.now);
    assert_eq!(
        desk.counts(third),
        Counts {
            created: 1,
            already_created: 1,
            ..Counts::default()
        }
    );
    assert_eq!(ledger.make_due(third, &which, &desk.now).unwrap(), 0);
}

#[test]
fn a_row_that_changes_back_is_no_longer_changed() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "Mona")]);
    send(&mut ledger, run, &[CREATED], &desk.now);
    drop(ledger);
    let (ledger, run) = desk.enrolled(&[Valid("1", "Mona Adel")]);
    assert_eq!(desk.summary(run).changed, 1);
    drop(ledger);
    let (_ledger, run) = desk.enrolled(&[Valid("1", "Mona")]);
    assert_eq!(desk.summary(run).changed, 0);
}

#[test]
fn a_row_that_is_due_is_sent_with_its_newest_content_in_every_sheet() {
    let desk = Desk::new();
    let (ledger, first) = desk.enrolled(&[Valid("1", "Mona"), Valid("2", "Adel")]);
    drop(ledger);
    let (ledger, second) = desk.enrolled(&[Valid("2", "Adel"), Valid("1", "Mona Adel")]);
    let body_of = |run: RunId, row: u32| {
        let due = ledger.due(run, RowNumber(row - 1), 1).unwrap();
        due.into_iter().next().unwrap().body
    };
    for (run, row) in [(first, 2), (second, 3)] {
        assert_eq!(body_of(run, row), invitation("1", "Mona Adel").body);
    }
    for (run, row) in [(first, 3), (second, 2)] {
        assert_eq!(body_of(run, row), invitation("2", "Adel").body);
    }
    assert_eq!(desk.counts(second).pending, 2);
    assert_eq!(desk.summary(second).changed, 0, "nothing was created yet");
}

#[test]
fn a_held_row_is_sent_with_its_newest_content() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "Mona")]);
    send(&mut ledger, run, &[UNCERTAIN], &desk.now);
    drop(ledger);
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "Mona Adel")]);
    assert_eq!(desk.counts(run).uncertain, 1);
    let report = ledger.settle(run, None, false, &desk.now).unwrap();
    assert_eq!(report.settled, 1);
    assert_eq!(
        ledger.due(run, RowNumber(0), 9).unwrap()[0].body,
        invitation("1", "Mona Adel").body
    );
    assert_eq!(desk.counts(run).pending, 1);
}

#[test]
fn a_rejected_row_that_was_mended_is_due_with_its_new_content() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "Mona"), Valid("2", "Adel")]);
    send(&mut ledger, run, &[REJECTED], &desk.now);
    drop(ledger);
    let (ledger, run) = desk.enrolled(&[Valid("1", "Mona Adel"), Valid("2", "Adel")]);
    let due = ledger.due(run, RowNumber(0), 9).unwrap();
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].body, invitation("1", "Mona Adel").body);
    assert_eq!(
        desk.counts(run),
        Counts {
            pending: 1,
            rejected: 1,
            ..Counts::default()
        }
    );
}

#[test]
fn an_unchanged_sheet_is_recognised_and_shared() {
    let desk = Desk::new();
    let (mut ledger, first) = desk.enrolled(&[Valid("1", "Mona"), Invalid("x")]);
    send(&mut ledger, first, &[CREATED], &desk.now);
    let sheet = ledger.newest_sheet().unwrap().unwrap();
    assert_eq!(
        (
            sheet.fingerprint.as_slice(),
            sheet.mapping_fingerprint.as_slice(),
            sheet.rows
        ),
        (&b"file"[..], &b"mapping"[..], 2)
    );
    let second = ledger
        .begin_run_on(sheet.id, "again.csv", &desk.now)
        .unwrap();
    assert_eq!(
        desk.counts(second),
        Counts {
            already_created: 1,
            invalid: 1,
            ..Counts::default()
        }
    );
    assert_eq!(desk.counts(first).created, 1);
    assert_eq!(desk.summary(second).source, "again.csv");
}

#[test]
fn the_standing_of_an_invitation_is_known_before_any_enrolment() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "Mona")]);
    send(&mut ledger, run, &[CREATED], &desk.now);
    let reader = desk.reader();
    let standing = |who, content| {
        reader
            .standing(&invitation(who, content))
            .unwrap()
            .map(|(_, standing)| standing)
    };
    assert_eq!(
        standing("1", "Mona"),
        Some(Standing {
            status: Status::Created,
            same_content: true
        })
    );
    assert_eq!(
        standing("1", "Adel"),
        Some(Standing {
            status: Status::Created,
            same_content: false
        })
    );
    assert_eq!(standing("2", "Mona"), None);
}
