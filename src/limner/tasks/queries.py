"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

OPEN: Final = "tasks_open({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

SUCCEED: Final = "tasks_succeed({}, {}, {})"

FAIL: Final = "tasks_fail({}, {}, {}, {}, {})"

NOT_RUNNING: Final = "LM004"

EXTEND_LEASES: Final = "UPDATE tasks SET lease_until = $2 WHERE id = ANY($1::uuid[]) AND status = 'running'"

_COLUMNS: Final = "id, account_id, api_key_id, trace_id, model, engine, held, created_at"

# Skips what another sweeper has in hand; the lock lasts until that one has ended the task.
ABANDONED: Final = f"""
SELECT {_COLUMNS} FROM tasks
WHERE status = 'running' AND lease_until < $1
ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
"""

WITH_LEFTOVERS: Final = f"SELECT {_COLUMNS} FROM tasks WHERE leftovers LIMIT $1"

CLEARED: Final = "UPDATE tasks SET leftovers = false WHERE id = $1"

# Never of a task that went well: its files are what was charged for.
MARK_LEFTOVERS: Final = "UPDATE tasks SET leftovers = true WHERE id = $1 AND status = 'failed'"
