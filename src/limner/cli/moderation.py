"""`limner moderation`: the rules for prompts, and what was refused by them and by whoever else is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

import click

from limner.cli.parts.given import Given, pass_given, shared_options
from limner.cli.parts.names import account_id_of, account_names, shorter
from limner.cli.parts.table import json_option, plain, write_json, write_table
from limner.cli.parts.trouble import Trouble
from limner.cli.parts.values import Earlier, shown_span

if TYPE_CHECKING:
    from uuid import UUID

    from limner.audit.models import Actor
    from limner.db import Database, Tx
    from limner.flow.house import House
    from limner.moderation.models import Decision, Filter, Hit, Rule, Stage, Tally, Verdict

_DAYS: Final = 30
_SCORES_SHOWN: Final = 2
_STAGES: Final = {"prompt": "prompt", "revised": "revised prompt", "picture": "picture"}
_DECISIONS: Final = {"blocked": "refused", "let_through": "let through"}


@click.group(subcommand_metavar="COMMAND ...", short_help="Keep rules for prompts; see what was refused.")
def command() -> None:
    """Keep the rules for prompts, try them, and see what was refused or noted.

    An endpoint or a function that are asked too are settings: `limner config example` has them under [moderation].
    """


# rules ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    rules: list[Rule]
    tallies: Mapping[UUID | None, Tally]
    names: Mapping[UUID, str]
    now: datetime


@command.command(short_help="List the rules.")
@json_option
@shared_options()
@pass_given
def rules(given: Given, *, as_json: bool) -> None:
    """List the rules, newest first, and how often each has counted in the last 30 days.

    RULE is the beginning of its id, which `limner moderation remove` takes. The words of the setting
    moderation.blocked_words are no rules: they come first, from the settings.
    """
    from limner.cli.parts.books import with_books

    settings = given.settings()
    kept = with_books(settings, _kept)
    words = settings.moderation.blocked_words
    if as_json:
        write_json([_rule_record(rule, kept) for rule in kept.rules])
        return
    if words:
        click.echo(f"moderation.blocked_words refuses {len(words)} more: {plain(', '.join(words))}", err=True)
    short = shorter([rule.id for rule in kept.rules]) if kept.rules else {}
    write_table(
        [
            {
                "rule": short[rule.id],
                "text": plain(rule.text),
                "kind": rule.kind,
                "does": "refuses" if rule.action == "block" else "notes",
                "account": _account(rule.account_id, kept.names) if rule.account_id else "",
                "model": rule.model or "",
                "counted": str(_counted(kept.tallies.get(rule.id))),
                "age": shown_span(kept.now - rule.created_at),
            }
            for rule in kept.rules
        ],
        right={"counted", "age"},
        narrow={"text", "account", "model"},
        nothing="There are no rules yet: `limner moderation add TEXT` makes one.",
    )


async def _kept(database: Database) -> _Kept:
    from datetime import timedelta

    from limner.moderation import service as rule_book

    now = await database.now()
    async with database.transaction() as tx:
        tallies = await rule_book.tallies(tx, since=now - timedelta(days=_DAYS))
        return _Kept(
            rules=await rule_book.rules(tx),
            tallies={one.rule_id: one for one in tallies if one.rule_id is not None},
            names=await account_names(tx),
            now=now,
        )


def _counted(tally: Tally | None) -> int:
    return tally.blocked + tally.let_through if tally else 0


def _account(account_id: UUID, names: Mapping[UUID, str]) -> str:
    return names.get(account_id, str(account_id))


def _rule_record(rule: Rule, kept: _Kept) -> dict[str, object]:
    tally = kept.tallies.get(rule.id)
    return {
        **_told(rule, account=_account(rule.account_id, kept.names) if rule.account_id else None),
        "blocked": tally.blocked if tally else 0,
        "let_through": tally.let_through if tally else 0,
        "last_at": tally.last_at.isoformat() if tally else None,
    }


def _told(rule: Rule, *, account: str | None) -> dict[str, object]:
    return {
        "id": rule.id,
        "kind": rule.kind,
        "text": rule.text,
        "action": rule.action,
        "account": account,
        "model": rule.model,
        "made_by": rule.made_by,
        "created_at": rule.created_at.isoformat(),
    }


@command.command(short_help="Add a rule.")
@click.argument("text")
@click.option("--pattern", is_flag=True, help="TEXT is a pattern in RE2's language, not a word or phrase.")
@click.option("--flag", is_flag=True, help="Only note prompts that have it: they are painted all the same.")
@click.option("--account", metavar="NAME", help="Only for this account's prompts.")
@click.option("--model", metavar="NAME", help="Only for prompts for this model.")
@json_option
@shared_options()
@pass_given
def add(
    given: Given, *, text: str, pattern: bool, flag: bool, account: str | None, model: str | None, as_json: bool
) -> None:
    """Refuse prompts that have TEXT in them, from now on, on every server with this database.

    A word or phrase is found whole and in any case: cat does not find category.

    \b
    For example:
      limner moderation add "school bus" --account grace
      limner moderation add --pattern "\\b(ak|m)-?\\d{2}\\b" --model dall-e-3
      limner moderation add castle --flag
    """  # noqa: D301 - click's \b keeps the lines apart
    from limner.cli.parts.reach import with_house
    from limner.flow import moderation_rules

    async def act(house: House) -> Rule:
        async with house.database.statement() as tx:
            account_id = await account_id_of(tx, account)
        return await moderation_rules.add_rule(
            house,
            _actor(),
            kind="pattern" if pattern else "word",
            text=text,
            action="flag" if flag else "block",
            account_id=account_id,
            model=model,
        )

    made = with_house(given.settings(looks=True), act)
    if as_json:
        write_json(_told(made, account=account))
        return
    who = f" of {account}" if account else ""
    what = f" for {made.model}" if made.model else ""
    click.echo(f"Prompts{who}{what} that have it are {'noted' if flag else 'refused'} from now on.")
    click.echo(f"`limner moderation remove {made.id}` ends it.")


def _actor() -> Actor:
    from limner.audit.models import Actor
    from limner.kit.ids import uuid7

    return Actor(account_id=None, trace_id=str(uuid7()), sender="")


@command.command(short_help="Remove a rule.")
@click.argument("rule")
@shared_options()
@pass_given
def remove(given: Given, *, rule: str) -> None:
    """Have RULE, by its id or the beginning of it, count no longer. What was decided by it stays in the verdicts."""
    from limner.cli.parts.reach import with_house
    from limner.flow import moderation_rules

    async def act(house: House) -> Rule:
        found = [one for one in await moderation_rules.rules(house) if rule and str(one.id).startswith(rule.lower())]
        if len(found) != 1:
            how_many = "no rule begins" if not found else f"{len(found)} rules begin"
            raise Trouble(f"{how_many} with '{rule}': `limner moderation rules` shows all")
        return await moderation_rules.remove_rule(house, _actor(), rule_id=found[0].id)

    removed = with_house(given.settings(looks=True), act)
    click.echo(f"The rule for '{plain(removed.text)}' is removed.")


@command.command(short_help="Hold a prompt against the rules.")
@click.argument("prompt")
@click.option("--account", metavar="NAME", help="As if this account had asked.")
@click.option("--model", metavar="NAME", help="As if this model had been asked for.")
@json_option
@shared_options()
@pass_given
def test(given: Given, *, prompt: str, account: str | None, model: str | None, as_json: bool) -> None:
    """Say what the rules make of PROMPT, and which of them. Nothing is written, and no endpoint is asked.

    Without --account and --model, only rules that are for everybody and for every model count.
    """
    from limner.cli.parts.reach import with_house
    from limner.flow import moderation_rules

    async def act(house: House) -> tuple[list[Hit], Mapping[UUID, str]]:
        async with house.database.transaction() as tx:
            account_id, names = await account_id_of(tx, account), await account_names(tx)
        return moderation_rules.try_prompt(house, prompt=prompt, account_id=account_id, model=model), names

    hits, names = with_house(given.settings(looks=True), act)
    is_blocked = bool(hits) and hits[0].is_blocked
    if as_json:
        write_json({"blocked": is_blocked, "rules": [_hit_record(hit, names) for hit in hits]})
        return
    click.echo("It would be refused." if is_blocked else "The rules let it through.")
    if hits:
        click.echo("")
        write_table([_hit_row(hit, names) for hit in hits], narrow={"text", "account", "model"})


def _hit_row(hit: Hit, names: Mapping[UUID, str]) -> dict[str, str]:
    rule = hit.rule
    return {
        "by": "settings" if rule is None else str(rule.id),
        "text": plain(hit.text),
        "does": "refuses" if hit.is_blocked else "notes",
        "account": _account(rule.account_id, names) if rule and rule.account_id else "",
        "model": (rule.model if rule else None) or "",
    }


def _hit_record(hit: Hit, names: Mapping[UUID, str]) -> dict[str, object]:
    if hit.rule is None:
        return {"id": None, "kind": "word", "text": hit.text, "action": "block", "account": None, "model": None}
    account_id = hit.rule.account_id
    return _told(hit.rule, account=_account(account_id, names) if account_id else None)


# verdicts ---------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    verdicts: list[Verdict]
    rules: Mapping[UUID, Rule]
    names: Mapping[UUID, str]
    now: datetime


@command.command(short_help="List what was refused or noted.")
@click.option("--account", metavar="NAME", help="Only about this account's.")
@click.option("--task", metavar="TASK", help="Only about this task, by its id or the beginning of it.")
@click.option("--stage", type=click.Choice([*_STAGES]), help="Only about prompts, revised prompts, or pictures.")
@click.option("--blocked", "decision", flag_value="blocked", help="Only what was refused.")
@click.option("--let-through", "decision", flag_value="let_through", help="Only what was noted and painted.")
@click.option("--since", type=Earlier(), help="Only from then on: a span ago (2h, 5d) or a date, UTC.")
@click.option(
    "--limit", type=click.IntRange(1, 200), metavar="NUMBER", default=20, help="How many at most; without it, 20."
)
@json_option
@shared_options()
@pass_given
def verdicts(
    given: Given,
    *,
    account: str | None,
    task: str | None,
    stage: Stage | None,
    decision: Decision | None,
    since: datetime | None,
    limit: int,
    as_json: bool,
) -> None:
    """List what was refused, or noted and let through, newest first: by which rule, or by whom.

    Prompts and pictures are not kept with it. A verdict without a task is about a request that was refused at once.
    """
    from limner.cli.parts.books import with_books
    from limner.moderation.models import Filter
    from limner.tasks import service as tasks

    async def act(database: Database) -> _Listed:
        async with database.transaction() as tx:
            which = Filter(
                account_id=await account_id_of(tx, account),
                task_id=(await tasks.task_like(tx, prefix=task)).id if task is not None else None,
                stage=stage,
                decision=decision,
                since=since,
            )
            return await _listed(tx, which=which, limit=limit, now=await database.now())

    listed = with_books(given.settings(), act)
    if as_json:
        write_json([_verdict_record(one, listed) for one in listed.verdicts])
        return
    write_table(
        [
            {
                "age": shown_span(listed.now - one.created_at),
                "about": _STAGES[one.stage] + (f" {one.picture + 1}" if one.picture is not None else ""),
                "was": _DECISIONS[one.decision],
                "by": _by(one, listed),
                "for": _why(one),
                "account": _account(one.account_id, listed.names),
                "model": one.model,
                "task": str(one.task_id or ""),
            }
            for one in listed.verdicts
        ],
        right={"age"},
        narrow={"by", "for", "account", "model"},
        nothing="Nothing is like that."
        if any((account, task, stage, decision, since))
        else "Nothing has been refused or noted yet.",
    )


async def _listed(tx: Tx, *, which: Filter, limit: int, now: datetime) -> _Listed:
    from limner.moderation import service as rule_book

    return _Listed(
        verdicts=await rule_book.verdicts(tx, which=which, count=limit),
        rules={rule.id: rule for rule in await rule_book.rules(tx)},
        names=await account_names(tx),
        now=now,
    )


def _by(verdict: Verdict, listed: _Listed) -> str:
    if verdict.said_by == "rule":
        rule = listed.rules.get(verdict.rule_id) if verdict.rule_id else None
        return f"rule '{plain(rule.text)}'" if rule else "a rule that was removed"
    if verdict.said_by == "settings":
        return "moderation.blocked_words"
    if verdict.said_by == "hook":
        return "moderation.pictures"
    return " ".join(filter(None, (verdict.said_by, plain(verdict.by or ""))))


def _why(verdict: Verdict) -> str:
    """The categories, and the highest scores of them."""
    named = verdict.categories or tuple(verdict.scores)
    ranked = sorted(named, key=lambda name: -verdict.scores.get(name, 0.0))[:_SCORES_SHOWN]
    return plain(", ".join(f"{name} {verdict.scores[name]:.2f}" if name in verdict.scores else name for name in ranked))


def _verdict_record(verdict: Verdict, listed: _Listed) -> dict[str, object]:
    return {
        "id": verdict.id,
        "created_at": verdict.created_at.isoformat(),
        "account": _account(verdict.account_id, listed.names),
        "model": verdict.model,
        "task": verdict.task_id,
        "stage": verdict.stage,
        "picture": verdict.picture,
        "decision": verdict.decision,
        "said_by": verdict.said_by,
        "by": verdict.by,
        "rule": verdict.rule_id,
        "categories": list(verdict.categories),
        "scores": dict(verdict.scores),
    }
