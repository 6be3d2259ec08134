"""Sums of what was used: each task once, whenever and by whomever it is added."""

from __future__ import annotations

import asyncio
import csv
import io
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from uuid import UUID

import pytest

from limner.domain.ask import Ask
from limner.domain.problem import InvalidValue
from limner.engines import EngineFailed
from limner.flow.admit import Terms, admit
from limner.flow.cancel import cancel
from limner.flow.house import House
from limner.flow.sweep import sweep
from limner.flow.usage import Report, Span, export, last_days, report, roll_up
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.usage import rules
from limner.usage import service as usage
from limner.usage.models import Used
from support.asks import paint
from support.painters import Breaking, with_painter
from support.people import Person, join


async def noted(house: House, person: Person, *, ended_at: datetime | None = None, **what: Any) -> None:
    now = ended_at or house.clock.now()
    said: dict[str, Any] = {
        "account_id": person.account.id,
        "task_id": uuid7(),
        "api_key_id": person.key.id,
        "model": "dall-e-2",
        "status": "succeeded",
        "error_code": None,
        "pictures": 1,
        "charged": 20_000,
        "began_at": now - timedelta(seconds=1),
        "now": now,
    }
    async with house.database.statement() as tx:
        await tx.together(usage.note(**{**said, **what}))


async def seen(house: House, person: Person, *, days: int = 7) -> Report:
    return await report(house, account_id=person.account.id, span=last_days(days, now=house.clock.now()))


async def pending(house: House) -> int:
    async with house.database.statement() as tx:
        return int(await tx.value("SELECT count(*) FROM usage_ended"))


async def test_a_picture_is_counted_at_once(house: House, grace: Person) -> None:
    await paint(house, grace, n=3)

    total = (await seen(house, grace)).usage.total

    assert (total.tasks, total.pictures, total.charged, total.failed) == (1, 3, 60_000, 0)


async def test_adding_it_to_the_sums_changes_nothing(house: House, grace: Person) -> None:
    for n in (1, 2, 3):
        await paint(house, grace, n=n)
    before = await seen(house, grace)

    assert await roll_up(house) == 3
    await paint(house, grace)

    assert await pending(house) == 1
    after = await seen(house, grace)
    assert (after.usage.total.tasks, after.usage.total.pictures) == (4, 7)
    await roll_up(house)
    assert (await seen(house, grace)).usage == after.usage
    assert before.usage.total.pictures == 6


async def test_a_failure_is_told_by_its_code_and_costs_nothing(house: House, grace: Person) -> None:
    broken = with_painter(house, Breaking(EngineFailed("the brush broke")))
    with pytest.raises(EngineFailed):
        await paint(broken, grace)
    await paint(house, grace)

    found = (await seen(house, grace)).usage

    assert (found.total.tasks, found.total.failed, found.total.charged) == (2, 1, 20_000)
    assert {key: used.tasks for key, used in found.outcomes.items()} == {
        ("failed", "engine_failed"): 1,
        ("succeeded", ""): 1,
    }


async def test_a_task_that_nobody_began_is_counted_as_cancelled(house: House, grace: Person) -> None:
    ask = Ask(prompt="an otter", model="dall-e-2")
    admitted = await admit(house, principal=grace.principal, ask=ask, trace_id="trace-1", terms=Terms(is_async=True))
    await cancel(house, account_id=grace.account.id, task_id=admitted.task.id)

    total = (await seen(house, grace)).usage.total

    assert (total.tasks, total.cancelled, total.succeeded) == (1, 1, 0)


async def test_what_the_sweep_ends_is_counted(house: House, grace: Person, clock: StillClock) -> None:
    await admit(house, principal=grace.principal, ask=Ask(prompt="an otter", model="dall-e-2"), trace_id="trace-1")
    clock.move(seconds=house.queue_policy.lease_seconds + 1)

    await sweep(house)

    assert (await seen(house, grace)).usage.outcomes.keys() == {("failed", "task_abandoned")}


async def test_each_day_model_and_key_has_its_own_sum(house: House, grace: Person, clock: StillClock) -> None:
    other = replace(grace, key=replace(grace.key, id=uuid7()))
    today = clock.now()
    await noted(house, grace, ended_at=today - timedelta(days=1), pictures=2)
    await noted(house, grace, model="dall-e-3", charged=40_000)
    await noted(house, other, pictures=4)
    for is_rolled in (False, True):
        if is_rolled:
            await roll_up(house)

        told = await seen(house, grace)

        assert [used.pictures for _, used in told.steps] == [0, 0, 0, 0, 0, 2, 5]
        assert {model: used.pictures for model, used in told.usage.models.items()} == {"dall-e-2": 6, "dall-e-3": 1}
        assert {key: used.pictures for key, used in told.usage.keys.items()} == {grace.key.id: 3, other.key.id: 4}
        assert told.names == {grace.key.id: "grace's key"}


async def test_a_span_ends_with_today_and_takes_nothing_from_before_it(
    house: House, grace: Person, clock: StillClock
) -> None:
    midnight = datetime(2026, 11, 16, tzinfo=UTC)
    await noted(house, grace, ended_at=midnight - timedelta(milliseconds=1))
    await noted(house, grace, ended_at=midnight)

    assert last_days(7, now=clock.now()) == Span(step="day", since=midnight, until=datetime(2026, 11, 23, tzinfo=UTC))
    assert (await seen(house, grace, days=7)).usage.total.tasks == 1
    assert (await seen(house, grace, days=8)).usage.total.tasks == 2


async def test_one_day_is_told_by_the_hour(house: House, grace: Person, clock: StillClock) -> None:
    clock.move(seconds=90)
    await noted(house, grace, ended_at=clock.now())
    await noted(house, grace, ended_at=clock.now() - timedelta(hours=23))
    await noted(house, grace, ended_at=clock.now() - timedelta(hours=24))
    await roll_up(house)

    steps = (await seen(house, grace, days=1)).steps

    assert [used.tasks for _, used in steps] == [1, *[0] * 22, 1]


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_no_span_is_longer_than_a_leap_year(house: House, days: int) -> None:
    with pytest.raises(InvalidValue, match="1 to 366"):
        last_days(days, now=house.clock.now())


async def test_eve_sees_nothing_of_grace(house: House, grace: Person, eve: Person) -> None:
    await paint(house, grace)
    await roll_up(house)
    await paint(house, grace)

    assert (await seen(house, eve)).usage.total == Used()


async def test_every_task_is_counted_once_while_nodes_race(house: House) -> None:
    """Tasks end, several nodes roll, and somebody looks, all at once: what is seen never goes down and ends up exact."""
    people = [await join(house, f"grace {number}") for number in range(3)]
    random, wanted, is_over = Random(7), Counter[UUID](), asyncio.Event()
    views: list[int] = []

    async def end(person: Person) -> None:
        for _ in range(120):
            pictures = random.randint(1, 4)
            await noted(house, person, pictures=pictures, model=random.choice(["dall-e-2", "dall-e-3"]))
            wanted[person.account.id] += pictures

    async def roll() -> None:
        while not is_over.is_set():
            await roll_up(house)
            await asyncio.sleep(0)

    async def look() -> None:
        while not is_over.is_set():
            views.append((await seen(house, people[0])).usage.total.pictures)

    others = [asyncio.create_task(act()) for act in (roll, roll, roll, look)]
    await asyncio.gather(*(end(person) for person in people))
    is_over.set()
    await asyncio.gather(*others)

    assert views == sorted(views)
    for _ in range(2):
        for person in people:
            assert (await seen(house, person)).usage.total.pictures == wanted[person.account.id]
        await roll_up(house)
    assert await pending(house) == 0


async def test_a_task_that_ends_late_is_not_missed(house: House, grace: Person, clock: StillClock) -> None:
    """It is counted when it ended, however long after the sums of that day were made."""
    await noted(house, grace)
    await roll_up(house)
    await noted(house, grace, ended_at=clock.now() - timedelta(days=3))
    await roll_up(house)

    assert [used.tasks for _, used in (await seen(house, grace)).steps] == [0, 0, 0, 1, 0, 0, 1]


async def test_old_hours_are_forgotten_and_days_are_not(house: House, grace: Person, clock: StillClock) -> None:
    await noted(house, grace)
    await roll_up(house)
    clock.move(seconds=30 * 86400)
    async with house.database.statement() as tx:
        await usage.tidy(tx, now=clock.now())
        left = await tx.rows("SELECT step FROM usage_sums")

    assert [row["step"] for row in left] == ["day"]
    assert (await seen(house, grace, days=40)).usage.total.tasks == 1


async def test_half_and_nearly_all_were_done_within(house: House, grace: Person) -> None:
    now = house.clock.now()
    for milliseconds in [120] * 94 + [4000] * 6:
        await noted(house, grace, began_at=now - timedelta(milliseconds=milliseconds))
    await noted(house, grace, status="failed", error_code="timed_out", began_at=now - timedelta(seconds=100))

    total = (await seen(house, grace)).usage.total

    half, most = total.seconds_at(0.5), total.seconds_at(0.95)
    assert half is not None
    assert most is not None
    assert 0.1 <= half < 0.15
    assert 3 <= most < 5


def test_nothing_took_no_time() -> None:
    assert Used().seconds_at(0.5) is None
    assert Used(took=(0,) * 26).seconds_at(0.95) is None


def test_the_slowest_class_has_no_end_and_tells_where_it_begins() -> None:
    assert rules.seconds_at([0] * len(rules.BOUNDS) + [3], share=0.5) == rules.BOUNDS[-1] / 1000


def test_percentiles_are_near_the_truth() -> None:
    random = Random(3)
    for _ in range(50):
        truth = sorted(random.lognormvariate(6, 1.2) for _ in range(2000))
        took = [0] * (len(rules.BOUNDS) + 1)
        for milliseconds in truth:
            took[sum(milliseconds >= bound for bound in rules.BOUNDS)] += 1
        for share in (0.5, 0.95):
            exact = truth[int(len(truth) * share)] / 1000
            told = rules.seconds_at(took, share=share)
            assert told is not None
            assert abs(told - exact) / exact < 0.2


# the export ------------------------------------------------------------------------------------------------------------


async def table(house: House, person: Person, *, with_prompts: bool = False) -> list[dict[str, str]]:
    span = last_days(7, now=house.clock.now())
    pieces = [
        piece async for piece in export(house, account_id=person.account.id, span=span, with_prompts=with_prompts)
    ]
    return list(csv.DictReader(io.StringIO(b"".join(pieces).decode(), newline="")))


async def test_the_export_has_a_row_for_each_task_and_no_prompts(house: House, grace: Person, eve: Person) -> None:
    await paint(house, grace, n=2)
    await paint(house, grace)

    rows = await table(house, grace)

    assert [row["credits"] for row in rows] == ["0.020000", "0.040000"]
    assert rows[0].keys() >= {"task_id", "created_at", "model", "size", "status", "key"}
    assert "prompt" not in rows[0]
    assert await table(house, eve) == []


@pytest.mark.parametrize("prompt", ['=HYPERLINK("http://eve.test")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
async def test_a_prompt_is_never_a_formula(house: House, grace: Person, prompt: str) -> None:
    await paint(house, grace, prompt=f"{prompt} an otter")

    (row,) = await table(house, grace, with_prompts=True)

    assert row["prompt"] == f"'{prompt} an otter"


async def test_prompts_with_commas_quotes_and_lines_come_back_whole(house: House, grace: Person) -> None:
    prompt = 'an "otter", and\na 水獭'
    await paint(house, grace, prompt=prompt)

    (row,) = await table(house, grace, with_prompts=True)

    assert row["prompt"] == prompt


async def test_a_long_export_comes_in_pieces_and_leaves_nothing_out(house: House, grace: Person) -> None:
    async with house.database.transaction() as tx:
        for _ in range(2100):
            await tx.run(
                "INSERT INTO tasks (id, account_id, api_key_id, trace_id, model, engine, request, status, held, charged,"
                " created_at, finished_at) VALUES ($1, $2, $3, 't', 'dall-e-2', 'fake', $4, 'succeeded', 1, 1, $5, $5)",
                uuid7(),
                grace.account.id,
                grace.key.id,
                {"prompt": "an otter"},
                house.clock.now(),
            )

    rows = await table(house, grace)

    assert len({row["task_id"] for row in rows}) == len(rows) == 2100
