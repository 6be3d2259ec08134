from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from limner.accounts import service as accounts
from limner.credits import service as credit_book
from limner.credits.service import CreditsUsedUp
from limner.domain.money import micro
from limner.engines import EngineFailed
from limner.flow.admit import WAITED_FOR, Callback, Terms
from limner.flow.cancel import cancel
from limner.flow.house import House
from limner.flow.retry import NotToRetry, retry
from limner.flow.wait import look
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.tasks.models import Task
from limner.tasks.service import NoSuchTask
from limner.webhooks import service as webhooks
from support.asks import paint
from support.painters import Breaking, with_painter
from support.people import Person, balance_of, join
from support.shelves import task_rows
from support.workers import at_work, ended, submitted

CALLBACK = Callback(url="https://receiver.example/done", secret="hush")


@pytest.fixture
async def hooked(house: House) -> AsyncIterator[House]:
    """The house, without callbacks at the end."""
    yield house
    async with house.database.transaction() as tx:
        for table in ("webhook_attempts", "webhook_messages", "webhook_endpoints", "webhook_secrets"):
            await tx.run(f"DELETE FROM {table}")


async def cancelled(house: House, person: Person, *, terms: Terms | None = None) -> Task:
    task = await submitted(house, person, terms=terms, n=2)
    return await cancel(house, task_id=task.id, account_id=person.account.id)


async def test_grace_gets_what_was_cancelled_and_pays_for_it(house: House, grace: Person) -> None:
    old = await cancelled(house, grace)
    async with at_work(house):
        new = await ended(house, await retry(house, task_id=old.id, account_id=grace.account.id))

    assert new.id != old.id
    assert new.status == "succeeded"
    assert (new.request, new.trace_id, new.api_key_id) == (old.request, old.trace_id, old.api_key_id)
    assert (await balance_of(house, grace)).balance == micro(10) - new.price * 2
    assert (await look(house, task_id=old.id)).status == "cancelled"


async def test_the_new_task_is_done_on_the_same_terms(hooked: House, grace: Person) -> None:
    terms = Terms(is_async=True, prefix="/openai", as_links=False, priority=1, callback=CALLBACK)
    old = await cancelled(hooked, grace, terms=terms)
    new = await retry(hooked, task_id=old.id, account_id=None)

    assert (new.prefix, new.kind, new.as_links, new.priority) == ("/openai", old.kind, False, 1)
    async with hooked.database.statement() as tx:
        messages = {one.task_id: one for one in await webhooks.messages(tx, count=10)}
    assert (messages[new.id].url, messages[new.id].callback_secret) == (CALLBACK.url, CALLBACK.secret)
    assert (messages[new.id].status, messages[old.id].status) == ("held", "waiting")


async def test_what_somebody_waited_for_goes_through_the_queue_now(house: House, grace: Person) -> None:
    with pytest.raises(EngineFailed):
        await paint(with_painter(house, Breaking(EngineFailed("it broke"))), grace)
    (row,) = await task_rows(house)
    assert row["priority"] == WAITED_FOR

    new = await retry(house, task_id=row["id"], account_id=None)
    assert (new.status, new.is_async, new.priority) == ("queued", True, 0)


async def test_what_waits_or_went_well_is_not_asked_for_again(house: House, grace: Person) -> None:
    task = await submitted(house, grace)
    with pytest.raises(NotToRetry, match="the task is queued"):
        await retry(house, task_id=task.id, account_id=None)
    async with at_work(house):
        await ended(house, task)
    with pytest.raises(NotToRetry, match="has succeeded"):
        await retry(house, task_id=task.id, account_id=None)
    assert len(await task_rows(house)) == 1


async def test_eve_asks_for_nothing_of_graces_again(house: House, grace: Person, eve: Person) -> None:
    old = await cancelled(house, grace)
    with pytest.raises(NoSuchTask):
        await retry(house, task_id=old.id, account_id=eve.account.id)
    assert len(await task_rows(house)) == 1


async def test_without_credits_nothing_is_asked_for(house: House, grace: Person) -> None:
    old = await cancelled(house, grace)
    async with house.database.transaction() as tx:
        await credit_book.grant(
            tx, id_=uuid7(), account_id=grace.account.id, amount=-micro(10), reason="", now=house.clock.now()
        )
    with pytest.raises(CreditsUsedUp):
        await retry(house, task_id=old.id, account_id=None)
    assert len(await task_rows(house)) == 1


async def test_a_key_that_serves_no_more_asks_for_nothing(house: House, clock: StillClock) -> None:
    off = await join(house, "off")
    late = await join(house, "late", expires_at=clock.now() + timedelta(hours=1))
    tasks = [await cancelled(house, off), await cancelled(house, late)]
    async with house.database.transaction() as tx:
        await accounts.disable_key(tx, id_=off.key.id, now=clock.now())
    clock.move(seconds=3601)
    with pytest.raises(accounts.DisabledKey):
        await retry(house, task_id=tasks[0].id, account_id=None)
    with pytest.raises(accounts.ExpiredKey):
        await retry(house, task_id=tasks[1].id, account_id=None)
    assert len(await task_rows(house)) == 2
