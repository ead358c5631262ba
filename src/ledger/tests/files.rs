//! The file itself: modes, bindings, versions, and what is no ledger.

use std::fs;

use rusqlite::Connection;

use super::*;

#[test]
fn a_ledger_is_bound_for_life() {
    let desk = Desk::new();
    drop(desk.open());
    let complaint = Ledger::open(&desk.path(), &binding("other")).unwrap_err();
    assert_eq!(complaint.code, "ledger_bound_elsewhere");
    assert!(
        complaint.message.contains("acme") && complaint.message.contains("other"),
        "{complaint}"
    );
    assert_eq!(
        Ledger::open_existing(&desk.path()).unwrap().binding(),
        &binding("acme")
    );
    assert_eq!(desk.reader().binding(), &binding("acme"));
}

#[test]
fn a_reader_without_a_ledger_says_so_and_makes_none() {
    let desk = Desk::new();
    assert!(Reader::open(&desk.path()).unwrap().is_none());
    assert_eq!(
        Ledger::open_existing(&desk.path()).unwrap_err().code,
        "ledger_missing"
    );
    assert_eq!(fs::read_dir(desk.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_reader_looks_on_while_the_ledger_is_written() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    let reader = desk.reader();
    let mut enrolment = ledger.enrol(&sheet(b"next", &[]), &desk.now).unwrap();
    enter(&mut enrolment, &[Valid("2", "b")], usual_plan);
    assert_eq!(reader.summary(run, true, desk.now.at).unwrap().rows, 1);
    assert_eq!(reader.newest_run().unwrap(), Some(run));
    let next = enrolment.commit().unwrap();
    assert_eq!(reader.newest_run().unwrap(), Some(next));
}

#[test]
fn a_file_that_is_no_ledger_is_left_alone() {
    let desk = Desk::new();
    fs::write(desk.path(), "Mobile,Name\n0101,Mona\n").unwrap();
    for complaint in [
        Ledger::open(&desk.path(), &binding("acme")).unwrap_err(),
        Reader::open(&desk.path()).unwrap_err(),
    ] {
        assert_eq!(complaint.code, "not_a_ledger");
    }
    assert_eq!(
        fs::read_to_string(desk.path()).unwrap(),
        "Mobile,Name\n0101,Mona\n"
    );

    fs::remove_file(desk.path()).unwrap();
    Connection::open(desk.path())
        .unwrap()
        .execute_batch("CREATE TABLE t (x); PRAGMA user_version = 1;")
        .unwrap();
    assert_eq!(
        Ledger::open(&desk.path(), &binding("acme"))
            .unwrap_err()
            .code,
        "not_a_ledger"
    );
    assert_eq!(
        Ledger::open(desk.folder.path(), &binding("acme"))
            .unwrap_err()
            .code,
        "not_a_ledger"
    );
}

#[test]
fn an_empty_file_becomes_a_ledger() {
    let desk = Desk::new();
    fs::write(desk.path(), "").unwrap();
    assert!(Reader::open(&desk.path()).unwrap().is_none());
    let (_ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    assert_eq!(desk.counts(run).pending, 1);
}

#[test]
fn a_newer_ledger_is_refused() {
    let desk = Desk::new();
    drop(desk.open());
    Connection::open(desk.path())
        .unwrap()
        .execute_batch("PRAGMA user_version = 99")
        .unwrap();
    for complaint in [
        Ledger::open(&desk.path(), &binding("acme")).unwrap_err(),
        Reader::open(&desk.path()).unwrap_err(),
    ] {
        assert_eq!(complaint.code, "ledger_newer");
        assert!(complaint.message.contains("99"), "{complaint}");
    }
}

#[test]
fn a_damaged_ledger_is_told_as_such() {
    let desk = Desk::new();
    let (ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    drop(ledger);
    let mut bytes = fs::read(desk.path()).unwrap();
    let page = 4096;
    bytes[page..].fill(0xA5);
    fs::write(desk.path(), bytes).unwrap();
    let opened = Reader::open(&desk.path())
        .and_then(|reader| reader.unwrap().summary(run, false, desk.now.at).map(|_| ()));
    assert_eq!(opened.unwrap_err().code, "ledger_damaged");
    assert_eq!(
        Ledger::open(&desk.path(), &binding("acme"))
            .unwrap_err()
            .code,
        "ledger_damaged"
    );
}

#[test]
fn a_run_that_is_not_there_is_told_as_such() {
    let desk = Desk::new();
    let ledger = desk.open();
    assert_eq!(
        ledger.due(RunId(7), RowNumber(0), 1).unwrap_err().code,
        "run_unknown"
    );
    assert_eq!(
        desk.reader()
            .summary(RunId(7), false, desk.now.at)
            .unwrap_err()
            .code,
        "run_unknown"
    );
    assert_eq!(desk.reader().newest_run().unwrap(), None);
}

#[cfg(unix)]
#[test]
fn every_file_of_a_ledger_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let desk = Desk::new();
    // Left by somebody with a loose umask.
    fs::write(desk.path(), "").unwrap();
    fs::set_permissions(desk.path(), fs::Permissions::from_mode(0o666)).unwrap();
    let _lock = Lock::try_acquire(&desk.path()).unwrap().unwrap();
    let (_ledger, _) = desk.enrolled(&[Valid("1", "a")]);
    let mut seen = Vec::new();
    for entry in fs::read_dir(desk.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(
            entry.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{name}"
        );
        seen.push(name);
    }
    seen.sort();
    assert_eq!(
        seen,
        ["acme.db", "acme.db-shm", "acme.db-wal", "acme.db.lock"]
    );
}

#[test]
fn a_ledger_that_cannot_grow_says_so_and_keeps_what_it_has() {
    let desk = Desk::new();
    let (mut ledger, run) = desk.enrolled(&[Valid("1", "a")]);
    // SQLite's own stand-in for a full disk.
    let pages: i64 = ledger
        .books
        .conn
        .query_row("PRAGMA page_count", [], |row| row.get(0))
        .unwrap();
    ledger
        .books
        .conn
        .pragma_update(None, "max_page_count", pages)
        .unwrap();
    let mut enrolment = ledger.enrol(&sheet(b"next", &[]), &desk.now).unwrap();
    let long = "x".repeat(3000);
    let failed = (2..100).find_map(|row| {
        let invitation = invitation(&row.to_string(), &long);
        enter_one(&mut enrolment, row, &[], &invitation).err()
    });
    assert_eq!(failed.unwrap().code, "ledger_write_failed");
    drop(enrolment);
    assert_eq!(desk.counts(run).pending, 1);
}

#[test]
fn a_log_that_a_deleted_ledger_left_is_not_taken_for_the_new_ones() {
    let desk = Desk::new();
    let log = desk.folder.path().join("acme.db-wal");
    let (ledger, _) = desk.enrolled(&[Valid("1", "a")]);
    let left = fs::read(&log).unwrap();
    assert!(!left.is_empty());
    drop(ledger);
    fs::remove_file(desk.path()).unwrap();
    fs::write(&log, left).unwrap();

    let mut ledger = Ledger::open_or_build(&desk.path(), &binding("acme")).unwrap();
    let run = enrol(
        &mut ledger,
        &[Valid("2", "b"), Valid("3", "c")],
        usual_plan,
        &desk.now,
    );
    assert_eq!(desk.counts(run).pending, 2);
    let known = |who| desk.reader().standing(&invitation(who, "a")).unwrap();
    assert!(known("1").is_none() && known("2").is_some());
}

#[test]
fn a_row_with_ten_columns_costs_less_than_500_bytes() {
    let desk = Desk::new();
    let mut ledger = desk.open();
    let rows = 5000;
    let columns = cells_as_usual(2);
    let mut enrolment = ledger.enrol(&sheet(b"file", &columns), &desk.now).unwrap();
    for row in 2..rows + 2 {
        let invitation = invitation_as_usual(row);
        let cells = cells_as_usual(row);
        enter_one(&mut enrolment, row, &cells, &invitation).unwrap();
    }
    let run = enrolment.commit().unwrap();
    ledger
        .begin_process(Work::Sending(run), "run", "mona", &desk.now)
        .unwrap();
    ledger
        .write(|books| {
            for row in crate::ledger::runs::due(&books.conn, run, RowNumber(0), 5000)? {
                let attempt = books.open_attempt(Some(row.invitation), 1)?;
                books.close_attempt(attempt, &closing(CREATED.0, CREATED.1), 2)?;
            }
            Ok(())
        })
        .unwrap();
    drop(ledger);
    let bytes = fs::metadata(desk.path()).unwrap().len();
    assert!(
        bytes / u64::from(rows) < 500,
        "{} bytes a row",
        bytes / u64::from(rows)
    );
}

fn cells_as_usual(row: u32) -> Vec<String> {
    let phone = format!("0101{row:07}");
    let email = format!("customer{row}@example.com");
    let id = format!("2900101{row:07}");
    [
        "منى عادل حسن",
        &phone,
        &email,
        &id,
        "1990-01-01",
        "5000",
        "أعزب",
        "القاهرة",
        "Acme",
        "APP-1",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn invitation_as_usual(row: u32) -> Invitation {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&row.to_le_bytes());
    let cells = cells_as_usual(row);
    let body = format!(
        r#"{{"SessionInput":{{"phoneNumber":"+2{}","email":"{}","sessionPermissions":{{"allowedContractTypeIds":[414],"minimalSignatureFlow":true,"DigitalIdentityOnly":false}},"RequestFieldsValues":{{"414":{{"fullName":"{}","nationalId":"{}","birthDate":"{}","monthlyIncome":"{}","maritalStatus":"Single","address":"{}","employer":"{}"}}}}}}}}"#,
        cells[1], cells[2], cells[0], cells[3], cells[4], cells[5], cells[7], cells[8]
    );
    Invitation {
        key: InvitationKey(key),
        body,
        ..invitation("", "")
    }
}
