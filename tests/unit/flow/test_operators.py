from __future__ import annotations

from datetime import timedelta

import pytest

from limner.accounts.service import NoSuchAccount, NoSuchKey
from limner.audit.models import Actor, Entry, Filter
from limner.credits.service import CreditsUsedUp
from limner.domain.money import micro
from limner.domain.problem import InvalidValue, MissingParameter
from limner.flow import operators
from limner.flow.house import House
from limner.flow.keys import KeyLimits
from limner.flow.leave import OwnerStays
from limner.kit.ids import uuid7
from limner.logins.service import NoSuchInvitation
from support.people import Person, balance_of, budget_of, entries_of, join
from support.wire import ask


def by(person: Person) -> Actor:
    return Actor(account_id=person.account.id, trace_id="trace", sender="10.0.0.1")


async def acts(house: House) -> list[Entry]:
    return await operators.audit_entries(house, which=Filter(), count=100)


async def test_ada_gives_eve_credits_with_a_reason(house: House, ada: Person, eve: Person) -> None:
    balance = await operators.grant(house, by(ada), account_id=eve.account.id, amount=micro(5), reason="a gift")

    assert balance.free == micro(5)
    assert (await entries_of(house, eve))[0].reason == "a gift"
    (act,) = await acts(house)
    assert (act.verb, act.subject.label, act.actor) == ("account.credited", "eve", by(ada))
    assert act.details == {"credits": "5.000000", "reason": "a gift", "balance": "5.000000"}


async def test_more_than_there_is_cannot_be_taken_and_nothing_is_written(
    house: House, ada: Person, grace: Person
) -> None:
    await operators.grant(house, by(ada), account_id=grace.account.id, amount=-micro(4), reason="a mistake")

    with pytest.raises(CreditsUsedUp):
        await operators.grant(house, by(ada), account_id=grace.account.id, amount=-micro(7), reason="a mistake")

    assert (await balance_of(house, grace)).free == micro(6)
    assert [act.verb for act in await acts(house)] == ["account.debited"]


@pytest.mark.parametrize(
    ("amount", "reason", "problem"),
    [(0, "why", InvalidValue), (10**16, "why", InvalidValue), (1, " ", MissingParameter)],
)
async def test_a_gift_has_an_amount_and_a_reason(  # noqa: PLR0917 - the table
    house: House, ada: Person, eve: Person, amount: int, reason: str, problem: type[Exception]
) -> None:
    with pytest.raises(problem):
        await operators.grant(house, by(ada), account_id=eve.account.id, amount=amount, reason=reason)

    assert await acts(house) == []


async def test_who_is_suspended_gets_nothing_until_resumed(house: House, ada: Person, grace: Person) -> None:
    assert await operators.suspend(house, by(ada), account_id=grace.account.id, reason="spam")
    assert not await operators.suspend(house, by(ada), account_id=grace.account.id)
    assert (await ask(house, grace)).status_code == 403

    assert await operators.resume(house, by(ada), account_id=grace.account.id)
    assert (await ask(house, grace)).status_code == 200

    assert [act.verb for act in await acts(house)] == ["account.resumed", "account.suspended"]


async def test_the_owner_cannot_be_suspended(house: House, ada: Person) -> None:
    with pytest.raises(OwnerStays):
        await operators.suspend(house, by(ada), account_id=ada.account.id)
    with pytest.raises(NoSuchAccount):
        await operators.suspend(house, by(ada), account_id=uuid7())


async def test_accounts_are_found_by_name_id_and_state(house: House, ada: Person, grace: Person, eve: Person) -> None:
    await operators.suspend(house, by(ada), account_id=eve.account.id)
    await ask(house, grace)

    everybody = await operators.find_accounts(house, count=10)
    assert [one.account.name for one in everybody] == ["eve", "grace", "ada"]
    assert [one.state for one in everybody] == ["suspended", "active", "active"]
    assert everybody[1].last_active_at == house.clock.now()
    assert everybody[0].last_active_at is None
    assert (await balance_of(house, grace)) == everybody[1].balance
    for text, found in (("GRA", ["grace"]), (str(ada.account.id)[:23], ["ada"]), ("%", []), ("nobody", [])):
        assert [one.account.name for one in await operators.find_accounts(house, text=text, count=10)] == found
    assert [one.account.name for one in await operators.find_accounts(house, state="suspended", count=10)] == ["eve"]
    assert await operators.find_accounts(house, state="waiting", count=10) == []


async def test_pages_of_accounts_follow_each_other(house: House) -> None:
    for number in range(5):
        await join(house, f"person-{number}")

    first = await operators.find_accounts(house, count=2)
    second = await operators.find_accounts(house, count=2, before=first[-1].account.id)

    assert [one.account.name for one in [*first, *second]] == ["person-4", "person-3", "person-2", "person-1"]


async def test_all_of_an_account_is_told(house: House, ada: Person, grace: Person) -> None:
    await operators.grant(house, by(ada), account_id=grace.account.id, amount=1, reason="why")

    told = await operators.account_told(house, account_id=grace.account.id)

    assert [use.key.id for use in told.keys] == [grace.key.id]
    assert [entry.kind for entry in told.entries] == ["grant", "grant"]
    assert [act.verb for act in told.acts] == ["account.credited"]
    with pytest.raises(NoSuchAccount):
        await operators.account_told(house, account_id=uuid7())


async def test_ada_limits_and_switches_off_a_key(house: House, ada: Person, grace: Person) -> None:
    may = KeyLimits(requests_per_minute=5, spend_limit=micro(2))
    await operators.limit_key(house, by(ada), account_id=grace.account.id, key_id=grace.key.id, may=may)
    assert (await budget_of(house, grace)).spend_limit == micro(2)

    assert await operators.switch_key(house, by(ada), account_id=grace.account.id, key_id=grace.key.id, on=False)
    assert (await ask(house, grace)).status_code == 403
    assert not await operators.switch_key(house, by(ada), account_id=grace.account.id, key_id=grace.key.id, on=False)

    off, limited = await acts(house)
    assert (off.verb, limited.verb) == ("key.disabled", "key.limited")
    assert limited.details["after"]["requests_per_minute"] == 5
    assert limited.details["before"]["spend_limit"] is None
    with pytest.raises(NoSuchKey):
        await operators.switch_key(house, by(ada), account_id=ada.account.id, key_id=grace.key.id, on=True)


async def test_an_invitation_is_made_and_revoked(house: House, ada: Person) -> None:
    issued = await operators.invite(
        house, by(ada), note="for Grace", credits_=micro(3), uses_max=2, life=timedelta(days=7)
    )
    assert await operators.revoke_invitation(house, by(ada), id_=issued.invitation.id)
    assert not await operators.revoke_invitation(house, by(ada), id_=issued.invitation.id)

    (kept,) = await operators.invitations(house)
    assert kept.revoked_at is not None
    revoked, made = await acts(house)
    assert (revoked.verb, made.verb) == ("invitation.revoked", "invitation.made")
    assert issued.code not in str([made, revoked])
    with pytest.raises(NoSuchInvitation):
        await operators.revoke_invitation(house, by(ada), id_=uuid7())
    with pytest.raises(InvalidValue):
        await operators.invite(house, by(ada), uses_max=0)


async def test_codes_are_made_and_switched_off(house: House, ada: Person) -> None:
    one, other = await operators.make_codes(house, by(ada), amount=micro(5), count=2, note="fair")
    assert await operators.disable_code(house, by(ada), id_=one.code.id)

    listed = {code.id: code.disabled_at for code in await operators.codes(house, count=10)}
    assert listed[one.code.id] is not None
    assert listed[other.code.id] is None
    told = await acts(house)
    assert [act.verb for act in told] == ["code.disabled", "code.made", "code.made"]
    assert one.secret not in str(told)
