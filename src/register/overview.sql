-- Where the register of tenant $1, $2 stands, as one JSON object.
SELECT (to_jsonb(o) || jsonb_build_object(
    'at', (extract(epoch FROM o.at) * 1000)::bigint,
    'senders', (
        SELECT coalesce(jsonb_agg(jsonb_build_object(
            'host', s.host, 'os_user', s.os_user, 'started_at', (extract(epoch FROM s.started) * 1000)::bigint,
            'version', s.version, 'alive', s.is_alive, 'on_their_way', s.on_their_way)), '[]')
        FROM vlens_batch.senders($1, $2) s)))::text
FROM vlens_batch.overview($1, $2) o
