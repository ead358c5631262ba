-- Runs as they stand, newest first, each as one JSON object.
-- ?1: whether some process holds the ledger's lock. ?2: now. ?3, ?4: the first and the last run. ?5: at most so many. ?6: the ledger's path.
WITH
-- Requests that were opened and never closed, and whose sender is dead: whoever was invited by them is uncertain.
lost AS MATERIALIZED (
    SELECT w.sheet_id, count(*) AS n FROM standings w WHERE w.status = 'pending' AND w.content_id IN (
        SELECT c.id FROM attempts a CROSS JOIN contents c ON c.invitation_id = a.invitation_id WHERE NOT ?1 AND a.closed_ms IS NULL)
    GROUP BY 1),
-- Created rows without a token, since a person settled them; those that another computer has are created by no run. Whoever was sent to
-- again after that (because the row had changed) has a link.
settled AS MATERIALIZED (
    SELECT w.sheet_id, count(*) AS n FROM standings w WHERE w.run_id > 0 AND w.content_id IN (
        SELECT c.id FROM attempts a CROSS JOIN contents c ON c.invitation_id = a.invitation_id
        WHERE a.event = 'settled_created'
          AND NOT EXISTS (SELECT 1 FROM attempts answered WHERE answered.invitation_id = a.invitation_id AND answered.id > a.id AND answered.event = 'created'))
    GROUP BY 1),
-- The run that the living sender works on.
at_work AS MATERIALIZED (
    SELECT p.run_id FROM processes p JOIN runs r ON r.id = p.run_id
    WHERE ?1 AND p.id = (SELECT max(id) FROM processes) AND p.seconds IS NULL AND p.command <> 'settle' AND r.finished_ms IS NULL),
not_ended AS MATERIALIZED (
    SELECT run_id, max(iif(run_id IN at_work, ?2, noted_ms) - anchor_ms, 0) / 1000.0 AS seconds FROM unended)
SELECT json_object(
    'run', r.id, 'source', r.source, 'base_url', (SELECT value FROM meta WHERE key = 'base_url'),
    'tenancy_name', (SELECT value FROM meta WHERE key = 'tenancy_name'),
    'started_at', r.started_ms, 'finished_at', r.finished_ms,
    'stopped', coalesce(r.stopped, iif(r.finished_ms IS NULL AND r.id NOT IN at_work, 'killed', NULL)), 'rows', s.rows,
    'counts', json((SELECT json_group_object(kind, n) FROM (
        SELECT kind, sum(n) AS n FROM (
            SELECT iif(status = 'created' AND run_id <> r.id, 'already_created', status) AS kind, n FROM tallies WHERE sheet_id = s.id
            UNION ALL SELECT 'pending', -n FROM lost WHERE sheet_id = s.id
            UNION ALL SELECT 'uncertain', n FROM lost WHERE sheet_id = s.id)
        GROUP BY kind))),
    'changed', r.changed, 'requests', r.requests, 'throttled', r.throttled,
    'seconds', round(r.seconds + coalesce((SELECT sum(seconds) FROM not_ended WHERE run_id = r.id), 0), 1),
    'ledger', ?6, 'running', json(iif(r.id IN at_work, 'true', 'false')),
    'without_token', coalesce((SELECT n FROM settled WHERE sheet_id = s.id), 0)
        + coalesce((SELECT n FROM tallies WHERE sheet_id = s.id AND status = 'created' AND run_id = 0), 0), 'reason', r.reason)
FROM runs r JOIN sheets s ON s.id = r.sheet_id
WHERE r.id BETWEEN ?3 AND ?4 ORDER BY r.id DESC LIMIT ?5
