-- What a report plots of run ?1, as one JSON object.
WITH
of(sheet_id) AS (SELECT sheet_id FROM runs WHERE id = ?1),
requests AS (
    SELECT * FROM attempts WHERE run_id = ?1 AND invitation_id IS NOT NULL AND is_decision IS NOT TRUE),
latencies AS (
    SELECT max(closed_ms - opened_ms, 0) AS ms, count(*) AS n FROM requests
    WHERE closed_ms IS NOT NULL AND code IS NOT 'interrupted' GROUP BY 1 ORDER BY 1),
seconds AS (SELECT opened_ms / 1000 AS second, count(*) AS n FROM requests GROUP BY 1),
minutes AS (
    SELECT second / 60 * 60000 AS at, sum(n) AS requests, max(n) AS busiest_second FROM seconds GROUP BY 1 ORDER BY 1),
answers AS (
    SELECT event, coalesce(code, '') AS code, coalesce(max(message), '') AS message, count(*) AS count FROM requests
    WHERE event <> 'created' GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2),
problems AS (
    SELECT json_extract(problem.value, '$.column') AS column, json_extract(problem.value, '$.code') AS code, count(*) AS count
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN json_each(c.problems) problem
    WHERE r.sheet_id = (SELECT sheet_id FROM of) AND c.problems IS NOT NULL
    GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1),
reached AS (
    SELECT max(coalesce(s.at_ms, s.told_ms) - (SELECT max(a.opened_ms) FROM attempts a
                   WHERE a.invitation_id = i.id AND a.event IN ('created', 'settled_created')), 0) / 86400000 AS days,
           coalesce(s.signed, false) AS is_signed, count(*) AS count
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN invitations i ON i.id = c.invitation_id
    LEFT JOIN stages s ON s.invitation_id = i.id
    WHERE r.sheet_id = (SELECT sheet_id FROM of) AND i.status = 'created' GROUP BY 1, 2 ORDER BY 1, 2)
SELECT json_object(
    'latencies_ms', json((SELECT json_group_array(json_array(ms, n)) FROM latencies)),
    'minutes', json((SELECT json_group_array(json_object('at', at, 'requests', requests, 'busiest_second', busiest_second)) FROM minutes)),
    'answers', json((SELECT json_group_array(json_object('event', event, 'code', code, 'message', message, 'count', count)) FROM answers)),
    'problems', json((SELECT json_group_array(json_object('column', column, 'code', code, 'count', count)) FROM problems)),
    'stages', json((SELECT json_group_array(json_object('days', days, 'is_signed', json(iif(is_signed, 'true', 'false')), 'count', count)) FROM reached)))
