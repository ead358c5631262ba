-- The team's register: who has been claimed by whom, and when requests left. No name, phone, e-mail, token or body.
--
-- One call of a function is one transaction. Whoever asks locks the tenant's line and reads the clock after that, so that all
-- senders stand in one line and only the database's clock counts. Senders need USAGE on the schema and nothing else: the functions
-- run with the rights of their owner.

CREATE SCHEMA vlens_batch;
REVOKE ALL ON SCHEMA vlens_batch FROM PUBLIC;
SET LOCAL search_path = vlens_batch, pg_temp;

CREATE TABLE tenants (
    id           integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    base_url     text NOT NULL,
    tenancy      text NOT NULL,
    key_check    bytea NOT NULL,         -- tells a wrong key from the team's; says nothing of it
    per_second   integer,                -- NULL is no limit
    per_minute   integer,
    paused_until timestamptz NOT NULL DEFAULT 'epoch',
    lease        interval NOT NULL,      -- how long a request may be open before nobody waits for its sender any more
    timeline     text NOT NULL,          -- of the database when this was last known to be whole: see timeline(); else 'lost' or 'forgotten'
    clock        timestamptz NOT NULL,   -- the last time that was read; none is earlier
    skew         interval NOT NULL DEFAULT '0', -- what the database's clock has been set forward or back by since
    UNIQUE (base_url, tenancy)
);

-- Each computer's own ledger: the register's backup.
CREATE TABLE ledgers (
    tenant   integer NOT NULL REFERENCES tenants,
    id       bytea NOT NULL,
    host     text NOT NULL,
    os_user  text NOT NULL,
    timeline text NOT NULL DEFAULT '',   -- for which it has given what it knows
    PRIMARY KEY (tenant, id)
);

CREATE TABLE processes (
    id        integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    tenant    integer NOT NULL REFERENCES tenants,
    ledger    bytea NOT NULL,
    host      text NOT NULL,
    os_user   text NOT NULL,
    version   text NOT NULL,
    started   timestamptz NOT NULL,
    moment    timestamptz NOT NULL,      -- when it last called, by the tenant's clock
    steady_ms bigint NOT NULL            -- and by its own, which nobody sets
);

-- A customer with a set of contract types, known by a keyed hash alone.
CREATE TABLE claims (
    tenant      integer NOT NULL REFERENCES tenants,
    key         bytea NOT NULL,
    told_by     bytea NOT NULL DEFAULT '', -- keyed hash of the columns that this key tells customers apart by; empty where nobody said
    status      text NOT NULL CHECK (status IN ('pending', 'sending', 'created', 'rejected', 'failed', 'uncertain')),
    was_created boolean NOT NULL DEFAULT false, -- once it was, whatever a person's word has had it sent again as since
    attempt     uuid,                    -- that the status follows; NULL after a person's word, and where a ledger told it
    process     integer NOT NULL,
    at          timestamptz NOT NULL,
    PRIMARY KEY (tenant, key)
);

CREATE FUNCTION note_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    new.was_created := new.was_created OR new.status = 'created';
    RETURN new;
END $$;
CREATE TRIGGER note_created BEFORE INSERT OR UPDATE ON claims FOR EACH ROW EXECUTE FUNCTION note_created();

-- What was asked for under a key, as keyed hashes of requests, and of each the keys by phone and by e-mail alone: who is told apart by
-- other columns, or has another address, is known by them.
CREATE TABLE bodies (
    tenant  integer NOT NULL REFERENCES tenants,
    body    bytea NOT NULL,
    key     bytea NOT NULL,
    is_sent boolean NOT NULL,
    phone   bytea,
    email   bytea,
    PRIMARY KEY (tenant, body, key)
);
CREATE INDEX bodies_by_phone ON bodies (tenant, phone);
CREATE INDEX bodies_by_email ON bodies (tenant, email);

-- Other keys of claims, as they were found by a body or a ledger has told them.
CREATE TABLE aliases (
    tenant  integer NOT NULL REFERENCES tenants,
    alias   bytea NOT NULL,
    key     bytea NOT NULL,
    told_by bytea NOT NULL,
    body    bytea NOT NULL,
    PRIMARY KEY (tenant, alias)
);
CREATE INDEX aliases_by_key ON aliases (tenant, key);

-- Append-only: each request before it leaves, closed with what became of it. A login has no key.
CREATE TABLE attempts (
    id      uuid PRIMARY KEY,            -- made by who asks, so that an answer that was lost can be asked for again
    tenant  integer NOT NULL REFERENCES tenants,
    key     bytea,
    process integer NOT NULL,
    opened  timestamptz NOT NULL,
    closed  timestamptz,
    event   text,
    status  text,                        -- how the claim stood before, and by which attempt: again so, if the request never leaves
    attempt uuid
);
CREATE INDEX attempts_closed ON attempts (tenant, closed) WHERE closed IS NOT NULL;
CREATE INDEX attempts_open ON attempts (tenant, opened) WHERE closed IS NULL;

CREATE FUNCTION version() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 1';

-- The database's clock, by one name.
CREATE FUNCTION wall() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

-- Another one after a restore or a failover: of this cluster, its line of history, and the table as it was made.
CREATE FUNCTION timeline() RETURNS text LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '/' || 'tenants'::regclass::oid
    FROM pg_control_system()
$$;

-- The processes that have a connection: each holds a lock in its session. It says who lives, and nothing is decided by it alone.
CREATE FUNCTION living() RETURNS SETOF integer LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT objid::bigint::integer FROM pg_locks WHERE locktype = 'advisory' AND classid = 1447849538 AND objsubid = 2
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
$$;

-- Locks the tenant's line and reads its clock. A database whose clock is set back, or forward as the caller's own clock finds out,
-- goes on from the last time: how long ago that was nobody knows, and a window that is held for longer breaks no limit.
CREATE FUNCTION tick(caller integer, caller_ms bigint, OUT t tenants, OUT n timestamptz)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE p processes; real_now timestamptz; gained interval;
BEGIN
    SELECT * INTO p FROM processes WHERE id = caller;
    SELECT * INTO t FROM tenants WHERE id = p.tenant FOR UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    SELECT * INTO p FROM processes WHERE id = caller;
    real_now := wall();
    gained := make_interval(secs => greatest(caller_ms - p.steady_ms, 0) / 1000.0);
    n := real_now + t.skew;
    IF n > p.moment + gained + interval '1 second' THEN n := t.clock; END IF;
    n := greatest(n, t.clock);
    UPDATE tenants SET clock = n, skew = n - real_now WHERE id = t.id;
    UPDATE processes SET moment = n, steady_ms = greatest(steady_ms, caller_ms) WHERE id = caller;
END $$;

-- Requests whose process is gone, open for longer than any could be under way: nobody can tell what became of them.
CREATE FUNCTION sweep(t tenants, n timestamptz) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
BEGIN
    WITH lost AS (
        UPDATE attempts SET closed = n, event = 'lost'
        WHERE tenant = t.id AND closed IS NULL AND opened < n - t.lease AND process NOT IN (SELECT living()) RETURNING id)
    UPDATE claims SET status = 'uncertain', at = wall()
    WHERE tenant = t.id AND status = 'sending' AND attempt IN (SELECT id FROM lost);
END $$;

-- How long until one more request may leave; 0 when it may now. A slot is free one window after the answer; a request that is
-- open holds its slot. Two machines' clocks differ a little, so a window is held that much longer.
CREATE FUNCTION wait_ms(t tenants, n timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE most integer; length interval; taken bigint; missing bigint; frees timestamptz; wait bigint := 0;
BEGIN
    IF t.paused_until > n THEN wait := 1 + extract(epoch FROM t.paused_until - n) * 1000; END IF;
    FOR most, length IN VALUES (t.per_second, interval '1.0002 seconds'), (t.per_minute, interval '60.012 seconds') LOOP
        CONTINUE WHEN most IS NULL;
        SELECT count(*) INTO taken FROM attempts
        WHERE tenant = t.id AND closed > n - length AND event NOT IN ('withdrawn', 'unreachable');
        missing := taken + (SELECT count(*) FROM attempts WHERE tenant = t.id AND closed IS NULL) - most;
        CONTINUE WHEN missing < 0;
        SELECT closed + length INTO frees FROM attempts
        WHERE tenant = t.id AND closed > n - length AND event NOT IN ('withdrawn', 'unreachable') ORDER BY closed OFFSET missing LIMIT 1;
        -- Without one, an answer must come first.
        wait := greatest(wait, coalesce(1 + extract(epoch FROM frees - n) * 1000, 50));
    END LOOP;
    RETURN wait;
END $$;

-- The key that a customer's claim has: his own, unless an earlier sheet told him apart by other columns.
CREATE FUNCTION claimed_as(the_tenant integer, the_key bytea) RETURNS bytea
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT coalesce((SELECT key FROM aliases WHERE tenant = the_tenant AND alias = the_key), the_key)
$$;

-- The same of one who may be unknown by this key: the one to whom this was sent or whose address this is, if other columns told him
-- apart and no other row by these columns is he (as in a ledger, a body that was only asked for tells nothing any more once another row
-- is he); where the recipient tells, the one who has the phone, or the e-mail where one of the two has nothing else, whoever else is he; but
-- for one whose phone is another. Who was not sent yet under this key is whoever was by another address.
-- NULL where this is another list's customer, with whom he shares a number of other columns and nothing else. `not_of`: a ledger that
-- tells its own apart by itself.
CREATE FUNCTION find_claim(
    the_tenant integer, the_key bytea, the_phone bytea, the_email bytea, the_told_by bytea, the_body bytea, not_of bytea DEFAULT NULL) RETURNS bytea
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE own_key bytea; found_key bytea; is_strangers boolean; waits boolean;
BEGIN
    SELECT u.key, the_key IN (the_phone, the_email) AND (
        SELECT status IN ('pending', 'failed', 'rejected') AND NOT was_created FROM claims w WHERE w.tenant = the_tenant AND w.key = u.key),
        u.told_by NOT IN ('', the_told_by) AND NOT EXISTS (
        SELECT FROM bodies b WHERE b.tenant = the_tenant AND b.key = u.key AND (b.body = the_body OR b.phone = the_phone OR b.email = the_email))
    INTO own_key, waits, is_strangers FROM (
        SELECT key, told_by FROM aliases WHERE tenant = the_tenant AND alias = the_key
        UNION ALL SELECT key, told_by FROM claims WHERE tenant = the_tenant AND key = the_key) u;
    IF NOT is_strangers AND waits IS NOT TRUE THEN RETURN own_key; END IF;
    IF waits THEN
        the_phone := coalesce(the_phone, (SELECT phone FROM bodies b WHERE b.tenant = the_tenant AND b.key = own_key AND phone IS NOT NULL LIMIT 1));
        the_email := coalesce(the_email, (SELECT email FROM bodies b WHERE b.tenant = the_tenant AND b.key = own_key AND email IS NOT NULL LIMIT 1));
    END IF;
    SELECT c.key INTO found_key FROM bodies b JOIN claims c USING (tenant, key)
    WHERE b.tenant = the_tenant AND NOT EXISTS (SELECT FROM processes p WHERE p.id = c.process AND p.ledger = not_of)
        AND (b.body = the_body OR b.phone = the_phone OR b.email = the_email AND (the_phone IS NULL OR b.phone IS NULL AND NOT EXISTS (
            SELECT FROM bodies o WHERE o.tenant = the_tenant AND o.key = b.key AND o.phone <> the_phone)))
        AND (the_key IN (the_phone, the_email) OR c.told_by <> the_told_by AND NOT EXISTS (
            SELECT FROM aliases a WHERE a.tenant = the_tenant AND a.key = c.key AND a.told_by = the_told_by
                AND (a.body = the_body OR b.body <> the_body OR NOT b.is_sent)))
        AND (waits IS NOT TRUE OR c.was_created OR c.status IN ('sending', 'uncertain'))
    ORDER BY b.body = the_body DESC, b.is_sent DESC, c.at LIMIT 1;
    IF is_strangers THEN RETURN found_key; END IF;
    -- From now on they are one, whoever asks.
    INSERT INTO aliases SELECT the_tenant, the_key, found_key, the_told_by, the_body WHERE found_key IS NOT NULL ON CONFLICT DO NOTHING;
    UPDATE aliases SET key = found_key WHERE tenant = the_tenant AND key IN (the_key, own_key) AND found_key IS NOT NULL;
    RETURN coalesce(found_key, own_key, the_key);
END $$;

-- Whose ledgers have not given what they know since this was last whole.
CREATE FUNCTION missing(the_tenant integer) RETURNS text[]
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT ARRAY(SELECT os_user || ' at ' || host FROM ledgers WHERE tenant = the_tenant AND timeline <> timeline() ORDER BY 1)
$$;

-- A process begins, or (with its number) is back after its connection was lost. `newest`, of a ledger that has joined before, is a request
-- that the register once knew, if there is one: a copy of the database's files that was put back shows by its absence alone, as does one
-- of before the ledger joined, or a database that was made anew, by its not knowing the ledger.
-- Answers: ready | unknown tenant | another key | restored
CREATE FUNCTION begin_process(
    the_url text, the_tenancy text, the_key_check bytea, the_ledger bytea, the_host text, the_user text, the_version text,
    the_lease interval, caller_ms bigint, newest text, INOUT caller integer, OUT verdict text, OUT is_known boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE t tenants; p processes; n timestamptz; loss text;
BEGIN
    SELECT * INTO t FROM tenants WHERE base_url = the_url AND tenancy = the_tenancy FOR UPDATE;
    IF NOT FOUND THEN verdict := 'unknown tenant'; RETURN; END IF;
    IF t.key_check <> the_key_check THEN verdict := 'another key'; RETURN; END IF;
    SELECT * INTO p FROM processes WHERE id = caller AND ledger = the_ledger;
    IF caller IS NOT NULL AND NOT FOUND THEN verdict := 'restored'; RETURN; END IF;
    SELECT CASE WHEN l.id IS NULL THEN 'forgotten'
        WHEN l.timeline = t.timeline AND newest <> '' AND NOT EXISTS (SELECT FROM attempts WHERE id = nullif(newest, '')::uuid) THEN 'lost' END
    INTO loss FROM (SELECT) _ LEFT JOIN ledgers l ON l.tenant = t.id AND l.id = the_ledger;
    IF newest IS NOT NULL AND t.timeline = timeline() AND loss IS NOT NULL THEN
        UPDATE tenants SET timeline = loss WHERE id = t.id RETURNING * INTO t;
        UPDATE ledgers SET timeline = '' WHERE tenant = t.id;
    END IF;
    -- Who has none (to look around, say) has nothing to bring along.
    INSERT INTO ledgers (tenant, id, host, os_user) SELECT t.id, the_ledger, the_host, the_user WHERE the_ledger <> ''
    ON CONFLICT (tenant, id) DO UPDATE SET host = the_host, os_user = the_user;
    is_known := the_ledger = '' OR EXISTS (SELECT FROM ledgers WHERE tenant = t.id AND id = the_ledger AND timeline = t.timeline);
    IF caller IS NULL THEN
        n := greatest(wall() + t.skew, t.clock);
        -- Others have been silent for a while, or the clock was set forward: this process, whose own clock has only begun, cannot
        -- tell. The last minute's slots are held for one more window.
        IF n > t.clock + interval '1 second' AND EXISTS (SELECT FROM processes WHERE tenant = t.id AND id IN (SELECT living())) THEN
            UPDATE attempts SET closed = n WHERE tenant = t.id AND closed > t.clock - interval '61 seconds';
        END IF;
        UPDATE tenants SET clock = n, skew = n - wall(), lease = greatest(lease, the_lease) WHERE id = t.id;
        INSERT INTO processes (tenant, ledger, host, os_user, version, started, moment, steady_ms)
        VALUES (t.id, the_ledger, the_host, the_user, the_version, wall(), n, caller_ms) RETURNING id INTO caller;
    END IF;
    -- Shared: a session that was lost without the server's knowledge may still hold it.
    PERFORM pg_try_advisory_lock_shared(1447849538, caller);
    verdict := CASE WHEN t.timeline = timeline() THEN 'ready' ELSE 'restored' END;
END $$;

-- One customer is claimed and one request recorded, both or neither. `over` is a status that a person's word, or the row's new
-- content, has overcome, as it was after the attempt `known`: of what came of another, nothing was said. Asked again with the same id,
-- it gives the same answer.
-- Answers: granted | wait | taken (with whose it is) | strangers (with whose number it is) | restored
CREATE FUNCTION open_attempt(
    caller integer, attempt_id uuid, the_key bytea, the_phone bytea, the_email bytea, the_told_by bytea, the_body bytea, over text, known uuid,
    caller_ms bigint,
    OUT verdict text, OUT wait bigint, OUT status text, OUT host text, OUT os_user text, OUT at timestamptz, OUT attempt uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
#variable_conflict use_column
DECLARE k record; t tenants; n timestamptz; c claims; before attempts; may_be_sent boolean; asked_key bytea := the_key;
BEGIN
    SELECT * INTO k FROM tick(caller, caller_ms);
    t := k.t;
    n := k.n;
    IF t.id IS NULL OR t.timeline <> timeline() THEN verdict := 'restored'; RETURN; END IF;
    SELECT * INTO before FROM attempts WHERE id = attempt_id;
    IF FOUND THEN
        verdict := CASE WHEN before.closed IS NULL THEN 'granted' ELSE 'wait' END;
        wait := 0;
        RETURN;
    END IF;
    PERFORM sweep(t, n);
    IF the_key IS NOT NULL THEN
        the_key := find_claim(t.id, the_key, the_phone, the_email, the_told_by, the_body);
        SELECT * INTO c FROM claims WHERE tenant = t.id AND key = coalesce(the_key, claimed_as(t.id, asked_key));
        may_be_sent := c.key IS NULL OR c.status IN ('pending', 'failed') AND NOT c.was_created
            OR c.status <> 'sending' AND (c.attempt IS NULL OR c.attempt = known) AND (over = c.status OR over = 'created' AND c.was_created);
        IF the_key IS NULL OR may_be_sent IS NOT TRUE THEN
            verdict := CASE WHEN the_key IS NULL THEN 'strangers' ELSE 'taken' END;
            INSERT INTO bodies SELECT t.id, the_body, the_key, false, the_phone, the_email WHERE the_key IS NOT NULL ON CONFLICT DO NOTHING;
            SELECT * INTO status, host, os_user, at, attempt FROM told(c, over);
            RETURN;
        END IF;
    END IF;
    wait := wait_ms(t, n);
    verdict := CASE WHEN wait > 0 THEN 'wait' ELSE 'granted' END;
    IF wait > 0 THEN RETURN; END IF;
    INSERT INTO attempts (id, tenant, key, process, opened, status, attempt)
    VALUES (attempt_id, t.id, the_key, caller, n, c.status, c.attempt);
    IF the_key IS NOT NULL THEN
        INSERT INTO bodies VALUES (t.id, the_body, the_key, true, the_phone, the_email)
        ON CONFLICT (tenant, body, key) DO UPDATE SET is_sent = true;
        INSERT INTO claims (tenant, key, told_by, status, attempt, process, at)
        VALUES (t.id, the_key, the_told_by, 'sending', attempt_id, caller, wall())
        ON CONFLICT (tenant, key) DO UPDATE SET status = 'sending', attempt = attempt_id, process = caller, at = wall();
    END IF;
END $$;

-- A claim as somebody is told of it who may not send. Who was created is so for all who have not overcome that.
CREATE FUNCTION told(c claims, over text, OUT status text, OUT host text, OUT os_user text, OUT at timestamptz, OUT attempt uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT CASE WHEN c.was_created AND c.status <> 'sending' AND (over IS NULL OR c.status IN ('pending', 'failed')) THEN 'created' ELSE c.status END,
        p.host, p.os_user, c.at, c.attempt FROM processes p WHERE p.id = c.process
$$;

-- What became of a request, however late it is told; a request that never left is 'withdrawn' or 'unreachable' and holds no slot. The claim follows
-- only while it is still this request's: never over a person's word or a newer request. A 429 on one computer pauses all.
CREATE FUNCTION close_attempt(caller integer, attempt_id uuid, the_event text, the_status text, pause_ms bigint, caller_ms bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE k record; t tenants; n timestamptz; a attempts;
BEGIN
    SELECT * INTO k FROM tick(caller, caller_ms);
    t := k.t;
    n := k.n;
    UPDATE tenants SET paused_until = greatest(paused_until, n + make_interval(secs => pause_ms / 1000.0)) WHERE id = t.id AND pause_ms > 0;
    UPDATE attempts SET closed = coalesce(closed, n), event = the_event WHERE id = attempt_id AND tenant = t.id RETURNING * INTO a;
    IF NOT FOUND THEN RETURN false; END IF;
    -- Nothing came of it, not even that a word was used.
    IF the_event = 'withdrawn' THEN the_status := coalesce(a.status, the_status); END IF;
    UPDATE claims SET status = the_status, attempt = CASE the_event WHEN 'withdrawn' THEN a.attempt ELSE attempt_id END, process = caller, at = wall()
    WHERE tenant = t.id AND attempt = attempt_id AND status IN ('sending', 'uncertain');
    RETURN true;
END $$;
CREATE INDEX claims_by_attempt ON claims (attempt) WHERE status IN ('sending', 'uncertain');

-- What a person says of customers that are uncertain here, all or none. Returns those that are not, by their place in `keys`: created or
-- rejected, or on their way for less than the lease, so that their request may still leave. Where nobody says anything, it returns how
-- those stand who have a claim.
CREATE FUNCTION settle(caller integer, keys bytea[], the_status text, caller_ms bigint)
RETURNS TABLE (place bigint, status text, host text, os_user text, at timestamptz, attempt uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
#variable_conflict use_column
DECLARE k record; t tenants; n timestamptz;
BEGIN
    SELECT * INTO k FROM tick(caller, caller_ms);
    t := k.t;
    n := k.n;
    IF t.timeline IS DISTINCT FROM timeline() THEN RAISE EXCEPTION 'restored' USING ERRCODE = 'VB001'; END IF;
    PERFORM sweep(t, n);
    IF the_status IS NULL THEN
        RETURN QUERY SELECT u.place, s.status, s.host, s.os_user, s.at, s.attempt
            FROM unnest(keys) WITH ORDINALITY AS u(asked, place)
            JOIN claims c ON c.tenant = t.id AND c.key = claimed_as(t.id, asked) CROSS JOIN LATERAL told(c, '') s;
        RETURN;
    END IF;
    RETURN QUERY SELECT u.place, c.status, p.host, p.os_user, c.at, c.attempt
        FROM unnest(keys) WITH ORDINALITY AS u(asked, place)
        JOIN claims c ON c.tenant = t.id AND c.key = claimed_as(t.id, asked) JOIN processes p ON p.id = c.process
        LEFT JOIN attempts a ON a.id = c.attempt
        WHERE c.status <> the_status AND (c.status IN ('created', 'rejected') OR c.status = 'sending' AND a.opened >= n - t.lease);
    IF FOUND THEN RETURN; END IF;
    INSERT INTO claims (tenant, key, status, process, at)
    SELECT DISTINCT t.id, claimed_as(t.id, asked), the_status, caller, wall() FROM unnest(keys) asked
    ON CONFLICT (tenant, key) DO UPDATE SET status = the_status, attempt = NULL, process = caller, at = wall() WHERE claims.status <> the_status;
END $$;

-- What a ledger knows, given back after a restore or brought along when it joins. A claim only gets stronger by it: the more can
-- have happened, the less is sent.
CREATE FUNCTION remember(
    caller integer, keys bytea[], told bytea[], asked bytea[], phones bytea[], emails bytea[], statuses text[], were_created boolean[], were_sent boolean[]) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE by_strength text[] := ARRAY['pending', 'failed', 'rejected', 'uncertain', 'sending', 'created']; k record; found bytea; n bigint; changed bigint := 0;
BEGIN
    FOR k IN SELECT p.tenant, p.ledger, u.* FROM processes p, unnest(keys, told, asked, phones, emails, statuses, were_created, were_sent)
            AS u(key, told_by, body, phone, email, status, was_created, was_sent) WHERE p.id = caller
    LOOP
        PERFORM FROM tenants WHERE id = k.tenant FOR UPDATE;
        found := find_claim(k.tenant, k.key, k.phone, k.email, k.told_by, k.body, k.ledger);
        CONTINUE WHEN found IS NULL AND NOT k.was_created;
        k.key := coalesce(found, claimed_as(k.tenant, k.key));
        INSERT INTO claims AS c (tenant, key, told_by, status, was_created, process, at)
        VALUES (k.tenant, k.key, k.told_by, k.status, k.was_created, caller, wall())
        ON CONFLICT (tenant, key) DO UPDATE SET status = excluded.status, attempt = NULL, process = caller, at = wall()
        WHERE array_position(by_strength, excluded.status) > array_position(by_strength, c.status);
        GET DIAGNOSTICS n = ROW_COUNT;
        IF k.status <> 'pending' THEN changed := changed + n; END IF;
        UPDATE claims SET was_created = true WHERE tenant = k.tenant AND key = k.key AND k.was_created AND NOT was_created;
        INSERT INTO bodies VALUES (k.tenant, k.body, k.key, k.was_sent, k.phone, k.email)
        ON CONFLICT (tenant, body, key) DO UPDATE SET is_sent = true WHERE excluded.is_sent;
    END LOOP;
    RETURN changed;
END $$;

-- By what other columns a ledger knows some customers as well: whom they have in a claim's place, nobody else is.
CREATE FUNCTION also_known(caller integer, others bytea[], told bytea[], asked bytea[], keys bytea[]) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    INSERT INTO aliases SELECT p.tenant, u.other, claimed_as(p.tenant, u.key), u.told_by, u.body
    FROM processes p, unnest(others, told, asked, keys) AS u(other, told_by, body, key)
    WHERE p.id = caller AND NOT EXISTS (SELECT FROM claims c WHERE c.tenant = p.tenant AND c.key = u.other)
    ON CONFLICT DO NOTHING
$$;

-- This ledger has given all. When every one has, or a person says that no other will, the register is whole again. Only a person can
-- tell where it has forgotten which ledgers there are.
CREATE FUNCTION remembered(caller integer, without_the_others boolean, OUT missing text[], OUT is_whole boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
DECLARE t tenants; p processes; here text := timeline();
BEGIN
    SELECT * INTO p FROM processes WHERE id = caller;
    SELECT * INTO t FROM tenants WHERE id = p.tenant FOR UPDATE;
    UPDATE ledgers SET timeline = here WHERE tenant = t.id AND id = p.ledger;
    missing := missing(t.id);
    is_whole := t.timeline = here OR without_the_others OR missing = '{}' AND t.timeline <> 'forgotten';
    IF t.timeline <> here AND is_whole THEN
        -- Requests of before the restore can be told of no more; a minute has passed, or this holds their slots for one.
        UPDATE attempts SET closed = greatest(wall() + t.skew, t.clock), event = 'lost' WHERE tenant = t.id AND closed IS NULL;
        UPDATE claims SET status = 'uncertain', at = wall() WHERE tenant = t.id AND status = 'sending';
        UPDATE tenants SET timeline = here, clock = greatest(wall() + skew, clock),
            paused_until = greatest(paused_until, greatest(wall() + skew, clock) + interval '61 seconds') WHERE id = t.id;
    END IF;
END $$;

-- For people: one line for each process that has a connection or an open request, and sums.
CREATE FUNCTION senders(the_url text, the_tenancy text) RETURNS TABLE (host text, os_user text, started timestamptz, version text, is_alive boolean, on_their_way bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT p.host, p.os_user, p.started, p.version, p.id IN (SELECT living()), (SELECT count(*) FROM attempts a WHERE a.process = p.id AND a.closed IS NULL)
    FROM processes p WHERE p.tenant = (SELECT id FROM tenants WHERE base_url = the_url AND tenancy = the_tenancy)
        AND (p.id IN (SELECT living()) OR EXISTS (SELECT FROM attempts a WHERE a.process = p.id AND a.closed IS NULL)) ORDER BY p.started
$$;

CREATE FUNCTION overview(the_url text, the_tenancy text) RETURNS TABLE (
    per_second integer, per_minute integer, paused_ms bigint, claims jsonb, requests_last_minute bigint, missing text[], at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = vlens_batch, pg_temp AS $$
    SELECT t.per_second, t.per_minute, greatest(extract(epoch FROM t.paused_until - (wall() + t.skew)) * 1000, 0)::bigint,
        (SELECT coalesce(jsonb_object_agg(s.status, s.n), '{}') FROM (SELECT c.status, count(*) AS n FROM claims c WHERE c.tenant = t.id GROUP BY 1) s),
        (SELECT count(*) FROM attempts a WHERE a.tenant = t.id AND coalesce(a.event, '') NOT IN ('withdrawn', 'unreachable')
            AND (a.closed IS NULL OR a.closed > wall() + t.skew - interval '60 seconds')),
        CASE WHEN t.timeline <> timeline() THEN missing(t.id) END,
        wall()
    FROM tenants t WHERE t.base_url = the_url AND t.tenancy = the_tenancy
$$;

-- By who owns the schema alone: a tenant's line and its limits. One that is there in another spelling would be another memory.
CREATE FUNCTION enter_tenant(the_url text, the_tenancy text, the_key_check bytea, second integer, minute integer, the_lease interval) RETURNS boolean
LANGUAGE plpgsql SET search_path = vlens_batch, pg_temp AS $$
DECLARE entered text;
BEGIN
    SELECT tenancy INTO entered FROM tenants
    WHERE base_url = the_url AND tenancy <> the_tenancy AND lower(trim(tenancy)) = lower(trim(the_tenancy));
    IF FOUND THEN RAISE EXCEPTION 'tenant % is entered as %', the_tenancy, entered; END IF;
    INSERT INTO tenants (base_url, tenancy, key_check, per_second, per_minute, lease, timeline, clock)
    VALUES (the_url, the_tenancy, the_key_check, second, minute, the_lease, timeline(), wall())
    ON CONFLICT (base_url, tenancy) DO UPDATE SET per_second = second, per_minute = minute WHERE tenants.key_check = the_key_check;
    RETURN FOUND;
END $$;
