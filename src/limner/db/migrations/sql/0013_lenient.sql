-- Keys whose requests are let through without what an engine cannot do: it is left out, and named in the answer.

ALTER TABLE api_keys ADD COLUMN lenient boolean NOT NULL DEFAULT false;

DROP FUNCTION accounts_authenticate(bytea);

-- Whose key it is, and in what state; all null when it is nobody's. An old secret ends when it does, or with its key.
CREATE FUNCTION accounts_authenticate(
    hash bytea,
    OUT id uuid, OUT account_id uuid, OUT models text[], OUT requests_per_minute integer, OUT concurrent integer,
    OUT lenient boolean, OUT expires_at timestamptz, OUT disabled_at timestamptz, OUT suspended_at timestamptz
) LANGUAGE plpgsql STABLE AS $$
BEGIN
    SELECT k.id, k.account_id, k.models, k.requests_per_minute, k.concurrent, k.lenient, k.expires_at, k.disabled_at,
        a.suspended_at
    INTO id, account_id, models, requests_per_minute, concurrent, lenient, expires_at, disabled_at, suspended_at
    FROM api_keys k JOIN accounts a ON a.id = k.account_id
    WHERE k.secret_hash = hash AND k.deleted_at IS NULL;
    IF NOT FOUND THEN
        SELECT k.id, k.account_id, k.models, k.requests_per_minute, k.concurrent, k.lenient,
            least(k.expires_at, o.ends_at), k.disabled_at, a.suspended_at
        INTO id, account_id, models, requests_per_minute, concurrent, lenient, expires_at, disabled_at, suspended_at
        FROM api_key_old_secrets o JOIN api_keys k ON k.id = o.api_key_id JOIN accounts a ON a.id = k.account_id
        WHERE o.secret_hash = hash AND k.deleted_at IS NULL;
    END IF;
END $$;

DROP FUNCTION accounts_confirm(uuid, bytea, text[], integer, integer, timestamptz);

-- Refuse unless the key is exactly as the caller last saw it, may be used, and is opened by that secret.
CREATE FUNCTION accounts_confirm(
    key_id uuid, hash bytea, models_ text[], per_minute integer, at_once integer, is_lenient boolean, at timestamptz
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
        AND k.concurrent IS NOT DISTINCT FROM at_once
        AND k.lenient = is_lenient;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the key has changed' USING ERRCODE = 'LM005';
    END IF;
END $$;
