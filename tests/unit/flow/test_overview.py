from __future__ import annotations

from datetime import timedelta

from limner.flow import overview
from limner.flow.house import House
from limner.flow.sweep import sweep
from limner.kit.clock import StillClock
from support.painters import Breaking, with_painter
from support.people import Person
from support.wire import ask, client_of


def engine(found: overview.Engines, name: str = "fake") -> overview.EngineSeen:
    (one,) = (one for one in found.engines if one.name == name)
    return one


async def test_what_an_engine_did_within_the_hour_is_counted(house: House, clock: StillClock, grace: Person) -> None:
    await ask(house, grace)
    clock.move(seconds=3600)
    await ask(house, grace)
    await ask(with_painter(house, Breaking(RuntimeError("out of paint"))), grace)
    clock.move(seconds=1)

    found = await overview.engines(house)

    fake = engine(found)
    assert (fake.succeeded, fake.failed, fake.running, fake.waiting) == (1, 1, 0, 0)
    assert fake.seconds == 0.0
    assert "dall-e-2" in fake.models
    (error,) = found.errors
    assert found.names == {grace.account.id: "grace"}
    assert error.account_id == grace.account.id


async def test_tasks_that_nobody_performs_are_seen(house: House, clock: StillClock, grace: Person) -> None:
    async with client_of(house) as client:
        for _ in range(2):
            body = {"model": "dall-e-2", "prompt": "An otter", "async": True}
            await client.post("/openai/images/generations", json=body, headers=grace.headers)
    clock.move(seconds=90)

    fake = engine(await overview.engines(house))

    assert (fake.waiting, fake.is_stuck) == (2, True)
    assert fake.oldest_seconds >= 90


async def test_a_node_with_a_task_in_hand_is_known_by_its_lease(house: House, grace: Person) -> None:
    await ask(house, grace)
    async with house.database.statement() as tx:
        await tx.run(
            "UPDATE tasks SET status = 'running', finished_at = NULL, charged = NULL, lease_until = $1, node_id = $2",
            house.clock.now() + timedelta(seconds=30),
            house.node_id,
        )

    (holder,) = (await overview.engines(house)).holders

    assert (holder.node_id, holder.engine, holder.count) == (house.node_id, "fake", 1)


async def test_what_is_stored_is_told_until_it_expires(house: House, clock: StillClock, grace: Person) -> None:
    first_day = clock.now().replace(hour=0)
    await ask(house, grace, model="gpt-image-1", n=2)
    clock.move(seconds=86_400)
    await ask(house, grace)

    used = await overview.storage_used(house)
    assert (used.total.pictures, used.next_day.pictures, used.total.oldest) == (3, 0, first_day.replace(hour=12))
    assert used.by_account[grace.account.id].bytes == used.total.bytes > 0
    assert used.names == {grace.account.id: "grace"}
    assert [(day.day, kept.pictures) for day, kept in used.by_day][-3:] == [(21, 0), (22, 2), (23, 1)]

    clock.move(seconds=house.keep.total_seconds() - 86_400 - 3600)
    assert (await overview.storage_used(house)).next_day.pictures == 2

    clock.move(seconds=7200)
    await sweep(house)
    assert (await overview.storage_used(house)).total.pictures == 1


async def test_nothing_is_in_trouble_at_first(house: House) -> None:
    found = await overview.webhooks_in_trouble(house)

    assert (found.receivers, found.failed, found.failed_count, found.paused) == ([], [], 0, 0)
