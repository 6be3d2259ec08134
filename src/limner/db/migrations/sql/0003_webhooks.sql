-- Callbacks: what is to be told to whom when a task ends, what signs it, and how each attempt went.
--
-- Acts that touch a receiver and a message lock them in this order, so no two can wait for each other.

-- What signs an account's callbacks. The current one and those that have not retired yet all sign.
CREATE TABLE webhook_secrets (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    secret bytea NOT NULL CHECK (length(secret) = 32),
    created_at timestamptz NOT NULL,
    retires_at timestamptz
);

CREATE INDEX webhook_secrets_by_account ON webhook_secrets (account_id);
CREATE UNIQUE INDEX webhook_secrets_one_current ON webhook_secrets (account_id) WHERE retires_at IS NULL;

-- The account's current secret: this one, if it has none. Racing callers get the same.
CREATE FUNCTION webhooks_ensure_secret(
    id_ uuid, for_account uuid, secret_ bytea, at timestamptz
) RETURNS bytea LANGUAGE plpgsql AS $$
DECLARE
    current bytea;
BEGIN
    SELECT secret INTO current FROM webhook_secrets WHERE account_id = for_account AND retires_at IS NULL;
    IF NOT FOUND THEN
        INSERT INTO webhook_secrets (id, account_id, secret, created_at) VALUES (id_, for_account, secret_, at)
        ON CONFLICT (account_id) WHERE retires_at IS NULL DO NOTHING;
        SELECT secret INTO STRICT current FROM webhook_secrets WHERE account_id = for_account AND retires_at IS NULL;
    END IF;
    RETURN current;
END $$;

CREATE FUNCTION webhooks_rotate(
    id_ uuid, for_account uuid, secret_ bytea, old_until timestamptz, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM webhook_secrets WHERE account_id = for_account AND retires_at <= at;
    -- More than once only if somebody else rotates just now: then theirs is the one to retire.
    LOOP
        UPDATE webhook_secrets SET retires_at = old_until WHERE account_id = for_account AND retires_at IS NULL;
        INSERT INTO webhook_secrets (id, account_id, secret, created_at) VALUES (id_, for_account, secret_, at)
        ON CONFLICT (account_id) WHERE retires_at IS NULL DO NOTHING;
        EXIT WHEN FOUND;
    END LOOP;
END $$;

-- A receiver: an account and an origin (paths are often made for one task). A row appears with the first attempt.
CREATE TABLE webhook_endpoints (
    account_id uuid NOT NULL,
    origin text NOT NULL,
    failing_since timestamptz,
    last_success_at timestamptz,
    paused_at timestamptz,
    PRIMARY KEY (account_id, origin),
    CHECK (paused_at IS NULL OR failing_since IS NOT NULL)
) WITH (fillfactor = 50);

-- Locked if paused, so that a message that is put aside for it is there when the receiver is opened again. Whoever
-- changes it just now is not waited for: then the message is tried, which does no harm.
CREATE FUNCTION webhooks_is_paused(for_account uuid, for_origin text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM webhook_endpoints WHERE account_id = for_account AND origin = for_origin AND paused_at IS NOT NULL
    FOR SHARE SKIP LOCKED;
    RETURN FOUND;
END $$;

-- Whether it was paused.
CREATE FUNCTION webhooks_resume(for_account uuid, for_origin text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE webhook_endpoints SET paused_at = NULL, failing_since = NULL
    WHERE account_id = for_account AND origin = for_origin AND paused_at IS NOT NULL;
    RETURN FOUND;
END $$;

CREATE TABLE webhook_messages (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    task_id uuid NOT NULL UNIQUE,
    url text NOT NULL,
    origin text NOT NULL,
    callback_secret text,
    status text NOT NULL CHECK (status IN ('held', 'waiting', 'delivered', 'failed', 'paused')),
    -- Made altogether, and made in the present schedule.
    attempts integer NOT NULL DEFAULT 0,
    tried integer NOT NULL DEFAULT 0,
    next_at timestamptz,
    -- There is a job for it. Not to be relied on for ever: jobs can be lost.
    is_queued boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL,
    ended_at timestamptz,
    CHECK (tried BETWEEN 0 AND attempts),
    CHECK ((status = 'waiting') = (next_at IS NOT NULL)),
    CHECK ((status IN ('held', 'waiting')) = (ended_at IS NULL))
) WITH (fillfactor = 70);

CREATE INDEX webhook_messages_by_account ON webhook_messages (account_id, task_id);
CREATE INDEX webhook_messages_waiting ON webhook_messages (is_queued, next_at) WHERE status = 'waiting';
CREATE INDEX webhook_messages_undelivered ON webhook_messages (ended_at) WHERE status IN ('failed', 'paused');

CREATE TABLE webhook_attempts (
    message_id uuid NOT NULL REFERENCES webhook_messages (id),
    number integer NOT NULL CHECK (number > 0),
    started_at timestamptz NOT NULL,
    seconds double precision NOT NULL CHECK (seconds >= 0),
    -- Whatever three digits a receiver may send.
    status_code smallint CHECK (status_code BETWEEN 0 AND 999),
    answer text NOT NULL CHECK (length(answer) <= 4096),
    error text,
    PRIMARY KEY (message_id, number),
    CHECK (status_code IS NOT NULL OR error IS NOT NULL)
);

CREATE FUNCTION webhooks_hold(
    id_ uuid, account_id_ uuid, task_id_ uuid, url_ text, origin_ text, callback_secret_ text, at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO webhook_messages (id, account_id, task_id, url, origin, callback_secret, status, created_at)
    VALUES (id_, account_id_, task_id_, url_, origin_, callback_secret_, 'held', at)
$$;

-- The message to be tried now, and queued by the caller; null if the task has none, or none any more, or if the
-- receiver is paused.
CREATE FUNCTION webhooks_release(for_task uuid, at timestamptz) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    held record;
    released uuid;
BEGIN
    SELECT id, account_id, origin INTO held FROM webhook_messages WHERE task_id = for_task AND status = 'held';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF webhooks_is_paused(held.account_id, held.origin) THEN
        UPDATE webhook_messages SET status = 'paused', ended_at = at WHERE id = held.id AND status = 'held';
        RETURN NULL;
    END IF;
    UPDATE webhook_messages SET status = 'waiting', next_at = at, is_queued = true
    WHERE id = held.id AND status = 'held'
    RETURNING id INTO released;
    RETURN released;
END $$;

-- The message, if it is to be tried; one whose receiver is paused is put aside.
CREATE FUNCTION webhooks_take(id_ uuid, at timestamptz) RETURNS SETOF webhook_messages LANGUAGE plpgsql AS $$
DECLARE
    message webhook_messages;
BEGIN
    SELECT * INTO message FROM webhook_messages WHERE id = id_ AND status = 'waiting';
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF webhooks_is_paused(message.account_id, message.origin) THEN
        UPDATE webhook_messages SET status = 'paused', next_at = NULL, ended_at = at
        WHERE id = id_ AND status = 'waiting';
        RETURN;
    END IF;
    RETURN NEXT message;
END $$;

-- Write an attempt down, and what follows from it for the receiver and for the message. `seen_*` is what the message
-- looked like when the attempt began: if it has changed since, somebody else was at it too. Then a failure is written
-- down and decides nothing; a success always counts, since the receiver has the message.
CREATE FUNCTION webhooks_record(
    id_ uuid, seen_attempts integer, seen_tried integer,
    started timestamptz, took double precision, code integer, answer_ text, error_ text,
    outcome text, again_at timestamptz, pause_after interval, at timestamptz,
    OUT number_ integer, OUT status_ text, OUT next_at_ timestamptz, OUT endpoint_paused_ boolean
) LANGUAGE plpgsql AS $$
DECLARE
    message webhook_messages;
    endpoint webhook_endpoints;
    in_turn boolean;
BEGIN
    ASSERT outcome IN ('delivered', 'waiting', 'failed'), 'an attempt ends in one of three ways';
    SELECT * INTO STRICT message FROM webhook_messages WHERE id = id_;
    endpoint_paused_ := false;
    INSERT INTO webhook_endpoints (account_id, origin) VALUES (message.account_id, message.origin)
    ON CONFLICT DO NOTHING;
    IF outcome = 'delivered' THEN
        -- Once a second is enough: a busy receiver's row would otherwise be locked by every delivery in turn.
        UPDATE webhook_endpoints SET failing_since = NULL, paused_at = NULL, last_success_at = at
        WHERE account_id = message.account_id AND origin = message.origin
            AND (failing_since IS NOT NULL OR last_success_at IS NULL OR last_success_at <= at - interval '1 second');
    ELSIF pause_after IS NOT NULL THEN -- else the failure is not the receiver's
        SELECT * INTO STRICT endpoint FROM webhook_endpoints
        WHERE account_id = message.account_id AND origin = message.origin FOR UPDATE;
        endpoint_paused_ := endpoint.paused_at IS NULL AND coalesce(endpoint.failing_since <= at - pause_after, false);
        IF endpoint_paused_ OR endpoint.failing_since IS NULL THEN
            UPDATE webhook_endpoints
            SET failing_since = coalesce(failing_since, at), paused_at = CASE WHEN endpoint_paused_ THEN at END
            WHERE account_id = message.account_id AND origin = message.origin;
        END IF;
    END IF;

    SELECT * INTO STRICT message FROM webhook_messages WHERE id = id_ FOR UPDATE;
    ASSERT message.status <> 'held', 'a task is told of when it has ended';
    in_turn := message.status = 'waiting' AND message.attempts = seen_attempts AND message.tried = seen_tried;
    number_ := message.attempts + 1;
    status_ := CASE
        WHEN outcome = 'delivered' THEN 'delivered'
        WHEN NOT in_turn THEN message.status
        WHEN outcome = 'waiting' AND (endpoint_paused_ OR endpoint.paused_at IS NOT NULL) THEN 'paused'
        ELSE outcome
    END;
    next_at_ := CASE WHEN in_turn AND status_ = 'waiting' THEN again_at END;
    INSERT INTO webhook_attempts (message_id, number, started_at, seconds, status_code, answer, error)
    VALUES (id_, number_, started, took, code, answer_, error_);
    UPDATE webhook_messages
    SET attempts = number_,
        tried = CASE WHEN in_turn THEN message.tried + 1 ELSE message.tried END,
        status = status_,
        next_at = CASE WHEN status_ = 'waiting' THEN coalesce(next_at_, message.next_at) END,
        is_queued = message.is_queued AND NOT in_turn,
        ended_at = CASE
            WHEN status_ = 'waiting' THEN NULL
            WHEN status_ = message.status THEN message.ended_at
            ELSE at
        END
    WHERE id = id_;
END $$;

-- Start an ended message's schedule anew and open its receiver. What its status was; null: there is no such message of
-- that account (null: of anybody's). One that is held or waiting is left alone.
CREATE FUNCTION webhooks_resend(id_ uuid, for_account uuid, at timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    message record;
BEGIN
    SELECT account_id, origin, status INTO message FROM webhook_messages
    WHERE id = id_ AND (for_account IS NULL OR account_id = for_account);
    IF NOT FOUND OR message.status IN ('held', 'waiting') THEN
        RETURN message.status;
    END IF;
    PERFORM webhooks_resume(message.account_id, message.origin);
    UPDATE webhook_messages SET status = 'waiting', tried = 0, next_at = at, is_queued = false, ended_at = NULL
    WHERE id = id_ AND ended_at IS NOT NULL;
    RETURN CASE WHEN FOUND THEN message.status ELSE 'waiting' END;
END $$;

-- The same for all that have failed or were paused since then, of an account, of an origin, or of all (null).
CREATE FUNCTION webhooks_recover(
    since timestamptz, for_account uuid, for_origin text, at timestamptz
) RETURNS SETOF uuid LANGUAGE plpgsql AS $$
BEGIN
    UPDATE webhook_endpoints e SET paused_at = NULL, failing_since = NULL
    FROM (
        SELECT p.account_id, p.origin FROM webhook_endpoints p
        WHERE p.paused_at IS NOT NULL
            AND (for_account IS NULL OR p.account_id = for_account) AND (for_origin IS NULL OR p.origin = for_origin)
            AND EXISTS (
                SELECT FROM webhook_messages m
                WHERE m.account_id = p.account_id AND m.origin = p.origin
                    AND m.status IN ('failed', 'paused') AND m.ended_at >= since
            )
        ORDER BY p.account_id, p.origin FOR UPDATE
    ) AS found
    WHERE e.account_id = found.account_id AND e.origin = found.origin;
    RETURN QUERY
    WITH recovered AS (
        UPDATE webhook_messages m SET status = 'waiting', tried = 0, next_at = at, is_queued = false, ended_at = NULL
        FROM (
            SELECT u.id FROM webhook_messages u
            WHERE u.status IN ('failed', 'paused') AND u.ended_at >= since
                AND (for_account IS NULL OR u.account_id = for_account)
                AND (for_origin IS NULL OR u.origin = for_origin)
            ORDER BY u.id FOR UPDATE
        ) AS found
        WHERE m.id = found.id
        RETURNING m.id, m.task_id
    )
    SELECT recovered.id FROM recovered ORDER BY recovered.task_id;
END $$;
