"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

AUTHENTICATE: Final = "accounts_authenticate({})"

CONFIRM: Final = "accounts_confirm({}, {}, {}, {}, {})"

KEY_CHANGED: Final = "LM005"

ADD_ACCOUNT: Final = """
INSERT INTO accounts (id, name, role, created_at) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""

ACCOUNTS: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts ORDER BY id"

ACCOUNT_BY_NAME: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts WHERE name = $1"

OWNER: Final = "SELECT id, name, role, created_at, suspended_at FROM accounts WHERE role = 'owner'"

ADD_KEY: Final = """
INSERT INTO api_keys (id, account_id, name, prefix, secret_hash, models, requests_per_minute, concurrent, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_KEY_COLUMNS: Final = (
    "id, account_id, name, prefix, models, requests_per_minute, concurrent, created_at, expires_at, disabled_at"
)

KEYS: Final = f"SELECT {_KEY_COLUMNS} FROM api_keys ORDER BY id"

KEYS_BY_PREFIX: Final = f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE starts_with(prefix, $1) OR id::text = $1"

KEY_BY_HASH: Final = f"SELECT {_KEY_COLUMNS} FROM api_keys WHERE secret_hash = $1"

HASH_OF_KEY: Final = "SELECT secret_hash FROM api_keys WHERE id = $1"

DISABLE_KEY: Final = "UPDATE api_keys SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL"

ENABLE_KEY: Final = "UPDATE api_keys SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL"
