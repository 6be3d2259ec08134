"""All SQL of this room; `files_begin` of the schema is what must happen at once."""

from __future__ import annotations

from typing import Final

_FILE: Final = (
    "id, account_id, name, purpose, media_type, bytes, width, height, sha256, alpha, url, notes, is_listed, storage_key, "
    "created_at, expires_at"
)

BEGIN: Final = "SELECT files_begin($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)"

# What has ended never comes back: whoever removes it may be half through.
STORED: Final = """
UPDATE files SET stored_at = $2, expires_at = $3 WHERE id = $1 AND stored_at IS NULL AND expires_at > $2
"""

# $3 null: those that have ended as well, while they lie there.
OF_IDS: Final = f"""
SELECT {_FILE} FROM files
WHERE id = ANY($1::uuid[]) AND ($2::uuid IS NULL OR account_id = $2) AND stored_at IS NOT NULL
    AND ($3::timestamptz IS NULL OR expires_at > $3)
"""

_LISTED: Final = f"""
SELECT {_FILE} FROM files
WHERE account_id = $1 AND is_listed AND stored_at IS NOT NULL AND expires_at > $2
    AND ($3::text IS NULL OR purpose = $3) AND ($4::uuid IS NULL OR id {{}} $4)
ORDER BY id {{}} LIMIT $5
"""

OLDEST_FIRST: Final = _LISTED.format(">", "ASC")

NEWEST_FIRST: Final = _LISTED.format("<", "DESC")

OF_ALL: Final = f"""
SELECT {_FILE} FROM files
WHERE ($1::uuid IS NULL OR account_id = $1) AND stored_at IS NOT NULL AND expires_at > $2 ORDER BY id DESC LIMIT $3
"""

BETWEEN: Final = f"""
SELECT {_FILE} FROM files
WHERE id BETWEEN $1 AND $2 AND stored_at IS NOT NULL AND expires_at > $3 ORDER BY id LIMIT 2
"""

END: Final = f"""
UPDATE files SET expires_at = $3
WHERE id = $1 AND ($2::uuid IS NULL OR account_id = $2) AND stored_at IS NOT NULL AND expires_at > $3 RETURNING {_FILE}
"""

END_ALL: Final = "UPDATE files SET expires_at = $2 WHERE account_id = $1 AND expires_at > $2"

ENDED: Final = f"""
SELECT {_FILE} FROM files
WHERE expires_at <= $1 AND (held_until IS NULL OR held_until <= $2) ORDER BY expires_at LIMIT $3
"""

HOLD: Final = "UPDATE files SET held_until = $2 WHERE id = ANY($1::uuid[])"

OF_ACCOUNT: Final = f"SELECT {_FILE} FROM files WHERE account_id = $1 ORDER BY id LIMIT $2"

FORGET: Final = "DELETE FROM files WHERE id = $1"

BYTES_OF: Final = "SELECT coalesce(sum(bytes), 0)::bigint FROM files WHERE account_id = $1"
