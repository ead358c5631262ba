-- Where the register of tenant $1, $2 stands, called $3: one JSON object, as `register status` tells it, and the database's clock.
SELECT json_build_object(
    'register', $3, 'per_second', o.per_second, 'per_minute', o.per_minute, 'paused_ms', o.paused_ms,
    'requests_last_minute', o.requests_last_minute, 'claims', o.claims,
    'senders', (
        SELECT coalesce(json_agg(json_build_object(
            'host', s.host, 'os_user', s.os_user, 'started_at', to_char(s.started AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'),
            'version', s.version, 'alive', s.is_alive, 'on_their_way', s.on_their_way)), '[]')
        FROM vlens_batch.senders($1, $2) s),
    'missing', o.missing, 'at', to_char(o.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))::text,
    (extract(epoch FROM o.at) * 1000)::bigint
FROM vlens_batch.overview($1, $2) o
