"""All SQL of this room."""

from __future__ import annotations

from typing import Final

CHANNEL: Final = "limner_catalog"

_COLUMNS: Final = "model, number, made_by, before, definition, created_at"

LATEST: Final = f"SELECT DISTINCT ON (model) {_COLUMNS} FROM model_changes ORDER BY model, number DESC"

HISTORY: Final = f"SELECT {_COLUMNS} FROM model_changes WHERE model = $1 ORDER BY number DESC LIMIT $2"

CHANGE: Final = f"""
INSERT INTO model_changes ({_COLUMNS})
SELECT $1, $2 + 1, $3, $4, $5, $6
WHERE $2 = coalesce((SELECT max(number) FROM model_changes WHERE model = $1), 0)
ON CONFLICT DO NOTHING
"""
