"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

AUTHENTICATE: Final = "accounts_authenticate({})"

CONFIRM: Final = "accounts_confirm({}, {}, {}, {}, {}, {}, {})"

KEY_CHANGED: Final = "LM005"

ADD_ACCOUNT: Final = """
INSERT INTO accounts (id, name, role, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""

ACCOUNTS: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts ORDER BY id"

ACCOUNT_BY_NAME: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts WHERE name = $1"

ACCOUNT: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts WHERE id = $1"

SUSPEND: Final = "UPDATE accounts SET suspended_at = $2 WHERE id = $1 AND suspended_at IS NULL"

RESUME: Final = """
UPDATE accounts SET suspended_at = NULL WHERE id = $1 AND suspended_at IS NOT NULL AND deleted_at IS NULL
"""

DELETE: Final = """
UPDATE accounts SET name = 'deleted-' || id, suspended_at = coalesce(suspended_at, $2), deleted_at = $2
WHERE id = $1 AND deleted_at IS NULL
"""

DISABLE_KEYS: Final = "UPDATE api_keys SET disabled_at = $2 WHERE account_id = $1 AND disabled_at IS NULL"

TO_EMPTY: Final = """
SELECT id FROM accounts WHERE deleted_at IS NOT NULL AND emptied_at IS NULL ORDER BY id LIMIT $1
"""

EMPTIED: Final = "UPDATE accounts SET emptied_at = $2 WHERE id = $1 AND deleted_at IS NOT NULL AND emptied_at IS NULL"

OWNER: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts WHERE role = 'owner'"

ADD_KEY: Final = """
INSERT INTO api_keys (
    id, account_id, name, prefix, secret_hash, models, requests_per_minute, concurrent, created_at, expires_at, lenient
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""

_KEY_COLUMNS: Final = "id, account_id, name, prefix, models, requests_per_minute, concurrent, created_at, expires_at, disabled_at, lenient"

KEYS: Final = f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE deleted_at IS NULL ORDER BY id"

KEYS_OF: Final = f"""
SELECT {_KEY_COLUMNS} FROM api_keys WHERE account_id = $1 AND (deleted_at IS NULL OR $2) ORDER BY id
"""

KEY_OF: Final = f"""
SELECT {_KEY_COLUMNS} FROM api_keys WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL
"""

# Whoever counts keys of the account waits, and nobody else. A statement of its own: the count has to look after the wait.
LOCK_KEYS: Final = "SELECT FROM accounts WHERE id = $1 FOR NO KEY UPDATE"

COUNT_KEYS: Final = """
SELECT count(*) AS made, count(*) FILTER (WHERE deleted_at IS NULL) AS here FROM api_keys WHERE account_id = $1
"""

KEYS_BY_PREFIX: Final = f"""
SELECT {_KEY_COLUMNS} FROM api_keys WHERE (starts_with(prefix, $1) OR id::text = $1) AND deleted_at IS NULL
"""

KEY_BY_HASH: Final = f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE secret_hash = $1 AND deleted_at IS NULL"

HASH_OF_KEY: Final = "SELECT secret_hash FROM api_keys WHERE id = $1"

DISABLE_KEY: Final = "UPDATE api_keys SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL"

ENABLE_KEY: Final = """
UPDATE api_keys SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL AND deleted_at IS NULL
"""

RENAME_KEY: Final = "UPDATE api_keys SET name = $3 WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL"

SET_LIMITS: Final = """
UPDATE api_keys SET models = $3, requests_per_minute = $4, concurrent = $5, expires_at = $6, lenient = $7
WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL
"""

# What had time left ends with it; the present secret becomes the newest of the old ones.
ROTATE_KEY: Final = """
WITH found AS (
    SELECT id, secret_hash, prefix FROM api_keys WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL FOR UPDATE
), kept AS (
    INSERT INTO api_key_old_secrets (secret_hash, api_key_id, prefix, ends_at)
    SELECT secret_hash, id, prefix, $5 FROM found
), ended AS (
    UPDATE api_key_old_secrets o SET ends_at = $5 FROM found WHERE o.api_key_id = found.id AND o.ends_at > $5
)
UPDATE api_keys k SET secret_hash = $3, prefix = $4 FROM found WHERE k.id = found.id
"""

OLD_SECRETS: Final = """
SELECT api_key_id, prefix, ends_at FROM api_key_old_secrets
WHERE api_key_id = ANY($1::uuid[]) AND ends_at > $2 ORDER BY ends_at
"""

END_OLD_SECRETS: Final = "UPDATE api_key_old_secrets SET ends_at = $2 WHERE api_key_id = $1 AND ends_at > $2"

DELETE_KEY: Final = """
UPDATE api_keys SET deleted_at = $3, disabled_at = coalesce(disabled_at, $3)
WHERE id = $1 AND account_id = $2 AND deleted_at IS NULL
"""

SEARCH: Final = """
SELECT id, name, role, created_at, suspended_at FROM accounts
WHERE deleted_at IS NULL
    AND ($1::text IS NULL OR name ILIKE $1 OR id::text ILIKE $1 OR id = ANY($2::uuid[]))
    AND ($3::uuid[] IS NULL OR id = ANY($3))
    AND ($4::boolean IS NULL OR (suspended_at IS NOT NULL) = $4)
    AND ($5::uuid IS NULL OR id < $5)
ORDER BY id DESC LIMIT $6
"""

NAMES: Final = "SELECT id, name FROM accounts WHERE id = ANY($1::uuid[])"
