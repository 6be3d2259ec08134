"""All SQL of this room but PgQueuer's own."""

from __future__ import annotations

from typing import Final

SUBMIT: Final = "jobs_submit({}, {}, {}, {}, {}, {})"

LEAVE: Final = "jobs_leave({}, {})"

MOVE: Final = "jobs_move({}, {}, {})"

WITHDRAW: Final = "jobs_withdraw({}, {})"

TOO_MANY_WAITING: Final = "LM006"

CHANNEL: Final = "limner_jobs"

# Ahead of a job in the queue is what is taken before it; ahead of one in a line, the queue and the line before it.
POSITION: Final = """
SELECT CASE
    WHEN queued.id IS NOT NULL THEN (
        SELECT count(*) FROM pgqueuer q
        WHERE q.entrypoint = queued.entrypoint AND q.status = 'queued'
            AND (q.priority > queued.priority OR (q.priority = queued.priority AND q.id < queued.id)))
    WHEN waiting.subject_id IS NOT NULL THEN (
        SELECT count(*) FROM pgqueuer q WHERE q.entrypoint = waiting.kind AND q.status = 'queued'
    ) + (
        SELECT count(*) FROM job_places w
        WHERE w.line_id = waiting.line_id AND NOT w.is_released
            AND (w.priority > waiting.priority OR (w.priority = waiting.priority AND w.subject_id < waiting.subject_id)))
    END AS ahead
FROM (SELECT $1::uuid AS id) AS subject
LEFT JOIN pgqueuer queued ON queued.dedupe_key = subject.id::text AND queued.status = 'queued'
LEFT JOIN job_places waiting ON waiting.subject_id = subject.id AND NOT waiting.is_released
"""

DEPTHS: Final = """
SELECT kind, sum(count)::bigint AS count, max(seconds)::float8 AS oldest_seconds FROM (
    SELECT entrypoint AS kind, count(*) AS count, extract(epoch FROM now() - min(created)) AS seconds
    FROM pgqueuer WHERE status = 'queued' AND execute_after <= now() GROUP BY entrypoint
    UNION ALL
    SELECT kind, count(*), extract(epoch FROM now() - min(created_at)) FROM job_places
    WHERE NOT is_released GROUP BY kind
) AS waiting GROUP BY kind ORDER BY kind
"""

ANSWERS: Final = "SELECT EXISTS (SELECT FROM pgqueuer)"

# Nothing here reads what PgQueuer writes down of each job's way; two rows a job would be most of the database.
FORGET_LOG_ROWS: Final = 10_000
FORGET_LOG: Final = f"""
DELETE FROM pgqueuer_log WHERE id IN (
    SELECT id FROM pgqueuer_log WHERE created < now() - interval '1 minute' ORDER BY created LIMIT {FORGET_LOG_ROWS})
"""

# After a burst the planner believes the table to be as small as it was, and reads all of it for every job.
ANALYZE: Final = "ANALYZE pgqueuer"
SIZE_CHANGED: Final = """
SELECT n_mod_since_analyze > 1000 + n_live_tup / 5 FROM pg_stat_user_tables WHERE relname = 'pgqueuer'
"""
