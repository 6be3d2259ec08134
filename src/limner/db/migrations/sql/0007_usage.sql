-- Keys that are replaced and deleted, credits that are given once, redeem codes, and what was used by the hour and the day.
-- A refusal of ours: LM020 the code cannot be redeemed.

-- accounts ------------------------------------------------------------------------------------------------------------

-- A key that was deleted stays for the history that tells of it, and can be used as little as one that is off.
ALTER TABLE api_keys ADD COLUMN deleted_at timestamptz;
ALTER TABLE api_keys ADD CHECK (deleted_at IS NULL OR disabled_at IS NOT NULL);

-- What opened a key before it was given a new secret, and still does until then.
CREATE TABLE api_key_old_secrets (
    secret_hash bytea PRIMARY KEY CHECK (length(secret_hash) = 32),
    api_key_id uuid NOT NULL REFERENCES api_keys (id),
    prefix text NOT NULL,
    ends_at timestamptz NOT NULL
);

CREATE INDEX api_key_old_secrets_by_key ON api_key_old_secrets (api_key_id);

-- Whose key it is, and in what state; all null when it is nobody's. An old secret ends when it does, or with its key.
CREATE OR REPLACE FUNCTION accounts_authenticate(
    hash bytea,
    OUT id uuid, OUT account_id uuid, OUT models text[], OUT requests_per_minute integer, OUT concurrent integer,
    OUT expires_at timestamptz, OUT disabled_at timestamptz, OUT suspended_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT k.id, k.account_id, k.models, k.requests_per_minute, k.concurrent, k.expires_at, k.disabled_at, a.suspended_at
    INTO id, account_id, models, requests_per_minute, concurrent, expires_at, disabled_at, suspended_at
    FROM api_keys k JOIN accounts a ON a.id = k.account_id
    WHERE k.secret_hash = hash AND k.deleted_at IS NULL;
    IF NOT FOUND THEN
        SELECT k.id, k.account_id, k.models, k.requests_per_minute, k.concurrent, least(k.expires_at, o.ends_at),
            k.disabled_at, a.suspended_at
        INTO id, account_id, models, requests_per_minute, concurrent, expires_at, disabled_at, suspended_at
        FROM api_key_old_secrets o JOIN api_keys k ON k.id = o.api_key_id JOIN accounts a ON a.id = k.account_id
        WHERE o.secret_hash = hash AND k.deleted_at IS NULL;
    END IF;
END $$;

DROP FUNCTION accounts_confirm(uuid, text[], integer, integer, timestamptz);

-- Refuse unless the key is exactly as the caller last saw it, may be used, and is opened by that secret.
CREATE FUNCTION accounts_confirm(
    key_id uuid, hash bytea, models_ text[], per_minute integer, at_once integer, at timestamptz
) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM api_keys k JOIN accounts a ON a.id = k.account_id
    WHERE k.id = key_id AND k.disabled_at IS NULL AND a.suspended_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > at)
        AND (k.secret_hash = hash OR EXISTS (
            SELECT FROM api_key_old_secrets o
            WHERE o.secret_hash = hash AND o.api_key_id = key_id AND o.ends_at > at
        ))
        AND k.models IS NOT DISTINCT FROM models_
        AND k.requests_per_minute IS NOT DISTINCT FROM per_minute
        AND k.concurrent IS NOT DISTINCT FROM at_once;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key has changed' USING ERRCODE = 'LM005';
    END IF;
END $$;

-- credits -------------------------------------------------------------------------------------------------------------

-- Two more ways to be given credits: those that every account gets once, and those of a redeem code.
ALTER TABLE credit_entries
    DROP CONSTRAINT credit_entries_kind_check,
    DROP CONSTRAINT credit_entries_check,
    ADD CONSTRAINT credit_entries_kind_check
        CHECK (kind IN ('grant', 'welcome', 'redemption', 'hold', 'charge', 'release')),
    ADD CONSTRAINT credit_entries_check CHECK (CASE kind
        WHEN 'grant' THEN task_id IS NULL AND held = 0
        WHEN 'welcome' THEN task_id IS NULL AND held = 0 AND amount >= 0
        WHEN 'redemption' THEN task_id IS NULL AND held = 0 AND amount > 0
        WHEN 'hold' THEN task_id IS NOT NULL AND amount = 0 AND held >= 0
        WHEN 'charge' THEN task_id IS NOT NULL AND amount <= 0 AND held <= amount
        WHEN 'release' THEN task_id IS NOT NULL AND amount = 0 AND held <= 0
    END);

-- Entries are never removed, so this is once for ever.
CREATE UNIQUE INDEX credit_entries_one_welcome ON credit_entries (account_id) WHERE kind = 'welcome';

CREATE INDEX credit_entries_given ON credit_entries (account_id, id) WHERE kind IN ('grant', 'welcome', 'redemption');

-- Of a code only the SHA-256 is kept. `prefix`: by which it is recognised.
CREATE TABLE redeem_codes (
    id uuid PRIMARY KEY,
    code_hash bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    prefix text NOT NULL,
    credits bigint NOT NULL CHECK (credits > 0),
    uses_max integer NOT NULL CHECK (uses_max > 0),
    uses integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND uses_max),
    note text NOT NULL,
    made_by uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    disabled_at timestamptz
);

CREATE TABLE redemptions (
    code_id uuid NOT NULL REFERENCES redeem_codes (id),
    account_id uuid NOT NULL,
    entry_id uuid NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (code_id, account_id)
);

-- Use a code once for an account; how many credits it gave. Whoever is refused is told why: unknown, yours (the account
-- has used it before), disabled, expired, or over. The code's row is locked first: racing callers come one by one.
CREATE FUNCTION credits_redeem(entry_id uuid, for_account uuid, hash bytea, at timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    code redeem_codes;
    trouble text;
BEGIN
    SELECT * INTO code FROM redeem_codes WHERE code_hash = hash FOR UPDATE;
    trouble := CASE
        WHEN NOT FOUND THEN 'unknown'
        WHEN EXISTS (SELECT FROM redemptions r WHERE r.code_id = code.id AND r.account_id = for_account) THEN 'yours'
        WHEN code.disabled_at IS NOT NULL THEN 'disabled'
        WHEN code.expires_at <= at THEN 'expired'
        WHEN code.uses >= code.uses_max THEN 'over'
    END;
    IF trouble IS NOT NULL THEN
        RAISE EXCEPTION 'the code cannot be redeemed' USING ERRCODE = 'LM020', DETAIL = trouble;
    END IF;
    UPDATE redeem_codes SET uses = uses + 1 WHERE id = code.id;
    INSERT INTO redemptions (code_id, account_id, entry_id, created_at) VALUES (code.id, for_account, entry_id, at);
    UPDATE credit_balances SET balance = balance + code.credits WHERE account_id = for_account;
    ASSERT FOUND, 'every account has a balance';
    INSERT INTO credit_entries (id, account_id, kind, amount, held, reason, created_at)
    VALUES (entry_id, for_account, 'redemption', code.credits, 0, code.prefix, at);
    RETURN code.credits;
END $$;

-- usage ---------------------------------------------------------------------------------------------------------------

-- Tasks that have ended and are in no sum yet: written by what ends a task, taken away by what adds it to the sums, so
-- that whoever reads both at once counts each task once.
CREATE TABLE usage_ended (
    account_id uuid NOT NULL,
    task_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    model text NOT NULL,
    status text NOT NULL CHECK (status IN ('succeeded', 'failed', 'cancelled')),
    error_code text,
    pictures integer NOT NULL CHECK (pictures >= 0),
    charged bigint NOT NULL CHECK (charged >= 0),
    milliseconds bigint NOT NULL CHECK (milliseconds >= 0),
    ended_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, task_id)
);

-- `step`: how long a row's time is, from `begins_at`. `error_code`: '' for what went well. `took`: how many of the tasks
-- took how long, by the room's own bounds: ten decimal digits for each class, the quickest last. One number, because sums
-- of numbers are quick, and sums of arrays are not.
CREATE TABLE usage_sums (
    account_id uuid NOT NULL,
    step text NOT NULL CHECK (step IN ('hour', 'day')),
    begins_at timestamptz NOT NULL,
    api_key_id uuid NOT NULL,
    model text NOT NULL,
    status text NOT NULL,
    error_code text NOT NULL,
    tasks integer NOT NULL,
    pictures integer NOT NULL,
    charged bigint NOT NULL,
    took numeric NOT NULL,
    PRIMARY KEY (account_id, step, begins_at, api_key_id, model, status, error_code)
) WITH (fillfactor = 70);

CREATE INDEX usage_sums_hours ON usage_sums (begins_at) WHERE step = 'hour';

CREATE FUNCTION usage_note(
    for_account uuid, task uuid, key uuid, model_ text, status_ text, code text, pictures_ integer, charged_ bigint,
    began timestamptz, at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO usage_ended
        (account_id, task_id, api_key_id, model, status, error_code, pictures, charged, milliseconds, ended_at)
    VALUES (for_account, task, key, model_, status_, code, pictures_, charged_,
        greatest(0, extract(epoch FROM at - began) * 1000)::bigint, at)
$$;

-- Add tasks that have ended to the sums, so many at once; how many that were. One node does it at a time: null for others.
CREATE FUNCTION usage_roll(bounds bigint[], at_most integer) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
    rolled integer;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('limner usage_roll')) THEN
        RETURN NULL;
    END IF;
    WITH taken AS (
        DELETE FROM usage_ended WHERE (account_id, task_id) IN (
            SELECT account_id, task_id FROM usage_ended LIMIT at_most
        ) RETURNING *
    ), counted AS (
        SELECT t.*, s.step, date_trunc(s.step, t.ended_at, 'UTC') AS begins_at
        FROM taken t CROSS JOIN (VALUES ('hour'), ('day')) AS s (step)
    ), added AS (
        INSERT INTO usage_sums AS u
            (account_id, step, begins_at, api_key_id, model, status, error_code, tasks, pictures, charged, took)
        SELECT account_id, step, begins_at, api_key_id, model, status, coalesce(error_code, ''), count(*),
            sum(pictures), sum(charged), sum(('1e' || 10 * width_bucket(milliseconds, bounds))::numeric)
        FROM counted
        GROUP BY account_id, step, begins_at, api_key_id, model, status, coalesce(error_code, '')
        ON CONFLICT (account_id, step, begins_at, api_key_id, model, status, error_code) DO UPDATE
        SET tasks = u.tasks + excluded.tasks, pictures = u.pictures + excluded.pictures,
            charged = u.charged + excluded.charged, took = u.took + excluded.took
    )
    SELECT count(*) INTO rolled FROM taken;
    RETURN rolled;
END $$;

-- What has ended before there were sums.
INSERT INTO usage_ended
    (account_id, task_id, api_key_id, model, status, error_code, pictures, charged, milliseconds, ended_at)
SELECT account_id, id, api_key_id, model, status, error_code,
    (SELECT count(*) FROM images i WHERE i.task_id = tasks.id), charged,
    greatest(0, extract(epoch FROM finished_at - created_at) * 1000)::bigint, finished_at
FROM tasks WHERE finished_at IS NOT NULL;
