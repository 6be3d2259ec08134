from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

import pytest

from limner.kit.merging import merged


async def counting(name: str, upto: int, *, closed: list[str] | None = None) -> AsyncGenerator[str]:
    try:
        for number in range(upto):
            yield f"{name}{number}"
            await asyncio.sleep(0)
    finally:
        if closed is not None:
            closed.append(name)


async def breaking(name: str) -> AsyncGenerator[str]:
    yield f"{name}0"
    raise LookupError(name)


async def test_what_all_of_them_yield_comes_each_in_its_own_order() -> None:
    found = [one async for one in merged([counting("a", 50), counting("b", 3), counting("c", 0)])]
    assert sorted(found) == sorted([f"a{n}" for n in range(50)] + [f"b{n}" for n in range(3)])
    assert [one for one in found if one[0] == "a"] == [f"a{n}" for n in range(50)]
    assert found.index("b2") < found.index("a49")


async def test_one_that_breaks_stops_none_of_the_others() -> None:
    found: list[str] = []

    async def read() -> None:
        async for one in merged([counting("a", 20), breaking("b")]):
            found.append(one)  # noqa: PERF401 - what came before it raised is to be kept

    with pytest.raises(LookupError, match="b"):
        await read()
    assert set(found) == {f"a{n}" for n in range(20)} | {"b0"}


async def test_closing_it_closes_all_of_them() -> None:
    closed: list[str] = []
    stream = merged([counting("a", 1000, closed=closed), counting("b", 1000, closed=closed)])
    assert await anext(stream)
    await stream.aclose()
    assert sorted(closed) == ["a", "b"]


async def test_whoever_waits_for_it_and_is_cancelled_is_cancelled() -> None:
    async def forever() -> AsyncGenerator[str]:
        await asyncio.Event().wait()
        yield "never"

    async def read() -> list[str]:
        return [one async for one in merged([forever(), forever()])]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
