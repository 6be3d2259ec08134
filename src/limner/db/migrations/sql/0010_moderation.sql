-- Rules for prompts, and what was decided by them, by endpoints, by the operator's own function, and by engines.

-- A word or phrase, or a pattern in RE2's language. `account_id`, `model` null: any. `action`: block, or flag (noted, and
-- let through). `made_by` null: the command line.
CREATE TABLE moderation_rules (
    id uuid PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('word', 'pattern')),
    text text NOT NULL CHECK (text <> ''),
    action text NOT NULL CHECK (action IN ('block', 'flag')),
    account_id uuid,
    model text,
    made_by uuid,
    created_at timestamptz NOT NULL
);

CREATE UNIQUE INDEX moderation_rules_once ON moderation_rules (
    text, kind, coalesce(account_id, '00000000-0000-0000-0000-000000000000'), coalesce(model, '')
);

CREATE FUNCTION moderation_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('limner_moderation', '');
    RETURN NULL;
END $$;

CREATE TRIGGER moderation_rules_tell AFTER INSERT OR UPDATE OR DELETE ON moderation_rules
    FOR EACH STATEMENT EXECUTE FUNCTION moderation_tell();

-- What was blocked, and what was flagged and let through: never the prompt, never the picture. `task_id` null: it was refused
-- before it was a task. `picture`: the index, where it is about one. `rule_id`: which rule, if it was one, though it may be
-- gone. `by`: the name of the engine, or of the endpoint's model.
CREATE TABLE moderation_verdicts (
    id uuid PRIMARY KEY,
    task_id uuid,
    account_id uuid NOT NULL,
    model text NOT NULL,
    stage text NOT NULL CHECK (stage IN ('prompt', 'revised', 'picture')),
    picture integer,
    decision text NOT NULL CHECK (decision IN ('blocked', 'let_through')),
    said_by text NOT NULL CHECK (said_by IN ('settings', 'rule', 'endpoint', 'hook', 'engine')),
    rule_id uuid,
    by text,
    categories text[] NOT NULL,
    scores jsonb NOT NULL,
    created_at timestamptz NOT NULL
);

CREATE INDEX moderation_verdicts_of_account ON moderation_verdicts (account_id, id);
CREATE INDEX moderation_verdicts_of_task ON moderation_verdicts (task_id) WHERE task_id IS NOT NULL;
CREATE INDEX moderation_verdicts_of_rule ON moderation_verdicts (rule_id, id) WHERE rule_id IS NOT NULL;
CREATE INDEX moderation_verdicts_by_age ON moderation_verdicts (created_at);

-- `found`: a list of objects, one for each verdict, with what the columns are called.
CREATE FUNCTION moderation_note(
    task_id_ uuid, account_id_ uuid, model_ text, found jsonb, at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO moderation_verdicts (
        id, task_id, account_id, model, stage, picture, decision, said_by, rule_id, by, categories, scores, created_at
    )
    SELECT one.id, task_id_, account_id_, model_, one.stage, one.picture, one.decision, one.said_by, one.rule_id, one.by,
        one.categories, one.scores, at
    FROM jsonb_to_recordset(found) AS one (
        id uuid, stage text, picture integer, decision text, said_by text, rule_id uuid, by text, categories text[],
        scores jsonb
    )
$$;
