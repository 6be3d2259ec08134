-- What the gallery searches and shares.

-- tasks ---------------------------------------------------------------------------------------------------------------

-- What a list of tasks filters by lies in the index, so that a filter which few tasks pass reads no rows to find that out.
CREATE INDEX tasks_listed ON tasks (account_id, id) INCLUDE (status, expired_at, model, api_key_id, created_at);
DROP INDEX tasks_by_account;

-- images --------------------------------------------------------------------------------------------------------------

-- What the task asked for is kept beside each picture, so that pictures are found without a look at tasks.
ALTER TABLE images
    ADD COLUMN api_key_id uuid,
    ADD COLUMN model text NOT NULL DEFAULT '',
    ADD COLUMN prompt text NOT NULL DEFAULT '',
    -- Null: older than such choices are kept.
    ADD COLUMN quality text,
    ADD COLUMN style text,
    ADD COLUMN price bigint NOT NULL DEFAULT 0 CHECK (price >= 0),
    -- By what it is found: words and attributes, each with a few letters before it that stand for the account. The words
    -- are made by images/rules.py; the server's own ways to make them know no Chinese.
    ADD COLUMN words tsvector NOT NULL DEFAULT '',
    -- Its account has deleted it; or it was kept for as long as pictures are kept.
    ADD COLUMN deleted_at timestamptz,
    ADD COLUMN expired_at timestamptz;

UPDATE images i SET
    api_key_id = t.api_key_id,
    model = t.model,
    prompt = coalesce(t.request ->> 'prompt', ''),
    quality = t.spec ->> 'quality',
    style = t.spec ->> 'style',
    price = t.price,
    expired_at = t.expired_at
FROM tasks t WHERE t.id = i.task_id;

ALTER TABLE images
    ALTER COLUMN model DROP DEFAULT,
    ALTER COLUMN prompt DROP DEFAULT,
    ALTER COLUMN price DROP DEFAULT,
    ALTER COLUMN words DROP DEFAULT;

DROP INDEX images_by_account;

-- A gallery, in its order.
CREATE INDEX images_newest ON images (account_id, created_at DESC, task_id DESC, index)
    WHERE deleted_at IS NULL AND expired_at IS NULL;

-- New words wait in a list that every search reads, and that whoever fills it puts away: a short one is quick at both.
CREATE INDEX images_search ON images USING gin (words) WITH (gin_pending_list_limit = 256)
    WHERE deleted_at IS NULL AND expired_at IS NULL;

DROP FUNCTION images_add(
    uuid, uuid, smallint[], text[], text[], integer[], integer[], integer[], bigint[], text[], timestamptz
);

-- `terms`: of each picture, with U+001F between them.
CREATE FUNCTION images_add(
    task_id_ uuid, account_id_ uuid, api_key_id_ uuid, model_ text, prompt_ text, quality_ text, style_ text,
    price_ bigint, indexes smallint[], storage_keys text[], media_types text[], sizes integer[], widths integer[],
    heights integer[], seeds bigint[], revised_prompts text[], terms text[], at timestamptz
) RETURNS void LANGUAGE sql AS $$
    INSERT INTO images
        (task_id, account_id, api_key_id, model, prompt, quality, style, price, created_at,
         index, storage_key, media_type, bytes, width, height, seed, revised_prompt, words)
    SELECT task_id_, account_id_, api_key_id_, model_, prompt_, quality_, style_, price_, at,
        i.index, i.storage_key, i.media_type, i.bytes, i.width, i.height, i.seed, i.revised_prompt,
        array_to_tsvector(string_to_array(i.terms, U&'\001F'))
    FROM unnest(indexes, storage_keys, media_types, sizes, widths, heights, seeds, revised_prompts, terms)
        AS i (index, storage_key, media_type, bytes, width, height, seed, revised_prompt, terms)
$$;

-- Public pages of single pictures, each for whoever has its token.
CREATE TABLE image_shares (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    task_id uuid NOT NULL,
    index smallint NOT NULL CHECK (index >= 0),
    token_hash bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    shows_prompt boolean NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    views bigint NOT NULL DEFAULT 0,
    CHECK (expires_at > created_at)
) WITH (fillfactor = 70);

CREATE INDEX image_shares_of ON image_shares (account_id, task_id, index);
CREATE INDEX image_shares_by_end ON image_shares (expires_at);
