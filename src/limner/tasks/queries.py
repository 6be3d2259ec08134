"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

OPEN: Final = "tasks_open({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

CLAIM_KEY: Final = "tasks_claim_key({}, {}, {}, {}, {}, {})"

BEGIN: Final = "tasks_begin({}, {}, {}, {})"

HAND_BACK: Final = "tasks_hand_back({}, {}, {})"

SUCCEED: Final = "tasks_succeed({}, {}, {}, {})"

FAIL: Final = "tasks_fail({}, {}, {}, {}, {}, {}, {})"

CANCEL_QUEUED: Final = "tasks_cancel_queued({}, {}, {}, {})"

NOT_RUNNING: Final = "LM004"
KEY_USED: Final = "LM007"

CHANNEL: Final = "limner_tasks"

_COLUMNS: Final = (
    "id, account_id, api_key_id, trace_id, kind, prefix, model, engine, request, spec, as_links, price, held, charged,"
    " is_async, has_job, priority, callback_line, status, begun, progress, node_id, lease_until, error_code, error_message, created_at,"
    " started_at, finished_at, cancel_asked_at, expired_at"
)

EXTEND_LEASES: Final = """
UPDATE tasks SET lease_until = $3 WHERE id = ANY($1::uuid[]) AND status = 'running' AND node_id = $2
RETURNING id, cancel_asked_at
"""

# Skips what another sweeper has in hand; the lock lasts until that one has ended the task. What has a job is left to the
# queue, which hands it to somebody else, unless it is to be cancelled or has been begun too often.
ABANDONED: Final = f"""
SELECT {_COLUMNS} FROM tasks
WHERE status = 'running' AND lease_until < $1 AND (NOT has_job OR cancel_asked_at IS NOT NULL OR begun >= $2)
ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED
"""

# Left by its holder for so long that the queue should have handed it on; or waiting for longer than the queue is long.
WITHOUT_JOB: Final = f"""
SELECT {_COLUMNS} FROM tasks WHERE status = 'running' AND has_job AND lease_until < $1 ORDER BY lease_until LIMIT $2
"""

# Only what has ended: of a task that is begun again, files lie in storage that may be its pictures yet.
WITH_LEFTOVERS: Final = f"""
SELECT {_COLUMNS} FROM tasks WHERE leftovers AND finished_at IS NOT NULL LIMIT $1
"""

CLEARED: Final = "UPDATE tasks SET leftovers = false WHERE id = $1"

MARK_LEFTOVERS: Final = "UPDATE tasks SET leftovers = true WHERE id = $1 AND finished_at IS NOT NULL"

OLD: Final = f"""
SELECT {_COLUMNS} FROM tasks WHERE status = 'succeeded' AND expired_at IS NULL AND finished_at < $1
ORDER BY finished_at LIMIT $2
"""

EXPIRE: Final = "UPDATE tasks SET expired_at = $2 WHERE id = $1"

FORGET_KEYS: Final = "DELETE FROM idempotency_keys WHERE created_at < $1"

BY_ID: Final = f"SELECT {_COLUMNS} FROM tasks WHERE id = $1 AND ($2::uuid IS NULL OR account_id = $2)"

# One more than one, to know that there are several.
BETWEEN: Final = f"SELECT {_COLUMNS} FROM tasks WHERE id BETWEEN $1 AND $2 ORDER BY id LIMIT 2"

BY_TRACE: Final = f"""
SELECT {_COLUMNS} FROM tasks WHERE account_id = $2 AND trace_id = $1 ORDER BY id DESC LIMIT 1
"""

ASK_CANCEL: Final = f"""
WITH asked AS (
    UPDATE tasks SET cancel_asked_at = coalesce(cancel_asked_at, $2) WHERE id = $1 AND status = 'running' RETURNING *
)
SELECT {_COLUMNS}, pg_notify('limner_tasks', id::text || ' cancel') FROM asked
"""

TELL_PROGRESS: Final = """
WITH told AS (
    UPDATE tasks SET progress = $3 WHERE id = $1 AND node_id = $2 AND status = 'running' RETURNING id
)
SELECT pg_notify('limner_tasks', id::text || ' progress ' || $3::text) FROM told
"""

TELL_PARTIAL: Final = "SELECT pg_notify('limner_tasks', $1::text || ' partial ' || $2 || ' ' || $3)"

_LISTED: Final = """
WHERE ($1::uuid IS NULL OR account_id = $1)
    AND ($2::uuid[] IS NULL OR id = ANY($2))
    AND ($3::text[] IS NULL OR trace_id = ANY($3))
    AND ($4::text[] IS NULL OR (CASE WHEN expired_at IS NULL THEN status ELSE 'expired' END) = ANY($4))
    AND ($5::text IS NULL OR model = $5)
    AND ($6::text IS NULL OR engine = $6)
    AND ($7::text[] IS NULL OR kind = ANY($7))
    AND ($8::uuid IS NULL OR api_key_id = $8)
    AND ($9::timestamptz IS NULL OR created_at >= $9)
    AND ($10::timestamptz IS NULL OR created_at <= $10)
    AND ($11::uuid IS NULL OR id < $11)
"""

LIST: Final = f"SELECT {_COLUMNS} FROM tasks {_LISTED} ORDER BY id DESC LIMIT $12 OFFSET $13"

COUNT: Final = f"SELECT count(*) FROM tasks {_LISTED}"

# What an engine needed for its last tasks, in seconds, and for how many pictures.
PACE: Final = """
SELECT avg(extract(epoch FROM finished_at - started_at))::float8 FROM (
    SELECT started_at, finished_at, engine FROM tasks
    WHERE status = 'succeeded' AND expired_at IS NULL ORDER BY finished_at DESC LIMIT 200
) AS last WHERE engine = $1
"""

COUNTS: Final = """
SELECT engine, status, count(*) AS count, min(created_at) AS oldest
FROM tasks WHERE status IN ('queued', 'running') GROUP BY engine, status
"""
