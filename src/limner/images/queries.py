"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

ADD: Final = "images_add({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

LINK_SECRETS: Final = "SELECT secret FROM link_secrets ORDER BY id DESC"

ADD_LINK_SECRET: Final = """
INSERT INTO link_secrets (id, secret, created_at)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM link_secrets)
"""

OF_TASKS: Final = """
SELECT task_id, index, storage_key, media_type, bytes, width, height, seed, revised_prompt
FROM images WHERE task_id = ANY($1::uuid[]) AND deleted_at IS NULL ORDER BY task_id, index
"""

DELETED_OF: Final = """
SELECT task_id, count(*)::int AS count FROM images
WHERE task_id = ANY($1::uuid[]) AND deleted_at IS NOT NULL GROUP BY task_id
"""

# the gallery -------------------------------------------------------------------------------------------------------------

_COLUMNS: Final = (
    "i.task_id, i.index, i.account_id, i.storage_key, i.media_type, i.bytes, i.width, i.height, i.seed, i.revised_prompt,"
    " i.created_at, i.api_key_id, i.model, i.prompt, i.quality, i.style, i.price"
)

ONE: Final = f"""
SELECT {_COLUMNS} FROM images i
WHERE account_id = $1 AND task_id = $2 AND index = $3 AND deleted_at IS NULL AND expired_at IS NULL
"""

SHOWN_OF: Final = f"""
SELECT {_COLUMNS} FROM images i
WHERE account_id = $1 AND task_id = $2 AND deleted_at IS NULL AND expired_at IS NULL ORDER BY index
"""

DELETE: Final = """
UPDATE images SET deleted_at = $4
WHERE account_id = $1 AND task_id = $2 AND index = $3 AND deleted_at IS NULL AND expired_at IS NULL
RETURNING storage_key
"""

FORGET_WORDS: Final = """
UPDATE images SET prompt = '', revised_prompt = '', words = '', deleted_at = coalesce(deleted_at, $2) WHERE task_id = $1
"""

FORGET_SHARES_OF: Final = "DELETE FROM image_shares WHERE account_id = $1 AND task_id = $2"

EXPIRE: Final = "UPDATE images SET expired_at = $2 WHERE task_id = $1 AND deleted_at IS NULL AND expired_at IS NULL"

# Newest first, from the place after $4, $5, $6; in the order of the index images_newest, so nothing is sorted.
_ORDER: Final = "created_at DESC, task_id DESC, index"
_SHOWN: Final = "deleted_at IS NULL AND expired_at IS NULL"
_RANGE: Final = """
account_id = $1 AND created_at >= $2 AND created_at < $3
    AND (created_at, task_id) <= ($4, $5) AND NOT (created_at = $4 AND task_id = $5 AND index <= $6)
"""
_FROM_PLACE: Final = f"{_SHOWN} AND {_RANGE}"

PAGE: Final = f"SELECT {_COLUMNS} FROM images i WHERE {_FROM_PLACE} ORDER BY {_ORDER} LIMIT $7"

# The last of the next so many.
PLACE_AFTER: Final = f"""
SELECT created_at, task_id, index FROM images WHERE {_FROM_PLACE} ORDER BY {_ORDER} OFFSET $7 LIMIT 1
"""

# Of the next $8 pictures those that match, without going further than need be.
WALK: Final = f"""
SELECT {_COLUMNS} FROM (SELECT * FROM images WHERE {_FROM_PLACE} ORDER BY {_ORDER} LIMIT $8) AS i
WHERE words @@ $9::tsquery ORDER BY {_ORDER} LIMIT $7
"""

# The first of all that match. They are sorted as places, not as whole rows; `BY_BITMAPS` is in force. OFFSET 0 keeps the
# planner from looking at the account's pictures instead: terms are an account's own, so the index of words knows best.
MATCHES: Final = f"""
WITH best AS MATERIALIZED (
    SELECT task_id, index FROM (
        SELECT account_id, created_at, task_id, index FROM images WHERE words @@ $8::tsquery AND {_SHOWN} OFFSET 0
    ) AS matching WHERE {_RANGE} ORDER BY {_ORDER} LIMIT $7
)
SELECT {_COLUMNS} FROM best JOIN images i USING (task_id, index) ORDER BY {_ORDER}
"""

# Going through all pictures in their order until enough match is what the planner likes best; that they are not among the
# newest is known by then.
BY_BITMAPS: Final = """
SELECT set_config('enable_seqscan', 'off', true), set_config('enable_indexscan', 'off', true)
"""

# shares ------------------------------------------------------------------------------------------------------------------

_SHARE: Final = "id, account_id, task_id, index, token_hash, shows_prompt, created_at, expires_at, revoked_at, views"

ADD_SHARE: Final = f"""
INSERT INTO image_shares (id, account_id, task_id, index, token_hash, shows_prompt, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING {_SHARE}
"""

SHARES: Final = f"""
SELECT {_SHARE} FROM image_shares
WHERE account_id = $1 AND task_id = $2 AND index = $3 AND revoked_at IS NULL AND expires_at > $4
ORDER BY id DESC LIMIT $5
"""

COUNT_SHARES: Final = """
SELECT count(*)::int FROM image_shares
WHERE account_id = $1 AND task_id = $2 AND index = $3 AND revoked_at IS NULL AND expires_at > $4
"""

SHARE_BY_HASH: Final = f"""
SELECT {_SHARE} FROM image_shares WHERE token_hash = $1 AND revoked_at IS NULL AND expires_at > $2
"""

SEEN: Final = "UPDATE image_shares SET views = views + 1 WHERE id = $1"

REVOKE: Final = """
UPDATE image_shares SET revoked_at = $3 WHERE id = $1 AND account_id = $2 AND revoked_at IS NULL AND expires_at > $3
"""

REVOKE_ALL: Final = """
UPDATE image_shares SET revoked_at = $4 WHERE account_id = $1 AND task_id = $2 AND index = $3 AND revoked_at IS NULL
"""

FORGET_SHARES: Final = "DELETE FROM image_shares WHERE expires_at < $1"

# for overviews -----------------------------------------------------------------------------------------------------------

# One walk through the index, day by day; what is older than the first day counts with it.
KEPT_BY_DAY: Final = f"""
SELECT d.day, k.account_id, k.pictures, k.bytes, k.oldest
FROM generate_series($1::timestamptz, $2::timestamptz, interval '1 day') AS d (day)
CROSS JOIN LATERAL (
    SELECT account_id, count(*) AS pictures, sum(bytes)::bigint AS bytes, min(created_at) AS oldest FROM images
    WHERE {_SHOWN} AND created_at >= CASE WHEN d.day = $1 THEN '-infinity' ELSE d.day END
        AND created_at < d.day + interval '1 day'
    GROUP BY account_id
) AS k
ORDER BY d.day, k.account_id
"""

KEPT: Final = f"""
SELECT count(*) AS pictures, coalesce(sum(bytes), 0)::bigint AS bytes, min(created_at) AS oldest FROM images
WHERE {_SHOWN} AND created_at < $1
"""
