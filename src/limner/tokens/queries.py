"""All SQL of this room."""

from __future__ import annotations

from typing import Final

_COLUMNS: Final = "id, account_id, name, prefix, created_at, expires_at, used_at"

OPEN: Final = f"SELECT {_COLUMNS} FROM tokens_open($1, $2)"

ADD: Final = """
INSERT INTO platform_tokens (id, account_id, name, prefix, token_hash, created_at, expires_at)
SELECT $1, $2, $3, $4, $5, $6, $7 WHERE (SELECT count(*) FROM platform_tokens WHERE account_id = $2) < $8
"""

LIST: Final = f"SELECT {_COLUMNS} FROM platform_tokens WHERE account_id = $1 ORDER BY id DESC"

ONE: Final = f"SELECT {_COLUMNS} FROM platform_tokens WHERE id = $1 AND account_id = $2"

DELETE: Final = "DELETE FROM platform_tokens WHERE id = $1 AND account_id = $2"

DELETE_ALL: Final = "DELETE FROM platform_tokens WHERE account_id = $1"
