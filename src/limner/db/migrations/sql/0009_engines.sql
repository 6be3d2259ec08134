-- What engines did on the way to a task's end.

-- tasks ---------------------------------------------------------------------------------------------------------------

-- Which engine made it, what was tried before, what the caller was told beside the pictures, links to pictures that lie
-- elsewhere (tasks/models.py: Outcome). Null: the model's engine made it, and there is nothing else to say.
ALTER TABLE tasks ADD COLUMN outcome jsonb;

DROP FUNCTION tasks_succeed(uuid, uuid, bigint, timestamptz);

CREATE FUNCTION tasks_succeed(
    id_ uuid, node uuid, charged_ bigint, outcome_ jsonb, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    queued boolean;
BEGIN
    UPDATE tasks SET status = 'succeeded', charged = charged_, outcome = outcome_, finished_at = at, progress = 1
    WHERE id = id_ AND status = 'running' AND node_id = node
    RETURNING has_job INTO queued;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
    IF queued THEN
        PERFORM tasks_tell(id_, 'succeeded');
    END IF;
END $$;

DROP FUNCTION tasks_fail(uuid, uuid, text, text, text, boolean, timestamptz);

-- `status_`: failed or cancelled. `outcome_` null: what was known of it stays.
CREATE FUNCTION tasks_fail(
    id_ uuid, node uuid, status_ text, code text, message text, outcome_ jsonb, leftovers_ boolean, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    queued boolean;
BEGIN
    UPDATE tasks SET status = status_, charged = 0, finished_at = at,
        error_code = code, error_message = message, outcome = coalesce(outcome_, outcome),
        leftovers = leftovers OR leftovers_
    WHERE id = id_ AND status = 'running' AND (node IS NULL OR node_id = node)
    RETURNING has_job INTO queued;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
    IF queued THEN
        PERFORM tasks_tell(id_, status_);
    END IF;
END $$;

-- Let another engine have a task that is in this node's hands, through the queue.
CREATE FUNCTION tasks_pass_on(id_ uuid, node uuid, engine_ text, outcome_ jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET status = 'queued', has_job = true, engine = engine_, outcome = outcome_, begun = 0,
        started_at = NULL, node_id = NULL, lease_until = NULL, progress = 0, leftovers = true
    WHERE id = id_ AND status = 'running' AND node_id = node;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
    PERFORM tasks_tell(id_, 'queued');
END $$;

-- jobs ----------------------------------------------------------------------------------------------------------------

-- A subject's job becomes one of another kind, whether or not somebody has it in hand; its place in its line stays.
CREATE FUNCTION jobs_move(subject uuid, kind_ text, priority_ smallint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM pgqueuer WHERE dedupe_key = subject::text;
    UPDATE job_places SET kind = kind_ WHERE subject_id = subject;
    PERFORM jobs_enqueue(kind_, subject, priority_, 0);
END $$;

-- images --------------------------------------------------------------------------------------------------------------

-- Not every engine has one.
ALTER TABLE images ALTER COLUMN seed DROP NOT NULL;

-- attempts ------------------------------------------------------------------------------------------------------------

-- Tries of engines, and of their upstreams and devices, that came to nothing: `said` in their own words, for the operator
-- only. `lost_pictures`: how many were charged to us, as far as can be known, and never arrived.
CREATE TABLE engine_attempts (
    id uuid PRIMARY KEY,
    task_id uuid NOT NULL,
    account_id uuid NOT NULL,
    model text NOT NULL,
    engine text NOT NULL,
    part text,
    cause text NOT NULL,
    said text NOT NULL,
    seconds double precision NOT NULL CHECK (seconds >= 0),
    lost_pictures integer NOT NULL CHECK (lost_pictures >= 0),
    created_at timestamptz NOT NULL
);

CREATE INDEX engine_attempts_by_engine ON engine_attempts (engine, id);
CREATE INDEX engine_attempts_of_task ON engine_attempts (task_id);
CREATE INDEX engine_attempts_lost ON engine_attempts (created_at) WHERE lost_pictures > 0;
CREATE INDEX engine_attempts_by_age ON engine_attempts (created_at);

CREATE FUNCTION attempts_note(
    task_id_ uuid, account_id_ uuid, model_ text, ids uuid[], engines text[], parts text[], causes text[], said_ text[],
    seconds_ double precision[], lost integer[], at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO engine_attempts
        (task_id, account_id, model, created_at, id, engine, part, cause, said, seconds, lost_pictures)
    SELECT task_id_, account_id_, model_, at, a.* FROM unnest(ids, engines, parts, causes, said_, seconds_, lost) AS a
$$;
