"""All SQL of this room; whatever touches more than one row is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

_INBOX: Final = "id, token, account_id, name, created_at, expires_at, deleted_at, received"
_RECEIVED: Final = (
    "inbox_id, number, received_at, method, path, query, headers, body, body_bytes, "
    "standard_check, callback_check, task_id, sender"
)

MAKE: Final = "SELECT inboxes_make($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)"

MADE: Final = f"SELECT {_INBOX}, fingerprint FROM inboxes WHERE id = $1"

INBOX: Final = f"SELECT {_INBOX} FROM inboxes WHERE token = $1 AND account_id = $2"

INBOXES: Final = f"""
SELECT {_INBOX} FROM inboxes i WHERE account_id = $1 AND NOT inboxes_has_ended(i, $2) ORDER BY id DESC
"""

HAS_ENDED: Final = "SELECT inboxes_has_ended(i, $2) FROM inboxes i WHERE id = $1"

TAKE: Final = "SELECT state_, id_, account_id_, tokens_ FROM inboxes_take($1, $2, $3)"

KEEP: Final = "SELECT inboxes_keep($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)"

BEFORE: Final = f"""
SELECT {_RECEIVED} FROM inbox_requests WHERE inbox_id = $1 AND ($2::bigint IS NULL OR number < $2)
ORDER BY number DESC LIMIT $3
"""

AFTER: Final = f"""
SELECT {_RECEIVED} FROM inbox_requests WHERE inbox_id = $1 AND number > $2 ORDER BY number LIMIT $3
"""

ONE: Final = f"SELECT {_RECEIVED} FROM inbox_requests WHERE inbox_id = $1 AND number = $2"

DELETE: Final = "SELECT inboxes_delete($1, $2, $3)"

SWEEP: Final = "SELECT inboxes_sweep($1, $2)"
