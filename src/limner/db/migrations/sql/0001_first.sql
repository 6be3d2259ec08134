-- Who there is, what they may do, what they have, what they asked for, and what was painted.
-- One room owns each table; other rooms keep its id and never its rows, hence no foreign keys between rooms.
--
-- The acts that every request goes through are functions here, so that several rooms' acts are one statement: one round
-- trip, one transaction, and rows that many requests share stay locked for microseconds (docs/adr/0013). A refusal is an
-- error with a code of ours: LM001 over the limit, LM002 too few credits, LM003 over the spend limit, LM004 not running,
-- LM005 the key has changed.

-- accounts ------------------------------------------------------------------------------------------------------------

CREATE TABLE accounts (
    id uuid PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    role text NOT NULL CHECK (role IN ('owner', 'member')),
    created_at timestamptz NOT NULL,
    suspended_at timestamptz
);

-- There is one owner: two processes that make the first start together make one.
CREATE UNIQUE INDEX accounts_one_owner ON accounts (role) WHERE role = 'owner';

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL REFERENCES accounts (id),
    name text NOT NULL,
    prefix text NOT NULL,
    secret_hash bytea NOT NULL UNIQUE CHECK (length(secret_hash) = 32),
    models text[] CHECK (cardinality(models) > 0),
    requests_per_minute integer CHECK (requests_per_minute > 0),
    concurrent integer CHECK (concurrent > 0),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    disabled_at timestamptz
);

CREATE INDEX api_keys_by_account ON api_keys (account_id);

-- Whose key it is, and in what state; all null when it is nobody's.
CREATE FUNCTION accounts_authenticate(
    hash bytea,
    OUT id uuid, OUT account_id uuid, OUT models text[], OUT requests_per_minute integer, OUT concurrent integer,
    OUT expires_at timestamptz, OUT disabled_at timestamptz, OUT suspended_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT k.id, k.account_id, k.models, k.requests_per_minute, k.concurrent, k.expires_at, k.disabled_at, a.suspended_at
    INTO id, account_id, models, requests_per_minute, concurrent, expires_at, disabled_at, suspended_at
    FROM api_keys k JOIN accounts a ON a.id = k.account_id
    WHERE k.secret_hash = hash;
END $$;

-- Refuse unless the key is exactly as the caller last saw it, and may be used.
CREATE FUNCTION accounts_confirm(
    key_id uuid, models_ text[], per_minute integer, at_once integer, at timestamptz
) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    PERFORM FROM api_keys k JOIN accounts a ON a.id = k.account_id
    WHERE k.id = key_id AND k.disabled_at IS NULL AND a.suspended_at IS NULL
        AND (k.expires_at IS NULL OR k.expires_at > at)
        AND k.models IS NOT DISTINCT FROM models_
        AND k.requests_per_minute IS NOT DISTINCT FROM per_minute
        AND k.concurrent IS NOT DISTINCT FROM at_once;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key has changed' USING ERRCODE = 'LM005';
    END IF;
END $$;

-- limits --------------------------------------------------------------------------------------------------------------

-- A token bucket and a count of what is under way, per key. Hot rows: room for updates in place.
CREATE TABLE rate_limits (
    api_key_id uuid PRIMARY KEY,
    tokens double precision NOT NULL CHECK (tokens >= 0),
    refilled_at timestamptz NOT NULL,
    running integer NOT NULL CHECK (running >= 0)
) WITH (fillfactor = 50);

-- Take one request's place. The bucket refills as time passes and is never fuller than a minute's worth. Conditional and
-- in one statement: racing callers are let through one by one, each judged by what the one before it left.
CREATE FUNCTION limits_take(
    for_key uuid, per_minute double precision, at_once integer, at timestamptz
) RETURNS double precision LANGUAGE plpgsql AS $$
DECLARE
    left_over double precision;
    found record;
BEGIN
    INSERT INTO rate_limits AS r (api_key_id, tokens, refilled_at, running)
    VALUES (for_key, per_minute - 1, at, 1)
    ON CONFLICT (api_key_id) DO UPDATE
    SET tokens = limits_refilled(r, per_minute, at) - 1,
        refilled_at = greatest(r.refilled_at, at),
        running = r.running + 1
    WHERE limits_refilled(r, per_minute, at) >= 1 AND r.running < at_once
    RETURNING tokens INTO left_over;
    IF left_over IS NULL THEN
        SELECT limits_refilled(r, per_minute, at) AS tokens INTO found FROM rate_limits r WHERE api_key_id = for_key;
        RAISE EXCEPTION 'over the limit' USING ERRCODE = 'LM001', DETAIL = found.tokens::text;
    END IF;
    RETURN left_over;
END $$;

CREATE FUNCTION limits_refilled(
    bucket rate_limits, per_minute double precision, at timestamptz
) RETURNS double precision LANGUAGE sql IMMUTABLE AS $$
    SELECT least(per_minute, bucket.tokens + greatest(0, extract(epoch FROM at - bucket.refilled_at)) * per_minute / 60)
$$;

CREATE FUNCTION limits_give_back(for_key uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rate_limits SET running = running - 1 WHERE api_key_id = for_key;
    ASSERT FOUND, 'more was given back than taken';
END $$;

-- credits -------------------------------------------------------------------------------------------------------------

-- Amounts are whole micro-credits. `held` is promised to tasks under way and still part of `balance`.
CREATE TABLE credit_balances (
    account_id uuid PRIMARY KEY,
    balance bigint NOT NULL,
    held bigint NOT NULL CHECK (held >= 0),
    unlimited boolean NOT NULL,
    CHECK (unlimited OR balance >= held)
) WITH (fillfactor = 50);

CREATE TABLE credit_budgets (
    api_key_id uuid PRIMARY KEY,
    spend_limit bigint CHECK (spend_limit >= 0),
    spent bigint NOT NULL CHECK (spent >= 0),
    held bigint NOT NULL CHECK (held >= 0),
    CHECK (spend_limit IS NULL OR spent + held <= spend_limit)
) WITH (fillfactor = 50);

-- Every change of a balance, never edited: sum(amount) is the balance, sum(held) is what is held.
CREATE TABLE credit_entries (
    id uuid NOT NULL,
    account_id uuid NOT NULL,
    api_key_id uuid,
    task_id uuid,
    kind text NOT NULL CHECK (kind IN ('grant', 'hold', 'charge', 'release')),
    amount bigint NOT NULL,
    held bigint NOT NULL,
    reason text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (account_id, id),
    CHECK (CASE kind
        WHEN 'grant' THEN task_id IS NULL AND held = 0
        WHEN 'hold' THEN task_id IS NOT NULL AND amount = 0 AND held >= 0
        WHEN 'charge' THEN task_id IS NOT NULL AND amount <= 0 AND held <= amount
        WHEN 'release' THEN task_id IS NOT NULL AND amount = 0 AND held <= 0
    END)
);

-- A task is held for once and settled once, whoever tries again.
CREATE UNIQUE INDEX credit_entries_one_hold ON credit_entries (task_id) WHERE kind = 'hold';
CREATE UNIQUE INDEX credit_entries_one_end ON credit_entries (task_id) WHERE kind IN ('charge', 'release');

CREATE FUNCTION refuse_to_edit_entries() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'credit entries are never edited: add one that corrects it';
END $$;

CREATE TRIGGER credit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON credit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_edit_entries();

CREATE FUNCTION credits_hold(
    entry_id uuid, for_account uuid, for_key uuid, for_task uuid, amount_ bigint, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE credit_balances SET held = held + amount_
    WHERE account_id = for_account AND (unlimited OR balance - held >= amount_);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'too few credits' USING ERRCODE = 'LM002',
            DETAIL = (SELECT balance - held FROM credit_balances WHERE account_id = for_account)::text;
    END IF;
    UPDATE credit_budgets SET held = held + amount_
    WHERE api_key_id = for_key AND (spend_limit IS NULL OR spent + held + amount_ <= spend_limit);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'over the spend limit' USING ERRCODE = 'LM003',
            DETAIL = (SELECT spend_limit FROM credit_budgets WHERE api_key_id = for_key)::text;
    END IF;
    INSERT INTO credit_entries (id, account_id, api_key_id, task_id, kind, amount, held, reason, created_at)
    VALUES (entry_id, for_account, for_key, for_task, 'hold', 0, amount_, 'promised to a task', at);
END $$;

-- What is free afterwards.
CREATE FUNCTION credits_settle(
    entry_id uuid, for_account uuid, for_key uuid, for_task uuid,
    held_ bigint, charged bigint, reason_ text, at timestamptz
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    free bigint;
BEGIN
    INSERT INTO credit_entries (id, account_id, api_key_id, task_id, kind, amount, held, reason, created_at)
    VALUES (entry_id, for_account, for_key, for_task,
        CASE WHEN charged > 0 THEN 'charge' ELSE 'release' END, -charged, -held_, reason_, at);
    UPDATE credit_balances SET balance = balance - charged, held = held - held_ WHERE account_id = for_account
    RETURNING balance - held INTO STRICT free;
    UPDATE credit_budgets SET spent = spent + charged, held = held - held_ WHERE api_key_id = for_key;
    RETURN free;
END $$;

-- tasks ---------------------------------------------------------------------------------------------------------------

CREATE TABLE tasks (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    api_key_id uuid NOT NULL,
    trace_id text NOT NULL,
    model text NOT NULL,
    engine text NOT NULL,
    request jsonb NOT NULL,
    status text NOT NULL CHECK (status IN ('running', 'succeeded', 'failed')),
    held bigint NOT NULL CHECK (held >= 0),
    charged bigint CHECK (charged BETWEEN 0 AND held),
    error_code text,
    error_message text,
    -- Files may lie in storage that no row of images tells of.
    leftovers boolean NOT NULL DEFAULT false,
    node_id uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    finished_at timestamptz,
    CHECK ((status = 'running') = (finished_at IS NULL)),
    CHECK ((status = 'running') = (charged IS NULL)),
    CHECK ((status = 'failed') = (error_code IS NOT NULL))
) WITH (fillfactor = 70);

CREATE INDEX tasks_by_account ON tasks (account_id, id);
CREATE INDEX tasks_with_leftovers ON tasks (id) WHERE leftovers;
CREATE INDEX tasks_running ON tasks (lease_until) WHERE status = 'running';

CREATE FUNCTION tasks_open(
    id_ uuid, account_id_ uuid, api_key_id_ uuid, trace_id_ text, model_ text, engine_ text, request_ jsonb,
    held_ bigint, node_id_ uuid, lease_until_ timestamptz, created_at_ timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO tasks
        (id, account_id, api_key_id, trace_id, model, engine, request, status, held, node_id, lease_until, created_at)
    VALUES
        (id_, account_id_, api_key_id_, trace_id_, model_, engine_, request_, 'running', held_, node_id_, lease_until_,
         created_at_)
$$;

CREATE FUNCTION tasks_succeed(id_ uuid, charged_ bigint, at timestamptz) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET status = 'succeeded', charged = charged_, finished_at = at WHERE id = id_ AND status = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
END $$;

CREATE FUNCTION tasks_fail(
    id_ uuid, code text, message text, leftovers_ boolean, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE tasks SET status = 'failed', charged = 0, finished_at = at,
        error_code = code, error_message = message, leftovers = leftovers_
    WHERE id = id_ AND status = 'running';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'not running' USING ERRCODE = 'LM004';
    END IF;
END $$;

-- images --------------------------------------------------------------------------------------------------------------

CREATE TABLE images (
    task_id uuid NOT NULL,
    index smallint NOT NULL CHECK (index >= 0),
    account_id uuid NOT NULL,
    storage_key text NOT NULL,
    media_type text NOT NULL,
    bytes integer NOT NULL CHECK (bytes > 0),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    seed bigint NOT NULL,
    revised_prompt text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (task_id, index)
);

CREATE INDEX images_by_account ON images (account_id, task_id);

CREATE FUNCTION images_add(
    task_id_ uuid, account_id_ uuid, indexes smallint[], storage_keys text[], media_types text[], sizes integer[],
    widths integer[], heights integer[], seeds bigint[], revised_prompts text[], at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO images
        (task_id, account_id, created_at, index, storage_key, media_type, bytes, width, height, seed, revised_prompt)
    SELECT task_id_, account_id_, at, i.*
    FROM unnest(indexes, storage_keys, media_types, sizes, widths, heights, seeds, revised_prompts) AS i
$$;

-- What signs links: the newest signs, all verify.
CREATE TABLE link_secrets (
    id uuid PRIMARY KEY,
    secret bytea NOT NULL CHECK (length(secret) >= 32),
    created_at timestamptz NOT NULL
);
