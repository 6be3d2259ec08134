"""Sessions: who is signed in, and until when."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from limner.flow import signin
from limner.flow.house import AccountsPolicy, House
from limner.kit.clock import StillClock
from support.people import Person

DAY = 24 * 60 * 60


async def session_of(house: House, person: Person, *, sender: str = "192.0.2.7") -> str:
    return await signin.open_session(house, account_id=person.account.id, sender=sender, agent="Lynx/2.9")


async def test_a_token_says_who_is_there(house: House, grace: Person, eve: Person) -> None:
    token, other = await session_of(house, grace), await session_of(house, eve, sender="192.0.2.9")

    found = await signin.signed_in(house, token=token)

    assert found is not None
    assert found.account == grace.account
    assert (found.session.sender, found.session.agent) == ("192.0.2.7", "Lynx/2.9")
    assert found.login is None
    assert not found.is_waiting
    assert found.approved() == grace.account
    assert token != other
    assert (await signin.signed_in(house, token=other)).account == eve.account  # type: ignore[union-attr]


async def test_no_other_token_opens_anything(house: House, grace: Person) -> None:
    token = await session_of(house, grace)

    for wrong in ("", "x", token[:-1], token + "A", token.swapcase(), "\udcff"):
        assert await signin.signed_in(house, token=wrong) is None


async def test_the_token_itself_is_kept_nowhere(house: House, grace: Person) -> None:
    token = await session_of(house, grace)

    async with house.database.statement() as tx:
        kept = await tx.value("SELECT s::text FROM sessions s")
    assert token not in kept
    assert token.encode().hex() not in kept


async def test_a_session_ends_when_nobody_comes_for_a_week(house: House, clock: StillClock, grace: Person) -> None:
    token = await session_of(house, grace)

    clock.move(seconds=6 * DAY)
    assert await signin.signed_in(house, token=token) is not None
    clock.move(seconds=6 * DAY)
    assert await signin.signed_in(house, token=token) is not None
    clock.move(seconds=7 * DAY + 1)
    assert await signin.signed_in(house, token=token) is None


async def test_a_session_ends_in_time_however_busy_it_is(house: House, clock: StillClock, grace: Person) -> None:
    token = await session_of(house, grace)

    for _ in range(29):
        clock.move(seconds=DAY)
        assert await signin.signed_in(house, token=token) is not None
    clock.move(seconds=DAY)
    assert await signin.signed_in(house, token=token) is None


async def test_its_lives_are_settings(house: House, clock: StillClock, grace: Person) -> None:
    short = AccountsPolicy(session_life=timedelta(hours=1), session_idle=timedelta(minutes=10))
    house = replace(house, accounts_policy=short)
    token = await session_of(house, grace)

    clock.move(seconds=601)
    assert await signin.signed_in(house, token=token) is None


async def test_when_it_was_seen_is_written_once_a_minute(house: House, clock: StillClock, grace: Person) -> None:
    token = await session_of(house, grace)

    async def written() -> object:
        await signin.signed_in(house, token=token)
        async with house.database.statement() as tx:
            return await tx.value("SELECT seen_at FROM sessions")

    begun = clock.now()
    clock.move(seconds=59)
    assert await written() == begun
    clock.move(seconds=2)
    assert await written() == clock.now()


async def test_a_suspended_account_has_no_sessions(house: House, grace: Person) -> None:
    token = await session_of(house, grace)

    async with house.database.statement() as tx:
        await tx.run("UPDATE accounts SET suspended_at = now() WHERE id = $1", grace.account.id)

    assert await signin.signed_in(house, token=token) is None


async def test_signing_out_ends_this_session_and_no_other(house: House, grace: Person) -> None:
    here, there = await session_of(house, grace), await session_of(house, grace)

    await signin.sign_out(house, token=here)
    await signin.sign_out(house, token="nobody's")

    assert await signin.signed_in(house, token=here) is None
    assert await signin.signed_in(house, token=there) is not None


async def test_signing_out_everywhere_may_spare_the_one_at_hand(house: House, grace: Person, eve: Person) -> None:
    here, there, hers = await session_of(house, grace), await session_of(house, grace), await session_of(house, eve)
    found = await signin.signed_in(house, token=here)
    assert found is not None

    assert await signin.sign_out_everywhere(house, account_id=grace.account.id, but=found.session.id) == 1
    assert await signin.signed_in(house, token=there) is None
    assert [one.id for one in await signin.sessions_of(house, account_id=grace.account.id)] == [found.session.id]

    assert await signin.sign_out_everywhere(house, account_id=grace.account.id) == 1
    assert await signin.signed_in(house, token=here) is None
    assert await signin.signed_in(house, token=hers) is not None
