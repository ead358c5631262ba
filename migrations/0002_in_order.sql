-- What enrolling a sheet writes is written in order: a new invitation is numbered by the place of its row, its key goes into a
-- table of keys that a whole sheet fills in the keys' own order, and what is due holds its body.
--
-- Numbers that the first version gave are far below every place, so both kinds live side by side.

-- Which invitation a key stands for.
CREATE TABLE keys (
    key           BLOB PRIMARY KEY,
    invitation_id INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO keys SELECT key, id FROM invitations ORDER BY key;

-- A customer with a set of contract types. id: the place of the row that first asked for it.
CREATE TABLE ordered_invitations (
    id          INTEGER PRIMARY KEY,
    content     BLOB NOT NULL,           -- keyed hash of the body that the status speaks of
    status      TEXT NOT NULL,           -- created, rejected, failed, uncertain or pending
    created_run INTEGER                  -- set exactly while the status is created
) STRICT;
INSERT INTO ordered_invitations SELECT id, content, status, created_run FROM invitations ORDER BY id;
DROP TABLE invitations;
ALTER TABLE ordered_invitations RENAME TO invitations;

-- The rows to be sent, in the order of their sheet: those whose invitation is pending, with what would be sent.
CREATE TABLE ordered_due (
    place         INTEGER PRIMARY KEY,
    invitation_id INTEGER NOT NULL,
    skeleton_id   INTEGER NOT NULL,
    body          TEXT NOT NULL
) STRICT;
INSERT INTO ordered_due
SELECT d.place, d.invitation_id, b.skeleton_id, b.body FROM due d JOIN bodies b ON b.invitation_id = d.invitation_id ORDER BY d.place;

-- Bodies of invitations that are neither due nor created, for when they become due again.
DELETE FROM bodies WHERE invitation_id IN (SELECT invitation_id FROM due);
DROP TABLE due;
ALTER TABLE ordered_due RENAME TO due;

-- Of the attempts one kind is deleted: an intent whose request never left, by the process that wrote it down.

-- The cells of a row are kept as one text, each behind a U+0001; rows with a cell that holds one stay JSON arrays, as all were.

-- invitation_id is 0 where the invitation is numbered by this very row, which takes no room; asks_for says it in either case.
ALTER TABLE rows ADD COLUMN asks_for INTEGER GENERATED ALWAYS AS (iif(invitation_id = 0, place, invitation_id)) VIRTUAL;

-- The rows of an invitation beside the one that it is numbered by.
DROP INDEX rows_by_invitation;
CREATE INDEX rows_by_invitation ON rows (invitation_id) WHERE invitation_id > 0;
