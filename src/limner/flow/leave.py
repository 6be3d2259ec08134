"""Leaving: the account is closed at once, and the sweep removes what it had. Only its credit entries stay."""

from __future__ import annotations

import logging
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.db import Tx
from limner.domain.problem import Problem
from limner.flow import files
from limner.flow.cancel import TaskOver, cancel
from limner.flow.house import House
from limner.flow.login import prove
from limner.flow.signin import SignedIn
from limner.images import rules as image_rules
from limner.images import service as images
from limner.inboxes import service as inboxes
from limner.kit.logs import event
from limner.logins import service as logins
from limner.tasks import service as tasks
from limner.tasks.models import OPEN, Filter, Task
from limner.tokens import service as tokens

_log = logging.getLogger(__name__)
_BATCH: Final = 100


class OwnerStays(Problem):
    """The owner's account cannot be deleted."""

    code = "owner_stays"
    status = 409


async def delete_account(house: House, who: SignedIn, *, password: str | None, sender: str) -> None:
    """Close one's own account for good. Raises `OwnerStays`, and what `prove` does.

    Its keys and sessions are good for nothing from now on, its e-mail may be used again; what it painted is removed soon.
    """
    if who.is_owner:
        raise OwnerStays("the owner's account cannot be deleted: the server is run by it")
    await prove(house, who, password=password, sender=sender)
    async with house.database.transaction() as tx:
        await close_account(tx, account_id=who.account.id, now=house.clock.now())
    event(_log, "account.deleted", account_id=who.account.id)


async def close_account(tx: Tx, *, account_id: UUID, now: datetime) -> None:
    """Close an account for good, whoever wants it closed."""
    await logins.forget_login(tx, account_id=account_id)
    for inbox in await inboxes.inboxes(tx, account_id=account_id, now=now):
        await inboxes.delete(tx, token=inbox.token, account_id=account_id, now=now)
    await tokens.delete_all(tx, account_id=account_id)
    await accounts.delete(tx, id_=account_id, now=now)


async def empty_deleted(house: House) -> None:
    """Remove the files and the words of what deleted accounts have painted, and the files that they have given; what is under way is stopped first.

    Safe to repeat and to be done by several nodes at once.
    """
    async with house.database.statement() as tx:
        closed = await accounts.to_empty(tx, count=_BATCH)
    for account_id in closed:
        await _empty(house, account_id)


async def _empty(house: House, account_id: UUID) -> None:
    async with house.database.statement() as tx:
        under_way = await tasks.tasks(tx, account_id=account_id, which=Filter(statuses=tuple(OPEN)), count=_BATCH)
    for task in under_way:
        await _stop(house, task)
    after: UUID | None = None
    while True:
        async with house.database.statement() as tx:
            found = await tasks.with_words(tx, account_id=account_id, after=after, count=_BATCH)
        if not found:
            break
        for task in found:
            await _forget(house, task)
        after = found[-1].id
    await files.remove_all(house, account_id=account_id)
    async with house.database.statement() as tx:
        if not await tasks.tasks(tx, account_id=account_id, which=Filter(statuses=tuple(OPEN)), count=1):
            await accounts.emptied(tx, id_=account_id, now=house.clock.now())
            event(_log, "account.emptied", account_id=account_id)


async def _stop(house: House, task: Task) -> None:
    try:
        await cancel(house, task_id=task.id, account_id=None)
    except (TaskOver, tasks.NoSuchTask):
        return


async def _forget(house: House, task: Task) -> None:
    """Files first: while a row has its words, somebody will come for them again."""
    async for key in house.storage.keys(image_rules.storage_prefix(task_id=task.id, created_at=task.created_at)):
        await house.storage.delete(key)
    async with house.database.transaction() as tx:
        await images.forget_words(tx, account_id=task.account_id, task_id=task.id, now=house.clock.now())
        await tasks.forget_words(tx, id_=task.id, now=house.clock.now())
