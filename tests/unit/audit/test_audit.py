from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import asyncpg
import pytest

from limner.audit import rules
from limner.audit import service as audit
from limner.audit.models import Actor, Entry, Filter, Subject
from limner.flow.house import House
from limner.kit.ids import uuid7
from support.people import Person


def subject_of(person: Person) -> Subject:
    return Subject(kind="account", id=str(person.account.id), label=person.account.name)


def actor_of(person: Person | None) -> Actor:
    return Actor(account_id=person.account.id if person else None, trace_id="trace", sender="127.0.0.1")


async def write(
    house: House, actor: Person | None, verb: str, about: Person, details: Mapping[str, Any] | None = None
) -> None:
    async with house.database.transaction() as tx:
        await audit.write(
            tx,
            id_=uuid7(),
            actor=actor_of(actor),
            verb=verb,
            subject=subject_of(about),
            details=details,
            now=house.clock.now(),
        )


async def entries(house: House, count: int = 100, **which: Any) -> list[Entry]:
    async with house.database.statement() as tx:
        return await audit.entries(tx, which=Filter(**which), count=count)


async def test_what_was_done_is_there_with_who_and_from_where(house: House, ada: Person, grace: Person) -> None:
    await write(house, ada, "account.suspended", grace, {"reason": "spam"})

    (entry,) = await entries(house)

    assert entry.actor == Actor(account_id=ada.account.id, trace_id="trace", sender="127.0.0.1")
    assert (entry.verb, entry.subject.label, entry.details) == ("account.suspended", "grace", {"reason": "spam"})
    assert entry.created_at == house.clock.now()


@pytest.mark.parametrize(
    "sql", ["UPDATE audit_entries SET verb = 'x'", "DELETE FROM audit_entries", "TRUNCATE audit_entries"]
)
async def test_nobody_edits_what_is_written(house: House, ada: Person, grace: Person, sql: str) -> None:
    await write(house, ada, "account.suspended", grace)

    with pytest.raises(asyncpg.RaiseError, match="never edited"):
        async with house.database.statement() as tx:
            await tx.run(sql)

    assert len(await entries(house)) == 1


async def test_entries_are_found_by_what_is_asked(house: House, ada: Person, grace: Person, eve: Person) -> None:
    await write(house, ada, "account.suspended", grace)
    await write(house, ada, "account.resumed", eve)
    await write(house, None, "model.changed", grace)

    assert [one.verb for one in await entries(house)] == ["model.changed", "account.resumed", "account.suspended"]
    assert [one.verb for one in await entries(house, verb="account.")] == ["account.resumed", "account.suspended"]
    assert [one.verb for one in await entries(house, actor_id=ada.account.id, verb="account.s")] == [
        "account.suspended"
    ]
    assert [one.verb for one in await entries(house, text="EV")] == ["account.resumed"]
    assert [one.verb for one in await entries(house, subject_id=str(grace.account.id), kind="account")] == [
        "model.changed",
        "account.suspended",
    ]
    assert await entries(house, text="%") == []
    assert await entries(house, since=house.clock.now() + timedelta(seconds=1)) == []
    assert await entries(house, until=house.clock.now()) == []


async def test_a_page_begins_behind_the_one_before(house: House, ada: Person, grace: Person) -> None:
    for number in range(5):
        await write(house, ada, f"account.act{number}", grace)

    first = await entries(house, count=2)
    second = await entries(house, count=2, before=first[-1].id)

    assert [one.verb for one in [*first, *second]] == ["account.act4", "account.act3", "account.act2", "account.act1"]


async def test_every_verb_is_known_once(house: House, ada: Person, grace: Person) -> None:
    async with house.database.statement() as tx:
        assert await audit.verbs(tx) == []
    for verb in ("b.x", "a.x", "b.x"):
        await write(house, ada, verb, grace)

    async with house.database.statement() as tx:
        assert await audit.verbs(tx) == ["a.x", "b.x"]


def test_what_is_called_like_a_secret_is_not_kept() -> None:
    details = {
        "callback_secret": "x",
        "token": "x",
        "reason": "x",
        "deep": {"password": "x", "kept": [{"code": "x"}, 1]},
    }

    kept = rules.masked(details)

    assert kept == {
        "callback_secret": "***",
        "token": "***",
        "reason": "x",
        "deep": {"password": "***", "kept": [{"code": "***"}, 1]},
    }
    assert rules.masked({"token": None}) == {"token": None}
    assert len(rules.masked({"reason": "x" * 5000})["reason"]) < 1010
