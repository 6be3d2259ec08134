"""The engines of a node, and what they did not manage."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from datetime import timedelta

from typing_extensions import override

from limner.domain.spec import Cause, Setback, Shown, Spec
from limner.engines import EngineTimeout, Health
from limner.flow.house import House
from limner.flow.machinery import EngineHere, machinery, said_of
from limner.kit.clock import StillClock
from support.asks import paint
from support.painters import Breaking, Painter
from support.people import Person
from unit.flow.test_chain import with_chain

RESTING = Health(
    part="main",
    state="resting",
    tried=9,
    failed=3,
    busy=1,
    at_once=4,
    seconds=2.5,
    last_trouble="HTTP 503: <overloaded>",
    resting_seconds=12.2,
    details={"address": "https://upstream.example/v1"},
)


class Upstreams(Painter):
    """Has two upstreams, one of which takes money and gives nothing."""

    @override
    def health(self) -> Sequence[Health]:
        return [RESTING, Health(part="backup", state="unknown")]

    @override
    async def paint(self, spec: Spec) -> AsyncGenerator[Shown]:
        yield Setback(part="main", cause=Cause.FAILED, said="cut off", seconds=1.0, lost_pictures=spec.n)
        async with aclosing(super().paint(spec)) as shown:
            async for one in shown:
                yield one


async def engine(house: House, name: str) -> EngineHere:
    (one,) = (one for one in (await machinery(house)).engines if one.name == name)
    return one


async def test_an_engine_is_told_with_its_parts_and_who_uses_it(house: House, grace: Person) -> None:
    house = with_chain(house, {"openai": Upstreams(), "gpu": Painter()})
    before = await engine(house, "openai")
    await paint(house, grace)

    openai, gpu = await engine(house, "openai"), await engine(house, "gpu")

    assert (before.is_open, openai.is_open, gpu.is_open) == (False, True, False)
    assert list(openai.parts) == [RESTING, Health(part="backup", state="unknown")]
    assert (openai.models, openai.fallback_for) == (("dall-e-2",), ())
    assert (gpu.models, gpu.fallback_for) == ((), ("dall-e-2",))
    assert (await machinery(house)).parts == 2


async def test_the_engines_of_a_house_know_their_plugs(house: House) -> None:
    assert (await engine(house, "fake")).plug == "fake"


async def test_what_came_to_nothing_is_listed_newest_first(house: House, clock: StillClock, grace: Person) -> None:
    house = with_chain(
        house, {"openai": Breaking(EngineTimeout("slow", said="gateway time-out")), "relay": Upstreams()}
    )
    delivery = await paint(house, grace)
    clock.move(seconds=60)
    await paint(house, grace, n=2)

    seen = await machinery(house)
    only = await machinery(house, engine="relay")

    assert [(one.engine, one.cause, one.said) for one in seen.attempts] == [
        ("relay", Cause.FAILED, "cut off"),
        ("openai", Cause.TIMEOUT, "gateway time-out"),
    ] * 2
    assert seen.names == {grace.account.id: "grace"}
    assert {one.engine for one in only.attempts} == {"relay"}
    own = await said_of(house, task_id=delivery.result.task_id)
    assert [(one.engine, one.said) for one in own] == [("openai", "gateway time-out"), ("relay", "cut off")]


async def test_what_was_charged_and_never_arrived_adds_up_by_day(
    house: House, clock: StillClock, grace: Person
) -> None:
    house = with_chain(house, {"relay": Upstreams()})
    await paint(house, grace)
    await paint(house, grace, n=2)
    clock.move(seconds=86_400)
    await paint(house, grace, n=4)

    seen = await machinery(house)

    first = (clock.now() - timedelta(days=1)).date()
    assert [(one.day, one.engine, one.part, one.pictures) for one in seen.lost] == [
        (first + timedelta(days=1), "relay", "main", 4),
        (first, "relay", "main", 3),
    ]
    assert seen.lost_pictures == 7

    clock.move(seconds=86_400 * seen.lost_days - 3600)
    assert (await machinery(house)).lost_pictures == 4
