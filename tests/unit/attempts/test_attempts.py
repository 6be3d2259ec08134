"""What engines tried in vain, as operators see it."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from limner.attempts import service as attempts
from limner.attempts.models import Attempt
from limner.domain.spec import Cause
from limner.flow.house import House
from limner.flow.sweep import tidy
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from support.people import Person


def tried(engine: str, *, part: str | None = "main", lost: int = 0, said: str = "no") -> Attempt:
    return Attempt(engine=engine, part=part, cause=Cause.FAILED, said=said, seconds=0.5, lost_pictures=lost)


async def note(house: House, person: Person, *made: Attempt, task_id: UUID | None = None) -> UUID:
    id_ = task_id or uuid7()
    step = attempts.note(
        ids=[uuid7() for _ in made],
        task_id=id_,
        account_id=person.account.id,
        model="dall-e-3",
        attempts=made,
        now=house.clock.now(),
    )
    await house.database.together(step, order=())
    return id_


async def test_the_newest_come_first_and_one_engine_s_alone(house: House, grace: Person) -> None:
    task_id = await note(house, grace, tried("east"), tried("west", part=None))
    await note(house, grace, tried("east", said="later"))

    async with house.database.statement() as tx:
        assert [one.said for one in await attempts.latest(tx, engine="east", count=10)] == ["later", "no"]
        assert len(await attempts.latest(tx, count=2)) == 2
        of_task = await attempts.of_task(tx, task_id=task_id)

    assert [(one.engine, one.part) for one in of_task] == [("east", "main"), ("west", None)]
    assert (of_task[0].account_id, of_task[0].model, of_task[0].cause) == (grace.account.id, "dall-e-3", Cause.FAILED)


async def test_what_was_charged_and_never_came_is_added_up_by_day(house: House, clock: StillClock, ada: Person) -> None:
    await note(house, ada, tried("east", lost=2), tried("east", lost=1), tried("west"))
    clock.move(seconds=1 * 86_400)
    await note(house, ada, tried("east", part="other", lost=4))

    async with house.database.statement() as tx:
        lost = await attempts.lost(tx, since=clock.now() - timedelta(days=7))
        lately = await attempts.lost(tx, since=clock.now())

    assert [(one.engine, one.part, one.pictures) for one in lost] == [("east", "other", 4), ("east", "main", 3)]
    assert [one.pictures for one in lately] == [4]


async def test_what_an_upstream_says_is_cut_and_fits_into_the_database(house: House, grace: Person) -> None:
    task_id = await note(house, grace, tried("east", said="a\0b" * 2000))

    async with house.database.statement() as tx:
        (kept,) = await attempts.of_task(tx, task_id=task_id)

    assert kept.said.startswith("abab")
    assert len(kept.said) <= attempts.SAID_CHARACTERS_MAX


async def test_they_are_forgotten_in_time(house: House, clock: StillClock, grace: Person) -> None:
    old = await note(house, grace, tried("east"))
    clock.move(seconds=89 * 86_400)
    new = await note(house, grace, tried("east"))
    clock.move(seconds=2 * 86_400)

    await tidy(house)

    async with house.database.statement() as tx:
        assert await attempts.of_task(tx, task_id=old) == []
        assert len(await attempts.of_task(tx, task_id=new)) == 1
