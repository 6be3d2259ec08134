"""How quick the illustrator is here: `python benchmarks/illustrator.py [pictures]`.

Prints the median and the 99th percentile of one process in-process (standard and hd PNG), the time from a cold start to
the first picture, pictures a second over the pool, and what the painting processes hold in memory.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from limner.domain.spec import Background, OutputFormat, Picture, Quality, Spec, Style
from limner.engines.illustrator import Plug
from limner.engines.illustrator.studio import Studio

PROMPTS = (
    "A cute baby sea otter",
    "three blue cats, a house and a pine in the snow, at night",
    "a red car on a city street",
    "夕阳下的沙漠里有一头骆驼",
    "an astronaut and a rocket in space",
    "two foxes and an owl in the forest",
    "a cup of coffee and a croissant on a table",
    "five tropical fish and an octopus under water",
)
SPEC = Spec(
    prompt=PROMPTS[0],
    n=1,
    width=1024,
    height=1024,
    quality=Quality.STANDARD,
    style=Style.VIVID,
    background=Background.OPAQUE,
    output_format=OutputFormat.PNG,
    output_compression=100,
    seed=1,
)


def main() -> None:
    """Measure everything, and print a line for each."""
    pictures = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    print(
        f"machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}, {pictures} pictures of {len(PROMPTS)} prompts"
    )
    studio = Studio()
    for quality in Quality:
        for prompt in PROMPTS:
            studio.paint(replace(SPEC, prompt=prompt, quality=quality), index=0, seed=1)
        _tell(f"1024x1024 {quality} png, one process", _timed(studio, quality=quality, pictures=pictures))
    asyncio.run(_pool(pictures))


def _timed(studio: Studio, *, quality: Quality, pictures: int) -> list[tuple[float, int]]:
    measured = []
    for number in range(pictures):
        spec = replace(SPEC, prompt=PROMPTS[number % len(PROMPTS)], quality=quality)
        picture, seconds = _clocked(lambda spec=spec, number=number: studio.paint(spec, index=0, seed=number))
        measured.append((seconds, len(picture.data)))
    return measured


def _clocked(act: Callable[[], Picture]) -> tuple[Picture, float]:
    began = time.perf_counter()
    picture = act()
    return picture, time.perf_counter() - began


def _tell(what: str, measured: list[tuple[float, int]]) -> None:
    seconds = sorted(second for second, _ in measured)
    p50, p99 = statistics.median(seconds), seconds[min(len(seconds) - 1, int(len(seconds) * 0.99))]
    size = statistics.mean(size for _, size in measured) / 1024
    print(f"{what}: p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms, {size:.0f} KiB")


async def _pool(pictures: int) -> None:
    began = time.perf_counter()
    plug = Plug({"queue_length_max": 1_000})
    await plug.open()
    opened = time.perf_counter() - began
    await _paint(plug, SPEC)
    first = time.perf_counter() - began
    print(f"first picture: {first * 1000:.0f} ms after a cold start, {opened * 1000:.0f} ms of it to open")
    for prompt in PROMPTS:
        await _paint(plug, replace(SPEC, prompt=prompt, n=4))
    began = time.perf_counter()
    await asyncio.gather(
        *(_paint(plug, replace(SPEC, prompt=prompt, n=pictures // len(PROMPTS))) for prompt in PROMPTS)
    )
    seconds = time.perf_counter() - began
    done = pictures // len(PROMPTS) * len(PROMPTS)
    print(f"pool of {len(plug.pids())}: {done / seconds:.1f} pictures/s")
    held = [_resident_mib(pid) for pid in plug.pids()]
    print(f"memory of each painting process: {', '.join(f'{mib:.0f}' for mib in held)} MiB")
    await plug.close()


async def _paint(plug: Plug, spec: Spec) -> None:
    async with aclosing(plug.paint(spec)) as pictures:
        async for _ in pictures:
            pass


def _resident_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
