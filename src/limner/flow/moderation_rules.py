"""The rules of moderation as operators keep them, and what was decided: for the console and the command line.

Each change is written down in its transaction, and heard of on every node. Whether somebody is an operator is for the caller
to see to.
"""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.audit import service as audit
from limner.audit.models import Actor, Subject
from limner.db import Tx
from limner.flow.house import House
from limner.flow.moderator import read_rules
from limner.kit.ids import uuid7
from limner.kit.logs import event
from limner.moderation import rules as matching
from limner.moderation import service as rule_book
from limner.moderation.models import Action, Filter, Hit, Kind, Rule, Tally, Verdict

_log = logging.getLogger(__name__)
VERDICTS_MAX: Final = 200


async def rules(house: House) -> list[Rule]:
    """All rules that operators have made, newest first. The words of the settings are not among them."""
    async with house.database.statement() as tx:
        return await rule_book.rules(tx)


async def rule(house: House, *, rule_id: UUID) -> Rule:
    """One of them. Raises `NoSuchRule`."""
    async with house.database.statement() as tx:
        return await rule_book.rule(tx, id_=rule_id)


async def add_rule(
    house: House,
    actor: Actor,
    *,
    kind: Kind,
    text: str,
    action: Action = "block",
    account_id: UUID | None = None,
    model: str | None = None,
) -> Rule:
    """One more rule, in force on every node at once. `account_id`, `model`: for these only; None: for all.

    Raises `InvalidValue` or `MissingParameter` (param: text), `NoSuchAccount`, `UnknownModel` (param: model), `RuleExists`
    and `TooManyRules`.
    """
    made = Rule(
        id=uuid7(),
        kind=kind,
        text=matching.checked(kind, text),
        action=action,
        account_id=account_id,
        model=None if model is None else house.catalog.model(model).name,
        made_by=actor.account_id,
        created_at=house.clock.now(),
    )
    async with house.database.transaction() as tx:
        if account_id is not None:
            await accounts.account_of(tx, id_=account_id)
        await rule_book.add(tx, rule=made)
        await _write_down(tx, house, actor, verb="moderation.rule_added", rule=made)
    await read_rules(house.database, house.moderator)
    event(_log, "moderation.rule_added", rule_id=made.id, kind=made.kind, action=made.action)
    return made


async def remove_rule(house: House, actor: Actor, *, rule_id: UUID) -> Rule:
    """Have it count no longer, on every node: what it was. Raises `NoSuchRule`."""
    async with house.database.transaction() as tx:
        removed = await rule_book.remove(tx, id_=rule_id)
        await _write_down(tx, house, actor, verb="moderation.rule_removed", rule=removed)
    await read_rules(house.database, house.moderator)
    event(_log, "moderation.rule_removed", rule_id=rule_id)
    return removed


def try_prompt(house: House, *, prompt: str, account_id: UUID | None = None, model: str | None = None) -> list[Hit]:
    """What the words of the settings and the rules say to a prompt of that account for that model: those that it breaks.

    Those that block come first. Nothing is written, and nobody is asked. Raises `UnknownModel`.
    """
    found = None if model is None else house.catalog.model(model)
    names = () if found is None else tuple(filter(None, (found.name, found.alias_of)))
    return house.moderator.hits(prompt, account_id=account_id, models=names)


async def verdicts(house: House, *, which: Filter | None = None, count: int = VERDICTS_MAX) -> list[Verdict]:
    """Up to `count` of what was blocked, or flagged and let through, newest first."""
    async with house.database.statement() as tx:
        return await rule_book.verdicts(tx, which=which or Filter(), count=min(count, VERDICTS_MAX))


async def tallies(house: House, *, days: int = 30) -> list[Tally]:
    """How often each rule, or whoever else, has said something in the last days; the busiest first."""
    async with house.database.statement() as tx:
        return await rule_book.tallies(tx, since=house.clock.now() - timedelta(days=days))


async def _write_down(tx: Tx, house: House, actor: Actor, *, verb: str, rule: Rule) -> None:
    await audit.write(
        tx,
        id_=uuid7(),
        actor=actor,
        verb=verb,
        subject=Subject(kind="moderation_rule", id=str(rule.id), label=rule.text),
        details={
            "kind": rule.kind,
            "action": rule.action,
            "account": str(rule.account_id) if rule.account_id else None,
            "model": rule.model,
        },
        now=house.clock.now(),
    )
