"""The relay and a real server that answers well, badly, slowly, or not at all."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast

import pytest
from PIL import Image

from limner.domain.spec import (
    VARIATION,
    Background,
    Cause,
    OutputFormat,
    Partial,
    Picture,
    Quality,
    Setback,
    Shown,
    Source,
    Spec,
    Style,
    Usage,
)
from limner.engines import (
    EngineBusy,
    EngineCannot,
    EngineFailed,
    EngineQuota,
    EngineRefused,
    EngineTimeout,
    EngineTrouble,
    EngineUnavailable,
    load,
)
from limner.engines.openai_relay import Plug
from support import upstream as plays
from support.upstream import Script, Upstream, picture, upstream

KEY = "sk-of-ada-1234567890"


def spec(**otherwise: Any) -> Spec:
    plain: dict[str, Any] = {
        "prompt": "an otter",
        "n": 1,
        "width": 1024,
        "height": 1024,
        "quality": Quality.STANDARD,
        "style": Style.VIVID,
        "background": Background.OPAQUE,
        "output_format": OutputFormat.PNG,
        "output_compression": 100,
        "seed": None,
        "model": "gpt-image-2",
    }
    return Spec(**{**plain, **otherwise})


def relay_of(*theirs: Upstream, options: dict[str, Any] | None = None, **more: Any) -> Plug:
    upstreams = {
        name: {"address": there.address, "key": KEY, "model": "gpt-image-2", **more}
        for name, there in zip("abcd", theirs, strict=False)
    }
    given = {"backoff_seconds": 0, "upstreams": upstreams, **(options or {})}
    return cast("Plug", load("openai_relay")(given))


@asynccontextmanager
async def opened(plug: Plug) -> AsyncIterator[Plug]:
    await plug.open()
    try:
        yield plug
    finally:
        await plug.close()


async def painted(*theirs: Upstream, wanted: Spec | None = None, **given: Any) -> list[Shown]:
    async with opened(relay_of(*theirs, **given)) as plug:
        return [one async for one in plug.paint(wanted or spec())]


async def trouble_with(script: Script, wanted: Spec | None = None, **given: Any) -> tuple[EngineTrouble, Upstream]:
    async with upstream(script) as there:
        with pytest.raises(EngineTrouble) as caught:
            await painted(there, wanted=wanted, **given)
        return caught.value, there


def pictures(shown: list[Shown]) -> list[Picture]:
    return [one for one in shown if isinstance(one, Picture)]


# what goes well ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "script", [plays.paints, plays.drips, plays.chunks, plays.zips], ids=["at_once", "slowly", "chunked", "gzip"]
)
@pytest.mark.parametrize("output_format", [OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP])
async def test_a_picture_comes_byte_for_byte(script: Script, output_format: OutputFormat) -> None:
    async with upstream(script) as there:
        shown = await painted(there, wanted=spec(output_format=output_format))
        (one,) = pictures(shown)
        assert one.data == plays.wanted(there.heard[0])
        assert (one.output_format, one.width, one.height, one.part) == (output_format, 1024, 1024, "a")
        assert Usage(input_text_tokens=12, output_image_tokens=4160) in shown
        assert there.heard[0].headers["authorization"] == f"Bearer {KEY}"
        assert there.heard[0].path == "/v1/images/generations"


async def test_dall_e_3s_words_become_gpt_images_and_the_picture_becomes_dall_e_3s() -> None:
    async with upstream() as there:
        wanted = spec(model="dall-e-3", width=1792, height=1024, quality=Quality.HD, quality_word="hd")
        (one,) = pictures(await painted(there, wanted=wanted, model="gpt-image-1"))
        said = there.heard[0].json
    assert said["quality"] == "high"
    assert said["size"] == "1536x1024"
    assert "style" not in said
    assert "response_format" not in said
    assert said["prompt"].startswith("an otter. Vivid style")
    assert (one.width, one.height) == Image.open(io.BytesIO(one.data)).size == (1792, 1024)
    assert one.notes == ("made at 1536x1024, then scaled and cropped to 1792x1024",)
    assert one.revised_prompt == said["prompt"]


async def test_what_the_upstream_revised_is_said() -> None:
    async with upstream(plays.paints_data(picture((1024, 1024)), revised_prompt="A sea otter at dusk.")) as there:
        (one,) = pictures(await painted(there))
    assert one.revised_prompt == "A sea otter at dusk."


async def test_n_is_fanned_out_where_the_upstream_makes_one() -> None:
    async with upstream() as there:
        found = pictures(await painted(there, wanted=spec(n=4, seed=7), dialect="vllm_omni"))
        assert sorted((one.index, one.seed) for one in found) == [(0, 7), (1, 8), (2, 9), (3, 10)]
        assert sorted(heard.json["seed"] for heard in there.heard) == [7, 8, 9, 10]
        assert {heard.json.get("n", 1) for heard in there.heard} == {1}


async def test_n_is_one_call_where_the_upstream_makes_many() -> None:
    async with upstream() as there:
        found = pictures(await painted(there, wanted=spec(n=4)))
        assert [one.index for one in found] == [0, 1, 2, 3]
        assert [heard.json["n"] for heard in there.heard] == [4]


async def test_what_is_missing_is_asked_for_again_and_nothing_else() -> None:
    async with upstream(plays.paints_fewer(3), plays.paints) as there:
        shown = await painted(there, wanted=spec(n=4))
        assert sorted(one.index for one in pictures(shown)) == [0, 1, 2, 3]
        assert [heard.json.get("n", 1) for heard in there.heard] == [4, 1]
        (setback,) = (one for one in shown if isinstance(one, Setback))
        assert "3 of 4" in setback.said


async def test_no_more_than_it_is_given_at_once() -> None:
    async with upstream(plays.in_groups(2)) as there:
        async with opened(relay_of(there, concurrent=2, dialect="vllm_omni")) as plug:
            found = [one async for one in plug.paint(spec(n=8))]
        assert len(pictures(found)) == 8
        assert there.at_once_max == 2
        assert there.connections <= 2


async def test_edits_go_as_a_form_with_their_pictures_and_mask() -> None:
    first, second, mask = picture((1024, 1024)), picture((64, 64), "jpeg"), picture((1024, 1024))
    wanted = spec(
        images=(Source(data=first, media_type="image/png"), Source(data=second, media_type="image/jpeg")),
        mask=Source(data=mask, media_type="image/png"),
    )
    async with upstream() as there:
        (one,) = pictures(await painted(there, wanted=wanted))
        heard = there.heard[0]
    assert heard.path == "/v1/images/edits"
    assert heard.form["prompt"] == "an otter"
    assert [(name, data) for name, _, data in heard.files] == [("image[]", first), ("image[]", second), ("mask", mask)]
    assert int(heard.headers["content-length"]) == len(heard.body)
    assert one.width == 1024


async def test_large_pictures_to_start_from_go_out_whole() -> None:
    large = picture((64, 64)) + bytes(3_000_000)
    async with upstream(plays.paints_data(picture((1024, 1024)))) as there:
        await painted(there, wanted=spec(images=(Source(data=large, media_type="image/png"),)))
        assert there.heard[0].files[0][2] == large


# streams -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [7, 1000, 10_000_000])
async def test_unfinished_pictures_come_as_they_arrive(cut: int) -> None:
    async with upstream(plays.streams(partials=2, cut=cut)) as there:
        shown = await painted(there, wanted=spec(partials=2, n=2))
        partials = [one for one in shown if isinstance(one, Partial)]
        assert sorted((one.index, one.number) for one in partials) == [(0, 0), (0, 1), (1, 0), (1, 1)]
        assert sorted(one.index for one in pictures(shown)) == [0, 1]
        assert {heard.json["partial_images"] for heard in there.heard} == {2}
        kinds = [type(one).__name__ for one in shown]
        assert kinds.index("Partial") < kinds.index("Picture")
        assert sum(one.output_image_tokens for one in shown if isinstance(one, Usage)) == 2 * 4160


async def test_an_unfinished_picture_is_shown_while_the_upstream_still_paints() -> None:
    async with upstream(plays.streams_when_released(kind="image_edit")) as there, opened(relay_of(there)) as plug:
        wanted = spec(partials=1, images=(Source(data=picture(), media_type="image/png"),))
        async with aclosing(plug.paint(wanted)) as shown:
            first = await anext(shown)
            assert isinstance(first, Partial)
            assert not there.release.is_set()
            there.release.set()
            rest = [one async for one in shown]
        assert len(pictures(rest)) == 1
        assert there.heard[0].path == "/v1/images/edits"
        assert (there.heard[0].form["stream"], there.heard[0].form["partial_images"]) == ("true", "1")


async def test_an_upstream_that_does_not_stream_after_all_is_understood() -> None:
    async with upstream() as there:
        shown = await painted(there, wanted=spec(partials=2))
    assert len(pictures(shown)) == 1


async def test_a_stream_that_ends_early_is_a_failure_and_a_loss() -> None:
    trouble, there = await trouble_with(plays.streams(then=b""), spec(partials=1))
    assert isinstance(trouble, EngineFailed)
    assert trouble.lost_pictures == 1
    assert len(there.heard) == 1


async def test_an_error_within_a_stream_is_that_error() -> None:
    blocked = plays.event("error", error={"code": "moderation_blocked", "message": "no"})
    trouble, _ = await trouble_with(plays.streams(then=blocked), spec(partials=1))
    assert isinstance(trouble, EngineRefused)


# what only some make -----------------------------------------------------------------------------------------------------

FLARE = "gpt-image-2.6-flare"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="6"></svg>'


def gif() -> bytes:
    file = io.BytesIO()
    frames = [Image.new("RGB", (512, 512), (90 * number, 9, 9)) for number in range(3)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:], duration=100)
    return file.getvalue()


async def test_a_gif_comes_with_all_its_frames() -> None:
    moving = gif()
    async with upstream(plays.paints_data(moving)) as there:
        wanted = spec(model=FLARE, output_format=OutputFormat.GIF, width=512, height=512, frames=3)
        (one,) = pictures(await painted(there, wanted=wanted, model=FLARE))
        said = there.heard[0].json
    assert (one.data, one.output_format, one.width, one.notes) == (moving, OutputFormat.GIF, 512, ())
    assert (said["output_format"], said["frame_count"], said["frame_duration_ms"]) == ("gif", 3, 200)


async def test_a_drawing_comes_as_it_was_drawn() -> None:
    async with upstream(plays.paints_data(SVG)) as there:
        wanted = spec(model=FLARE, output_format=OutputFormat.SVG)
        (one,) = pictures(await painted(there, wanted=wanted, model=FLARE))
    assert (one.data, one.output_format, one.width, one.height) == (SVG, OutputFormat.SVG, 1024, 1024)


async def test_a_flat_picture_where_a_gif_was_asked_for_is_a_failure() -> None:
    trouble, _ = await trouble_with(plays.paints_data(picture()), spec(output_format=OutputFormat.GIF), model=FLARE)
    assert isinstance(trouble, EngineFailed)
    assert "sent a png, and was asked for a gif" in trouble.message


async def test_variations_go_where_they_are_made_or_are_edits() -> None:
    otter = picture((64, 64))
    wanted = spec(prompt=VARIATION, is_variation=True, images=(Source(data=otter, media_type="image/png"),))
    async with upstream() as there:
        await painted(there, wanted=wanted, model="dall-e-2", dialect="dalle")
        (one,) = pictures(await painted(there, wanted=wanted))
        old, new = there.heard
    assert (old.path, [name for name, _, _ in old.files]) == ("/v1/images/variations", ["image"])
    assert "prompt" not in old.form
    assert (new.path, new.form["prompt"]) == ("/v1/images/edits", VARIATION)
    assert one.revised_prompt == VARIATION


async def test_what_was_given_is_counted_as_the_upstream_counts() -> None:
    told = {
        "input_tokens": 300,
        "output_tokens": 1056,
        "total_tokens": 1356,
        "input_tokens_details": {"text_tokens": 12, "image_tokens": 288},
        "output_tokens_details": {"text_tokens": 56, "image_tokens": 1000},
    }
    answer = {"data": [{"b64_json": plays.b64(picture((1024, 1024)))}], "usage": told}
    async with upstream(plays.answers(answer)) as there:
        shown = await painted(there, wanted=spec(images=(Source(data=picture(), media_type="image/png"),)))
    assert Usage(input_text_tokens=12, input_image_tokens=288, output_text_tokens=56, output_image_tokens=1000) in shown


async def test_each_model_of_a_relay_writes_what_its_upstream_writes() -> None:
    plug = relay_of(Upstream(port=9), models={"gpt-image-2.6-flare": FLARE}, model="gpt-image-2")
    assert plug.output_formats == set(OutputFormat)
    assert plug.formats(FLARE) == set(OutputFormat)
    assert plug.formats("gpt-image-2") == {OutputFormat.PNG, OutputFormat.JPEG, OutputFormat.WEBP}


# links -------------------------------------------------------------------------------------------------------------------


async def test_an_address_at_the_upstream_is_fetched_with_its_key() -> None:
    async with upstream() as there:
        data = picture((1024, 1024))
        there.plays(plays.links(there.keeps(data)))
        (one,) = pictures(await painted(there))
        assert one.data == data
        assert one.link is None
        assert there.fetched[0].headers["authorization"] == f"Bearer {KEY}"


async def test_a_relative_address_is_the_upstreams() -> None:
    async with upstream() as there:
        there.keeps(picture((1024, 1024)))
        there.plays(plays.links("/pictures/otter.png"))
        assert len(pictures(await painted(there))) == 1


async def test_an_address_elsewhere_on_this_machine_is_not_fetched() -> None:
    async with upstream() as there, upstream() as elsewhere:
        link = elsewhere.keeps(picture((1024, 1024)))
        there.plays(plays.links(link))
        with pytest.raises(EngineFailed) as caught:
            await painted(there)
        assert elsewhere.fetched == []
    assert "cannot be fetched" in caught.value.message
    assert caught.value.lost_pictures == 1


async def test_an_address_where_nothing_is_is_a_loss() -> None:
    async with upstream() as there:
        there.plays(plays.links(f"http://127.0.0.1:{there.port}/pictures/none.png"))
        with pytest.raises(EngineFailed) as caught:
            await painted(there)
    assert "404" in caught.value.said
    assert caught.value.lost_pictures == 1


async def test_an_address_is_passed_on_where_that_is_wanted() -> None:
    async with upstream() as there:
        link = there.keeps(picture((1024, 1024)))
        there.plays(plays.links(link))
        given: dict[str, Any] = {"options": {"links": "pass"}, "dialect": "dalle", "model": "dall-e-3"}
        (one,) = pictures(await painted(there, wanted=spec(links_will_do=True), **given))
        assert (one.link, one.data) == (link, b"")
        assert there.heard[0].json["response_format"] == "url"
        assert there.fetched == []
        (hosted,) = pictures(await painted(there, wanted=spec(), **given))
        assert hosted.link is None
        assert there.heard[1].json["response_format"] == "b64_json"


# what goes wrong ---------------------------------------------------------------------------------------------------------

BAD = {
    "moderated": (
        plays.refuses(400, "Your request was rejected by the safety system.", code="moderation_blocked"),
        EngineRefused,
        0,
    ),
    "policy": (plays.refuses(400, code="content_policy_violation"), EngineRefused, 0),
    "azure": (
        plays.answers({"error": {"code": "contentFilter", "message": "x", "inner_error": {"code": "x"}}}, status=400),
        EngineRefused,
        0,
    ),
    "size": (plays.refuses(400, "bad size", code="invalid_value", param="size"), EngineCannot, 0),
    "quota": (plays.refuses(429, "You exceeded your current quota", code="insufficient_quota"), EngineQuota, 0),
    "no_way_in": (
        plays.refuses(401, f"Incorrect API key provided: {KEY}", code="invalid_api_key"),
        EngineUnavailable,
        0,
    ),
    "not_there": (plays.refuses(404), EngineUnavailable, 0),
    "elsewhere": (plays.answers(b"", status=302, location="http://127.0.0.1:1/"), EngineUnavailable, 0),
    "gave_up": (plays.answers(b"<h1>Bad gateway</h1>", status=502, media_type="text/html"), EngineFailed, 1),
    "gateway_timeout": (plays.answers(b"", status=504), EngineTimeout, 1),
    "a_page": (plays.answers(b"<html>hello</html>", media_type="text/html"), EngineFailed, 0),
    "a_file": (plays.answers(picture(), media_type="image/png"), EngineFailed, 0),
    "nothing": (plays.answers({"data": []}), EngineFailed, 0),
    "bad_base64": (plays.answers({"data": [{"b64_json": "%%%"}]}), EngineFailed, 1),
    "no_picture": (plays.paints_data(b"hello"), EngineFailed, 0),
    "cut_off": (plays.paints_data(picture((1024, 1024))[:200]), EngineFailed, 0),
    "breaks": (plays.breaks, EngineFailed, 1),
    "half_closed": (plays.half_closes, EngineFailed, 1),
    "nonsense": (plays.talks_nonsense, EngineFailed, 1),
}


@pytest.mark.parametrize("name", BAD)
async def test_each_fault_has_one_meaning_and_is_not_repeated(name: str) -> None:
    script, kind, lost = BAD[name]
    trouble, there = await trouble_with(script)
    assert type(trouble) is kind
    assert trouble.part == "a"
    assert trouble.lost_pictures == lost
    assert KEY not in trouble.said + trouble.message
    assert len(there.heard) == 1


async def test_an_upstream_that_is_not_there_is_unavailable() -> None:
    async with upstream() as there:
        pass
    with pytest.raises(EngineUnavailable) as caught:
        await painted(there)
    assert caught.value.lost_pictures == 0


@pytest.mark.parametrize("script", [plays.hangs_up, plays.resets])
async def test_one_that_hangs_up_on_a_request_may_have_painted_it(script: Script) -> None:
    trouble, there = await trouble_with(script)
    assert isinstance(trouble, EngineFailed)
    assert trouble.lost_pictures == 1
    assert len(there.heard) == 1


async def test_a_connection_that_was_kept_and_is_closed_is_simply_made_anew() -> None:
    async with upstream(plays.paints, plays.hangs_up, plays.paints) as there, opened(relay_of(there)) as plug:
        assert len(pictures([one async for one in plug.paint(spec())])) == 1
        shown = [one async for one in plug.paint(spec())]
        assert len(pictures(shown)) == 1
        assert len(there.heard) == 3


@pytest.mark.parametrize("script", [plays.hangs, plays.hangs_within])
async def test_one_that_takes_too_long_is_given_up(script: Script) -> None:
    trouble, there = await trouble_with(script, seconds=0.2)
    assert isinstance(trouble, EngineTimeout)
    assert trouble.lost_pictures == 1
    assert len(there.heard) == 1


async def test_silence_within_an_answer_is_given_up_sooner() -> None:
    trouble, _ = await trouble_with(plays.hangs_within, idle_seconds=0.1, seconds=60)
    assert isinstance(trouble, EngineTimeout)


async def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    trouble, there = await trouble_with(plays.never_ends, answer_bytes_max=1_000_000)
    assert isinstance(trouble, EngineFailed)
    assert "1000000 bytes" in trouble.message
    assert trouble.lost_pictures == 1
    assert len(there.heard) == 1


# asked again, and asked elsewhere ----------------------------------------------------------------------------------------


async def test_a_500_is_asked_again_with_the_same_words() -> None:
    async with upstream(plays.refuses(500, "boom"), plays.paints) as there:
        shown = await painted(there)
        assert len(pictures(shown)) == 1
        assert there.heard[0].body == there.heard[1].body
    (setback,) = (one for one in shown if isinstance(one, Setback))
    assert (setback.part, setback.cause) == ("a", Cause.FAILED)
    assert "boom" in setback.said


async def test_three_tries_are_enough() -> None:
    trouble, there = await trouble_with(plays.refuses(500))
    assert isinstance(trouble, EngineFailed)
    assert len(there.heard) == 3


async def test_429_is_asked_again_when_it_says() -> None:
    busy = plays.refuses(429, code="rate_limit_exceeded", retry_after_ms="30")
    async with upstream(busy, plays.paints) as there:
        started = time.monotonic()
        assert len(pictures(await painted(there))) == 1
        assert time.monotonic() - started >= 0.03
        assert len(there.heard) == 2


async def test_429_that_says_much_later_is_the_callers_to_wait_for() -> None:
    trouble, there = await trouble_with(plays.refuses(429, retry_after="120"))
    assert isinstance(trouble, EngineBusy)
    assert trouble.retry_after_seconds == 120
    assert len(there.heard) == 1


async def test_429_without_a_word_is_asked_again_after_a_pause_of_ours() -> None:
    async with upstream(plays.refuses(429), plays.paints) as there:
        assert len(pictures(await painted(there, options={"backoff_seconds": 0.01}))) == 1
        assert len(there.heard) == 2


@pytest.mark.parametrize(
    "script", [plays.refuses(401), plays.refuses(402), plays.refuses(500), plays.refuses(429, retry_after="300")]
)
async def test_another_upstream_is_asked_at_once(script: Script) -> None:
    async with upstream(script) as bad, upstream() as good:
        shown = await painted(bad, good)
        (one,) = pictures(shown)
        assert one.part == "b"
        assert (len(bad.heard), len(good.heard)) == (1, 1)
        assert [one.part for one in shown if isinstance(one, Setback)] == ["a"]


async def test_what_may_have_been_painted_is_not_asked_of_another() -> None:
    async with upstream(plays.breaks) as bad, upstream() as good:
        with pytest.raises(EngineFailed):
            await painted(bad, good)
        assert len(good.heard) == 0


async def test_one_whose_words_do_not_suffice_is_passed_over() -> None:
    async with upstream() as plain, upstream() as seeded:
        upstreams = {
            "plain": {"address": plain.address, "model": "gpt-image-2"},
            "seeded": {"address": seeded.address, "dialect": "sglang"},
        }
        plug = cast("Plug", load("openai_relay")({"upstreams": upstreams}))
        async with opened(plug):
            assert "seed" in plug.extras("dall-e-3")
            for _ in range(3):
                (one,) = pictures([one async for one in plug.paint(spec(seed=5))])
                assert (one.part, one.seed) == ("seeded", 5)
    assert plain.heard == []


async def test_what_no_upstream_has_a_word_for_is_refused_by_name() -> None:
    async with upstream() as there:
        with pytest.raises(EngineCannot) as caught:
            await painted(there, wanted=spec(seed=5))
        assert caught.value.param == "seed"
        with pytest.raises(EngineCannot) as caught:
            await painted(there, wanted=spec(extras={"steps": 9}))
        assert caught.value.param == "steps"
    assert there.heard == []


async def test_a_model_that_nobody_serves_is_said() -> None:
    async with upstream() as there:
        with pytest.raises(EngineCannot) as caught:
            await painted(there, model=None, models={"dall-e-3": "gpt-image-2"})
        assert caught.value.param == "model"


async def test_one_that_fails_and_fails_is_left_alone_for_a_while() -> None:
    options = {"breaker_failures": 2, "attempts_max": 1}
    async with upstream(plays.refuses(500)) as there, opened(relay_of(there, options=options)) as plug:
        for _ in range(4):
            with pytest.raises((EngineFailed, EngineUnavailable)):
                _ = [one async for one in plug.paint(spec())]
        assert len(there.heard) == 2
        (health,) = plug.health()
        assert (health.state, health.tried, health.failed) == ("resting", 2, 2)


# leaving -----------------------------------------------------------------------------------------------------------------


async def test_whoever_leaves_takes_his_request_back() -> None:
    async with upstream(plays.hangs) as there, opened(relay_of(there)) as plug:
        painting = asyncio.create_task(anext(plug.paint(spec())))
        await there.began.wait()
        painting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await painting
        await asyncio.wait_for(there.left.wait(), 5)
        assert plug.health()[0].busy == 0


async def test_one_that_is_closed_early_gives_its_place_back() -> None:
    async with upstream() as there, opened(relay_of(there, dialect="vllm_omni", concurrent=1)) as plug:
        shown = plug.paint(spec(n=3))
        assert await anext(shown)
        await shown.aclose()
        assert plug.health()[0].busy == 0
        assert len(pictures([one async for one in plug.paint(spec())])) == 1


async def test_the_loop_goes_on_while_megabytes_are_taken_apart() -> None:
    file = io.BytesIO()
    Image.frombytes("RGB", (2000, 2000), bytes(12_000_000)).save(file, "PNG", compress_level=0)
    data = file.getvalue()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    async with upstream(plays.paints_data(data)) as there, opened(relay_of(there, options={"fit": "off"})) as plug:
        ticking = asyncio.create_task(tick())
        stream = plug.paint(spec())
        seen = []
        before = 0
        async for one in stream:
            seen.append(ticks - before)
            before = ticks
            if isinstance(one, Picture):
                assert one.data == data
        ticking.cancel()
    assert min(seen) > 0
    assert ticks > 100


async def test_what_is_known_before_it_is_opened() -> None:
    plug = relay_of(Upstream(port=9))
    assert plug.images_max == 16
    assert OutputFormat.SVG not in plug.output_formats
    assert plug.health()[0].state == "unknown"
    assert KEY not in repr(plug.health())


async def test_options_that_are_wrong_are_said_in_a_sentence() -> None:
    with pytest.raises(ValueError, match="at least one upstream"):
        load("openai_relay")({})
