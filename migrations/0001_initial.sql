-- The ledger: what was in which sheet, which invitation each row asks for, and every request that left for it.
--
-- Times are milliseconds since 1970-01-01T00:00:00Z. Those of attempts run steadily within one process: its anchor in wall time,
-- plus what the machine's uptime has gained since, so that a wall clock set back or forward does not disturb them.

-- base_url and tenancy_name: what this ledger is bound to. salt: keys the hashes of customers and contents. schema: the hash of this text. lost: the number
-- of the loss that was accepted, until no file of the lost time is left. joined: 1 once it is one of a team's. copied_ms: when `backup` made this file, until it is first written.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- One file's bytes, read one way, under one mapping. Runs over the unchanged file share it.
CREATE TABLE sheets (
    id          INTEGER PRIMARY KEY,
    source      TEXT NOT NULL,
    identity    BLOB NOT NULL,           -- of bytes, reading and mapping; empty once purged, so that it is imported afresh
    told_by     TEXT NOT NULL,           -- the columns by which its customers are told apart; empty where the recipient tells
    columns     TEXT NOT NULL,           -- JSON array of headers
    rows        INTEGER NOT NULL,
    imported_ms INTEGER NOT NULL,
    is_let_go   INTEGER                  -- 1 once a run over it was not held back: until then it may be the wrong one; NULL while it is imported
) STRICT;
CREATE INDEX sheets_by_identity ON sheets (identity);

CREATE TABLE runs (
    id          INTEGER PRIMARY KEY,
    sheet_id    INTEGER NOT NULL REFERENCES sheets (id),
    source      TEXT NOT NULL,
    typed       TEXT,                    -- how its file was named and read, so that the next command can be told
    started_ms  INTEGER NOT NULL,
    finished_ms INTEGER,                 -- NULL while it goes on, and after it was killed
    stopped     TEXT,
    reason      TEXT,                    -- why it stopped, as a person was told
    changed     INTEGER NOT NULL,        -- rows created earlier with other content and not sent again, when it was let go and when it ended
    requests    INTEGER NOT NULL DEFAULT 0,
    throttled   INTEGER NOT NULL DEFAULT 0,
    seconds     REAL NOT NULL DEFAULT 0  -- how long its processes worked on it, but for those that are not ended
) STRICT;

-- One process that wrote. The newest alone may open an attempt: who takes over adds itself first.
CREATE TABLE processes (
    id               INTEGER PRIMARY KEY,
    run_id           INTEGER REFERENCES runs (id),
    command          TEXT NOT NULL,
    os_user          TEXT NOT NULL,
    host             TEXT NOT NULL,
    pid              INTEGER NOT NULL,
    boot_id          TEXT NOT NULL,      -- names one start of the machine; empty where the system does not tell
    anchor_ms        INTEGER NOT NULL,   -- wall clock at the start
    anchor_uptime_ms INTEGER NOT NULL,   -- uptime at the same moment
    seconds          REAL                -- how long it worked on its run; NULL while it works, and after it was killed
) STRICT;
CREATE INDEX processes_not_ended ON processes (id) WHERE seconds IS NULL;
CREATE INDEX processes_by_clock ON processes (boot_id, anchor_ms - anchor_uptime_ms);

-- Processes that did not say how they ended: they are at work, or were killed after the last that they noted.
CREATE VIEW unended AS
SELECT p.id, p.run_id, p.anchor_ms, (
    SELECT n.closed_ms FROM attempts n WHERE n.run_id = p.run_id AND n.process_id = p.id ORDER BY n.closed_ms DESC LIMIT 1) AS noted_ms
FROM processes p WHERE p.seconds IS NULL;

-- A customer with a set of contract types, known by a keyed code only, which the team's register has another of. id: of the content that first asked for it.
CREATE TABLE invitations (
    id          INTEGER PRIMARY KEY,
    key         BLOB NOT NULL,
    status      TEXT NOT NULL,           -- created, rejected, failed, uncertain or pending
    content_id  INTEGER NOT NULL,        -- what the status speaks of; of a pending one, what it is sent as
    overcome    TEXT,                    -- of a pending one: the status that a person's word or new content has overcome; created, if it ever was
    created_run INTEGER,                 -- that created it last, 0 where another computer did; and as what. NULL if it never was created; whatever
    created_as  INTEGER                  -- a person's word has had it sent again as since
) STRICT;
CREATE UNIQUE INDEX invitations_by_key ON invitations (key);

-- Other keys of invitations: of customers whom a later sheet tells apart by other columns, and the e-mails of those who are known by a phone.
CREATE TABLE aliases (
    key           BLOB NOT NULL,
    invitation_id INTEGER NOT NULL,
    sheet_id      INTEGER NOT NULL,      -- of whose row it is the key
    PRIMARY KEY (key, sheet_id)
) STRICT, WITHOUT ROWID;

-- Those that hold: of sheets that were let go, and of the one that is being imported. The last tells whose a key is.
CREATE VIEW known_aliases AS SELECT a.* FROM aliases a CROSS JOIN sheets s ON s.id = a.sheet_id WHERE s.is_let_go IS NOT 0;

-- What a row holds and asks for. Rows of several sheets that hold the same share it, so that it is kept once and not once a night.
CREATE TABLE contents (
    id            INTEGER PRIMARY KEY,
    invitation_id INTEGER,               -- NULL for an invalid row and for a duplicate
    hash          BLOB NOT NULL,         -- keyed, of all that follows
    body_hash     BLOB,                  -- keyed, of the body alone
    phone         BLOB,                  -- the keys by phone and by e-mail alone, as invitations have theirs
    email         BLOB,
    body          TEXT,                  -- the request as it is sent; NULL once purged
    problems      TEXT,                  -- JSON array; set exactly for an invalid row
    cells         TEXT                   -- JSON array of the source's own cells; NULL once purged
) STRICT;
CREATE INDEX contents_by_invitation ON contents (invitation_id, hash);

CREATE TABLE rows (
    sheet_id     INTEGER NOT NULL,
    row          INTEGER NOT NULL,       -- as a spreadsheet numbers it
    content_id   INTEGER NOT NULL,
    duplicate_of INTEGER,                -- the earlier row's number
    is_due       INTEGER,                -- 1 exactly while it stands as pending
    PRIMARY KEY (sheet_id, row)
) STRICT, WITHOUT ROWID;
CREATE INDEX rows_by_content ON rows (content_id);
CREATE INDEX due ON rows (sheet_id, row) WHERE is_due;

-- How each row stands: as its invitation does; but one that was created stays so for whoever does not ask for what it is being sent
-- again as; while it is uncertain, only for whoever asks for what was created. `run_id`: of a created one, which run created it. `is_same`:
-- whether it asks for what was created, or is sent.
CREATE VIEW standings AS
SELECT sheet_id, row, duplicate_of, content_id, invitation_id, iif(stays_created, 'created', status) AS status,
    iif(stays_created OR status = 'created', created_run, 0) AS run_id, is_its OR is_made AS is_same
FROM (
    SELECT r.sheet_id, r.row, r.duplicate_of, r.content_id, i.id AS invitation_id, i.created_run,
        CASE WHEN r.duplicate_of IS NOT NULL THEN 'duplicate' ELSE coalesce(i.status, 'invalid') END AS status,
        c.body_hash IS it.body_hash AS is_its, c.body_hash IS made.body_hash AS is_made,
        i.created_as IS NOT NULL AND c.body_hash IS NOT it.body_hash AND (i.status <> 'uncertain' OR c.body_hash IS made.body_hash) AS stays_created
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id LEFT JOIN invitations i ON i.id = c.invitation_id
    LEFT JOIN contents it ON it.id = i.content_id LEFT JOIN contents made ON made.id = i.created_as);

-- What was asked for by sheets that were let go: only by that is a customer known to have another address.
CREATE VIEW said AS SELECT * FROM contents c WHERE EXISTS (
    SELECT 1 FROM rows r CROSS JOIN sheets s ON s.id = r.sheet_id WHERE r.content_id = c.id AND s.is_let_go);

-- As others can know a customer again, by each content that ever asked for his invitation. By which columns his key tells him apart: as
-- the sheet that first asked for it. His e-mail is none where another is known by it alone; the address that his key is, is his in all.
CREATE VIEW customers AS
SELECT c.id AS content_id, i.id AS invitation_id, i.key, c.body, c.hash,
    coalesce(c.phone, (SELECT o.phone FROM contents o WHERE o.invitation_id = i.id AND o.phone = i.key)) AS phone,
    iif((SELECT o.id FROM invitations o WHERE o.key = c.email) <> i.id, NULL,
        coalesce(c.email, (SELECT o.email FROM contents o WHERE o.invitation_id = i.id AND o.email = i.key))) AS email, (
    SELECT s.told_by FROM rows r CROSS JOIN sheets s ON s.id = r.sheet_id WHERE r.content_id = i.id ORDER BY r.sheet_id LIMIT 1) AS told_by
FROM contents c CROSS JOIN invitations i ON i.id = c.invitation_id;

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
    token         TEXT,
    pause_ms      INTEGER,               -- for how long its answer has nobody send
    register_id   BLOB,                  -- its name in the team's register, if there is one; of what is noted from there, the other's
    told          INTEGER,               -- whether the register knows what became of it; NULL once that does not matter any more
    -- somebody's word, and no request
    is_decision   INTEGER AS (event IN ('settled_created', 'settled_not_created', 'retried', 'elsewhere', 'assumed_sent'))
) STRICT;
CREATE INDEX untold ON attempts (id) WHERE told = 0;
CREATE INDEX told ON attempts (id) WHERE told = 1;
CREATE INDEX pauses ON attempts (id) WHERE pause_ms IS NOT NULL;
CREATE INDEX attempts_by_invitation ON attempts (invitation_id) WHERE invitation_id IS NOT NULL;
CREATE INDEX settled ON attempts (invitation_id) WHERE event = 'settled_created';
CREATE INDEX attempts_by_run ON attempts (run_id, closed_ms);
CREATE INDEX attempts_by_answer ON attempts (closed_ms);

-- When an invitation was made, as far as this computer knows: as its request left, or that of which a person says so.
CREATE VIEW made AS
SELECT i.id, coalesce(
    (SELECT max(opened_ms) FROM attempts a WHERE a.invitation_id = i.id AND a.event = 'created'),
    (SELECT max(opened_ms) FROM attempts a WHERE a.invitation_id = i.id AND a.is_decision IS NOT TRUE)) AS ms
FROM invitations i;

-- How far a customer's contract is, as the newest file told that `follow` has read.
CREATE TABLE stages (
    invitation_id INTEGER PRIMARY KEY,
    stage         TEXT NOT NULL,         -- as it is written there; empty once purged
    at_ms         INTEGER,               -- when it was reached, where the file tells
    signed        INTEGER NOT NULL,
    told_ms       INTEGER NOT NULL       -- when the file was read
) STRICT;

-- Files of an inbox that were dealt with.
CREATE TABLE inbox_files (
    path        TEXT NOT NULL,
    sheet       BLOB NOT NULL,           -- SHA-256 of the bytes and of everything that decides what they become
    size        INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    unless      BLOB,                    -- of a file that could not be used: SHA-256 of what decided that; another config may say otherwise
    PRIMARY KEY (path, sheet)
) STRICT, WITHOUT ROWID;
CREATE INDEX inbox_files_by_sheet ON inbox_files (sheet);

-- Rows of each sheet by status, and of the created ones by the run that created them.
CREATE TABLE tallies (
    sheet_id INTEGER NOT NULL,
    status   TEXT NOT NULL,
    run_id   INTEGER NOT NULL,           -- 0 for every status but created
    n        INTEGER NOT NULL,
    PRIMARY KEY (sheet_id, status, run_id)
) STRICT, WITHOUT ROWID;

-- Counted once when all its rows are there.
CREATE TRIGGER sheet_imported AFTER UPDATE OF rows ON sheets
BEGIN
    INSERT INTO tallies (sheet_id, status, run_id, n)
    SELECT sheet_id, status, run_id, count(*) FROM standings WHERE sheet_id = new.id GROUP BY 2, 3;
END;

-- From then on, the rows of every sheet follow their invitation, and so do the tallies: counted no more as they stood before, and then as
-- they stand. Another content that asks for the same changes nothing.
CREATE TRIGGER invitation_changes BEFORE UPDATE OF status, content_id, created_as ON invitations
WHEN old.status <> new.status OR old.created_as IS NOT new.created_as
    OR (SELECT body_hash FROM contents WHERE id = old.content_id) IS NOT (SELECT body_hash FROM contents WHERE id = new.content_id)
BEGIN
    INSERT INTO tallies (sheet_id, status, run_id, n)
    SELECT sheet_id, status, run_id, -1 FROM standings WHERE content_id IN (SELECT id FROM contents WHERE invitation_id = new.id)
    ON CONFLICT DO UPDATE SET n = n + excluded.n;
END;

CREATE TRIGGER invitation_changed AFTER UPDATE OF status, content_id, created_as ON invitations
WHEN old.status <> new.status OR old.created_as IS NOT new.created_as
    OR (SELECT body_hash FROM contents WHERE id = old.content_id) IS NOT (SELECT body_hash FROM contents WHERE id = new.content_id)
BEGIN
    UPDATE rows SET is_due = (
        SELECT 1 FROM standings s WHERE s.sheet_id = rows.sheet_id AND s.row = rows.row AND s.status = 'pending')
    WHERE content_id IN (SELECT id FROM contents WHERE invitation_id = new.id);
    INSERT INTO tallies (sheet_id, status, run_id, n)
    SELECT sheet_id, status, run_id, 1 FROM standings WHERE content_id IN (SELECT id FROM contents WHERE invitation_id = new.id)
    ON CONFLICT DO UPDATE SET n = n + excluded.n;
END;

-- The same where what a row holds asks for another one from now on.
CREATE TRIGGER content_moves BEFORE UPDATE OF invitation_id ON contents
BEGIN
    INSERT INTO tallies (sheet_id, status, run_id, n) SELECT sheet_id, status, run_id, -1 FROM standings WHERE content_id = new.id
    ON CONFLICT DO UPDATE SET n = n + excluded.n;
END;

CREATE TRIGGER content_moved AFTER UPDATE OF invitation_id ON contents
BEGIN
    UPDATE rows SET is_due = (
        SELECT 1 FROM standings s WHERE s.sheet_id = rows.sheet_id AND s.row = rows.row AND s.status = 'pending')
    WHERE content_id = new.id;
    INSERT INTO tallies (sheet_id, status, run_id, n) SELECT sheet_id, status, run_id, 1 FROM standings WHERE content_id = new.id
    ON CONFLICT DO UPDATE SET n = n + excluded.n;
END;

CREATE TRIGGER request_opened AFTER INSERT ON attempts WHEN new.event IS NULL AND new.invitation_id IS NOT NULL
BEGIN
    UPDATE runs SET requests = requests + 1 WHERE id = new.run_id;
END;

CREATE TRIGGER request_throttled AFTER UPDATE OF event ON attempts WHEN new.event = 'throttled' AND new.invitation_id IS NOT NULL
BEGIN
    UPDATE runs SET throttled = throttled + 1 WHERE id = new.run_id;
END;

-- What a process worked, its run adds up.
CREATE TRIGGER process_ended AFTER UPDATE OF seconds ON processes
BEGIN
    UPDATE runs SET seconds = seconds + new.seconds WHERE id = new.run_id;
END;
