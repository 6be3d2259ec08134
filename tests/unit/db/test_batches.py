"""Callers who come at every possible moment of a batch's life are all answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from limner.db import DatabaseUnavailable
from limner.db.batches import Batches
from limner.db.steps import Step


def echo(value: int) -> tuple[Step[int]]:
    return (Step(call="echo({})", arguments=(value,), read=int),)


async def at_once(steps: Sequence[Step[Any]]) -> tuple[Any, ...]:
    return tuple(step.arguments[0] for step in steps)


async def after_a_turn(steps: Sequence[Step[Any]]) -> tuple[Any, ...]:
    await asyncio.sleep(0)
    return await at_once(steps)


@pytest.mark.parametrize("run", [at_once, after_a_turn])
@pytest.mark.parametrize("first", range(1, 4))
async def test_nobody_is_forgotten_whenever_they_come(run: Any, first: int) -> None:
    batches = Batches(run, gone=DatabaseUnavailable)

    async def come(turns: int) -> tuple[Any, ...]:
        for _ in range(turns):
            await asyncio.sleep(0)
        return await batches.done(echo(turns), order=())

    async with asyncio.timeout(5):
        for late in range(12):
            answers = await asyncio.gather(*(come(0) for _ in range(first)), come(late), come(late))
            assert answers[-1] == (late,)
        await batches.settled()
