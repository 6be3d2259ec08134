"""Prompt to pictures in storage: the only slow act, outside every transaction.

The same function whoever performs: the process that admitted a synchronous call, or a worker. It goes down the model's
chain of engines until there is nothing left to paint, or nobody left to ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from limner.attempts.models import Attempt
from limner.catalog.models import Fallback
from limner.catalog.service import UnknownModel
from limner.domain.problem import Problem
from limner.domain.spec import Spec
from limner.engines import Engine, EngineFailed, EngineTrouble
from limner.flow import inputs, moderate, revise, spans
from limner.flow.house import House
from limner.flow.stage import Audience, Stage
from limner.images.models import StoredImage
from limner.tasks.models import Link, Outcome, Task


class TaskTimedOut(Problem):
    """The engine took longer than a task may."""

    code = "timed_out"
    status = 504


@dataclass(frozen=True, slots=True, kw_only=True)
class Performed:
    """What became of a task: pictures in the order of their index, and what stopped it before it was done, if anything.

    `data[i]` are the bytes of `images[i]`, still in memory; `links`: pictures that lie elsewhere. `outcome`: how they came
    to be; `attempts`: what was tried in vain. `partials`: unfinished pictures of it lie in storage.
    `passed_on`: nothing is there yet, and it is the turn of this engine, which other nodes have.
    """

    images: list[StoredImage]
    data: list[bytes]
    links: list[Link]
    trouble: Problem | None
    outcome: Outcome | None
    attempts: list[Attempt]
    partials: bool
    passed_on: str | None = None

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.images) + len(self.links)


async def perform(house: House, *, task: Task, spec: Spec, audience: Audience | None = None) -> Performed:
    """Have the pictures painted and store each as it is done. Expected trouble is in the answer, not raised."""
    stage = Stage(house, task=task, spec=spec, audience=audience)
    trouble: Problem | None = None
    passed_on: str | None = None
    try:
        async with asyncio.timeout(house.task_seconds):
            spec = await inputs.furnished(house, task=task, spec=spec)
            await moderate.moderate_prompt(house, task=task, spec=spec)
            # What is to be looked at before anybody can read it has to come here first.
            may_stay_there = (
                task.as_links
                and not moderate.checks_pictures(house)
                and not (audience is not None and audience.wants_bytes)
            )
            wanted = replace(await revise.revised(house, task=task, spec=spec), links_will_do=may_stay_there)
            passed_on, trouble = await _go_down(house, chain_of(house, task), task=task, spec=wanted, stage=stage)
    except TimeoutError:
        trouble = TaskTimedOut(
            f"the picture was not done within {house.task_seconds} seconds; nothing was charged for it"
        )
    except Problem as problem:
        trouble = problem
    trouble = await moderate.told(house, trouble, task=task, engine=stage.refused_by)
    done = [stage.done[index] for index in sorted(stage.done)]
    if trouble is None and passed_on is None and stage.refused:
        trouble = stage.refused[min(stage.refused)]
    return Performed(
        images=[image for image, _ in done],
        data=[data for _, data in done],
        links=[stage.links[index] for index in sorted(stage.links)],
        trouble=trouble,
        outcome=stage.outcome(),
        attempts=stage.attempts,
        partials=stage.partials,
        passed_on=passed_on,
    )


def chain_of(house: House, task: Task) -> tuple[Fallback, ...]:
    """The engines whose turn it may be, from the task's own on: it may have been passed on to that."""
    alone = (Fallback(engine=task.engine),)
    try:
        chain = house.catalog.model(task.model).chain()
    except UnknownModel:  # it was on offer when the task was admitted
        return alone
    names = [link.engine for link in chain]
    return chain[names.index(task.engine) :] if task.engine in names else alone


async def _go_down(
    house: House, chain: Sequence[Fallback], *, task: Task, spec: Spec, stage: Stage
) -> tuple[str | None, EngineTrouble | None]:
    """To whom it is to be passed on, if to anybody; and the trouble that nobody could mend."""
    trouble: EngineTrouble | None = None
    for place, link in enumerate(chain):
        if trouble is not None and trouble.cause not in link.on:
            continue
        if place > 0:
            why_not = _why_not(house, link.engine, spec=spec, task=task)
            if why_not is not None:
                stage.passed_over(link.engine, why_not)
                continue
            if link.engine not in house.performs:
                # What is there already cannot be taken along.
                if len(stage.missing()) == spec.n:
                    return link.engine, None
                continue
        missing = stage.missing()
        trouble = await _ask(house, link.engine, spec=spec, stage=stage)
        stage.stood_in(link.engine, asked=missing)
        if trouble is None:
            return None, None
    return None, trouble


def _why_not(house: House, name: str, *, spec: Spec, task: Task) -> str | None:
    """Why an engine cannot be asked for this at all; None: it can."""
    stand = house.engines.get(name)
    if stand is None:
        return "there is no such engine"
    engine = stand.engine
    if spec.output_format not in engine.formats(task.model):
        return f"it does not write {spec.output_format}"
    if len(spec.images) > engine.images_max:
        most = f"from {engine.images_max} pictures at most" if engine.images_max else "from words alone"
        return f"it starts {most}, not from {len(spec.images)} pictures"
    unknown = sorted(spec.extras.keys() - set(engine.extras(task.model)))
    if unknown:
        return f"it does not know {', '.join(unknown)}"
    return None


async def _ask(house: House, name: str, *, spec: Spec, stage: Stage) -> EngineTrouble | None:
    """Have one engine paint what is missing. What stopped it, if anything."""
    started = time.monotonic()
    try:
        engine = await house.engines[name].ready()
        with spans.painting(house, engine=name):
            for indexes in _runs(stage.missing(), seeded=spec.seed is not None):
                await _painted(house, engine, name, spec=_part_of(spec, indexes), indexes=indexes, stage=stage)
        missing = len(stage.missing())
        if missing:
            raise EngineFailed(f"the engine delivered {spec.n - missing} of {spec.n} pictures")
    except EngineTrouble as trouble:
        stage.failed(name, trouble, seconds=time.monotonic() - started)
        return trouble
    return None


async def _painted(
    house: House, engine: Engine, name: str, *, spec: Spec, indexes: Sequence[int], stage: Stage
) -> None:
    async with aclosing(engine.paint(spec)) as shown:
        async for one in shown:
            await stage.take(revise.told(house, one, spec=spec), of=indexes, engine=name, by=engine)


def _part_of(spec: Spec, indexes: Sequence[int]) -> Spec:
    if len(indexes) == spec.n:
        return spec
    return replace(spec, n=len(indexes), seed=None if spec.seed is None else spec.seed + indexes[0])


def _runs(indexes: Sequence[int], *, seeded: bool) -> list[Sequence[int]]:
    """The indexes in portions that one request can be for: with a seed, each has to follow the one before it."""
    if not seeded or not indexes or indexes[-1] - indexes[0] == len(indexes) - 1:
        return [indexes]
    runs: list[list[int]] = []
    for index in indexes:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return list(runs)
