-- Pictures that callers give, to be painted from.

-- The row comes before the object in storage and goes after it, so that no object is without a row. Until the object is
-- there (`stored_at`), the row ends soon, and nobody is shown it. `storage_key`: where the object lies. `sha256`: of its
-- bytes. `alpha`: none (it cannot be seen through), opaque (it could), clear (somewhere it is). `url`: where it was fetched,
-- if it was. `is_listed`: the account has put it here by itself; others came inside a request. `held_until`: a task that is
-- open needs it until then at least, although it has ended.
CREATE TABLE files (
    id uuid PRIMARY KEY,
    account_id uuid NOT NULL,
    name text NOT NULL,
    purpose text NOT NULL,
    media_type text NOT NULL,
    bytes bigint NOT NULL CHECK (bytes > 0),
    width integer NOT NULL CHECK (width > 0),
    height integer NOT NULL CHECK (height > 0),
    sha256 bytea NOT NULL CHECK (length(sha256) = 32),
    alpha text NOT NULL CHECK (alpha IN ('none', 'opaque', 'clear')),
    url text,
    notes text[] NOT NULL,
    is_listed boolean NOT NULL,
    storage_key text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    stored_at timestamptz,
    held_until timestamptz
) WITH (fillfactor = 80);

CREATE INDEX files_listed ON files (account_id, id) WHERE is_listed;
CREATE INDEX files_by_account ON files (account_id) INCLUDE (bytes);
CREATE INDEX files_by_end ON files (expires_at);

-- Announce a file that is about to be put into storage, unless the account would then have more than so many bytes there;
-- whether it may be. Those who add to one account come one by one.
CREATE FUNCTION files_begin(
    id_ uuid, for_account uuid, name_ text, purpose_ text, media_type_ text, bytes_ bigint, width_ integer, height_ integer,
    sha256_ bytea, alpha_ text, url_ text, notes_ text[], is_listed_ boolean, storage_key_ text, created_at_ timestamptz,
    until timestamptz, bytes_max bigint
) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('files ' || for_account::text, 0));
    IF bytes_ + (SELECT coalesce(sum(f.bytes), 0) FROM files f WHERE f.account_id = for_account) > bytes_max THEN
        RETURN false;
    END IF;
    INSERT INTO files
        (id, account_id, name, purpose, media_type, bytes, width, height, sha256, alpha, url, notes, is_listed,
         storage_key, created_at, expires_at)
    VALUES
        (id_, for_account, name_, purpose_, media_type_, bytes_, width_, height_, sha256_, alpha_, url_, notes_, is_listed_,
         storage_key_, created_at_, until);
    RETURN true;
END $$;
