"""All SQL of this room."""

from __future__ import annotations

from typing import Final

NOTE: Final = "attempts_note({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

_COLUMNS: Final = "id, task_id, account_id, model, engine, part, cause, said, seconds, lost_pictures, created_at"

LATEST: Final = f"""
SELECT {_COLUMNS} FROM engine_attempts WHERE $1::text IS NULL OR engine = $1 ORDER BY id DESC LIMIT $2
"""

OF_TASK: Final = f"SELECT {_COLUMNS} FROM engine_attempts WHERE task_id = $1 ORDER BY id"

LOST: Final = """
SELECT (created_at AT TIME ZONE 'UTC')::date AS day, engine, part, sum(lost_pictures)::bigint AS pictures
FROM engine_attempts WHERE lost_pictures > 0 AND created_at >= $1
GROUP BY 1, 2, 3 ORDER BY 1 DESC, 4 DESC, 2, 3
"""

FORGET: Final = "DELETE FROM engine_attempts WHERE created_at < $1"
