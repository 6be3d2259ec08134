"""What happens when an engine does not manage: the next one of its model's chain has its turn."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

import pytest

from limner.attempts import service as attempts
from limner.attempts.models import KeptAttempt
from limner.catalog.models import Fallback
from limner.catalog.service import Catalog
from limner.domain.ask import Ask
from limner.domain.money import micro
from limner.domain.problem import Problem
from limner.domain.spec import Cause, OutputFormat, Picture, Setback, Shown, Spec, Usage
from limner.engines import EngineBusy, EngineCannot, EngineFailed, EngineRefused, EngineTimeout, EngineUnavailable
from limner.flow.admit import Terms, admit
from limner.flow.deliver import Delivery
from limner.flow.history import tell
from limner.flow.house import EngineStand, House
from limner.flow.submit import submit
from limner.flow.work import work
from limner.jobs import service as jobs
from limner.kit.ids import uuid7
from limner.storage import StorageFailed, memory
from support.asks import OTTER, paint
from support.painters import Breaking, Lazy, Painter
from support.people import Person, assert_nothing_under_way, balance_of

PRICE = micro("0.02")  # a dall-e-2 picture at 1024x1024


def with_chain(
    house: House, painters: Mapping[str, Painter], *, on: frozenset[Cause] | None = None, here: set[str] | None = None
) -> House:
    """The same house with dall-e-2 on these engines, one after the other; `here`: those whose tasks it performs."""
    names = list(painters)
    model = house.catalog.model("dall-e-2")
    links = [Fallback(engine=name) if on is None else Fallback(engine=name, on=on) for name in names[1:]]
    chained = replace(model, engine=names[0], fallbacks=tuple(links))
    return replace(
        house,
        catalog=Catalog({model.name: chained}),
        engines={**house.engines, **{name: EngineStand(painter) for name, painter in painters.items()}},
        performs=frozenset(names if here is None else here),
    )


class Full(memory.Plug):
    """Has no room left."""

    async def put(self, key: str, data: bytes) -> None:  # noqa: ARG002 - it keeps nothing
        raise StorageFailed("the disk is full")


class Choosy(Painter):
    """Writes other formats than others."""

    output_formats = frozenset({OutputFormat.WEBP})


class Telling(Painter):
    """Has an upstream, which it changes on the way, and tells what it used."""

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        yield Setback(part="east", cause=Cause.TIMEOUT, said="secret words of the east", seconds=1.5, lost_pictures=1)
        async with aclosing(super().paint(spec)) as pictures:
            async for picture in pictures:
                assert isinstance(picture, Picture)
                yield replace(picture, part="west", seed=None, notes=("made at 512x512, then scaled",))
        yield Usage(input_text_tokens=7, output_image_tokens=100)
        yield Usage(output_image_tokens=11)


class Elsewhere(Painter):
    """Leaves its pictures where they are, for those who want links."""

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        async with aclosing(super().paint(spec)) as pictures:
            async for picture in pictures:
                assert isinstance(picture, Picture)
                if spec.links_will_do:
                    yield replace(picture, data=b"", link=f"https://pictures.example/{picture.index}?sig=abc")
                else:
                    yield picture


class Remembering(Painter):
    """Writes down what it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Spec] = []

    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        self.asked.append(spec)
        async with aclosing(super().paint(spec)) as pictures:
            async for picture in pictures:
                yield picture


async def attempts_of(house: House, delivery_or_task_id: object) -> list[KeptAttempt]:
    task_id = delivery_or_task_id.result.task_id if isinstance(delivery_or_task_id, Delivery) else delivery_or_task_id
    async with house.database.statement() as tx:
        return await attempts.of_task(tx, task_id=task_id)  # type: ignore[arg-type]


async def test_the_next_engine_paints_what_the_first_could_not(house: House, grace: Person) -> None:
    broken = Breaking(
        EngineTimeout("it took too long", said="gateway time-out, key sk-1", part="main", lost_pictures=1)
    )
    house = with_chain(house, {"upstream": broken, "gpu": Painter()})

    delivery = await paint(house, grace)

    outcome = delivery.result.outcome
    assert outcome is not None
    assert (outcome.engine, [(one.engine, one.part, one.cause) for one in outcome.tried]) == (
        "gpu",
        [("upstream", "main", Cause.TIMEOUT)],
    )
    assert outcome.warnings == ("painted by the engine gpu in place of upstream (timeout)",)
    assert delivery.charged == PRICE
    (kept,) = await attempts_of(house, delivery)
    assert (kept.engine, kept.said, kept.lost_pictures) == ("upstream", "gateway time-out, key sk-1", 1)
    await assert_nothing_under_way(house, grace)


async def test_only_what_is_missing_is_asked_of_the_next(house: House, grace: Person) -> None:
    second = Remembering()
    house = with_chain(house, {"upstream": Breaking(EngineFailed("out of paint"), after=2), "gpu": second})

    delivery = await paint(house, grace, n=4, seed=40)

    assert [(asked.n, asked.seed) for asked in second.asked] == [(2, 42)]
    assert len(delivery.result.images) == 4
    assert delivery.charged == 4 * PRICE


async def test_the_caller_is_told_which_pictures_others_have_made(house: House, grace: Person) -> None:
    painters = {
        "upstream": Breaking(EngineFailed("out of paint"), after=1),
        "away": Breaking(EngineUnavailable("no device")),
        "gpu": Breaking(EngineBusy("too much"), after=1),
        "illustrator": Painter(),
    }

    delivery = await paint(with_chain(house, painters), grace, n=4)

    outcome = delivery.result.outcome
    assert outcome is not None
    others = "upstream (failed), away (unavailable)"
    assert sorted(outcome.warnings) == [
        f"picture 2 was painted by the engine gpu in place of {others}",
        f"pictures 3 and 4 were painted by the engine illustrator in place of {others}, gpu (busy)",
    ]


async def test_a_lazy_engine_is_helped_out(house: House, grace: Person) -> None:
    house = with_chain(house, {"upstream": Lazy(pictures=1), "gpu": Painter()})

    delivery = await paint(house, grace, n=3)

    assert len(delivery.result.images) == 3
    (kept,) = await attempts_of(house, delivery)
    assert (kept.cause, kept.said) == (Cause.FAILED, "the engine delivered 1 of 3 pictures")


@pytest.mark.parametrize("trouble", [EngineRefused("it will not"), EngineCannot("it cannot", param="size")])
async def test_what_one_engine_refuses_is_not_asked_of_the_next(house: House, grace: Person, trouble: Problem) -> None:
    second = Remembering()
    house = with_chain(house, {"upstream": Breaking(trouble), "gpu": second})

    with pytest.raises(Problem, match=trouble.message):
        await paint(house, grace)

    assert second.asked == []
    assert (await balance_of(house, grace)).free == micro(10)


async def test_a_fallback_is_for_the_causes_that_it_names(house: House, grace: Person) -> None:
    second = Remembering()
    house = with_chain(
        house, {"upstream": Breaking(EngineFailed("it broke")), "gpu": second}, on=frozenset({Cause.BUSY})
    )

    with pytest.raises(EngineFailed, match="it broke"):
        await paint(house, grace)

    assert second.asked == []


async def test_an_engine_that_could_not_anyway_is_passed_over(house: House, grace: Person) -> None:
    house = with_chain(house, {"upstream": Breaking(EngineBusy("too much")), "webp": Choosy(), "gpu": Painter()})

    delivery = await paint(house, grace)

    outcome = delivery.result.outcome
    assert outcome is not None
    assert [(one.engine, one.cause) for one in outcome.tried] == [("upstream", Cause.BUSY), ("webp", Cause.CANNOT)]


async def test_when_nobody_manages_the_last_trouble_is_told_and_all_are_kept(house: House, grace: Person) -> None:
    house = with_chain(
        house, {"upstream": Breaking(EngineBusy("too much")), "gpu": Breaking(EngineUnavailable("no device"))}
    )

    admitted = await admit(
        house, principal=grace.principal, ask=Ask(prompt=OTTER, model="dall-e-2"), trace_id="t", terms=Terms()
    )
    with pytest.raises(EngineUnavailable, match="no device"):
        await paint(house, grace)
    assert admitted.task.outcome is None

    async with house.database.statement() as tx:
        kept = await attempts.latest(tx, count=10)
    assert [(one.engine, one.cause) for one in kept] == [("gpu", Cause.UNAVAILABLE), ("upstream", Cause.BUSY)]
    told = await tell(house, task_id=kept[0].task_id, account_id=grace.account.id)
    assert told.task.outcome is not None
    assert [one.engine for one in told.task.outcome.tried] == ["upstream", "gpu"]


async def test_a_bug_or_broken_storage_is_not_for_the_next_engine(house: House, grace: Person) -> None:
    second = Remembering()
    bug = with_chain(house, {"upstream": Breaking(RuntimeError("a bug")), "gpu": second})
    with pytest.raises(RuntimeError, match="a bug"):
        await paint(bug, grace)

    full = replace(with_chain(house, {"upstream": Painter(), "gpu": second}), storage=Full("memory://"))
    with pytest.raises(StorageFailed):
        await paint(full, grace)

    assert second.asked == []


async def test_what_an_engine_says_of_itself_is_kept(house: House, grace: Person) -> None:
    house = with_chain(house, {"upstream": Telling()})

    delivery = await paint(house, grace, n=2)

    outcome = delivery.result.outcome
    assert outcome is not None
    assert (outcome.engine, outcome.part) == ("upstream", "west")
    assert outcome.usage == Usage(input_text_tokens=7, output_image_tokens=111)
    assert outcome.warnings == (
        "picture 1: made at 512x512, then scaled",
        "picture 2: made at 512x512, then scaled",
    )
    told = await tell(house, task_id=delivery.result.task_id, account_id=grace.account.id)
    assert told.task.outcome == outcome
    assert "secret words" not in repr(told)
    async with house.database.statement() as tx:
        (lost,) = await attempts.lost(tx, since=house.clock.now())
    assert (lost.engine, lost.part, lost.pictures) == ("upstream", "east", 1)


async def test_an_engine_that_has_nothing_to_say_leaves_no_outcome(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)

    assert delivery.result.outcome is None


async def test_a_picture_that_lies_elsewhere_is_paid_and_linked_to_and_not_kept(house: House, grace: Person) -> None:
    house = with_chain(house, {"upstream": Elsewhere()})

    delivery = await paint(house, grace, n=2)

    links = [f"https://pictures.example/{index}?sig=abc" for index in range(2)]
    assert [image.url for image in delivery.result.images] == links
    assert delivery.charged == 2 * PRICE
    assert [key async for key in house.storage.keys("")] == []
    told = await tell(house, task_id=delivery.result.task_id, account_id=grace.account.id)
    assert told.result is not None
    assert [image.url for image in told.result.images] == links


async def test_whoever_wants_bytes_gets_them(house: House, grace: Person) -> None:
    house = with_chain(house, {"upstream": Elsewhere()})

    delivery = await paint(house, grace, as_links=False)

    assert delivery.result.images[0].data


# engines of other nodes --------------------------------------------------------------------------------------------------


async def test_a_task_that_somebody_waits_for_goes_to_the_node_that_has_the_next_engine(
    house: House, grace: Person
) -> None:
    painters = {"upstream": Breaking(EngineUnavailable("nobody there")), "gpu": Painter()}
    front = with_chain(house, painters, here={"upstream"})
    back = replace(with_chain(house, painters, here={"gpu"}), node_id=uuid7())

    asking = asyncio.create_task(paint(front, grace, n=2))
    async with asyncio.timeout(20):
        while not (waiting := await _queued(house)):  # each look is a round trip to the database
            pass
    (task_id,) = waiting
    await work(back, task_id=task_id)
    delivery = await asking

    assert len(delivery.result.images) == 2
    assert delivery.charged == 2 * PRICE
    outcome = delivery.result.outcome
    assert outcome is not None
    assert (outcome.engine, [one.engine for one in outcome.tried]) == ("gpu", ["upstream"])
    await assert_nothing_under_way(house, grace)


async def test_a_task_from_the_queue_goes_on_in_the_queue_of_the_next_engine(house: House, grace: Person) -> None:
    painters = {"upstream": Breaking(EngineFailed("it broke")), "gpu": Painter()}
    front = with_chain(house, painters, here={"upstream"})
    back = replace(with_chain(house, painters, here={"gpu"}), node_id=uuid7())
    ask = Ask(prompt=OTTER, model="dall-e-2")
    submitted = await submit(front, principal=grace.principal, ask=ask, trace_id="t", terms=Terms(is_async=True))

    assert await work(front, task_id=submitted.task.id) is None
    async with house.database.statement() as tx:
        kinds = [(depth.kind, depth.count) for depth in await jobs.depths(tx)]
    assert kinds == [("paint:gpu", 1)]
    await work(back, task_id=submitted.task.id)

    told = await tell(house, task_id=submitted.task.id, account_id=grace.account.id)
    assert told.task.status == "succeeded"
    assert told.task.engine == "gpu"
    await assert_nothing_under_way(house, grace)


async def test_what_is_there_already_is_not_thrown_away_for_an_engine_elsewhere(house: House, grace: Person) -> None:
    painters = {"upstream": Breaking(EngineFailed("it broke"), after=1), "gpu": Painter()}
    house = with_chain(house, painters, here={"upstream"})

    delivery = await paint(house, grace, n=2)

    assert len(delivery.result.images) == 1
    assert delivery.charged == PRICE


async def _queued(house: House) -> list[object]:
    async with house.database.statement() as tx:
        return [row["id"] for row in await tx.rows("SELECT id FROM tasks WHERE status = 'queued'")]
