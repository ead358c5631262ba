-- What a report plots of run ?1, as one JSON object.
WITH RECURSIVE
of(sheet_id) AS (SELECT sheet_id FROM runs WHERE id = ?1),
requests AS (
    SELECT * FROM attempts WHERE run_id = ?1 AND invitation_id IS NOT NULL AND is_decision IS NOT TRUE),
latencies AS (
    SELECT max(closed_ms - opened_ms, 0) AS ms, count(*) AS n FROM requests
    WHERE closed_ms IS NOT NULL AND code IS NOT 'interrupted' GROUP BY 1),
upto AS (SELECT ms, 100 * sum(n) OVER (ORDER BY ms) / sum(n) OVER () AS percent FROM latencies),
-- How long so many of a hundred answers took at the most.
latency AS (
    SELECT p.value AS percent, min(upto.ms) AS ms FROM json_each('[50, 90, 95, 99, 100]') p JOIN upto ON upto.percent >= p.value
    GROUP BY 1 ORDER BY 1),
seconds AS (SELECT opened_ms / 1000 AS second, count(*) AS n FROM requests GROUP BY 1),
minutes AS (
    SELECT second / 60 * 60000 AS at, sum(n) AS requests, max(n) AS busiest_second FROM seconds GROUP BY 1 ORDER BY 1),
answers AS (
    SELECT event, coalesce(code, '') AS code, coalesce(max(message), '') AS message, count(DISTINCT invitation_id) AS count FROM requests
    WHERE event <> 'created' GROUP BY 1, 2 ORDER BY 4 DESC, 1, 2),
problems AS (
    SELECT json_extract(problem.value, '$.column') AS column, json_extract(problem.value, '$.code') AS code, count(*) AS count
    FROM rows r CROSS JOIN contents c ON c.id = r.content_id CROSS JOIN json_each(c.problems) problem
    WHERE r.sheet_id = (SELECT sheet_id FROM of) AND c.problems IS NOT NULL
    GROUP BY 1, 2 ORDER BY 3 DESC, 2, 1),
reached AS (
    SELECT max(coalesce(s.at_ms, s.told_ms) - (SELECT ms FROM made WHERE made.id = w.invitation_id), 0) / 86400000 AS days,
           coalesce(s.signed, false) AS is_signed, count(*) AS count
    FROM standings w LEFT JOIN stages s ON s.invitation_id = w.invitation_id
    WHERE w.sheet_id = (SELECT sheet_id FROM of) AND w.status = 'created' GROUP BY 1, 2),
-- Who signed later is counted with the last day.
known AS (SELECT min(days, 90) AS day, is_signed, count FROM reached WHERE days IS NOT NULL),
days(day) AS (
    SELECT 0 WHERE EXISTS (SELECT 1 FROM known) UNION ALL SELECT day + 1 FROM days WHERE day < (SELECT max(day) FROM known)),
-- How many had signed, or stood at another stage, so many days after the invitation.
follow AS (
    SELECT d.day, total(k.count) FILTER (WHERE k.is_signed) AS signed, total(k.count) FILTER (WHERE NOT k.is_signed) AS others
    FROM days d LEFT JOIN known k ON k.day <= d.day GROUP BY 1 ORDER BY 1)
SELECT json_object(
    'minutes', json((SELECT json_group_array(json_array(at, requests, busiest_second)) FROM minutes)),
    -- Bars of plots: what stands below each, and its parts from the bottom up.
    'latency', json((SELECT json_group_array(json_array(percent || ' %', json_array(ms))) FROM latency)),
    'follow', json((SELECT json_group_array(json_array(day, json_array(CAST(signed AS INTEGER), CAST(others AS INTEGER)))) FROM follow)),
    'never_seen', (SELECT coalesce(sum(count), 0) FROM reached WHERE days IS NULL),
    'answers', json((SELECT json_group_array(json_object('event', event, 'code', code, 'message', message, 'count', count)) FROM answers)),
    'problems', json((SELECT json_group_array(json_object('column', column, 'code', code, 'count', count)) FROM problems)))
