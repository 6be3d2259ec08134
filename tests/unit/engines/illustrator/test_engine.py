import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import pytest

from limner.domain.spec import Picture, Spec
from limner.engines import EngineBusy, EngineTimeout
from limner.engines.illustrator import Plug

MakesSpec = Callable[..., Spec]


@pytest.fixture
async def engine() -> AsyncGenerator[Plug]:
    plug = Plug({"processes": 1, "queue_length_max": 4})
    await plug.open()
    yield plug
    await plug.close()


def test_importing_it_loads_nothing_heavy() -> None:
    heavy = ["skia", "numpy", "isal", "zlib_ng", "PIL", "limner.engines.illustrator.art"]
    code = f"import sys, limner.engines.illustrator; sys.exit(any(name in sys.modules for name in {heavy!r}))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


async def test_it_paints_each_picture_once_with_seeds_counted_up(engine: Plug, a_spec: MakesSpec) -> None:
    pictures = [picture async for picture in engine.paint(a_spec(n=3, seed=2**63 - 1))]

    assert sorted((picture.index, picture.seed) for picture in pictures) == [(0, 2**63 - 1), (1, 0), (2, 1)]
    assert all(picture.data.startswith(b"\x89PNG") for picture in pictures)


async def test_without_a_seed_it_chooses_one_that_can_be_asked_for_again(engine: Plug, a_spec: MakesSpec) -> None:
    (chosen,) = [picture async for picture in engine.paint(a_spec(seed=None))]
    (again,) = [picture async for picture in engine.paint(a_spec(seed=chosen.seed))]

    assert again.data == chosen.data


async def test_a_killed_process_is_replaced_and_its_picture_painted(engine: Plug, a_spec: MakesSpec) -> None:
    os.kill(engine.pids()[0], signal.SIGKILL)

    (picture,) = [picture async for picture in engine.paint(a_spec())]

    assert isinstance(picture, Picture)


async def test_more_than_may_wait_is_refused_with_a_time_to_come_back(engine: Plug, a_spec: MakesSpec) -> None:
    with pytest.raises(EngineBusy) as refusal:
        await anext(engine.paint(a_spec(n=6)))

    assert refusal.value.retry_after_seconds >= 1


async def test_leaving_early_cancels_the_rest_and_the_engine_goes_on(engine: Plug, a_spec: MakesSpec) -> None:
    async with aclosing(engine.paint(a_spec(n=4))) as pictures:
        await anext(pictures)

    assert len([picture async for picture in engine.paint(a_spec(n=2))]) == 2


async def test_a_stuck_process_is_stopped_and_replaced(a_spec: MakesSpec) -> None:
    plug = Plug({"processes": 1, "picture_seconds_max": 0.8})
    await plug.open()
    [_ async for _ in plug.paint(a_spec())]
    os.kill(plug.pids()[0], signal.SIGSTOP)

    with pytest.raises(EngineTimeout):
        await anext(plug.paint(a_spec()))

    assert len([picture async for picture in plug.paint(a_spec())]) == 1
    await plug.close()


def test_processes_end_when_their_server_is_killed() -> None:
    code = (
        "import asyncio, os, signal\n"
        "from limner.engines.illustrator import Plug\n"
        "async def main():\n"
        "    plug = Plug({'processes': 1}); await plug.open()\n"
        "    print(plug.pids()[0], flush=True); os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())"
    )

    out = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, timeout=20).stdout

    # The painter held the other end of our pipe: its end of file came, so it is gone.
    assert int(out)


@pytest.mark.parametrize(
    "options",
    [{"processes": 0}, {"processes": True}, {"queue_length_max": -1}, {"picture_seconds_max": 0}, {"speed": 9}],
)
def test_wrong_options_are_refused_with_a_sentence(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="illustrator"):
        Plug(options)
