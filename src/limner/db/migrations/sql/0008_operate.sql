-- What operators did, models as they have changed them, personal tokens for the management API.

-- audit ---------------------------------------------------------------------------------------------------------------

CREATE FUNCTION refuse_to_edit_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what has been written in % is never edited', TG_TABLE_NAME;
END $$;

-- Written in the transaction of the act that it tells of. `actor_id` null: the command line. `subject`: the id of what
-- it was about, of its `kind`; `label`: what that was called then.
CREATE TABLE audit_entries (
    id uuid PRIMARY KEY,
    actor_id uuid,
    verb text NOT NULL CHECK (verb <> ''),
    kind text NOT NULL CHECK (kind <> ''),
    subject text NOT NULL,
    label text NOT NULL,
    details jsonb NOT NULL,
    trace_id text NOT NULL,
    sender text NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX audit_entries_by_actor ON audit_entries (actor_id, id);
CREATE INDEX audit_entries_by_verb ON audit_entries (verb, id);
CREATE INDEX audit_entries_by_subject ON audit_entries (kind, subject, id);

CREATE TRIGGER audit_entries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entries
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_edit_history();

-- catalog -------------------------------------------------------------------------------------------------------------

-- How an operator wants a model to be: the row with the highest number counts. `definition` null: as it comes with limner
-- and as the settings say. Of two who change the same version of a model, the second is refused by the primary key.
CREATE TABLE model_changes (
    model text NOT NULL CHECK (model <> ''),
    number integer NOT NULL CHECK (number > 0),
    made_by uuid,
    before jsonb,
    definition jsonb,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (model, number)
);

CREATE TRIGGER model_changes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON model_changes
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_edit_history();

CREATE FUNCTION catalog_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('limner_catalog', NEW.model);
    RETURN NULL;
END $$;

CREATE TRIGGER model_changes_tell AFTER INSERT ON model_changes FOR EACH ROW EXECUTE FUNCTION catalog_tell();

-- tokens --------------------------------------------------------------------------------------------------------------

-- What opens the management API, and nothing else, to a program of somebody's own. Of a token only the SHA-256 is kept.
CREATE TABLE platform_tokens (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    name text NOT NULL CHECK (name <> ''),
    prefix text NOT NULL,
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    created_at timestamptz NOT NULL,
    expires_at timestamptz,
    used_at timestamptz
) WITH (fillfactor = 70);

CREATE INDEX platform_tokens_by_account ON platform_tokens (account_id, id);

-- Whose token it is; nothing if nobody's. That it was used is written down once a minute at most.
CREATE FUNCTION tokens_open(hash bytea, at timestamptz) RETURNS SETOF platform_tokens LANGUAGE plpgsql AS $$
DECLARE
    token platform_tokens;
BEGIN
    SELECT * INTO token FROM platform_tokens WHERE token_hash = hash;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF (token.expires_at IS NULL OR token.expires_at > at)
        AND (token.used_at IS NULL OR token.used_at <= at - interval '1 minute') THEN
        UPDATE platform_tokens SET used_at = at WHERE id = token.id;
    END IF;
    RETURN NEXT token;
END $$;

-- overviews -----------------------------------------------------------------------------------------------------------

-- What went wrong lately, and what is kept since when: read by the operator's pages, and seldom written.
CREATE INDEX tasks_failed ON tasks (finished_at) WHERE status = 'failed';
CREATE INDEX images_kept ON images (created_at) INCLUDE (account_id, bytes)
    WHERE deleted_at IS NULL AND expired_at IS NULL;
