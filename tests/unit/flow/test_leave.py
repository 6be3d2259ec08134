"""Leaving: at once for the account, soon for what it had, never for its entries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from limner.accounts import service as accounts
from limner.flow import inbox, signin
from limner.flow.house import House
from limner.flow.leave import OwnerStays, delete_account
from limner.flow.sweep import sweep, tidy
from limner.inboxes import service as inboxes
from limner.kit.clock import StillClock
from limner.logins.service import WrongLogin
from support.logins import PASSWORD, SENDER, comes_in, joins, who_has, with_login
from support.people import Person, entries_of
from support.wire import ask


async def rows(house: House, sql: str) -> list[tuple[object, ...]]:
    async with house.database.statement() as tx:
        return [tuple(row) for row in await tx.rows(sql)]


async def files(house: House) -> list[str]:
    return [key async for key in house.storage.keys("")]


async def test_grace_leaves_and_nothing_of_hers_works_any_more(house: House, grace: Person) -> None:
    here = await with_login(house, grace)

    with pytest.raises(WrongLogin):
        await delete_account(house, here, password="not her password", sender=SENDER)
    await delete_account(house, here, password=PASSWORD, sender=SENDER)

    assert (await ask(house, grace)).status_code in {401, 403}
    with pytest.raises(WrongLogin):
        await comes_in(house, "grace@example.org")
    assert await signin.sessions_of(house, account_id=grace.account.id) == []
    assert await rows(house, "SELECT count(*) FROM logins") == [(0,)]
    (left,) = await rows(house, "SELECT name, suspended_at IS NOT NULL FROM accounts")
    assert left == (f"deleted-{grace.account.id}", True)
    async with house.database.statement() as tx:
        assert not await accounts.resume(tx, id_=grace.account.id)


async def test_her_email_and_her_name_are_free_again(house: House, grace: Person) -> None:
    await delete_account(house, await with_login(house, grace), password=PASSWORD, sender=SENDER)

    again = await who_has(house, (await joins(house, "grace@example.org")).token)
    assert again.account.name == "grace"
    assert again.account.id != grace.account.id


async def test_the_sweep_removes_pictures_and_prompts_and_leaves_the_book(
    house: House, grace: Person, ada: Person
) -> None:
    for _ in range(3):
        assert (await ask(house, grace, prompt="A secret otter", user="u-1")).status_code == 200
    assert (await ask(house, ada, prompt="A plain otter")).status_code == 200
    before, ours = await entries_of(house, grace), len(await files(house))
    await delete_account(house, await with_login(house, grace), password=PASSWORD, sender=SENDER)

    await sweep(house)

    assert ours == 4
    assert len(await files(house)) == 1
    told = str(await rows(house, "SELECT t::text FROM tasks t")) + str(
        await rows(house, "SELECT i::text FROM images i")
    )
    assert "secret" not in told
    assert "u-1" not in told
    assert "A plain otter" in told
    assert await entries_of(house, grace) == before
    assert await rows(house, "SELECT emptied_at IS NOT NULL FROM accounts WHERE deleted_at IS NOT NULL") == [(True,)]
    async with house.database.statement() as tx:
        assert await accounts.to_empty(tx, count=9) == []


async def test_her_inboxes_end_at_once(house: House, grace: Person) -> None:
    made = await inbox.make(
        house.database, clock=house.clock, life=timedelta(hours=1), account_id=grace.account.id, name="mine"
    )
    await delete_account(house, await with_login(house, grace), password=PASSWORD, sender=SENDER)

    async with house.database.statement() as tx:
        assert await inboxes.has_ended(tx, id_=made.inbox.id, now=house.clock.now())


async def test_the_owner_stays(house: House, ada: Person) -> None:
    with pytest.raises(OwnerStays):
        await delete_account(house, await with_login(house, ada), password=PASSWORD, sender=SENDER)


async def test_what_has_ended_is_forgotten(house: House, clock: StillClock, grace: Person) -> None:
    await with_login(house, grace)
    with pytest.raises(WrongLogin):
        await comes_in(house, "nobody@example.org")
    assert await rows(house, "SELECT count(*) FROM sessions") == [(1,)]

    clock.move(seconds=8 * 86_400)
    await comes_in(house, "grace@example.org")
    await tidy(house)

    assert await rows(house, "SELECT count(*) FROM sessions") == [(1,)]
    assert len(await rows(house, "SELECT FROM login_throttles")) == 2
