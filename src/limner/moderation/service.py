"""The verbs of this room: keep rules, which every node hears of, and write verdicts down. Never a prompt, never a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.db import Row, Tx
from limner.db.steps import Step, nothing
from limner.domain.problem import Problem
from limner.moderation import queries
from limner.moderation import rules as matching
from limner.moderation.models import Filter, Finding, Rule, Tally, Verdict

CHANNEL: Final = queries.CHANNEL


class NoSuchRule(Problem):
    """There is no rule with that id."""

    code = "no_such_rule"
    status = 404


class RuleExists(Problem):
    """There is such a rule already."""

    code = "rule_exists"
    status = 409


class TooManyRules(Problem):
    """There are as many rules as there may be."""

    code = "too_many_rules"
    status = 409


async def rules(tx: Tx) -> list[Rule]:
    """All of them, newest first."""
    return [_rule(row) for row in await tx.rows(queries.RULES)]


async def rule(tx: Tx, *, id_: UUID) -> Rule:
    """One. Raises `NoSuchRule`."""
    found = await tx.rows(queries.RULE, id_)
    if not found:
        raise NoSuchRule(f"there is no rule {id_}")
    return _rule(found[0])


async def add(tx: Tx, *, rule: Rule) -> None:
    """One more; every node hears of it. Its text has been checked. Raises `RuleExists`, `TooManyRules`."""
    (counts,) = await tx.rows(queries.COUNTS)
    if counts["rules"] >= matching.RULES_MAX:
        raise TooManyRules(f"there are {counts['rules']} rules, and {matching.RULES_MAX} at most: remove some")
    if rule.kind == "pattern" and counts["patterns"] >= matching.PATTERNS_MAX:
        raise TooManyRules(
            f"there are {counts['patterns']} patterns, and {matching.PATTERNS_MAX} at most: put several into one with |"
        )
    added = await tx.run(
        queries.ADD,
        rule.id,
        rule.kind,
        rule.text,
        rule.action,
        rule.account_id,
        rule.model,
        rule.made_by,
        rule.created_at,
    )
    if added == 0:
        raise RuleExists("there is that very rule already, for the same account and model: remove it first")


async def remove(tx: Tx, *, id_: UUID) -> Rule:
    """Remove one; every node hears of it. What it was. Raises `NoSuchRule`."""
    removed = await tx.rows(queries.REMOVE, id_)
    if not removed:
        raise NoSuchRule(f"there is no rule {id_}")
    return _rule(removed[0])


def note(
    *,
    ids: Sequence[UUID],
    task_id: UUID | None,
    account_id: UUID,
    model: str,
    findings: Sequence[Finding],
    now: datetime,
) -> Step[None]:
    """Write findings down, each under one of `ids`, in their order. `task_id` None: it never became one."""
    found = [
        {
            "id": str(id_),
            "stage": one.stage,
            "picture": one.picture,
            "decision": one.decision,
            "said_by": one.said_by,
            "rule_id": str(one.rule_id) if one.rule_id else None,
            "by": one.by,
            "categories": list(one.categories),
            "scores": dict(one.scores),
        }
        for id_, one in zip(ids, findings, strict=True)
    ]
    return Step(call=queries.NOTE, arguments=(task_id, account_id, model, found, now), read=nothing)


async def verdicts(tx: Tx, *, which: Filter, count: int) -> list[Verdict]:
    """Up to `count` verdicts to which all that is given applies, newest first."""
    given = {field.name: getattr(which, field.name) for field in fields(which)}
    given = {name: value for name, value in given.items() if value is not None}
    return [_verdict(row) for row in await tx.rows(queries.verdicts(tuple(given)), *given.values(), count)]


async def tallies(tx: Tx, *, since: datetime) -> list[Tally]:
    """How often each rule, or whoever else, has said something since then; the busiest first."""
    return [Tally(**dict(row)) for row in await tx.rows(queries.TALLIES, since)]


async def tidy(tx: Tx, *, before: datetime) -> int:
    """Forget the verdicts that are older than that: how many."""
    return await tx.run(queries.FORGET, before)


def _rule(row: Row) -> Rule:
    return Rule(**dict(row))


def _verdict(row: Row) -> Verdict:
    return Verdict(**{**dict(row), "categories": tuple(row["categories"])})
