//! A ledger that the first version wrote: what it knew is known, and goes on.

use rusqlite::Connection;

use super::*;
use crate::ledger::books::{ContentHash, KeyHash, Salt, keyed_hash};
use crate::ledger::schema::{Age, MIGRATIONS, migrate};

const SALT: Salt = [7; 32];

/// Two sheets: a customer who is due in both, one created, one rejected, a duplicate and an invalid row.
fn written_by_the_first_version(desk: &Desk) {
    let path = desk.path();
    let conn = Connection::open(&path).unwrap();
    migrate(&conn, &path, Age::Empty, &MIGRATIONS[..1]).unwrap();
    conn.execute_batch(
        r#"
        INSERT INTO meta VALUES ('base_url', 'https://api.example'), ('tenancy_name', 'acme');
        INSERT INTO sheets VALUES (1, 'a.csv', x'01', x'02', '["Mobile"]', 5, 1), (2, 'b.csv', x'03', x'02', '["Mobile"]', 1, 2);
        INSERT INTO runs (id, sheet_id, source, started_ms, changed, requests) VALUES (1, 1, 'a.csv', 1, 0, 2), (2, 2, 'b.csv', 2, 0, 0);
        INSERT INTO processes VALUES (1, 1, 'run', 'mona', 'boot-1', 1, 1, 1.0);
        INSERT INTO skeletons VALUES (1, '{"name":"' || char(1) || '"}');
        INSERT INTO rows (place, invitation_id, duplicate_of, problems, cells) VALUES
            (4294967298, 1, NULL, NULL, '["1"]'), (4294967299, 2, NULL, NULL, '["2"]'), (4294967300, 3, NULL, NULL, '["3"]'),
            (4294967301, NULL, 2, NULL, '["1"]'), (4294967302, NULL, NULL, '[]', '["x"]'), (8589934594, 1, NULL, NULL, '["1"]');
        INSERT INTO due VALUES (4294967298, 1), (8589934594, 1);
        INSERT INTO bodies VALUES (1, 1, 'Mona'), (3, 1, 'Sara');
        INSERT INTO attempts (invitation_id, process_id, opened_ms, closed_ms, event, token) VALUES
            (2, 1, 5, 6, 'created', 'token-of-a-session'), (3, 1, 5, 6, 'rejected', NULL);
        INSERT INTO tallies VALUES (1, 'pending', 0, 1), (1, 'created', 1, 1), (1, 'rejected', 0, 1), (1, 'duplicate', 0, 1),
            (1, 'invalid', 0, 1), (2, 'pending', 0, 1);
        "#,
    )
    .unwrap();
    conn.execute("INSERT INTO meta VALUES ('salt', ?1)", [SALT])
        .unwrap();
    for (id, who, status, run) in [
        (1, "1", "pending", None),
        (2, "2", "created", Some(1)),
        (3, "3", "rejected", None),
    ] {
        let invitation = invitation(who, "a");
        let key: KeyHash = keyed_hash(&SALT, b"key", &invitation.key.0);
        let content: ContentHash = keyed_hash(&SALT, b"content", invitation.body.as_bytes());
        conn.execute(
            "INSERT INTO invitations VALUES (?1, ?2, ?3, ?4, ?5)",
            (id, key, content, status, run),
        )
        .unwrap();
    }
}

#[test]
fn what_the_first_version_wrote_goes_on() {
    let desk = Desk::new();
    written_by_the_first_version(&desk);
    let mut ledger = desk.open();
    assert_sound(&desk.path());
    assert!(desk.folder.path().join("acme.db.v1.copy").exists());
    let (first, second) = (RunId(1), RunId(2));
    for run in [first, second] {
        let due = ledger.due(run, RowNumber(0), 9).unwrap();
        assert_eq!(due.len(), 1);
        assert_eq!(due[0].body, r#"{"name":"Mona"}"#);
    }
    assert_eq!(
        desk.counts(first),
        Counts {
            pending: 1,
            created: 1,
            rejected: 1,
            duplicate: 1,
            invalid: 1,
            ..Counts::default()
        }
    );
    assert_eq!(
        desk.results(first)[1].token.as_ref().map(Secret::expose),
        Some("token-of-a-session")
    );

    // Sent in one sheet, it is due in none.
    ledger
        .begin_process(Work::Sending(second), "resume", "mona", &desk.now)
        .unwrap();
    assert_eq!(send(&mut ledger, second, &[CREATED], &desk.now), rows(&[2]));
    assert_eq!(ledger.due_count(first).unwrap(), 0);
    assert_eq!(desk.counts(first).already_created, 1);
    drop(ledger);

    // The next sheet meets them all, and one that is new.
    let (mut ledger, third) = desk.enrolled(&[
        Valid("4", "a"),
        Valid("3", "a"),
        Valid("2", "a"),
        Valid("1", "a"),
    ]);
    assert_eq!(
        desk.counts(third),
        Counts {
            pending: 1,
            rejected: 1,
            already_created: 2,
            ..Counts::default()
        }
    );
    let rejected = Due {
        statuses: vec![Status::Rejected],
        ..Due::default()
    };
    assert_eq!(ledger.make_due(third, &rejected, &desk.now).unwrap(), 1);
    let bodies: Vec<String> = ledger
        .due(third, RowNumber(0), 9)
        .unwrap()
        .into_iter()
        .map(|row| row.body)
        .collect();
    assert_eq!(
        bodies,
        [invitation("4", "a").body, r#"{"name":"Sara"}"#.to_owned()]
    );
    send(&mut ledger, third, &[CREATED], &desk.now);
    assert_eq!(desk.counts(third).created, 2);
}
