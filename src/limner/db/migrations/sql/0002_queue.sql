-- Asynchronous tasks: they wait in a queue, are performed by whoever takes them, can be cancelled, and expire.
--
-- The queue itself is PgQueuer's: its tables are made by versions/0002_queue.py, and its own enqueueing statement is
-- wrapped there as jobs_pgqueuer. Further refusals: LM006 too many waiting, LM007 the idempotency key has been used.

-- limits --------------------------------------------------------------------------------------------------------------

DROP FUNCTION limits_take(uuid, double precision, integer, timestamptz);

-- Take one request's place; `counted` (1 or 0): whether it counts as under way until it is given back.
CREATE FUNCTION limits_take(
    for_key uuid, per_minute double precision, at_once integer, counted integer, at timestamptz
) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    left_over double precision;
    found record;
BEGIN
    INSERT INTO rate_limits AS r (api_key_id, tokens, refilled_at, running)
    VALUES (for_key, per_minute - 1, at, counted)
    ON CONFLICT (api_key_id) DO UPDATE
    SET tokens = limits_refilled(r, per_minute, at) - 1,
        refilled_at = greatest(r.refilled_at, at),
        running = r.running + counted
    WHERE limits_refilled(r, per_minute, at) >= 1 AND (counted = 0 OR r.running < at_once)
    RETURNING tokens INTO left_over;
    IF left_over IS NULL THEN
        SELECT limits_refilled(r, per_minute, at) AS tokens INTO found FROM rate_limits r WHERE api_key_id = for_key;
        RAISE EXCEPTION 'over the limit' USING ERRCODE = 'LM001', DETAIL = found.tokens::text;
    END IF;
    RETURN left_over;
END $$;

-- tasks ---------------------------------------------------------------------------------------------------------------

ALTER TABLE tasks
    DROP CONSTRAINT tasks_status_check,
    DROP CONSTRAINT tasks_check1, -- running = not finished
    DROP CONSTRAINT tasks_check2, -- running = not charged
    DROP CONSTRAINT tasks_check3, -- failed = has an error
    ALTER COLUMN node_id DROP NOT NULL,
    ALTER COLUMN lease_until DROP NOT NULL,
    ADD COLUMN kind text NOT NULL DEFAULT 'images_generations',
    -- The prefix whose words its answers speak.
    ADD COLUMN prefix text NOT NULL DEFAULT '/v1',
    ADD COLUMN spec jsonb,
    ADD COLUMN as_links boolean NOT NULL DEFAULT true,
    ADD COLUMN price bigint NOT NULL DEFAULT 0 CHECK (price >= 0),
    -- Nobody waits for it on a connection: it has a place in its account's line, none among its key's requests.
    ADD COLUMN is_async boolean NOT NULL DEFAULT false,
    -- It goes through the queue, so whoever loses it need not end it: it is begun again.
    ADD COLUMN has_job boolean NOT NULL DEFAULT false,
    ADD COLUMN priority smallint NOT NULL DEFAULT 0,
    -- In whose line its callback will wait; null: it has none.
    ADD COLUMN callback_line uuid,
    ADD COLUMN begun smallint NOT NULL DEFAULT 0 CHECK (begun >= 0),
    ADD COLUMN progress real NOT NULL DEFAULT 0 CHECK (progress BETWEEN 0 AND 1),
    ADD COLUMN started_at timestamptz,
    ADD COLUMN cancel_asked_at timestamptz,
    ADD COLUMN expired_at timestamptz,
    ADD CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled')),
    ADD CHECK ((status IN ('queued', 'running')) = (finished_at IS NULL)),
    ADD CHECK ((status IN ('queued', 'running')) = (charged IS NULL)),
    ADD CHECK ((status IN ('failed', 'cancelled')) = (error_code IS NOT NULL)),
    ADD CHECK (status <> 'queued' OR has_job),
    ADD CHECK (status <> 'running' OR (node_id IS NOT NULL AND lease_until IS NOT NULL)),
    ADD CHECK (has_job OR NOT is_async);

CREATE INDEX tasks_by_trace ON tasks (account_id, trace_id);
CREATE INDEX tasks_kept ON tasks (finished_at) WHERE status = 'succeeded' AND expired_at IS NULL;
CREATE INDEX tasks_queued ON tasks (engine, id) WHERE status = 'queued';

-- What others should hear of at once, on every node: "<task> <what>". Only of tasks that go through the queue: for the
-- rest there is a caller who waits, and every settled request would wake up every node.
CREATE FUNCTION tasks_tell(id uuid, what text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('limner_tasks', id::text || ' ' || what)
$$;

DROP FUNCTION tasks_open(uuid, uuid, uuid, text, text, text, jsonb, bigint, uuid, timestamptz, timestamptz);
DROP FUNCTION tasks_succeed(uuid, bigint, timestamptz);
DROP FUNCTION tasks_fail(uuid, text, text, boolean, timestamptz);

CREATE FUNCTION tasks_open(
    id_ uuid, account_id_ uuid, api_key_id_ uuid, trace_id_ text, kind_ text, prefix_ text, model_ text, engine_ text,
    request_ jsonb, spec_ jsonb, as_links_ boolean, price_ bigint, held_ bigint, is_async_ boolean, has_job_ boolean,
    priority_ smallint, callback_line_ uuid, node_id_ uuid, lease_until_ timestamptz, at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tasks
        (id, account_id, api_key_id, trace_id, kind, prefix, model, engine, request, spec, as_links, price, held,
         is_async, has_job, priority, callback_line, created_at,
         status, begun, started_at, node_id, lease_until)
    SELECT id_, account_id_, api_key_id_, trace_id_, kind_, prefix_, model_, engine_, request_, spec_, as_links_, price_,
        held_, is_async_, has_job_, priority_, callback_line_, at,
        own.status, own.begun, own.started_at, own.node_id, own.lease_until
    FROM (VALUES
        (true, 'queued', 0::smallint, NULL::timestamptz, NULL::uuid, NULL::timestamptz),
        (false, 'running', 1::smallint, at, node_id_, lease_until_)
    ) AS own (queued, status, begun, started_at, node_id, lease_until)
    WHERE own.queued = has_job_
$$;

-- Take a queued task in hand, or one whose holder has been silent for longer than its lease. `node_id` null: it has ended,
-- or is in somebody's hands until `lease_until` at least.
CREATE FUNCTION tasks_begin(id_ uuid, node uuid, until timestamptz, at timestamptz) RETURNS tasks LANGUAGE plpgsql AS $$
DECLARE
    task tasks;
BEGIN
    UPDATE tasks SET status = 'running', begun = begun + 1, started_at = at, node_id = node, lease_until = until, progress = 0,
        leftovers = leftovers OR status = 'running' -- what its last holder stored is there, however it ends now
    WHERE id = id_ AND (status = 'queued' OR (status = 'running' AND lease_until < at))
    RETURNING * INTO task;
    IF FOUND THEN
        PERFORM tasks_tell(id_, 'running');
    ELSE
        SELECT * INTO task FROM tasks WHERE id = id_;
        task.node_id := NULL;
    END IF;
    RETURN task;
END $$;

-- Put a task that is in this node's hands back into the queue; `counted` (1 or 0): whether it counts as begun.
CREATE FUNCTION tasks_hand_back(id_ uuid, node uuid, counted integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET status = 'queued', begun = begun - 1 + counted,
        started_at = NULL, node_id = NULL, lease_until = NULL, progress = 0, leftovers = true
    WHERE id = id_ AND status = 'running' AND node_id = node AND has_job;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
    PERFORM tasks_tell(id_, 'queued');
END $$;

-- Only the node that has it in hand may end a task; NULL stands for the sweeper, who has seen that nobody has.
CREATE FUNCTION tasks_succeed(id_ uuid, node uuid, charged_ bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    queued boolean;
BEGIN
    UPDATE tasks SET status = 'succeeded', charged = charged_, finished_at = at, progress = 1
    WHERE id = id_ AND status = 'running' AND node_id = node
    RETURNING has_job INTO queued;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
    IF queued THEN
        PERFORM tasks_tell(id_, 'succeeded');
    END IF;
END $$;

-- `status_`: failed or cancelled.
CREATE FUNCTION tasks_fail(
    id_ uuid, node uuid, status_ text, code text, message text, leftovers_ boolean, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    queued boolean;
BEGIN
    UPDATE tasks SET status = status_, charged = 0, finished_at = at,
        error_code = code, error_message = message, leftovers = leftovers OR leftovers_
    WHERE id = id_ AND status = 'running' AND (node IS NULL OR node_id = node)
    RETURNING has_job INTO queued;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
    IF queued THEN
        PERFORM tasks_tell(id_, status_);
    END IF;
END $$;

-- Cancel a task that nobody has begun.
CREATE FUNCTION tasks_cancel_queued(id_ uuid, code text, message text, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET status = 'cancelled', charged = 0, finished_at = at, cancel_asked_at = at,
        error_code = code, error_message = message
    WHERE id = id_ AND status = 'queued';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not queued' USING ERRCODE = 'LM004';
    END IF;
    PERFORM tasks_tell(id_, 'cancelled');
END $$;

-- An answer that can be asked for again: which task a caller's own key stands for.
CREATE TABLE idempotency_keys (
    account_id uuid NOT NULL,
    key text NOT NULL CHECK (key <> ''),
    fingerprint bytea NOT NULL,
    task_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, key)
);

CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Of two callers with the same key the second waits here for the first to commit, and is told of its task.
CREATE FUNCTION tasks_claim_key(
    account_id_ uuid, key_ text, fingerprint_ bytea, task_id_ uuid, forgotten_before timestamptz, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO idempotency_keys AS k (account_id, key, fingerprint, task_id, created_at)
    VALUES (account_id_, key_, fingerprint_, task_id_, at)
    ON CONFLICT (account_id, key) DO UPDATE
    SET fingerprint = excluded.fingerprint, task_id = excluded.task_id, created_at = excluded.created_at
    WHERE k.created_at < forgotten_before;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the idempotency key has been used' USING ERRCODE = 'LM007', DETAIL = (
            SELECT task_id::text || ' ' || encode(fingerprint, 'hex') FROM idempotency_keys
            WHERE account_id = account_id_ AND key = key_);
    END IF;
END $$;

-- jobs ----------------------------------------------------------------------------------------------------------------

-- A line is whoever should not have all the workers to itself: an account with its tasks, a receiver with its callbacks.
-- Only so many jobs of a line are in the queue or in hand at once (`released`); the others wait.
CREATE TABLE job_lines (
    id uuid PRIMARY KEY,
    released integer NOT NULL CHECK (released >= 0),
    waiting integer NOT NULL CHECK (waiting >= 0)
) WITH (fillfactor = 50);

-- Who stands in a line: one row for each subject, so that a place is taken once and left once, whoever tries again.
CREATE TABLE job_places (
    subject_id uuid PRIMARY KEY,
    line_id uuid NOT NULL,
    kind text NOT NULL,
    priority smallint NOT NULL,
    is_released boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX job_places_next ON job_places (line_id, priority DESC, subject_id) WHERE NOT is_released;

-- Into the queue, unless it is there already. `rank`: how many of its line are in it; whoever has few goes first.
CREATE FUNCTION jobs_enqueue(kind text, subject uuid, priority_ smallint, rank integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM jobs_pgqueuer(ARRAY[priority_ * 10000 - least(rank, 9999)], ARRAY[kind], ARRAY[uuid_send(subject)],
        ARRAY[interval '0'], ARRAY[subject::text], ARRAY[NULL::jsonb]) AS made (ord bigint, id bigint);
    PERFORM pg_notify('limner_jobs', kind);
END $$;

-- A new job. Without a line it goes straight into the queue; else when its turn has come.
CREATE FUNCTION jobs_submit(
    kind_ text, subject uuid, priority_ smallint, line uuid, width integer, waiting_max integer
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ahead job_lines;
    place job_places;
BEGIN
    IF line IS NULL THEN
        PERFORM jobs_enqueue(kind_, subject, priority_, 0);
        RETURN;
    END IF;
    INSERT INTO job_lines (id, released, waiting) VALUES (line, 0, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO STRICT ahead FROM job_lines WHERE id = line FOR UPDATE;
    SELECT * INTO place FROM job_places WHERE subject_id = subject;
    IF FOUND THEN
        IF place.is_released THEN -- its job may have been lost
            PERFORM jobs_enqueue(kind_, subject, priority_, ahead.released);
        END IF;
    ELSIF ahead.released < width AND ahead.waiting = 0 THEN
        INSERT INTO job_places (subject_id, line_id, kind, priority, is_released)
        VALUES (subject, line, kind_, priority_, true);
        UPDATE job_lines SET released = released + 1 WHERE id = line;
        PERFORM jobs_enqueue(kind_, subject, priority_, ahead.released);
    ELSIF ahead.waiting >= waiting_max THEN
        RAISE EXCEPTION 'too many waiting' USING ERRCODE = 'LM006', DETAIL = ahead.waiting::text;
    ELSE
        INSERT INTO job_places (subject_id, line_id, kind, priority, is_released)
        VALUES (subject, line, kind_, priority_, false);
        UPDATE job_lines SET waiting = waiting + 1 WHERE id = line;
        PERFORM jobs_release(line, width);
    END IF;
END $$;

-- Let the next ones of a line into the queue, as many as there is room for.
CREATE FUNCTION jobs_release(line uuid, width integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    ahead job_lines;
    next job_places;
BEGIN
    SELECT * INTO ahead FROM job_lines WHERE id = line FOR UPDATE;
    WHILE ahead.released < width AND ahead.waiting > 0 LOOP
        UPDATE job_places SET is_released = true WHERE subject_id = (
            SELECT subject_id FROM job_places WHERE line_id = line AND NOT is_released
            ORDER BY priority DESC, subject_id LIMIT 1
        ) RETURNING * INTO STRICT next;
        UPDATE job_lines SET released = released + 1, waiting = waiting - 1 WHERE id = line;
        PERFORM jobs_enqueue(next.kind, next.subject_id, next.priority, ahead.released);
        ahead.released := ahead.released + 1;
        ahead.waiting := ahead.waiting - 1;
    END LOOP;
END $$;

-- A job has ended, or rests for now: its place, if it has one, goes to the next of its line.
CREATE FUNCTION jobs_leave(subject uuid, width integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    line uuid;
    place job_places;
BEGIN
    SELECT line_id INTO line FROM job_places WHERE subject_id = subject;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- The line first, as everywhere; then what its holder may have changed meanwhile.
    PERFORM FROM job_lines WHERE id = line FOR UPDATE;
    DELETE FROM job_places WHERE subject_id = subject RETURNING * INTO place;
    IF FOUND THEN
        UPDATE job_lines SET released = released - place.is_released::int, waiting = waiting - (NOT place.is_released)::int
        WHERE id = line;
        PERFORM jobs_release(line, width);
    END IF;
END $$;

-- Take a job back that nobody has begun.
CREATE FUNCTION jobs_withdraw(subject uuid, width integer) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pgqueuer WHERE dedupe_key = subject::text AND status = 'queued';
    PERFORM jobs_leave(subject, width);
END $$;
