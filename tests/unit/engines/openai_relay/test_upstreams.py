"""Whose turn it is, and who is left alone: by a clock that stands still unless it is moved. Nobody is called."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from limner.engines import EngineBusy, EngineFailed, EngineQuota, EngineRefused, EngineUnavailable
from limner.engines.openai_relay.options import RelayOptions, UpstreamOptions
from limner.engines.openai_relay.upstreams import Upstream, Upstreams


class Clock:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def some(clock: Clock | None = None, *, relay: dict[str, Any] | None = None, **weights: float) -> Upstreams:
    options = tuple(
        UpstreamOptions(name=name, base=f"http://{name}/v1", weight=weight, concurrent=2)
        for name, weight in (weights or {"a": 1.0}).items()
    )
    given: dict[str, Any] = {"breaker_failures": 3, "breaker_seconds": 30.0, **(relay or {})}
    return Upstreams(RelayOptions(upstreams=options, **given), now=clock or Clock())


async def chosen(upstreams: Upstreams, *, rather_not: tuple[Upstream, ...] = ()) -> Upstream:
    async with upstreams.turn(upstreams.serving("m"), rather_not=rather_not) as upstream:
        return upstream


def fails(upstream: Upstream, times: int = 1) -> None:
    for _ in range(times):
        upstream.went_wrong(EngineFailed("it broke", said="boom"))


async def test_idle_upstreams_take_turns_by_weight() -> None:
    upstreams = some(a=1.0, b=3.0)
    turns = Counter([(await chosen(upstreams)).name for _ in range(40)])
    assert turns == {"a": 10, "b": 30}


async def test_whoever_has_less_to_do_for_its_weight_is_asked() -> None:
    upstreams = some(a=1.0, b=1.0)
    async with upstreams.turn(upstreams.serving("m")) as first, upstreams.turn(upstreams.serving("m")) as second:
        assert {first.name, second.name} == {"a", "b"}


async def test_one_that_is_full_lets_others_wait_in_line_first_come_first() -> None:
    upstreams = some()
    served: list[int] = []

    async def ask(number: int) -> None:
        async with upstreams.turn(upstreams.serving("m")):
            served.append(number)

    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(upstreams.turn(upstreams.serving("m")))
        waiting = [asyncio.create_task(ask(number)) for number in range(4)]
        await asyncio.sleep(0)
        assert served == []
        waiting[1].cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    assert served == [0, 2, 3]
    assert upstreams.health()[0].busy == 0


async def test_a_place_that_was_given_to_somebody_who_has_left_is_the_next_ones() -> None:
    upstreams = some()
    held = AsyncExitStack()
    for _ in range(2):
        await held.enter_async_context(upstreams.turn(upstreams.serving("m")))
    gone, next_one = (asyncio.create_task(chosen(upstreams)) for _ in range(2))
    await asyncio.sleep(0)
    await held.aclose()
    gone.cancel()  # it has its place, and has not been told yet
    assert (await next_one).name == "a"
    assert upstreams.health()[0].busy == 0


async def test_a_line_that_is_too_long_is_said() -> None:
    upstreams = some()
    async with AsyncExitStack() as held:
        for _ in range(2):
            await held.enter_async_context(upstreams.turn(upstreams.serving("m")))
        waiting = [asyncio.create_task(chosen(upstreams)) for _ in range(16)]
        await asyncio.sleep(0)
        with pytest.raises(EngineBusy) as busy:
            await chosen(upstreams)
        assert busy.value.retry_after_seconds
    assert [one.name for one in await asyncio.gather(*waiting)] == ["a"] * 16


async def test_failures_in_a_row_send_it_to_rest_and_one_request_tries_it_afterwards() -> None:
    clock = Clock()
    upstreams = some(clock)
    (a,) = upstreams.serving("m")
    fails(a, 2)
    assert a.state == "well"
    fails(a)
    assert a.state == "resting"
    with pytest.raises(EngineUnavailable) as trouble:
        await chosen(upstreams)
    assert trouble.value.retry_after_seconds == 30
    assert "boom" in trouble.value.said
    clock.seconds += 30
    async with upstreams.turn([a]):
        assert a.state == "trying"
        assert a.is_full
        a.went_well(seconds=1.0)
    assert a.state == "well"


async def test_a_success_between_failures_begins_the_count_anew() -> None:
    (a,) = some().serving("m")
    fails(a, 2)
    a.went_well(seconds=1.0)
    fails(a, 2)
    assert a.state == "well"


async def test_a_rest_grows_with_each_try_in_vain() -> None:
    clock = Clock()
    (a,) = some(clock).serving("m")
    fails(a, 3)
    rests = []
    for _ in range(7):
        rests.append(a.resting_seconds)
        clock.seconds += a.resting_seconds
        assert a.state == "trying"
        fails(a)
    assert rests == [30, 60, 120, 240, 480, 480, 480]


async def test_what_is_wrong_with_the_request_is_not_held_against_the_upstream() -> None:
    (a,) = some().serving("m")
    for _ in range(5):
        a.went_wrong(EngineRefused("no"))
    assert a.state == "well"
    assert a.health().failed == 0


async def test_one_that_is_busy_rests_for_as_long_as_it_says_and_the_other_is_asked() -> None:
    clock = Clock()
    upstreams = some(clock, a=1.0, b=1.0)
    a, b = upstreams.serving("m")
    a.went_wrong(EngineBusy("too much", retry_after_seconds=7))
    assert {(await chosen(upstreams)).name for _ in range(4)} == {"b"}
    b.went_wrong(EngineBusy("too much", retry_after_seconds=9))
    with pytest.raises(EngineBusy) as busy:
        await chosen(upstreams)
    assert busy.value.retry_after_seconds == 7
    clock.seconds += 7
    assert (await chosen(upstreams)).name == "a"


async def test_one_without_means_rests_at_once() -> None:
    upstreams = some()
    (a,) = upstreams.serving("m")
    a.went_wrong(EngineQuota("no means", said="insufficient_quota"))
    with pytest.raises(EngineQuota):
        await chosen(upstreams)


async def test_who_failed_just_now_is_asked_only_if_there_is_no_other() -> None:
    upstreams = some(a=1.0, b=1.0)
    a, b = upstreams.serving("m")
    assert {(await chosen(upstreams, rather_not=(a,))).name for _ in range(4)} == {"b"}
    fails(b, 3)
    assert (await chosen(upstreams, rather_not=(a,))).name == "a"


async def test_the_operator_sees_how_each_is() -> None:
    clock = Clock()
    upstreams = some(clock, a=1.0, b=1.0)
    a, _ = upstreams.serving("m")
    a.went_well(seconds=2.0)
    fails(a, 3)
    first, second = upstreams.health()
    assert (first.part, first.state, first.tried, first.failed, first.at_once) == ("a", "resting", 4, 3, 2)
    assert first.last_trouble == "failed: boom"
    assert first.resting_seconds == 30
    assert first.details is not None
    assert first.details["address"] == "http://a/v1"
    assert (second.state, second.tried) == ("unknown", 0)
