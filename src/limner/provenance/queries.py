"""All SQL of this room."""

from __future__ import annotations

from typing import Final

_COLUMNS: Final = "id, root, root_key, chain, key, begins_at, ends_at"

LATEST: Final = f"SELECT {_COLUMNS} FROM provenance_authorities ORDER BY id DESC LIMIT 1"

ROOTS: Final = "SELECT DISTINCT root FROM provenance_authorities ORDER BY root"

# Nodes that start together wait for one another here, and all but the first find what it has made.
ALONE: Final = "LOCK TABLE provenance_authorities IN SHARE ROW EXCLUSIVE MODE"

ADD: Final = """
INSERT INTO provenance_authorities (id, root, root_key, chain, key, begins_at, ends_at, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
