"""What signs: made once, rotated without a gap."""

from __future__ import annotations

import asyncio
import os
from datetime import timedelta
from uuid import UUID

import asyncpg
import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from limner.flow.house import House
from limner.kit.clock import StillClock, SystemClock
from limner.kit.ids import uuid7
from limner.webhooks import rules
from limner.webhooks import service as webhooks
from support.people import Person

BODY = b'{"success":true}'


async def ensure(house: House, person: Person) -> bytes:
    async with house.database.statement() as tx:
        return await webhooks.ensure_secret(
            tx, id_=uuid7(), account_id=person.account.id, noise=os.urandom(32), now=house.clock.now()
        )


async def rotate(house: House, person: Person, **given: timedelta) -> bytes:
    async with house.database.statement() as tx:
        return await webhooks.rotate(
            tx, id_=uuid7(), account_id=person.account.id, noise=os.urandom(32), now=house.clock.now(), **given
        )


async def secrets(house: House, account_id: UUID) -> list[bytes]:
    async with house.database.statement() as tx:
        return await webhooks.secrets(tx, account_id=account_id, now=house.clock.now())


async def test_a_secret_is_made_when_it_is_first_needed_and_then_stays(hooks: House, grace: Person) -> None:
    assert await secrets(hooks, grace.account.id) == []

    first = await ensure(hooks, grace)

    assert len(first) == 32
    assert await ensure(hooks, grace) == first
    assert await secrets(hooks, grace.account.id) == [first]


async def test_twenty_who_come_at_once_get_the_same(hooks: House, grace: Person) -> None:
    found = await asyncio.gather(*(ensure(hooks, grace) for _ in range(20)))

    assert len(set(found)) == 1
    assert await secrets(hooks, grace.account.id) == [found[0]]


async def test_everyone_has_their_own(hooks: House, grace: Person, eve: Person) -> None:
    assert await ensure(hooks, grace) != await ensure(hooks, eve)
    assert len(await secrets(hooks, grace.account.id)) == 1


async def test_after_a_rotation_both_sign_for_a_day(hooks: House, clock: StillClock, grace: Person) -> None:
    old = await ensure(hooks, grace)
    clock.move(seconds=60)

    new = await rotate(hooks, grace)

    assert await secrets(hooks, grace.account.id) == [new, old]
    assert await ensure(hooks, grace) == new
    clock.move(seconds=86_399)
    assert await secrets(hooks, grace.account.id) == [new, old]
    clock.move(seconds=1)
    assert await secrets(hooks, grace.account.id) == [new]


async def test_receivers_with_the_old_and_with_the_new_secret_both_verify(hooks: House, grace: Person) -> None:
    old = await ensure(hooks, grace)
    new = await rotate(hooks, grace)
    now = SystemClock().now()

    headers = rules.headers(
        message_id=uuid7(), secrets=await secrets(hooks, grace.account.id), callback_secret=None, body=BODY, now=now
    )

    for secret in (old, new):
        assert Webhook(rules.shown_secret(secret)).verify(BODY, headers) == {"success": True}
        assert rules.verify_standard(headers=headers, body=BODY, secrets=[secret], now=now) is rules.Check.VALID
    with pytest.raises(WebhookVerificationError):
        Webhook(rules.shown_secret(os.urandom(32))).verify(BODY, headers)


async def test_a_secret_that_got_out_signs_no_more_at_once(hooks: House, grace: Person) -> None:
    await ensure(hooks, grace)

    new = await rotate(hooks, grace, keeps_signing=timedelta())

    assert await secrets(hooks, grace.account.id) == [new]


async def test_who_rotates_first_needs_no_secret_before(hooks: House, grace: Person) -> None:
    assert await secrets(hooks, grace.account.id) == [] != [await rotate(hooks, grace)]


async def test_five_who_rotate_at_once_leave_one_current_secret(hooks: House, grace: Person) -> None:
    old = await ensure(hooks, grace)

    made = await asyncio.gather(*(rotate(hooks, grace) for _ in range(5)))

    found = await secrets(hooks, grace.account.id)
    assert found[0] == await ensure(hooks, grace)
    assert set(found) == {old, *made}


async def test_no_more_than_eight_sign(hooks: House, clock: StillClock, grace: Person) -> None:
    made = []
    for _ in range(12):
        clock.move(seconds=1)
        made.append(await rotate(hooks, grace))

    assert await secrets(hooks, grace.account.id) == made[:-9:-1]


async def test_a_secret_that_has_retired_is_forgotten_with_the_next_rotation(
    hooks: House, clock: StillClock, grace: Person
) -> None:
    await ensure(hooks, grace)
    await rotate(hooks, grace)
    clock.move(seconds=86_400)
    await rotate(hooks, grace)

    async with hooks.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM webhook_secrets") == 2


async def test_a_secret_is_thirty_two_bytes(hooks: House, grace: Person) -> None:
    async with hooks.database.statement() as tx:
        with pytest.raises(asyncpg.CheckViolationError):
            await webhooks.ensure_secret(
                tx, id_=uuid7(), account_id=grace.account.id, noise=b"short", now=hooks.clock.now()
            )
