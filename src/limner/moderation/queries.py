"""All SQL of this room."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

CHANNEL: Final = "limner_moderation"

NOTE: Final = "moderation_note({}, {}, {}, {}, {})"

_RULE: Final = "id, kind, text, action, account_id, model, made_by, created_at"
_VERDICT: Final = (
    "id, task_id, account_id, model, stage, picture, decision, said_by, rule_id, by, categories, scores, created_at"
)

RULES: Final = f"SELECT {_RULE} FROM moderation_rules ORDER BY id DESC"

RULE: Final = f"SELECT {_RULE} FROM moderation_rules WHERE id = $1"

COUNTS: Final = "SELECT count(*) AS rules, count(*) FILTER (WHERE kind = 'pattern') AS patterns FROM moderation_rules"

ADD: Final = f"""
INSERT INTO moderation_rules ({_RULE}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
"""

REMOVE: Final = f"DELETE FROM moderation_rules WHERE id = $1 RETURNING {_RULE}"

TALLIES: Final = """
SELECT said_by, rule_id, count(*) FILTER (WHERE decision = 'blocked') AS blocked,
    count(*) FILTER (WHERE decision = 'let_through') AS let_through, max(created_at) AS last_at
FROM moderation_verdicts WHERE created_at >= $1 GROUP BY said_by, rule_id ORDER BY count(*) DESC, said_by, rule_id
"""

FORGET: Final = "DELETE FROM moderation_verdicts WHERE created_at < $1"

_WHERE: Final = {"since": "created_at >= {}", "before": "id < {}"}


def verdicts(given: Sequence[str]) -> str:
    """Those to which all the `given` fields of a filter apply; the number of them comes last."""
    clauses = [_WHERE.get(name, name + " = {}").format(f"${place}") for place, name in enumerate(given, 1)]
    where = f"WHERE {' AND '.join(clauses)} " if clauses else ""
    return f"SELECT {_VERDICT} FROM moderation_verdicts {where}ORDER BY id DESC LIMIT ${len(given) + 1}"
