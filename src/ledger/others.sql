-- Whom other columns than ?1 told apart, and whether a row by ?1 is he already: by any body that was asked for; but where a row told apart by ?1 is that invitation already, only
-- by the one that it stands for, and only until that row has asked for this. What an invitation was made for stays known, whatever a
-- person has had it sent again as. Of a sheet that was held back, only what an invitation stands for counts, and whom it was the first to ask for.
CREATE TEMP TABLE others AS
WITH own AS NOT MATERIALIZED (
    SELECT c.invitation_id AS id, c.body_hash FROM contents c CROSS JOIN rows r ON r.content_id = c.id CROSS JOIN sheets s ON s.id = r.sheet_id
    WHERE s.told_by = ?1 AND (s.is_let_go OR s.id = (SELECT min(sheet_id) FROM rows WHERE content_id = c.invitation_id)))
SELECT c.body_hash, i.id, c.body_hash IS it.body_hash AS is_it, heard.phone, heard.email, EXISTS (
    SELECT 1 FROM own WHERE own.id = i.id) AS is_met
FROM invitations i CROSS JOIN contents it ON it.id = i.content_id CROSS JOIN contents c ON c.invitation_id = i.id
LEFT JOIN contents heard ON heard.id = c.id AND (c.id IN (i.id, i.content_id) OR EXISTS (SELECT 1 FROM said WHERE said.id = c.id))
WHERE (i.created_as IS NOT NULL AND c.id = i.id AND c.body_hash IS NOT it.body_hash) OR NOT EXISTS (
    SELECT 1 FROM own WHERE own.id = i.id AND (own.body_hash IS it.body_hash OR c.body_hash IS NOT it.body_hash))
LIMIT iif(EXISTS (SELECT 1 FROM sheets WHERE told_by <> ?1), -1, 0)
