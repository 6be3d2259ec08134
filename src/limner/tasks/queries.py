"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

OPEN: Final = "tasks_open({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

CLAIM_KEY: Final = "tasks_claim_key({}, {}, {}, {}, {}, {})"

BEGIN: Final = "tasks_begin({}, {}, {}, {})"

HAND_BACK: Final = "tasks_hand_back({}, {}, {})"

SUCCEED: Final = "tasks_succeed({}, {}, {}, {}, {})"

FAIL: Final = "tasks_fail({}, {}, {}, {}, {}, {}, {}, {})"

PASS_ON: Final = "tasks_pass_on({}, {}, {}, {})"

CANCEL_QUEUED: Final = "tasks_cancel_queued({}, {}, {}, {})"

NOT_RUNNING: Final = "LM004"
KEY_USED: Final = "LM007"

CHANNEL: Final = "limner_tasks"

_COLUMNS: Final = (
    "id, account_id, api_key_id, trace_id, kind, prefix, model, engine, request, spec, as_links, price, held, charged,"
    " is_async, has_job, priority, callback_line, status, begun, progress, node_id, lease_until, error_code, error_message, created_at,"
    " started_at, finished_at, cancel_asked_at, expired_at, outcome"
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

# Those of the files $2 that an open task of the account starts from.
FILES_IN_USE: Final = """
SELECT DISTINCT wanted.id FROM tasks t CROSS JOIN unnest($2::uuid[]) AS wanted (id)
WHERE t.account_id = $1 AND t.status IN ('queued', 'running') AND (
    t.request -> 'image' @> jsonb_build_array(jsonb_build_object('file_id', wanted.id::text))
    OR t.request -> 'mask' ->> 'file_id' = wanted.id::text
    OR t.request -> 'markup' ->> 'file_id' = wanted.id::text
)
"""

CLEARED: Final = "UPDATE tasks SET leftovers = false WHERE id = $1"

MARK_LEFTOVERS: Final = "UPDATE tasks SET leftovers = true WHERE id = $1 AND finished_at IS NOT NULL"

OLD: Final = f"""
SELECT {_COLUMNS} FROM tasks WHERE status = 'succeeded' AND expired_at IS NULL AND finished_at < $1
ORDER BY finished_at LIMIT $2
"""

EXPIRE: Final = "UPDATE tasks SET expired_at = $2 WHERE id = $1"

WITH_WORDS: Final = f"""
SELECT {_COLUMNS} FROM tasks
WHERE account_id = $1 AND ($2::uuid IS NULL OR id > $2) AND finished_at IS NOT NULL AND request ->> 'prompt' <> ''
ORDER BY id LIMIT $3
"""

FORGET_WORDS: Final = """
UPDATE tasks SET
    request = request - ARRAY['user', 'safety_identifier'] || '{"prompt": ""}'::jsonb,
    spec = spec - 'user',
    expired_at = CASE WHEN status = 'succeeded' THEN coalesce(expired_at, $2) ELSE expired_at END
WHERE id = $1
"""

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

_CONDITIONS: Final[Mapping[str, str]] = {
    "account_id": "account_id = {}",
    "ids": "id = ANY({}::uuid[])",
    "trace_ids": "trace_id = ANY({}::text[])",
    "statuses": "CASE WHEN expired_at IS NULL THEN status ELSE 'expired' END = ANY({}::text[])",
    "model": "model = {}",
    "engine": "engine = {}",
    "kinds": "kind = ANY({}::text[])",
    "api_key_id": "api_key_id = {}",
    "created_from": "created_at >= {}",
    "created_to": "created_at <= {}",
    "before": "id < {}",
    "error_codes": "error_code = ANY({}::text[])",
}


@functools.lru_cache(maxsize=256)
def listed(names: tuple[str, ...]) -> str:
    """The tasks to which all of these conditions apply, newest first; then their count and offset are to be given.

    Only what is asked for is in it, so that it is planned for that. Which they are is found in the index tasks_listed
    alone, however far one has to look.
    """
    return f"""
    SELECT {_COLUMNS} FROM tasks
    WHERE id IN (
        SELECT id FROM tasks {_where(names)} ORDER BY id DESC LIMIT ${len(names) + 1} OFFSET ${len(names) + 2}
    ) ORDER BY id DESC
    """


@functools.lru_cache(maxsize=256)
def counted(names: tuple[str, ...]) -> str:
    """How many tasks there are to which all of these conditions apply."""
    return f"SELECT count(*) FROM tasks {_where(names)}"


def _where(names: tuple[str, ...]) -> str:
    conditions = (_CONDITIONS[name].format(f"${number}") for number, name in enumerate(names, 1))
    return f"WHERE {' AND '.join(conditions)}" if names else ""


# What an engine needed for its last tasks, in seconds, and for how many pictures.
PACE: Final = """
SELECT avg(extract(epoch FROM finished_at - started_at))::float8 FROM (
    SELECT started_at, finished_at, engine FROM tasks
    WHERE status = 'succeeded' AND expired_at IS NULL ORDER BY finished_at DESC LIMIT 200
) AS last WHERE engine = $1
"""

# Each half has an index of its own; of both together the planner would read the whole table.
COUNTS: Final = """
SELECT engine, status, count(*) AS count, min(created_at) AS oldest
FROM tasks WHERE status = 'queued' GROUP BY engine, status
UNION ALL
SELECT engine, status, count(*), min(created_at) FROM tasks WHERE status = 'running' GROUP BY engine, status
"""

LAST_OF: Final = """
SELECT a.id AS account_id, t.created_at
FROM unnest($1::uuid[]) AS a (id)
CROSS JOIN LATERAL (SELECT created_at FROM tasks WHERE account_id = a.id ORDER BY id DESC LIMIT 1) AS t
"""

# Each half has an index of its own by the time at which tasks ended. Who painted it may not be who was to.
ENDED_SINCE: Final = """
SELECT coalesce(outcome ->> 'engine', engine) AS engine, 'succeeded' AS status, count(*) AS count,
    avg(extract(epoch FROM finished_at - started_at))::float8 AS seconds
FROM tasks WHERE status = 'succeeded' AND expired_at IS NULL AND finished_at >= $1 GROUP BY 1
UNION ALL
SELECT engine, 'failed', count(*), NULL FROM tasks WHERE status = 'failed' AND finished_at >= $1 GROUP BY engine
"""

FAILED_SINCE: Final = f"""
SELECT {_COLUMNS} FROM tasks WHERE status = 'failed' AND finished_at >= $1 ORDER BY finished_at DESC LIMIT $2
"""

HOLDERS: Final = """
SELECT node_id, engine, count(*) AS count, max(lease_until) AS lease_until, min(started_at) AS oldest
FROM tasks WHERE status = 'running' AND node_id IS NOT NULL GROUP BY node_id, engine ORDER BY node_id, engine
"""
