//! Requests on paper, their outcomes, crashes, people's decisions, and many tasks at once.

use super::*;

#[test]
fn each_answer_has_its_status_and_is_counted() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[
        Valid("1", "a"),
        Valid("2", "b"),
        Valid("3", "c"),
        Valid("4", "d"),
        Valid("5", "e"),
    ]);
    let throttled = (Event::Throttled, None);
    let failed = (Event::Unreachable, Some(Status::Failed));
    send(
        &mut ledger,
        run,
        &[CREATED, REJECTED, UNCERTAIN, failed, throttled],
        &desk.now,
    );
    ledger.finish_run(run, None, &desk.now, 1.5, 3).unwrap();
    let summary = desk.summary(run);
    assert_eq!(
        summary.counts,
        Counts {
            created: 1,
            rejected: 1,
            uncertain: 1,
            failed: 1,
            pending: 1,
            ..Counts::default()
        }
    );
    assert_eq!((summary.requests, summary.throttled), (5, 1));
    assert!((summary.seconds - 1.5).abs() < 1e-9);
    assert_eq!(desk.reader().exit_code(run).unwrap(), Some(3));

    let results = desk.results(run);
    assert_eq!(results[1].error_code.as_deref(), Some("42"));
    assert_eq!(results[1].error.as_deref(), Some("The vendor says no."));
    assert_eq!(results[4].status, Status::Pending);
    assert_eq!(results[4].attempts, 1);
    assert_eq!(results[4].error, None);
    assert_eq!(results[0].sent_at, Some(desk.now.at));
}

#[test]
fn only_rows_with_the_asked_statuses_are_given() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a"), Valid("2", "b"), Invalid("x")]);
    send(&mut ledger, run, &[CREATED, REJECTED], &desk.now);
    let mut seen = Vec::new();
    let only = [Status::Rejected, Status::Invalid];
    desk.reader()
        .results(run, &only, false, &mut |row| {
            seen.push(row.row.0);
            Ok(())
        })
        .unwrap();
    assert_eq!(seen, [3, 4]);
}

#[test]
fn what_was_taken_off_the_paper_was_never_on_it() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a"), Valid("2", "b")]);
    let due = ledger.due(run, RowNumber(0), 9).unwrap();
    let open = |ledger: &mut Ledger, n: usize| {
        let invitation = Some(due[n].invitation);
        ledger
            .write(|books| books.open_attempt(invitation, 5))
            .unwrap()
    };
    let (left, stood_by) = (open(&mut ledger, 0), open(&mut ledger, 1));
    ledger
        .write(|books| books.withdraw_attempt(stood_by))
        .unwrap();
    assert_eq!(ledger.due(run, RowNumber(0), 9).unwrap().len(), 2);
    drop(ledger);

    let dead = desk.counts(run);
    assert_eq!((dead.pending, dead.uncertain), (1, 1));
    assert_eq!(desk.summary(run).requests, 1);
    let results = desk.results(run);
    assert_eq!(results[0].status, Status::Uncertain);
    assert_eq!(
        (results[1].status, results[1].attempts),
        (Status::Pending, 0)
    );
    assert_ne!(left, stood_by);
}

#[test]
fn what_was_on_its_way_at_a_crash_is_uncertain() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a"), Valid("2", "b")]);
    let due = ledger.due(run, RowNumber(0), 9).unwrap();
    ledger
        .write(|books| books.open_attempt(Some(due[0].invitation), 5))
        .unwrap();
    ledger.write(|books| books.open_attempt(None, 6)).unwrap();
    drop(ledger);

    let alive = desk
        .reader()
        .summary(run, true, desk.now.at)
        .unwrap()
        .counts;
    assert_eq!((alive.pending, alive.uncertain), (2, 0));
    let dead = desk.counts(run);
    assert_eq!((dead.pending, dead.uncertain), (1, 1));
    assert_eq!(desk.results(run)[0].status, Status::Uncertain);
    let history = desk
        .reader()
        .history(run, RowNumber(2), true)
        .unwrap()
        .unwrap();
    assert_eq!(history.result.status, Status::Pending);
    assert_eq!(history.attempts[0].event, "on_its_way");

    let mut ledger = desk.open();
    assert_eq!(ledger.recover(&desk.now).unwrap(), 1);
    assert_eq!(ledger.recover(&desk.now).unwrap(), 0);
    assert_eq!(desk.counts(run), dead);
    let result = &desk.results(run)[0];
    assert_eq!(
        (result.status, result.error_code.as_deref()),
        (Status::Uncertain, Some("interrupted"))
    );
    assert_eq!(result.attempts, 1);
    assert_eq!(ledger.due(run, RowNumber(0), 9).unwrap().len(), 1);
}

#[test]
fn a_person_settles_uncertain_rows_and_it_is_written_down() {
    let mut desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a"), Valid("2", "b"), Valid("3", "c")]);
    send(
        &mut ledger,
        run,
        &[UNCERTAIN, UNCERTAIN, CREATED],
        &desk.now,
    );
    ledger.finish_run(run, None, &desk.now, 1.0, 3).unwrap();
    desk.later(1000);
    ledger
        .begin_process(Work::Deciding(run), "settle", "hoda", &desk.now)
        .unwrap();
    let report = ledger
        .settle(run, Some(&rows(&[2, 4, 99])), true, &desk.now)
        .unwrap();
    assert_eq!(
        report,
        SettleReport {
            settled: 1,
            not_uncertain: rows(&[4, 99])
        }
    );
    let summary = desk.summary(run);
    assert_eq!(
        summary.counts,
        Counts {
            created: 2,
            uncertain: 1,
            ..Counts::default()
        }
    );
    assert_eq!(summary.requests, 3);
    assert!(
        summary.finished_at.is_some(),
        "a decision does not reopen the run"
    );

    let history = desk
        .reader()
        .history(run, RowNumber(2), false)
        .unwrap()
        .unwrap();
    assert!(history.result.token.is_none());
    assert_eq!(history.result.attempts, 1);
    let last = history.attempts.last().unwrap();
    assert_eq!(
        (last.event.as_str(), last.code.as_deref(), last.sent_at),
        ("settled_created", Some("hoda"), desk.now.at)
    );
    assert!(
        desk.reader()
            .history(run, RowNumber(99), false)
            .unwrap()
            .is_none()
    );
}

#[test]
fn rows_are_made_due_again_by_status_and_by_number() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[
        Valid("1", "a"),
        Valid("2", "b"),
        Valid("3", "c"),
        Valid("4", "d"),
    ]);
    send(
        &mut ledger,
        run,
        &[REJECTED, REJECTED, UNCERTAIN, CREATED],
        &desk.now,
    );
    let one = Due {
        statuses: vec![Status::Rejected, Status::Uncertain],
        rows: Some([RowNumber(3)].into()),
        by_person: true,
        ..Due::default()
    };
    assert_eq!(ledger.make_due(run, &one, &desk.now).unwrap(), 1);
    assert_eq!(
        ledger.due(run, RowNumber(0), 9).unwrap()[0].row,
        RowNumber(3)
    );
    let rejected = Due {
        statuses: vec![Status::Rejected],
        ..Due::default()
    };
    assert_eq!(ledger.make_due(run, &rejected, &desk.now).unwrap(), 1);
    assert_eq!(ledger.make_due(run, &rejected, &desk.now).unwrap(), 0);
    let created = Due {
        statuses: vec![Status::Created],
        ..Due::default()
    };
    assert_eq!(
        ledger.make_due(run, &created, &desk.now).unwrap(),
        0,
        "a created row has nothing to send"
    );
    assert_eq!(
        desk.counts(run),
        Counts {
            created: 1,
            uncertain: 1,
            pending: 2,
            ..Counts::default()
        }
    );
    let history = desk
        .reader()
        .history(run, RowNumber(3), false)
        .unwrap()
        .unwrap();
    assert_eq!(history.attempts.last().unwrap().event, "retried");
}

#[test]
fn a_run_goes_on_and_its_time_adds_up() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a"), Valid("2", "b")]);
    send(
        &mut ledger,
        run,
        &[CREATED, (Event::Refused, None)],
        &desk.now,
    );
    ledger
        .finish_run(run, Some(crate::model::Stop::Refused), &desk.now, 2.0, 6)
        .unwrap();
    assert_eq!(desk.summary(run).stopped, Some(crate::model::Stop::Refused));
    ledger
        .begin_process(Work::Sending(run), "resume", "mona", &desk.now)
        .unwrap();
    let going_on = desk
        .reader()
        .summary(run, true, Timestamp(desk.now.at.0 + 500))
        .unwrap();
    assert_eq!((going_on.stopped, going_on.finished_at), (None, None));
    assert!(
        (going_on.seconds - 2.5).abs() < 1e-9,
        "{}",
        going_on.seconds
    );
    assert!(desk.reader().runs(true, desk.now.at).unwrap()[0].in_progress);
    send(&mut ledger, run, &[CREATED], &desk.now);
    ledger.finish_run(run, None, &desk.now, 3.0, 0).unwrap();
    let summary = desk.summary(run);
    assert_eq!((summary.counts.created, summary.requests), (2, 3));
    assert!((summary.seconds - 5.0).abs() < 1e-9);
}

#[test]
fn statistics_are_sums_over_the_run() {
    let desk = Desk::new();
    let (mut ledger, run) =
        desk.enrolled(&[Valid("1", "a"), Valid("2", "b"), Invalid("x"), Invalid("y")]);
    send(&mut ledger, run, &[CREATED, REJECTED], &desk.now);
    let statistics = desk.reader().statistics(run).unwrap();
    assert_eq!(statistics.latencies_ms, [(20, 2)]);
    let minute = statistics.minutes[0];
    assert_eq!(minute.at, Timestamp(1_795_293_540_000));
    assert_eq!((minute.requests, statistics.minutes.len()), (2, 1));
    assert!((1..=2).contains(&minute.busiest_second));
    assert_eq!(
        (
            statistics.answers[0].event.as_str(),
            statistics.answers[0].code.as_str(),
            statistics.answers[0].count
        ),
        ("rejected", "42", 1)
    );
    assert_eq!(
        (
            statistics.problems[0].code.as_str(),
            statistics.problems[0].count
        ),
        ("phone_invalid", 2)
    );
    assert!(desk.reader().health().unwrap().faults.is_empty());
}

#[tokio::test]
async fn many_tasks_write_through_one_thread() {
    let desk = Desk::new();
    let keys: Vec<String> = (0..200).map(|n| n.to_string()).collect();
    let mut ledger = desk.open();
    let mut enrolment = ledger.enrol(&sheet(b"file", &[]), &desk.now).unwrap();
    for (row, key) in (2u32..).zip(&keys) {
        enter_one(&mut enrolment, row, &[], &invitation(key, "x")).unwrap();
    }
    let run = enrolment.commit().unwrap();
    ledger
        .begin_process(Work::Sending(run), "run", "mona", &desk.now)
        .unwrap();
    let writer = Writer::start(ledger).unwrap();
    let due = writer.due(run, RowNumber(0), 1000).await.unwrap();
    let mut tasks = Vec::new();
    for row in due {
        let (writer, now) = (writer.clone(), desk.now.clone());
        tasks.push(tokio::spawn(async move {
            let attempt = writer.open_attempt(row.invitation, &now).await.unwrap();
            writer
                .close_attempt(attempt, closing(CREATED.0, CREATED.1), &now)
                .await
                .unwrap();
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let call = writer.open_call(&desk.now).await.unwrap();
    writer.close_call(call, &desk.now).await.unwrap();
    let other = writer.clone();
    let mut ledger = writer.stop().await.unwrap();
    assert!(other.open_call(&desk.now).await.is_err());
    ledger.finish_run(run, None, &desk.now, 1.0, 0).unwrap();
    let summary = desk.summary(run);
    assert_eq!((summary.counts.created, summary.requests), (200, 200));
}

#[cfg(unix)]
#[tokio::test]
async fn a_ledger_deleted_during_the_run_lets_no_request_leave() {
    let desk = Desk::new();
    let (ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    let writer = Writer::start(ledger).unwrap();
    let due = writer.due(run, RowNumber(0), 9).await.unwrap();
    std::fs::remove_file(desk.path()).unwrap();
    let complaint = writer
        .open_attempt(due[0].invitation, &desk.now)
        .await
        .unwrap_err();
    assert_eq!(complaint.code, "ledger_replaced");
}
