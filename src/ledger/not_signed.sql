-- Of all that were created and are neither signed nor purged, the row in the newest run that has what was sent; the newest run first.
SELECT run, json_group_array(row) FROM (
SELECT max(n.run) AS run, w.row AS row FROM standings w CROSS JOIN contents c ON c.id = w.content_id
JOIN (SELECT sheet_id, max(id) AS run FROM runs GROUP BY sheet_id) n ON n.sheet_id = w.sheet_id
LEFT JOIN stages s ON s.invitation_id = w.invitation_id
WHERE w.status = 'created' AND w.is_same AND c.body IS NOT NULL AND NOT coalesce(s.signed, 0)
GROUP BY w.invitation_id) GROUP BY run ORDER BY run DESC
