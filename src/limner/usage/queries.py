"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

NOTE: Final = "usage_note({}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

ROLL: Final = "SELECT usage_roll($1, $2)"

_ALL: Final = """
SELECT begins_at, api_key_id, model, status, error_code, tasks, pictures, charged, took
FROM usage_sums WHERE account_id = $1 AND step = $2 AND begins_at >= $3 AND begins_at < $4
UNION ALL
SELECT date_trunc($2, ended_at, 'UTC'), api_key_id, model, status, coalesce(error_code, ''), 1, pictures, charged,
    ('1e' || 10 * width_bucket(milliseconds, $5::bigint[]))::numeric
FROM usage_ended WHERE account_id = $1 AND ended_at >= $3 AND ended_at < $4
"""

_COUNTS: Final = """
coalesce(sum(tasks), 0)::bigint AS tasks,
coalesce(sum(tasks) FILTER (WHERE status = 'failed'), 0)::bigint AS failed,
coalesce(sum(tasks) FILTER (WHERE status = 'cancelled'), 0)::bigint AS cancelled,
coalesce(sum(pictures), 0)::bigint AS pictures,
coalesce(sum(charged), 0)::bigint AS charged
"""

# Two ways to group it: by step, and by kind, of which there are few; sums of kinds are sums of those.
USAGE: Final = f"""
SELECT begins_at, model, api_key_id, status, error_code, {_COUNTS},
    coalesce(sum(took) FILTER (WHERE status = 'succeeded'), 0) AS took
FROM ({_ALL}) AS used
GROUP BY GROUPING SETS ((begins_at), (model, api_key_id, status, error_code))
"""

BY_KEY_EVER: Final = f"""
SELECT api_key_id, {_COUNTS} FROM (
    SELECT api_key_id, status, tasks, pictures, charged FROM usage_sums WHERE account_id = $1 AND step = 'day'
    UNION ALL
    SELECT api_key_id, status, 1, pictures, charged FROM usage_ended WHERE account_id = $1
) AS used GROUP BY api_key_id
"""

FORGET_HOURS: Final = "DELETE FROM usage_sums WHERE step = 'hour' AND begins_at < $1"
