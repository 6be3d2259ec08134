"""A call whose caller watches: the same task as any other, and what is to be seen of it while it comes along.

The task is nobody's but the server's once it is admitted: it is performed beside the connection, and a caller who leaves
stops nothing, unless the settings say so.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeAlias

from limner.domain.ask import Ask
from limner.domain.principal import Principal
from limner.domain.problem import Problem
from limner.domain.spec import OutputFormat, Partial, Spec
from limner.flow.admit import Admitted, Terms, admit
from limner.flow.cancel import cancel
from limner.flow.deliver import Delivery
from limner.flow.generate import check_same, delivery_of, generate_here, waited_for
from limner.flow.house import House
from limner.flow.stage import Keeps
from limner.flow.wait import look
from limner.flow.watch import Shown, watch
from limner.limits.models import Allowance
from limner.storage import FileMissing, StorageFailed
from limner.tasks import service as tasks
from limner.tasks.models import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """The task has been admitted: from here on nothing is refused, though it may still come to nothing.

    `allowance` None: nothing was taken of it, since it was asked for before under the same idempotency key.
    """

    task: Task
    spec: Spec
    allowance: Allowance | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A picture as far as it has come: the encoded file, `number` counting up from 0 for each index.

    `at`: when the engine showed it, by the clock of `time.perf_counter`; None: another node's did.
    """

    index: int
    number: int
    data: bytes = field(repr=False)
    output_format: OutputFormat
    at: float | None = None


Streamed: TypeAlias = Begun | Unfinished | Delivery


async def stream(
    house: House, *, principal: Principal, ask: Ask, trace_id: str, terms: Terms, shows: bool = True
) -> AsyncGenerator[Streamed]:
    """What is to be seen of the request: `Begun` first, then unfinished pictures, and the delivery last.

    The delivery has the pictures' bytes, and links too where the task is one for links. Unless it `shows`: then there are
    no unfinished pictures, and the delivery is the same as that of a call that is waited for. Raises the `Problem` that kept it
    out (before anything is shown) or that it came to nothing by. Closed early, it leaves the task to itself, or cancels it
    where `house.stops_for_leavers` says so.
    """
    try:
        admitted = await admit(house, principal=principal, ask=ask, trace_id=trace_id, terms=terms)
    except tasks.KeyUsed as used:
        check_same(used, terms=terms)
        task = await look(house, task_id=used.task_id)
        yield Begun(task=task, spec=_spec_of(task), allowance=None)
        yield await delivery_of(house, task=await waited_for(house, task_id=task.id), admitted=None, with_bytes=shows)
        return
    yield Begun(task=admitted.task, spec=admitted.spec, allowance=admitted.allowance)
    go = _elsewhere if admitted.task.has_job else _here
    shown = go(house, admitted, shows=shows)
    try:
        async for one in shown:
            yield one
    except (GeneratorExit, asyncio.CancelledError):
        if house.stops_for_leavers:
            with suppress(Problem):  # it may have ended by itself meanwhile
                await cancel(house, task_id=admitted.task.id, account_id=admitted.task.account_id)
        raise
    finally:
        await shown.aclose()


def _spec_of(task: Task) -> Spec:
    return Spec.of(prompt=task.request["prompt"], choices=task.choices)


async def _here(house: House, admitted: Admitted, *, shows: bool) -> AsyncGenerator[Unfinished | Delivery]:
    seen: asyncio.Queue[Unfinished | None] = asyncio.Queue()
    work = house.errands.begin(generate_here(house, admitted, audience=_Onlooker(seen) if shows else None))
    work.add_done_callback(lambda _: seen.put_nowait(None))
    while (one := await seen.get()) is not None:
        yield one
    yield work.result()


class _Onlooker:
    """Passes on what is shown, bytes and all."""

    wants_bytes = True

    def __init__(self, seen: asyncio.Queue[Unfinished | None]) -> None:
        self._seen = seen

    async def progress(self, share: float) -> None:
        """Events have no place for it."""

    async def partial(self, partial: Partial, *, keep: Keeps) -> None:  # noqa: ARG002 - nobody else reads it
        self._seen.put_nowait(
            Unfinished(
                index=partial.index,
                number=partial.number,
                data=partial.data,
                output_format=partial.output_format,
                at=time.perf_counter(),
            )
        )


async def _elsewhere(house: House, admitted: Admitted, *, shows: bool) -> AsyncGenerator[Unfinished | Delivery]:
    """A task that is performed by another process: its unfinished pictures lie in storage."""
    task = admitted.task
    if shows and admitted.spec.partials:
        watching = watch(house, task_id=task.id, account_id=task.account_id)
        try:
            async for one in watching:
                unfinished = await _read(house, one) if isinstance(one, Shown) else None
                if unfinished is not None:
                    yield unfinished
        finally:
            await watching.aclose()
    ended = await waited_for(house, task_id=task.id)
    yield await delivery_of(house, task=ended, admitted=admitted, with_bytes=shows)


async def _read(house: House, shown: Shown) -> Unfinished | None:
    """None: it is gone, since the next one, or the finished picture, is there."""
    try:
        file = await house.storage.head(shown.key)
        data = b"".join([piece async for piece in house.storage.read(shown.key, start=0, end=file.bytes)])
    except (FileMissing, StorageFailed):
        return None
    return Unfinished(
        index=shown.index,
        number=shown.number,
        data=data,
        output_format=OutputFormat(shown.key.rpartition(".")[2]),
    )
