"""All SQL of this room; whatever locks more than one row is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

HOLD: Final = "webhooks_hold({}, {}, {}, {}, {}, {}, {})"

RELEASE: Final = "webhooks_release({}, {})"

ENSURE_SECRET: Final = "SELECT webhooks_ensure_secret($1, $2, $3, $4)"

ROTATE: Final = "SELECT webhooks_rotate($1, $2, $3, $4, $5)"

SECRETS: Final = """
SELECT secret FROM webhook_secrets WHERE account_id = $1 AND (retires_at IS NULL OR retires_at > $2)
ORDER BY retires_at IS NOT NULL, created_at DESC, id DESC LIMIT $3
"""

SIGNERS: Final = """
SELECT id, secret, created_at, retires_at FROM webhook_secrets
WHERE account_id = $1 AND (retires_at IS NULL OR retires_at > $2)
ORDER BY retires_at IS NOT NULL, created_at DESC, id DESC LIMIT $3
"""

END_OLD: Final = """
WITH ended AS (DELETE FROM webhook_secrets WHERE account_id = $1 AND retires_at IS NOT NULL RETURNING retires_at)
SELECT count(*) FROM ended WHERE retires_at > $2
"""

_COLUMNS: Final = (
    "id, account_id, task_id, url, origin, callback_secret, status, attempts, tried, next_at, is_queued, created_at, "
    "ended_at"
)

TAKE: Final = f"SELECT {_COLUMNS} FROM webhooks_take($1, $2)"

RECORD: Final = "webhooks_record({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

MESSAGE: Final = f"SELECT {_COLUMNS} FROM webhook_messages WHERE id = $1 AND ($2::uuid IS NULL OR account_id = $2)"

MESSAGES: Final = f"""
SELECT {_COLUMNS} FROM webhook_messages
WHERE ($1::uuid IS NULL OR account_id = $1)
    AND ($2::text IS NULL OR origin = $2)
    AND ($3::text IS NULL OR status = $3)
    AND ($4::uuid IS NULL OR task_id = $4)
    AND ($5::timestamptz IS NULL OR created_at >= $5)
    AND ($6::uuid IS NULL OR task_id < $6)
ORDER BY task_id DESC LIMIT $7
"""

MESSAGES_OF: Final = f"SELECT {_COLUMNS} FROM webhook_messages WHERE account_id = $1 AND task_id = ANY($2::uuid[])"

ATTEMPTS: Final = """
SELECT message_id, number, started_at, seconds, status_code, answer, error
FROM webhook_attempts WHERE message_id = $1 ORDER BY number
"""

LAST_ATTEMPTS: Final = """
SELECT DISTINCT ON (message_id) message_id, number, started_at, seconds, status_code, answer, error
FROM webhook_attempts WHERE message_id = ANY($1::uuid[]) ORDER BY message_id, number DESC
"""

ENDPOINTS: Final = """
SELECT account_id, origin, failing_since, last_success_at, paused_at FROM webhook_endpoints
WHERE $1::uuid IS NULL OR account_id = $1 ORDER BY account_id, origin
"""

RESUME: Final = "SELECT webhooks_resume($1, $2)"

RESEND: Final = "SELECT webhooks_resend($1, $2, $3)"

RECOVER: Final = "SELECT webhooks_recover($1, $2, $3, $4) AS id"

# Marked as queued, so that the next call finds others. One that is late although it was queued gets a new time, so that
# it is not found again before it is as late once more; what another caller has in hand is skipped.
DUE: Final = f"""
WITH due AS (
    UPDATE webhook_messages m SET is_queued = true, next_at = CASE WHEN is_queued THEN $1 ELSE next_at END
    FROM (
        SELECT id AS due_id FROM webhook_messages
        WHERE status = 'waiting' AND (NOT is_queued AND next_at <= $1 OR is_queued AND next_at <= $2)
        ORDER BY next_at LIMIT $3 FOR UPDATE SKIP LOCKED
    ) AS found
    WHERE m.id = due_id
    RETURNING m.*
)
SELECT {_COLUMNS} FROM due ORDER BY next_at
"""

TROUBLED: Final = """
SELECT account_id, origin, failing_since, last_success_at, paused_at FROM webhook_endpoints
WHERE failing_since IS NOT NULL
ORDER BY paused_at IS NULL, failing_since, account_id, origin LIMIT $1
"""

UNDELIVERED: Final = f"""
SELECT {_COLUMNS} FROM webhook_messages WHERE status IN ('failed', 'paused') AND ended_at >= $1
ORDER BY ended_at DESC LIMIT $2
"""

COUNT_UNDELIVERED: Final = """
SELECT account_id, origin, count(*) AS count FROM webhook_messages
WHERE status IN ('failed', 'paused') AND ended_at >= $1 GROUP BY account_id, origin
"""
