"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

ADD: Final = "images_add({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

LINK_SECRETS: Final = "SELECT secret FROM link_secrets ORDER BY id DESC"

ADD_LINK_SECRET: Final = """
INSERT INTO link_secrets (id, secret, created_at)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM link_secrets)
"""

OF_TASKS: Final = """
SELECT task_id, index, storage_key, media_type, bytes, width, height, seed, revised_prompt
FROM images WHERE task_id = ANY($1::uuid[]) ORDER BY task_id, index
"""
