"""All SQL of this room."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

_COLUMNS: Final = "id, actor_id, verb, kind, subject, label, details, trace_id, sender, created_at"

ADD: Final = f"""
INSERT INTO audit_entries ({_COLUMNS}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

_CONDITIONS: Final[Mapping[str, str]] = {
    "actor_id": "actor_id = {}",
    "verb": "verb LIKE {}",
    "kind": "kind = {}",
    "subject_id": "subject = {}",
    "text": "(label || ' ' || subject) ILIKE {}",
    "since": "created_at >= {}",
    "until": "created_at < {}",
    "before": "id < {}",
}


@functools.lru_cache(maxsize=256)
def listed(names: tuple[str, ...]) -> str:
    """The entries to which all of these conditions apply, newest first; then their count is to be given."""
    conditions = " AND ".join(_CONDITIONS[name].format(f"${number}") for number, name in enumerate(names, 1))
    where = f"WHERE {conditions}" if names else ""
    return f"SELECT {_COLUMNS} FROM audit_entries {where} ORDER BY id DESC LIMIT ${len(names) + 1}"


VERBS: Final = """
WITH RECURSIVE known AS (
    (SELECT verb FROM audit_entries ORDER BY verb LIMIT 1)
    UNION ALL
    SELECT (SELECT verb FROM audit_entries WHERE verb > known.verb ORDER BY verb LIMIT 1) FROM known
    WHERE known.verb IS NOT NULL
)
SELECT verb FROM known WHERE verb IS NOT NULL
"""
