-- Inboxes: addresses on this server that show what is sent to them.

-- `received`: the number of the last request. `tokens`: how many more may come at once, as of `refilled_at`. An inbox that
-- has ended is kept for a while, so that its senders are told that it is gone, and not that there never was one.
CREATE TABLE inboxes (
    id uuid PRIMARY KEY,
    token text NOT NULL UNIQUE,
    account_id uuid NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    deleted_at timestamptz,
    received bigint NOT NULL DEFAULT 0,
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL,
    idempotency_key text,
    fingerprint bytea,
    CHECK ((idempotency_key IS NULL) = (fingerprint IS NULL))
) WITH (fillfactor = 80);

CREATE INDEX inboxes_by_account ON inboxes (account_id, id);
CREATE INDEX inboxes_by_end ON inboxes (expires_at);
CREATE UNIQUE INDEX inboxes_one_per_key ON inboxes (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL;

-- `body`: its beginning; `body_bytes`: how long all of it was. Secrets are not in `headers`.
CREATE TABLE inbox_requests (
    inbox_id uuid NOT NULL REFERENCES inboxes (id),
    number bigint NOT NULL,
    received_at timestamptz NOT NULL,
    method text NOT NULL,
    path text NOT NULL,
    query text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    body_bytes bigint NOT NULL CHECK (body_bytes >= length(body)),
    standard_check text NOT NULL,
    callback_check text NOT NULL,
    task_id uuid,
    sender text,
    PRIMARY KEY (inbox_id, number)
);

-- Pictures as base64 come compressed as far as they go; the server would try in vain, each time.
ALTER TABLE inbox_requests ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE FUNCTION inboxes_has_ended(box inboxes, at timestamptz) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT box.deleted_at IS NOT NULL OR box.expires_at <= at
$$;

-- Make an inbox, or find the one that was made with the same key of the account since then. Its id; null: the account has
-- as many as it may have. (Of many that are made in the same instant a few may be over.)
CREATE FUNCTION inboxes_make(
    id_ uuid, token_ text, for_account uuid, name_ text, until timestamptz, burst double precision,
    key_ text, fingerprint_ bytea, keys_since timestamptz, at_most integer, at timestamptz
) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    made uuid;
BEGIN
    IF key_ IS NOT NULL THEN
        UPDATE inboxes SET idempotency_key = NULL, fingerprint = NULL
        WHERE account_id = for_account AND idempotency_key = key_ AND created_at < keys_since;
        SELECT id INTO made FROM inboxes WHERE account_id = for_account AND idempotency_key = key_;
        IF FOUND THEN
            RETURN made;
        END IF;
    END IF;
    IF (
        SELECT count(*) FROM inboxes i WHERE i.account_id = for_account AND NOT inboxes_has_ended(i, at)
    ) >= at_most THEN
        RETURN NULL;
    END IF;
    INSERT INTO inboxes (
        id, token, account_id, name, created_at, expires_at, tokens, refilled_at, idempotency_key, fingerprint
    )
    VALUES (id_, token_, for_account, name_, at, until, burst, at, key_, fingerprint_)
    ON CONFLICT (account_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING;
    IF FOUND THEN
        RETURN id_;
    END IF;
    SELECT id INTO STRICT made FROM inboxes WHERE account_id = for_account AND idempotency_key = key_;
    RETURN made;
END $$;

-- Let one request in. `state_`: open, unknown, ended, or busy: then `tokens_` says how much of a request may come.
CREATE FUNCTION inboxes_take(
    token_ text, per_minute double precision, at timestamptz,
    OUT state_ text, OUT id_ uuid, OUT account_id_ uuid, OUT tokens_ double precision
) LANGUAGE plpgsql AS $$
DECLARE
    box inboxes;
BEGIN
    SELECT * INTO box FROM inboxes WHERE token = token_ FOR UPDATE;
    IF NOT FOUND THEN
        state_ := 'unknown';
        RETURN;
    END IF;
    id_ := box.id;
    account_id_ := box.account_id;
    IF inboxes_has_ended(box, at) THEN
        state_ := 'ended';
        RETURN;
    END IF;
    tokens_ := least(
        per_minute, box.tokens + greatest(0, extract(epoch FROM at - box.refilled_at)) * per_minute / 60
    );
    IF tokens_ < 1 THEN
        state_ := 'busy';
        RETURN;
    END IF;
    state_ := 'open';
    tokens_ := tokens_ - 1;
    UPDATE inboxes SET tokens = tokens_, refilled_at = greatest(refilled_at, at) WHERE id = id_;
END $$;

-- Keep a request as the inbox's newest, let go of the oldest, and tell whoever watches. Its number; null: the inbox was
-- deleted in the meantime.
CREATE FUNCTION inboxes_keep(
    inbox uuid, method_ text, path_ text, query_ text, headers_ jsonb, body_ bytea, body_bytes_ bigint,
    standard_ text, callback_ text, task uuid, sender_ text, at_most integer, at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    given bigint;
BEGIN
    UPDATE inboxes SET received = received + 1 WHERE id = inbox AND deleted_at IS NULL RETURNING received INTO given;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    INSERT INTO inbox_requests (
        inbox_id, number, received_at, method, path, query, headers, body, body_bytes,
        standard_check, callback_check, task_id, sender
    )
    VALUES (
        inbox, given, at, method_, path_, query_, headers_, body_, body_bytes_, standard_, callback_, task, sender_
    );
    DELETE FROM inbox_requests WHERE inbox_id = inbox AND number <= given - at_most;
    PERFORM inboxes_tell(inbox, given::text);
    RETURN given;
END $$;

CREATE FUNCTION inboxes_tell(inbox uuid, what text) RETURNS void LANGUAGE sql AS $$
    SELECT pg_notify('limner_inboxes', inbox || ' ' || what)
$$;

-- End an inbox of the account and let go of what it has. Its id; null: there is none that has not ended.
CREATE FUNCTION inboxes_delete(token_ text, for_account uuid, at timestamptz) RETURNS uuid LANGUAGE plpgsql AS $$
DECLARE
    ended uuid;
BEGIN
    UPDATE inboxes i SET deleted_at = at
    WHERE token = token_ AND account_id = for_account AND NOT inboxes_has_ended(i, at)
    RETURNING id INTO ended;
    IF FOUND THEN
        DELETE FROM inbox_requests WHERE inbox_id = ended;
        PERFORM inboxes_tell(ended, 'ended');
    END IF;
    RETURN ended;
END $$;

-- Let go of what ended inboxes have, and of those themselves that ended before then.
CREATE FUNCTION inboxes_sweep(forgotten_before timestamptz, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM inbox_requests r USING inboxes i WHERE i.id = r.inbox_id AND inboxes_has_ended(i, at);
    -- One whose sender is just now being told is left for the next time.
    DELETE FROM inboxes WHERE id IN (
        SELECT i.id FROM inboxes i
        WHERE i.expires_at < forgotten_before AND NOT EXISTS (SELECT FROM inbox_requests r WHERE r.inbox_id = i.id)
        FOR UPDATE SKIP LOCKED
    );
END $$;
