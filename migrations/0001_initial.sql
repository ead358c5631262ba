-- The ledger: what was in which sheet, which invitation each row asks for, and every request that left for it.
--
-- Times are milliseconds since 1970-01-01T00:00:00Z. Those of attempts run steadily within one process: its anchor in wall time,
-- plus what the machine's uptime has gained since, so that a wall clock set back or forward does not disturb them.
-- A `place` is a row of a sheet in one number: sheet id * 2^32 + row number. It sorts as the sheet does.

-- base_url and tenancy_name: what this ledger is bound to. salt: keys the hashes of customers and contents.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One enrolment of one file's bytes, read one way, under one mapping. Runs over the unchanged file share it.
CREATE TABLE sheets (
    id          INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,
    identity    BLOB NOT NULL,           -- of bytes, reading and mapping; empty once purged, so that it is enrolled afresh
    columns     TEXT NOT NULL,           -- JSON array of headers
    rows        INTEGER NOT NULL,
    enrolled_ms INTEGER NOT NULL
) STRICT;
CREATE INDEX sheets_by_identity ON sheets (identity);

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    sheet_id    INTEGER NOT NULL REFERENCES sheets (id),
    source      TEXT NOT NULL,
    started_ms  INTEGER NOT NULL,
    finished_ms INTEGER,                 -- NULL while it goes on, and after it was killed
    stopped     TEXT,
    exit_code   INTEGER,
    changed     INTEGER NOT NULL,        -- rows created earlier with other content, as found when the run began
    requests    INTEGER NOT NULL DEFAULT 0,
    throttled   INTEGER NOT NULL DEFAULT 0,
    seconds     REAL NOT NULL DEFAULT 0  -- how long its processes worked on it, but for those that are not ended
) STRICT;

-- One process that sent requests, or recorded a person's decision.
CREATE TABLE processes (
    id               INTEGER PRIMARY KEY,
    run_id           INTEGER REFERENCES runs (id),
    command          TEXT NOT NULL,
    os_user          TEXT NOT NULL,
    boot_id          TEXT NOT NULL,      -- names one start of the machine; empty where the system does not tell
    anchor_ms        INTEGER NOT NULL,   -- wall clock at the start
    anchor_uptime_ms INTEGER NOT NULL,   -- uptime at the same moment
    seconds          REAL                -- how long it worked on its run; NULL while it does, and after it was killed
) STRICT;
CREATE INDEX processes_not_ended ON processes (id) WHERE seconds IS NULL;
CREATE INDEX processes_by_clock ON processes (boot_id, anchor_ms - anchor_uptime_ms);

-- A customer with a set of contract types, known by a keyed hash only.
CREATE TABLE invitations (
    id          INTEGER PRIMARY KEY,
    key         BLOB NOT NULL UNIQUE,
    content     BLOB NOT NULL,           -- keyed hash of the body that the status speaks of
    status      TEXT NOT NULL,           -- created, rejected, failed, uncertain or pending
    created_run INTEGER REFERENCES runs (id)  -- set exactly while the status is created
) STRICT;

-- Bodies of one make share their JSON skeleton; a body is kept as its difference from it. Skeletons hold no values.
CREATE TABLE skeletons (
    id   INTEGER PRIMARY KEY,
    text TEXT NOT NULL UNIQUE
) STRICT;

-- What would be sent: kept from enrolment until the invitation is created.
CREATE TABLE bodies (
    invitation_id INTEGER PRIMARY KEY,
    skeleton_id   INTEGER NOT NULL REFERENCES skeletons (id),
    body          TEXT NOT NULL
) STRICT;

-- What the newest row asks for, where that is not the content that the invitation's status speaks of.
CREATE TABLE changes (
    invitation_id INTEGER PRIMARY KEY,
    content       BLOB NOT NULL,
    skeleton_id   INTEGER NOT NULL REFERENCES skeletons (id),
    body          TEXT NOT NULL
) STRICT;

-- A row of a sheet is one of three: the first with its invitation, a duplicate of an earlier row, or invalid.
CREATE TABLE rows (
    place         INTEGER PRIMARY KEY,
    invitation_id INTEGER,
    duplicate_of  INTEGER,               -- the earlier row's number
    problems      TEXT,                  -- JSON array
    cells         TEXT,                  -- JSON array of the source's own cells; NULL once purged
    CHECK ((invitation_id IS NOT NULL) + (duplicate_of IS NOT NULL) + (problems IS NOT NULL) = 1)
) STRICT;
CREATE INDEX rows_by_invitation ON rows (invitation_id) WHERE invitation_id IS NOT NULL;

-- The rows to be sent, in the order of their sheet: those whose invitation is pending.
CREATE TABLE due (
    place         INTEGER PRIMARY KEY,
    invitation_id INTEGER NOT NULL
) STRICT;

-- Append-only history: each request before it leaves, closed with what became of it; and each decision of a person.
CREATE TABLE attempts (
    id            INTEGER PRIMARY KEY,
    invitation_id INTEGER,               -- NULL for a request that is about no invitation, such as a login
    process_id    INTEGER NOT NULL,
    run_id        INTEGER,               -- its process's
    opened_ms     INTEGER NOT NULL,
    closed_ms     INTEGER,               -- NULL while it is on its way
    event         TEXT,
    code          TEXT,
    message       TEXT,
    token         TEXT
) STRICT;
CREATE INDEX attempts_by_invitation ON attempts (invitation_id) WHERE invitation_id IS NOT NULL;
CREATE INDEX attempts_by_run ON attempts (run_id, closed_ms);
CREATE INDEX attempts_by_answer ON attempts (closed_ms);

-- Rows of each sheet by status, and of the created ones by the run that created them; kept with every change of a status.
CREATE TABLE tallies (
    sheet_id INTEGER NOT NULL,
    status   TEXT NOT NULL,
    run_id   INTEGER NOT NULL,           -- 0 for every status but created
    n        INTEGER NOT NULL,
    PRIMARY KEY (sheet_id, status, run_id)
) STRICT, WITHOUT ROWID;
