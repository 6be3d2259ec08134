-- People who come in through the pages: how each is known, where they are signed in, and who may join.
-- Of every token that opens something only the SHA-256 is kept. A refusal of ours: LM010 tried too often.

-- accounts ------------------------------------------------------------------------------------------------------------

-- An account that was deleted stays, suspended, under another name: its credit entries are never removed. `emptied_at`:
-- when the last of its prompts and files was.
ALTER TABLE accounts ADD COLUMN deleted_at timestamptz;
ALTER TABLE accounts ADD COLUMN emptied_at timestamptz;
ALTER TABLE accounts ADD CHECK (deleted_at IS NULL OR suspended_at IS NOT NULL);
ALTER TABLE accounts ADD CHECK (emptied_at IS NULL OR deleted_at IS NOT NULL);

CREATE INDEX accounts_to_empty ON accounts (id) WHERE deleted_at IS NOT NULL AND emptied_at IS NULL;

-- logins --------------------------------------------------------------------------------------------------------------

-- `password_hash` null: signed in by a provider only. `must_verify`: the password counts only once the address is verified.
-- `approved_at` null: the operator has not said yes yet.
CREATE TABLE logins (
    account_id uuid PRIMARY KEY,
    email text CHECK (email <> ''),
    password_hash text,
    must_verify boolean NOT NULL,
    verified_at timestamptz,
    approved_at timestamptz,
    invitation_id uuid,
    created_at timestamptz NOT NULL,
    CHECK (email IS NOT NULL OR (password_hash IS NULL AND verified_at IS NULL))
);

CREATE UNIQUE INDEX logins_one_per_email ON logins (lower(email));
CREATE INDEX logins_waiting ON logins (created_at) WHERE approved_at IS NULL;

-- Another e-mail; false: somebody else has it.
CREATE FUNCTION logins_set_email(account uuid, email_ text, at timestamptz) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    UPDATE logins SET email = email_, verified_at = at, must_verify = must_verify AND at IS NULL
    WHERE account_id = account;
    RETURN true;
EXCEPTION WHEN unique_violation THEN
    RETURN false;
END $$;

-- sessions ------------------------------------------------------------------------------------------------------------

-- `seen_at`: to the minute or so. `expires_at`: whatever is done until then.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    account_id uuid NOT NULL,
    sender text NOT NULL,
    agent text NOT NULL,
    created_at timestamptz NOT NULL,
    seen_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
) WITH (fillfactor = 80);

CREATE INDEX sessions_by_account ON sessions (account_id, id);

-- Who is signed in with the token; all null when nobody is. The one place that reads two rooms' rows in one query, since
-- every page asks this: the session, and whether its account may be used at all.
CREATE FUNCTION logins_signed_in(
    hash bytea, idle interval, stale interval, at timestamptz,
    OUT session_id uuid, OUT account_id uuid, OUT sender text, OUT agent text, OUT created_at timestamptz,
    OUT seen_at timestamptz, OUT expires_at timestamptz,
    OUT account_name text, OUT account_role text, OUT account_created_at timestamptz,
    OUT has_login boolean, OUT email text, OUT has_password boolean, OUT must_verify boolean, OUT verified_at timestamptz,
    OUT approved_at timestamptz, OUT login_created_at timestamptz
) LANGUAGE plpgsql AS $$
BEGIN
    SELECT s.id, s.account_id, s.sender, s.agent, s.created_at, s.seen_at, s.expires_at,
        a.name, a.role, a.created_at,
        l.account_id IS NOT NULL, l.email, l.password_hash IS NOT NULL, l.must_verify, l.verified_at, l.approved_at,
        l.created_at
    INTO session_id, account_id, sender, agent, created_at, seen_at, expires_at,
        account_name, account_role, account_created_at,
        has_login, email, has_password, must_verify, verified_at, approved_at, login_created_at
    FROM sessions s JOIN accounts a ON a.id = s.account_id LEFT JOIN logins l ON l.account_id = s.account_id
    WHERE s.token_hash = hash AND s.expires_at > at AND s.seen_at > at - idle AND a.suspended_at IS NULL;
    IF FOUND AND seen_at < at - stale THEN
        -- Where another request does it just now, it is as good as done.
        UPDATE sessions s SET seen_at = at
        WHERE s.id IN (SELECT t.id FROM sessions t WHERE t.id = session_id FOR UPDATE SKIP LOCKED);
        seen_at := at;
    END IF;
END $$;

-- links ---------------------------------------------------------------------------------------------------------------

-- Addresses that are good for one act, once. `email`: what is verified by having been sent there.
CREATE TABLE login_links (
    token_hash bytea PRIMARY KEY CHECK (length(token_hash) = 32),
    account_id uuid NOT NULL,
    purpose text NOT NULL CHECK (purpose IN ('verify', 'reset', 'welcome')),
    email text,
    next text,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX login_links_by_account ON login_links (account_id, purpose);

-- invitations ---------------------------------------------------------------------------------------------------------

-- `credits`: micro-credits to start with. `email`: whom alone it is for.
CREATE TABLE invitations (
    id uuid PRIMARY KEY,
    code_hash bytea NOT NULL UNIQUE CHECK (length(code_hash) = 32),
    prefix text NOT NULL,
    made_by uuid NOT NULL,
    note text NOT NULL,
    email text,
    credits bigint NOT NULL CHECK (credits >= 0),
    uses_max integer NOT NULL CHECK (uses_max > 0),
    uses integer NOT NULL DEFAULT 0 CHECK (uses BETWEEN 0 AND uses_max),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    revoked_at timestamptz
);

-- providers -----------------------------------------------------------------------------------------------------------

-- Whom a provider calls by that name.
CREATE TABLE identities (
    provider text NOT NULL,
    subject text NOT NULL,
    account_id uuid NOT NULL,
    label text NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (provider, subject)
);

CREATE INDEX identities_by_account ON identities (account_id);

-- Somebody who was sent to a provider and is expected back, in the same browser. `account_id`: who wants to be linked.
CREATE TABLE login_journeys (
    state_hash bytea PRIMARY KEY CHECK (length(state_hash) = 32),
    visitor_hash bytea NOT NULL CHECK (length(visitor_hash) = 32),
    provider text NOT NULL,
    nonce text NOT NULL,
    verifier text NOT NULL,
    next text,
    invitation text,
    account_id uuid,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL
);

-- throttles -----------------------------------------------------------------------------------------------------------

-- How much more somebody may try: a bucket of tokens by what was tried and by whom, hashed.
CREATE TABLE login_throttles (
    subject bytea PRIMARY KEY,
    tokens double precision NOT NULL,
    refilled_at timestamptz NOT NULL
) WITH (fillfactor = 60);

-- Take one, or refuse and say after how many seconds there will be one again.
CREATE FUNCTION logins_take(
    subject_ bytea, burst double precision, per_seconds double precision, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    left_ double precision;
BEGIN
    INSERT INTO login_throttles AS t (subject, tokens, refilled_at) VALUES (subject_, burst - 1, at)
    ON CONFLICT (subject) DO UPDATE SET
        tokens = least(burst, t.tokens + greatest(0, extract(epoch FROM at - t.refilled_at)) * burst / per_seconds) - 1,
        refilled_at = greatest(t.refilled_at, at)
    WHERE t.tokens + greatest(0, extract(epoch FROM at - t.refilled_at)) * burst / per_seconds >= 1;
    IF NOT FOUND THEN
        SELECT t.tokens + greatest(0, extract(epoch FROM at - t.refilled_at)) * burst / per_seconds INTO left_
        FROM login_throttles t WHERE t.subject = subject_;
        RAISE EXCEPTION 'tried too often' USING ERRCODE = 'LM010',
            DETAIL = (greatest(0, 1 - coalesce(left_, 0)) * per_seconds / burst)::text;
    END IF;
END $$;

-- What was taken for something that turned out well does not count.
CREATE FUNCTION logins_give_back(subject_ bytea, burst double precision) RETURNS void LANGUAGE sql AS $$
    UPDATE login_throttles SET tokens = least(burst, tokens + 1) WHERE subject = subject_
$$;

-- Let go of what has ended: sessions, links, journeys, and throttles that nobody has touched for a day.
CREATE FUNCTION logins_tidy(idle interval, at timestamptz) RETURNS void LANGUAGE sql AS $$
    DELETE FROM sessions WHERE id IN (
        SELECT id FROM sessions WHERE expires_at <= at OR seen_at <= at - idle FOR UPDATE SKIP LOCKED
    );
    DELETE FROM login_links WHERE expires_at <= at - interval '7 days';
    DELETE FROM login_journeys WHERE expires_at <= at;
    DELETE FROM login_throttles WHERE subject IN (
        SELECT subject FROM login_throttles WHERE refilled_at < at - interval '1 day' FOR UPDATE SKIP LOCKED
    )
$$;
