//! For tests: counts everything afresh from the rows, and holds the kept sums, the due rows and the bodies against it.

use std::path::Path;

use rusqlite::Connection;

/// Each query lists what contradicts the ledger's own rules.
const CONTRADICTIONS: &[(&str, &str)] = &[
    (
        "a tally differs from a recount",
        "WITH recount AS (
           SELECT r.place >> 32 AS sheet_id,
                  CASE WHEN r.problems IS NOT NULL THEN 'invalid' WHEN r.duplicate_of IS NOT NULL THEN 'duplicate' ELSE i.status END AS status,
                  coalesce(i.created_run, 0) AS run_id, count(*) AS n
           FROM rows r LEFT JOIN invitations i ON i.id = r.asks_for GROUP BY 1, 2, 3)
         SELECT * FROM (SELECT * FROM recount EXCEPT SELECT * FROM tallies)
         UNION ALL
         SELECT * FROM (SELECT * FROM tallies WHERE n <> 0 EXCEPT SELECT * FROM recount)",
    ),
    (
        "a sheet's rows differ from a recount",
        "SELECT s.id FROM sheets s WHERE s.rows <> (SELECT count(*) FROM rows WHERE place >> 32 = s.id)",
    ),
    (
        "due rows are not the pending ones",
        "SELECT * FROM (SELECT r.place, i.id FROM rows r JOIN invitations i ON i.id = r.asks_for AND i.status = 'pending'
           EXCEPT SELECT place, invitation_id FROM due)
         UNION ALL
         SELECT * FROM (SELECT place, invitation_id FROM due
           EXCEPT SELECT r.place, i.id FROM rows r JOIN invitations i ON i.id = r.asks_for AND i.status = 'pending')",
    ),
    (
        "a pending invitation has no body",
        "SELECT id FROM invitations WHERE status = 'pending' AND id NOT IN (SELECT invitation_id FROM due)",
    ),
    (
        "rows of one invitation are due with different bodies",
        "SELECT invitation_id FROM due GROUP BY invitation_id HAVING count(DISTINCT skeleton_id || ' ' || body) > 1",
    ),
    (
        "an invitation that is pending or created has a body beside what is due",
        "SELECT id FROM invitations WHERE status IN ('pending', 'created') AND id IN (SELECT invitation_id FROM bodies)",
    ),
    (
        "an invitation without its key, or a key without its invitation",
        "SELECT * FROM (SELECT id FROM invitations EXCEPT SELECT invitation_id FROM keys)
         UNION ALL SELECT * FROM (SELECT invitation_id FROM keys EXCEPT SELECT id FROM invitations)
         UNION ALL SELECT invitation_id FROM keys GROUP BY invitation_id HAVING count(*) > 1",
    ),
    (
        "a change is none",
        "SELECT c.invitation_id FROM changes c JOIN invitations i ON i.id = c.invitation_id AND i.content = c.content",
    ),
    (
        "created without its run, or a run without created",
        "SELECT id FROM invitations WHERE (status = 'created') <> (created_run IS NOT NULL)",
    ),
    (
        "an invitation stands twice in a sheet",
        "SELECT asks_for FROM rows WHERE asks_for IS NOT NULL GROUP BY place >> 32, asks_for HAVING count(*) > 1",
    ),
    (
        "a run's requests differ from its attempts",
        "SELECT r.id FROM runs r WHERE requests <> (
           SELECT count(*) FROM processes p JOIN attempts a ON a.process_id = p.id
           WHERE p.run_id = r.id AND a.invitation_id IS NOT NULL
             AND coalesce(a.event, '') NOT IN ('settled_created', 'settled_not_created', 'retried'))",
    ),
];

/// Panics when the ledger at `path` contradicts itself.
pub(super) fn assert_sound(path: &Path) {
    let conn = Connection::open(path).unwrap();
    for (what, sql) in CONTRADICTIONS {
        let is_found = conn.prepare(sql).unwrap().exists([]).unwrap();
        assert!(!is_found, "{what}");
    }
    let check: String = conn
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .unwrap();
    assert_eq!(check, "ok");
}
