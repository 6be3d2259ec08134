"""The whole plug, through its device process, with a tiny pipeline: real pipes, real deaths."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from limner.domain.spec import Partial, Picture, Progress, Shown, Spec
from limner.engines import EngineBusy, EngineCannot, EngineFailed, EngineTimeout, EngineUnavailable, Health
from limner.engines.diffusers_local import Plug, looking
from support.tiny import build, skip_without_diffusers
from support.tiny_scenes import pixels_in, spec

skip_without_diffusers()

LONG = {"steps": 200}


@pytest.fixture(scope="session")
def klein(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("klein", tmp_path_factory.mktemp("klein") / "model")


@asynccontextmanager
async def opened(model: Path, **options: object) -> AsyncIterator[Plug]:
    plug = Plug({"model": str(model), "device": "cpu", "threads": 1, **options})
    await plug.open()
    try:
        yield plug
    finally:
        await plug.close()


async def painted(plug: Plug, wanted: Spec) -> list[Shown]:
    return [shown async for shown in plug.paint(wanted)]


def pictures(shown: list[Shown]) -> list[Picture]:
    return sorted((one for one in shown if isinstance(one, Picture)), key=lambda one: one.index)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not holds():  # noqa: ASYNC110 - what is waited for is another process
            await asyncio.sleep(0.005)


def is_there(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def part(plug: Plug, number: int = 0) -> Health:
    return plug.health()[number]


async def begun(generator: Any) -> None:
    """Wait until the first step is done."""
    async for shown in generator:
        if isinstance(shown, Progress) and shown.share > 0:
            return


async def test_a_request_is_painted_by_another_process_and_comes_back_with_its_steps(klein: Path) -> None:
    async with opened(klein) as plug:
        shown = await painted(plug, spec(n=2, extras={"steps": 4}))
        assert [one.seed for one in pictures(shown)] == [5, 6]
        assert all(pixels_in(one.data).shape == (64, 64, 3) for one in pictures(shown))
        assert all(one.part == "cpu" for one in pictures(shown))
        shares = [one.share for one in shown if isinstance(one, Progress)]
        assert shares == sorted(shares)
        assert shares[0] == 0.0
        assert shares[-1] == 1.0
        assert part(plug).state == "well"
        assert (part(plug).tried, part(plug).failed) == (1, 0)
        assert (part(plug).details or {})["recipe"].startswith("flux2-klein")


async def test_unfinished_pictures_come_before_the_finished(klein: Path) -> None:
    async with opened(klein) as plug:
        shown = await painted(plug, spec(partials=2, extras={"steps": 4}))
        kinds = [type(one) for one in shown if not isinstance(one, Progress)]
        assert kinds == [Partial, Partial, Picture]


async def test_the_same_seed_gives_the_same_bytes_in_another_process(klein: Path) -> None:
    async with opened(klein) as one, opened(klein) as two:
        first, second = await painted(one, spec()), await painted(two, spec())
    assert pictures(first)[0].data == pictures(second)[0].data


async def test_whoever_leaves_frees_the_device_within_a_step(klein: Path) -> None:
    async with opened(klein) as plug:
        generator = plug.paint(spec(extras=LONG))
        async with aclosing(generator):
            await begun(generator)
        # 200 steps were asked for: the next would wait for them, were they taken.
        after = pictures(await painted(plug, spec(extras={"steps": 1})))
        assert len(after) == 1
        assert part(plug).tried == 2
        assert part(plug).failed == 0


async def test_a_process_that_is_killed_ends_the_task_clearly_and_the_next_request_works(klein: Path) -> None:
    async with opened(klein) as plug:
        generator = plug.paint(spec(extras=LONG))
        async with aclosing(generator):
            await begun(generator)
            (pid,) = plug.pids()
            os.kill(pid, signal.SIGKILL)
            with pytest.raises(EngineFailed, match="the device process was killed by signal 9"):
                await begun_never(generator)
        assert "signal 9" in (part(plug).last_trouble or "")
        assert len(pictures(await painted(plug, spec()))) == 1
        assert plug.pids() != [pid]
        assert part(plug).failed == 1


async def begun_never(generator: Any) -> None:
    async for _ in generator:
        pass


async def test_what_waited_behind_a_death_is_painted_by_the_next_process(klein: Path) -> None:
    async with opened(klein) as plug:
        generator = plug.paint(spec(extras=LONG))
        async with aclosing(generator):
            await begun(generator)
            waiting = asyncio.create_task(painted(plug, spec()))
            await asyncio.sleep(0)
            os.kill(plug.pids()[0], signal.SIGKILL)
            with pytest.raises(EngineFailed):
                await begun_never(generator)
        assert len(pictures(await waiting)) == 1


async def test_requests_that_wait_and_go_together_are_painted_in_one_call(klein: Path) -> None:
    async with opened(klein, batch=4) as plug:
        generator = plug.paint(spec(seed=None, extras=LONG))
        async with aclosing(generator):
            await begun(generator)
            waiting = [asyncio.create_task(painted(plug, spec(seed=None, prompt=f"otter {n}"))) for n in range(4)]
            await until(lambda: sum(1 for one in waiting if not one.done()) == 4)
            await asyncio.sleep(0.05)
        answers = await asyncio.gather(*waiting)
        assert all(len(pictures(one)) == 1 for one in answers)
        assert part(plug).tried == 2
        assert all(any("together" in note for note in pictures(one)[0].notes) for one in answers)


async def test_with_the_switch_off_each_is_painted_by_itself(klein: Path) -> None:
    async with opened(klein, batch=4, batch_sizes={"64x64": 1, "256x256": 1}) as plug:
        await asyncio.gather(*(painted(plug, spec(seed=None)) for _ in range(3)))
        assert part(plug).tried == 3


async def test_one_that_leaves_a_batch_does_not_take_the_others_along(klein: Path) -> None:
    async with opened(klein, batch=2) as plug:
        first = plug.paint(spec(seed=None, extras={"steps": 60}))
        other = asyncio.create_task(painted(plug, spec(seed=None, extras={"steps": 60})))
        async with aclosing(first):
            await begun(first)
        assert len(pictures(await other)) == 1


async def test_several_devices_share_the_pictures_of_one_request(klein: Path) -> None:
    # Two of them on one cpu: what is tried is the sharing.
    plug = Plug({"model": str(klein), "device": "cpu", "threads": 1})
    await plug.open()
    await plug.close()
    from limner.engines.diffusers_local.pool import Pool

    pool = Pool(plug._options, recipe=plug._recipe, devices=["cpu", "cpu"])
    pool.open()
    plug._pool = pool
    try:
        await until(lambda: all(one.state == "well" for one in plug.health()))
        shown = await painted(plug, spec(n=4))
        assert [one.index for one in pictures(shown)] == [0, 1, 2, 3]
        assert [one.seed for one in pictures(shown)] == [5, 6, 7, 8]
        assert [one.tried for one in plug.health()] == [1, 1]
    finally:
        await plug.close()


async def test_too_many_that_wait_are_told_so(klein: Path) -> None:
    async with opened(klein, waiting=1) as plug:
        generator = plug.paint(spec(extras=LONG))
        async with aclosing(generator):
            await begun(generator)
            waiting = asyncio.create_task(painted(plug, spec()))
            await asyncio.sleep(0.05)
            with pytest.raises(EngineBusy, match="wait"):
                await painted(plug, spec())
        assert len(pictures(await waiting)) == 1


async def test_a_call_that_takes_too_long_is_ended(klein: Path) -> None:
    async with opened(klein, seconds=0.2) as plug:
        with pytest.raises(EngineTimeout, match=r"0\.2 seconds"):
            await painted(plug, spec(n=4, extras=LONG))


async def test_a_model_that_is_not_there_is_said_in_health_and_to_the_caller(tmp_path: Path) -> None:
    async with opened(tmp_path / "nowhere") as plug:
        with pytest.raises(EngineUnavailable) as caught:
            await painted(plug, spec())
        assert "there is no folder" in caught.value.said
        assert part(plug).state == "resting"
        assert "there is no folder" in (part(plug).last_trouble or "")
        with pytest.raises(EngineUnavailable):
            await painted(plug, spec())


async def test_what_the_model_cannot_do_is_said_before_a_device_hears_of_it(klein: Path) -> None:
    async with opened(klein) as plug:
        with pytest.raises(EngineCannot) as caught:
            await painted(plug, spec(extras={"lora": "ink"}))
        assert caught.value.param == "lora"
        assert part(plug).tried == 0


async def test_closing_ends_its_processes_and_everything_that_waits(klein: Path) -> None:
    plug = Plug({"model": str(klein), "device": "cpu", "threads": 1})
    await plug.open()
    generator = plug.paint(spec(extras=LONG))
    async with aclosing(generator):
        await begun(generator)
        (pid,) = plug.pids()
        await plug.close()
        with pytest.raises(EngineUnavailable):
            await begun_never(generator)
    assert not is_there(pid)


async def test_without_the_extra_it_can_be_named_but_not_opened(klein: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "PACKAGES", ("torch", "a_package_that_nobody_has"))
    plug = Plug({"model": str(klein)})
    with pytest.raises(EngineUnavailable) as caught:
        await plug.open()
    assert "make diffusers" in caught.value.said
