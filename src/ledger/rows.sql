-- Rows with what became of them, one line for each. ?1: the run. ?2, ?3: the first and the last row.
SELECT json_object(
            'row', w.row, 'status', w.status, 'duplicate_of', w.duplicate_of,
            'attempts', 0, 'history', json('[]'), 'stage', json(iif(s.stage IS NULL, NULL, json_object(
                'name', s.stage, 'at', s.at_ms, 'is_signed', json(iif(s.signed, 'true', 'false')))))),
       c.cells, c.problems, w.status = 'created' AND NOT w.is_same,
       (SELECT json_group_array(json_object(
            'run', coalesce(a.run_id, 0), 'sent_at', a.opened_ms, 'answered_at', a.closed_ms, 'event', coalesce(a.event, 'on_its_way'),
            'code', iif(a.is_decision, iif(a.event = 'elsewhere', NULL, p.os_user), a.code), 'message', a.message, 'token', a.token) ORDER BY a.id)
        FROM attempts a CROSS JOIN processes p ON p.id = a.process_id WHERE a.invitation_id = c.invitation_id)
FROM standings w CROSS JOIN contents c ON c.id = w.content_id LEFT JOIN stages s ON s.invitation_id = w.invitation_id
WHERE w.sheet_id = (SELECT sheet_id FROM runs WHERE id = ?1) AND w.row BETWEEN ?2 AND ?3
ORDER BY w.row
