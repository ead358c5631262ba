-- Forgets rows that were finished before CUTOFF: created, rejected, invalid, and duplicates of these. Counts, statuses and keyed hashes
-- stay, so that nobody is invited twice. Temporary tables hold numbers only.
DROP TABLE IF EXISTS temp.finished;
DROP TABLE IF EXISTS temp.purged;
DROP TABLE IF EXISTS temp.report;
DROP TABLE IF EXISTS temp.kept;

-- Invitations that are finished and were last touched before the cutoff.
CREATE TEMP TABLE finished AS SELECT i.id FROM invitations i
WHERE i.status IN ('created', 'rejected')
  AND NOT EXISTS (SELECT 1 FROM attempts a WHERE a.invitation_id = i.id AND coalesce(a.closed_ms, a.opened_ms) >= CUTOFF);

-- Contents of old sheets alone whose row is finished. A duplicate is finished with its first row.
CREATE TEMP TABLE purged AS SELECT c.id FROM contents c
WHERE c.cells IS NOT NULL
  AND NOT EXISTS (SELECT 1 FROM rows r JOIN sheets s ON s.id = r.sheet_id WHERE r.content_id = c.id AND s.imported_ms >= CUTOFF)
  AND CASE WHEN c.invitation_id IS NOT NULL THEN c.invitation_id IN (SELECT id FROM temp.finished)
      ELSE NOT EXISTS (
          SELECT 1 FROM rows r JOIN rows first ON first.sheet_id = r.sheet_id AND first.row = r.duplicate_of
          JOIN contents own ON own.id = first.content_id
          WHERE r.content_id = c.id AND own.invitation_id NOT IN (SELECT id FROM temp.finished)) END;

CREATE TEMP TABLE report AS SELECT
    (SELECT count(*) FROM temp.purged p CROSS JOIN rows r ON r.content_id = p.id) AS rows,
    (SELECT count(*) FROM attempts WHERE token IS NOT NULL AND invitation_id IN (SELECT id FROM temp.finished)) AS tokens;

-- A problem keeps its code and its place and loses its words and its value.
UPDATE contents SET problems = (SELECT json_group_array(json_set(value, '$.value', '', '$.message', '')) FROM json_each(problems))
WHERE id IN (SELECT id FROM temp.purged) AND problems IS NOT NULL;
UPDATE contents SET cells = NULL, body = NULL WHERE id IN (SELECT id FROM temp.purged);
UPDATE stages SET stage = '' WHERE invitation_id IN (SELECT id FROM temp.finished);
UPDATE attempts SET token = NULL, message = NULL WHERE invitation_id IN (SELECT id FROM temp.finished);
UPDATE sheets SET identity = x'' WHERE id IN (SELECT r.sheet_id FROM temp.purged p CROSS JOIN rows r ON r.content_id = p.id);

CREATE TEMP TABLE kept AS SELECT count(*) AS kept
FROM sheets s CROSS JOIN rows r ON r.sheet_id = s.id CROSS JOIN contents c ON c.id = r.content_id JOIN invitations i ON i.id = c.invitation_id
WHERE s.imported_ms < CUTOFF AND i.status NOT IN ('created', 'rejected');
