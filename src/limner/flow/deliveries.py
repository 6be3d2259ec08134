"""An account's own callbacks: how they went, and sending them again. Another's are `NoSuchMessage`, as if there were none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.flow.house import House
from limner.webhooks import rules as webhook_rules
from limner.webhooks import service as webhooks
from limner.webhooks.models import Attempt, Endpoint, Message, Status


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which callbacks to list: to one receiver (its origin), of one status, of one task; None: of any."""

    origin: str | None = None
    status: Status | None = None
    task_id: UUID | None = None


ALL: Final = Wanted()


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """Callbacks, newest first, and each one's last attempt if it was tried. `before` lists on; None: that was all."""

    messages: Sequence[Message]
    last: Mapping[UUID, Attempt]
    before: UUID | None


async def deliveries(
    house: House, *, account_id: UUID, wanted: Wanted = ALL, before: UUID | None = None, count: int
) -> Deliveries:
    """Up to `count` of the account's callbacks. `before`: what the page before this one gave."""
    async with house.database.transaction() as tx:
        found = await webhooks.messages(
            tx,
            account_id=account_id,
            origin=wanted.origin,
            status=wanted.status,
            task_id=wanted.task_id,
            before=before,
            count=count + 1,
        )
        shown = found[:count]
        last = await webhooks.last_attempts(tx, message_ids=[message.id for message in shown])
    return Deliveries(messages=shown, last=last, before=shown[-1].task_id if len(found) > count else None)


async def delivery(house: House, *, account_id: UUID, task_id: UUID) -> tuple[Message, list[Attempt]]:
    """The task's callback and every attempt at it, the first one first. Raises `NoSuchMessage`."""
    message = await _own(house, account_id=account_id, task_id=task_id)
    async with house.database.statement() as tx:
        return message, await webhooks.attempts(tx, message_id=message.id)


async def resend(house: House, *, account_id: UUID, task_id: UUID) -> None:
    """Send the task's callback again, from the first attempt on. Raises `NoSuchMessage`, `MessageUnderWay`."""
    message = await _own(house, account_id=account_id, task_id=task_id)
    async with house.database.transaction() as tx:
        await webhooks.resend(tx, id_=message.id, now=house.clock.now(), account_id=account_id)


async def recover(house: House, *, account_id: UUID, since: datetime, origin: str | None) -> int:
    """Send again all that have failed or were paused since then, to one receiver or to all. How many there were."""
    async with house.database.transaction() as tx:
        now = house.clock.now()
        return len(await webhooks.recover(tx, since=since, now=now, account_id=account_id, origin=origin))


async def receivers(house: House, *, account_id: UUID) -> list[Endpoint]:
    """Whom the account has had called back, and how they answer: those in trouble first."""
    async with house.database.statement() as tx:
        found = await webhooks.endpoints(tx, account_id=account_id)
    return sorted(found, key=lambda one: (one.paused_at is None, one.failing_since is None, one.origin))


async def resume(house: House, *, account_id: UUID, url: str) -> bool:
    """Call a paused receiver again from now on; whether it was paused. Raises `InvalidValue` if `url` is no address."""
    async with house.database.transaction() as tx:
        return await webhooks.resume(tx, account_id=account_id, origin=webhook_rules.origin_of(url))


async def _own(house: House, *, account_id: UUID, task_id: UUID) -> Message:
    async with house.database.statement() as tx:
        found = await webhooks.messages(tx, account_id=account_id, task_id=task_id, count=1)
    if not found:
        raise webhooks.NoSuchMessage(f"there is no callback of a task {task_id} here")
    return found[0]
