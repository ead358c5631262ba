-- Of all that were created and are neither signed nor purged, the row in the newest run that has what was sent; the newest run first.
SELECT run, json_group_array(row) FROM (
SELECT max(n.run) AS run, r.row AS row FROM invitations i
CROSS JOIN contents c ON c.invitation_id = i.id
CROSS JOIN rows r ON r.content_id = c.id AND r.duplicate_of IS NULL
JOIN (SELECT sheet_id, max(id) AS run FROM runs GROUP BY sheet_id) n ON n.sheet_id = r.sheet_id
LEFT JOIN stages s ON s.invitation_id = i.id
WHERE i.status = 'created' AND c.body IS NOT NULL AND NOT coalesce(s.signed, 0)
  AND c.body_hash IS (SELECT body_hash FROM contents WHERE id = i.content_id)
GROUP BY i.id) GROUP BY run ORDER BY run DESC
