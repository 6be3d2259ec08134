"""More of what an upstream can do to a relay, over real sockets: dates, rests, shares, links and streams that fail."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, cast

import pytest

from limner.domain.spec import Background, OutputFormat, Partial, Picture, Quality, Shown, Spec, Style
from limner.engines import EngineBusy, EngineFailed, EngineTrouble, EngineUnavailable, load
from limner.engines.openai_relay import Plug
from support.upstream import (
    Script,
    Turn,
    Upstream,
    answers,
    b64,
    event,
    links,
    paints,
    picture,
    refuses,
    streams,
    told,
    upstream,
)

KEY = "sk-of-ada-1234567890"
SPEC = Spec(
    prompt="an otter",
    n=1,
    width=1024,
    height=1024,
    quality=Quality.STANDARD,
    style=Style.VIVID,
    background=Background.OPAQUE,
    output_format=OutputFormat.PNG,
    output_compression=100,
    seed=None,
    model="gpt-image-2",
)
STREAMED = Spec(**{**{name: getattr(SPEC, name) for name in Spec.__slots__}, "partials": 2})


def relay(*theirs: tuple[Upstream, dict[str, Any]], **options: Any) -> Plug:
    upstreams = {
        name: {"address": there.address, "key": KEY, **more} for name, (there, more) in zip("ab", theirs, strict=False)
    }
    return cast("Plug", load("openai_relay")({"backoff_seconds": 0, "upstreams": upstreams, **options}))


async def shown_by(plug: Plug, *, times: int = 1, spec: Spec = SPEC) -> list[Shown]:
    await plug.open()
    try:
        return [one for _ in range(times) async for one in plug.paint(spec)]
    finally:
        await plug.close()


async def trouble_of(script: Script, **options: Any) -> tuple[EngineTrouble, Upstream]:
    async with upstream(script) as there:
        with pytest.raises(EngineTrouble) as caught:
            await shown_by(relay((there, {}), **options))
    return caught.value, there


async def test_a_date_to_come_again_is_understood() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    trouble, there = await trouble_of(refuses(429, retry_after=later))

    assert isinstance(trouble, EngineBusy)
    assert trouble.retry_after_seconds is not None
    assert 60 < trouble.retry_after_seconds <= 90
    assert len(there.heard) == 1


async def test_one_that_does_not_let_us_in_is_asked_once() -> None:
    trouble, there = await trouble_of(refuses(403, f"{KEY} may not"))

    assert isinstance(trouble, EngineUnavailable)
    assert KEY not in trouble.said
    assert len(there.heard) == 1


@pytest.mark.parametrize("status", [503, 529])
async def test_one_that_is_overloaded_is_asked_again(status: int) -> None:
    async with upstream(refuses(status), paints) as there:
        shown = await shown_by(relay((there, {})))

    assert len([one for one in shown if isinstance(one, Picture)]) == 1
    assert len(there.heard) == 2


async def test_shares_are_by_weight() -> None:
    async with upstream() as small, upstream() as large:
        shown = await shown_by(relay((small, {"weight": 1}), (large, {"weight": 3})), times=8)

    assert Counter(one.part for one in shown if isinstance(one, Picture)) == {"a": 2, "b": 6}
    assert (len(small.heard), len(large.heard)) == (2, 6)


async def test_a_file_at_an_address_that_is_no_picture_is_a_loss() -> None:
    async with upstream() as there:
        there.plays(links(there.keeps(b"<html>gone</html>", media_type="text/html")))
        with pytest.raises(EngineFailed):
            await shown_by(relay((there, {})))
        assert len(there.heard) == 1
        assert len(there.fetched) == 1


async def test_base64_counts_where_both_are_given() -> None:
    data = picture((1024, 1024))

    async def both(turn: Turn) -> None:
        link = turn.there.keeps(b"another")
        await turn.answer({"data": [{"b64_json": b64(data), "url": link}]})

    async with upstream(both) as there:
        shown = await shown_by(relay((there, {})))

    assert [one.data for one in shown if isinstance(one, Picture)] == [data]
    assert there.fetched == []


async def test_json_that_calls_itself_text_is_understood() -> None:
    async def as_text(turn: Turn) -> None:
        await turn.answer(told(turn.heard), media_type="text/plain; charset=utf-8")

    async with upstream(as_text) as there:
        shown = await shown_by(relay((there, {})))

    assert len([one for one in shown if isinstance(one, Picture)]) == 1


async def test_what_a_stream_showed_before_it_failed_stands() -> None:
    failed = event("error", error={"code": "server_error", "message": f"boom {KEY}"})
    shown: list[Shown] = []

    async def watch(plug: Plug) -> None:
        async for one in plug.paint(STREAMED):
            shown.append(one)  # noqa: PERF401 - a list made at once would be lost with the error

    async with upstream(streams(partials=2, then=failed, cut=99)) as there:
        plug = relay((there, {}), attempts_max=1)
        await plug.open()
        with pytest.raises(EngineFailed) as caught:
            await watch(plug)
        await plug.close()

    assert [one.number for one in shown if isinstance(one, Partial)] == [0, 1]
    assert KEY not in caught.value.said


async def test_an_upstream_that_is_well_again_is_asked_again() -> None:
    async with upstream(refuses(500), refuses(500), paints) as there:
        plug = relay((there, {}), breaker_failures=2, attempts_max=1, breaker_seconds=0.001)
        await plug.open()
        for _ in range(2):
            with pytest.raises(EngineFailed):
                _ = [one async for one in plug.paint(SPEC)]
        states = [plug.health()[0].state]
        while plug.health()[0].state == "resting":  # a millisecond
            pass
        _ = [one async for one in plug.paint(SPEC)]
        states.append(plug.health()[0].state)
        await plug.close()

    assert states[0] in {"resting", "trying"}
    assert states[1] == "well"


async def test_an_error_in_a_page_is_kept_short_and_for_the_operator() -> None:
    trouble, _ = await trouble_of(answers(b"<html>" + b"x" * 100_000, status=502, media_type="text/html"))

    assert isinstance(trouble, EngineFailed)
    assert len(trouble.said) < 5000
    assert "xxx" not in trouble.message
