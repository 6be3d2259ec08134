"""What a node does beside its requests: perform tasks, send callbacks, keep leases, sweep.

A turn that fails (the database is away, say) is logged and the loop goes on: the next turn may do better.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from limner.flow import notify
from limner.flow.admit import paint_kind
from limner.flow.callbacks import Renders, deliver_callback, submit_due
from limner.flow.house import House
from limner.flow.sweep import extend_leases, follow_the_clock, sweep, tidy
from limner.flow.usage import roll_up
from limner.flow.work import work
from limner.jobs.queue import Queue
from limner.kit.logs import event
from limner.worker.crew import Crew

_log = logging.getLogger(__name__)
_LEASE_TURNS: Final = 3  # a lease survives two turns that fail
_DUE_EVERY_SECONDS: Final = 1.0
_DUE_TOGETHER_MAX: Final = 200
_TIDY_EVERY_SECONDS: Final = 10.0
_ROLL_EVERY_SECONDS: Final = 5.0
_OPEN_AGAIN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Duties:
    """What this node does of the work in the queue.

    `concurrent`: tasks performed at once for each engine, `engine_concurrent` where that differs; `callbacks`: callbacks
    sent at once; `renders` writes their bodies. `stop_seconds`: how long a stop waits for what is in hand.
    """

    renders: Renders
    concurrent: int = 8
    engine_concurrent: Mapping[str, int] = field(default_factory=dict)
    callbacks: int = 128
    stop_seconds: float = 30.0


class Ending:
    """How a node is told to end. `soon`: it takes nothing more, and finishes what it has; `now`: it hands that back."""

    def __init__(self) -> None:
        self.soon = asyncio.Event()
        self.now = asyncio.Event()


@asynccontextmanager
async def working(house: House, duties: Duties, *, ending: Ending | None = None) -> AsyncGenerator[Queue]:
    """Do this node's duties while the block runs; at its end, finish what is in hand or hand it back.

    `ending` has this begin before the end of the block, while requests are finished.
    """
    ending = ending or Ending()
    queue = Queue(house.database, node_id=house.node_id, stale_seconds=house.queue_policy.lease_seconds)
    crews = [*_painters(house, queue, duties), _messengers(house, queue, duties)]
    house.signs.has_crews = True
    taking = asyncio.create_task(_take(house, queue, crews))
    keeping = asyncio.create_task(_keep(house, queue))
    stopping = asyncio.create_task(_stop(crews, taking, ending=ending, seconds=duties.stop_seconds))
    try:
        yield queue
    finally:
        ending.soon.set()
        await stopping
        await _cancelled(keeping)
        with suppress(Exception):  # the database may be away; what is done says so itself when its job comes again
            await queue.close()


def _painters(house: House, queue: Queue, duties: Duties) -> list[Crew]:
    async def perform(task_id: UUID) -> float | None:
        return await work(house, task_id=task_id)

    return [
        Crew(
            queue,
            kind=paint_kind(engine),
            at_once=duties.engine_concurrent.get(engine, duties.concurrent),
            act=perform,
        )
        for engine in sorted(house.performs)
    ]


def _messengers(house: House, queue: Queue, duties: Duties) -> Crew:
    async def send(message_id: UUID) -> None:
        await deliver_callback(house, message_id=message_id, renders=duties.renders)

    return Crew(queue, kind=notify.CALLBACK, at_once=duties.callbacks, act=send)


async def _take(house: House, queue: Queue, crews: list[Crew]) -> None:
    by_kind = {crew.kind: crew for crew in crews}

    def ring(kind: str) -> None:
        if kind in by_kind:
            by_kind[kind].ring()

    def ring_all() -> None:
        for crew in crews:
            crew.ring()

    # The libraries of both take half a second to load, which no request has to wait for.
    await _done_at_last("queue", queue.open)
    await _done_at_last("outbound", house.outbound.open)
    with house.bells.ringing(ring, gap=ring_all), house.signs.crews_running():
        async with asyncio.TaskGroup() as group:
            for crew in crews:
                group.create_task(crew.run())


async def _stop(crews: list[Crew], taking: asyncio.Task[None], *, ending: Ending, seconds: float) -> None:
    """When it is time, finish what is in hand, for so long; then, or when there is no time, hand it back."""
    await ending.soon.wait()
    await _cancelled(taking)
    finished = asyncio.gather(*(crew.finish() for crew in crews))
    hurried = asyncio.create_task(ending.now.wait())
    await asyncio.wait((finished, hurried), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    hurried.cancel()
    finished.cancel()
    with suppress(asyncio.CancelledError):
        await finished
    await asyncio.gather(*(crew.hand_back() for crew in crews))


async def _keep(house: House, queue: Queue) -> None:
    lease_turn = house.queue_policy.lease_seconds / _LEASE_TURNS

    async def leases() -> None:
        await follow_the_clock(house)
        await extend_leases(house)
        await queue.beat()

    async def due() -> None:
        while await submit_due(house, count=_DUE_TOGETHER_MAX) == _DUE_TOGETHER_MAX:
            pass

    async with asyncio.TaskGroup() as group:
        group.create_task(_again_and_again("leases", leases, every_seconds=lease_turn))
        group.create_task(_again_and_again("sweep", lambda: sweep(house), every_seconds=lease_turn))
        group.create_task(_again_and_again("callbacks", due, every_seconds=_DUE_EVERY_SECONDS))
        group.create_task(_again_and_again("usage", lambda: roll_up(house), every_seconds=_ROLL_EVERY_SECONDS))
        group.create_task(_again_and_again("tidy", lambda: tidy(house), every_seconds=_TIDY_EVERY_SECONDS))


async def _again_and_again(name: str, act: Callable[[], Awaitable[object]], *, every_seconds: float) -> None:
    while True:
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - said out loud, and tried again
            event(_log, "loop.failed", level=logging.ERROR, loop=name, error=repr(error))
        await asyncio.sleep(every_seconds)


async def _done_at_last(name: str, act: Callable[[], Awaitable[object]]) -> None:
    """Try until it goes well: a node that cannot begin now (the database is away, say) begins later."""
    while True:
        try:
            await act()
        except Exception as error:  # noqa: BLE001 - said out loud, and tried again
            event(_log, "opening.failed", level=logging.ERROR, what=name, error=repr(error))
            await asyncio.sleep(_OPEN_AGAIN_SECONDS)
        else:
            return


async def _cancelled(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
