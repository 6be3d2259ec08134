"""Joining: openly, by invitation, by approval, and the link that welcomes whoever has only a key."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from limner.accounts import service as accounts
from limner.accounts.models import Account
from limner.credits import service as credit_book
from limner.domain.money import micro
from limner.domain.problem import InvalidValue
from limner.flow import login, register, signin
from limner.flow.house import House
from limner.flow.register import InvitationNeeded, RegistrationClosed
from limner.flow.signin import NotApproved
from limner.kit.clock import StillClock
from limner.logins import service as logins
from limner.logins.service import EmailTaken, InvitationOver, LinkOver, LoginExists, TriedTooOften, WrongLogin
from support.logins import AGENT, PASSWORD, SENDER, comes_in, joins, token_in, who_has, with_login, with_policy
from support.people import Person
from support.postbox import PostBox, postbox


@pytest.fixture
async def box() -> AsyncIterator[PostBox]:
    async with postbox() as box:
        yield box


@pytest.fixture
def posted(house: House, box: PostBox) -> House:
    """The house, with a server for mails."""
    return replace(house, post=box.post())


async def invites(house: House, made_by: Person, **more: object) -> str:
    async with house.database.transaction() as tx:
        issued = await register.invite(tx, made_by=made_by.account.id, now=house.clock.now(), **more)  # type: ignore[arg-type]
    return issued.code


async def accounts_of(house: House) -> list[Account]:
    async with house.database.statement() as tx:
        return await accounts.accounts(tx)


# openly ------------------------------------------------------------------------------------------------------------------


async def test_mary_joins_and_is_in(house: House) -> None:
    joined = await joins(house, " Mary@Example.org ")

    mary = await who_has(house, joined.token)
    assert (mary.account.name, mary.account.role) == ("Mary", "member")
    assert mary.login is not None
    assert (mary.login.email, mary.login.verified_at) == ("Mary@Example.org", None)
    assert not mary.is_waiting
    async with house.database.statement() as tx:
        assert (await credit_book.balance(tx, account_id=mary.account.id)).balance == 0
    assert (await comes_in(house, "mary@example.org")).account == mary.account


async def test_two_maries_have_two_names(house: House) -> None:
    names = [
        (await who_has(house, (await joins(house, email)).token)).account.name
        for email in ("mary@example.org", "mary@example.com", "mary@example.net")
    ]
    assert names == ["mary", "mary-2", "mary-3"]


@pytest.mark.parametrize(
    ("email", "password", "param"),
    [
        ("mary", PASSWORD, "email"),
        ("mary@example.org", "short", "password"),
        ("mary@example.org", "MARY@example.org", "password"),
        ("mary@example.org\nbcc: all@example.org", PASSWORD, "email"),
    ],
)
async def test_what_is_no_email_or_no_password_makes_no_account(
    house: House, email: str, password: str, param: str
) -> None:
    with pytest.raises(InvalidValue) as caught:
        await joins(house, email, password=password)

    assert caught.value.param == param
    assert await accounts_of(house) == []


async def test_without_mails_a_taken_email_has_to_be_said(house: House, grace: Person) -> None:
    await with_login(house, grace)

    with pytest.raises(EmailTaken):
        await joins(house, "GRACE@example.org")
    assert [account.name for account in await accounts_of(house)] == ["grace"]


async def test_racing_for_one_email_makes_one_account(house: House) -> None:
    async def join() -> bool:
        try:
            await joins(house)
        except EmailTaken:
            return False
        return True

    assert sum(await asyncio.gather(*(join() for _ in range(5)))) == 1
    assert [account.name for account in await accounts_of(house)] == ["mary"]


async def test_one_sender_makes_twenty_accounts_an_hour(house: House, clock: StillClock) -> None:
    for number in range(20):
        await joins(house, f"mary{number}@example.org")
    with pytest.raises(TriedTooOften):
        await joins(house)
    await joins(house, sender="192.0.2.8")
    clock.move(seconds=180)
    await joins(house, "late@example.org")


# with mails --------------------------------------------------------------------------------------------------------------


async def test_with_mails_she_comes_in_once_she_has_opened_the_link(posted: House, box: PostBox) -> None:
    joined = await joins(posted, next_="/keys?new=1")
    await posted.post.settled()

    assert joined.token is None
    assert box.last["To"] == "mary@example.org"
    with pytest.raises(WrongLogin):
        await comes_in(posted, "mary@example.org")

    verified = await login.verify(posted, token=token_in(box.last_link, "verify"), sender=SENDER)

    assert (verified.email, verified.next) == ("mary@example.org", "/keys?new=1")
    mary = await comes_in(posted, "mary@example.org")
    assert mary.login is not None
    assert mary.login.verified_at == posted.clock.now()


async def test_with_mails_a_taken_email_is_answered_like_a_new_one(posted: House, box: PostBox, grace: Person) -> None:
    await with_login(posted, grace, email="Grace@example.org")

    new = await joins(posted, "mary@example.org")
    taken = await joins(posted, "grace@example.org")
    await posted.post.settled()

    assert replace(new, email="") == replace(taken, email="")
    subjects = {str(letter["To"]): str(letter["Subject"]) for letter in box.letters}
    assert subjects == {
        "mary@example.org": "Confirm your e-mail · limner",
        "grace@example.org": "You have an account already · limner",
    }
    for email in ("mary@example.org", "grace@example.org"):
        with pytest.raises(WrongLogin) as caught:
            await comes_in(posted, email, password="not the password")
        assert "wrong, or the e-mail has not been confirmed yet" in caught.value.message


async def test_who_registers_with_somebody_else_s_email_does_not_get_what_is_theirs(
    posted: House, box: PostBox
) -> None:
    await joins(posted, "grace@example.org", password="eve's own password")
    await login.request_reset(posted, email="grace@example.org", sender=SENDER, language="en")
    await posted.post.settled()

    await login.reset(posted, token=token_in(box.last_link, "reset"), password=PASSWORD, sender=SENDER, agent=AGENT)

    await comes_in(posted, "grace@example.org")
    with pytest.raises(WrongLogin):
        await comes_in(posted, "grace@example.org", password="eve's own password")


async def test_a_place_elsewhere_is_not_gone_to(posted: House, box: PostBox) -> None:
    await joins(posted, next_="//evil.example")
    await posted.post.settled()

    verified = await login.verify(posted, token=token_in(box.last_link, "verify"), sender=SENDER)
    assert verified.next is None


# by invitation -----------------------------------------------------------------------------------------------------------


async def test_an_invitation_lets_one_in_with_its_credits(house: House, ada: Person) -> None:
    house = with_policy(house, registration="invitation")
    code = await invites(house, ada, credits_=micro(25), note="from the conference")

    with pytest.raises(InvitationNeeded):
        await joins(house)
    with pytest.raises(InvitationOver):
        await joins(house, invitation="x" * 43)
    mary = await who_has(house, (await joins(house, invitation=code)).token)
    with pytest.raises(InvitationOver):
        await joins(house, "john@example.org", invitation=code)

    async with house.database.statement() as tx:
        assert (await credit_book.balance(tx, account_id=mary.account.id)).balance == micro(25)
        (invitation,) = await logins.invitations(tx)
        kept = await tx.value("SELECT i::text FROM invitations i")
    assert (invitation.uses, invitation.uses_max, invitation.note) == (1, 1, "from the conference")
    assert code not in kept
    assert code.startswith(invitation.prefix)


async def test_racing_callers_use_it_exactly_as_often_as_it_is_good_for(house: House, ada: Person) -> None:
    house = with_policy(house, registration="invitation")
    code = await invites(house, ada, uses_max=3)

    async def join(number: int) -> bool:
        try:
            await joins(house, f"mary{number}@example.org", invitation=code, sender=f"192.0.2.{number}")
        except InvitationOver:
            return False
        return True

    assert sum(await asyncio.gather(*(join(number) for number in range(8)))) == 3
    assert len(await accounts_of(house)) == 4


async def test_an_invitation_that_failed_to_make_an_account_is_not_used(house: House, ada: Person) -> None:
    house = with_policy(house, registration="invitation")
    await with_login(house, ada)
    code = await invites(house, ada)

    with pytest.raises(EmailTaken):
        await joins(house, "ada@example.org", invitation=code)
    await joins(house, invitation=code)


async def test_an_invitation_for_one_person_is_good_for_no_other(house: House, ada: Person) -> None:
    house = with_policy(house, registration="invitation")
    code = await invites(house, ada, email="mary@example.org")

    with pytest.raises(InvitationOver):
        await joins(house, "eve@example.org", invitation=code)
    await joins(house, "Mary@Example.org", invitation=code)


async def test_an_invitation_ends(house: House, clock: StillClock, ada: Person) -> None:
    house = with_policy(house, registration="invitation")
    short, revoked = await invites(house, ada, life=timedelta(days=1)), await invites(house, ada)
    assert (await register.look_at_invitation(house, code=short, sender=SENDER)).uses == 0
    async with house.database.statement() as tx:
        (newest, _) = await logins.invitations(tx)
        assert await logins.revoke_invitation(tx, id_=newest.id, now=clock.now())
        assert not await logins.revoke_invitation(tx, id_=newest.id, now=clock.now())

    clock.move(seconds=86_400)
    for code in (short, revoked):
        with pytest.raises(InvitationOver):
            await register.look_at_invitation(house, code=code, sender=SENDER)
        with pytest.raises(InvitationOver):
            await joins(house, invitation=code)


async def test_a_closed_server_takes_nobody_not_even_with_an_invitation(house: House, ada: Person) -> None:
    house = with_policy(house, registration="closed")
    code = await invites(house, ada)

    for invitation in (None, code):
        with pytest.raises(RegistrationClosed):
            await joins(house, invitation=invitation)


# by approval -------------------------------------------------------------------------------------------------------------


async def test_who_waits_may_look_and_do_nothing(house: House) -> None:
    house = with_policy(house, registration="approval")
    joined = await joins(house)
    mary = await who_has(house, joined.token)
    assert mary.is_waiting
    with pytest.raises(NotApproved):
        mary.approved()

    assert await register.approve(house, account_id=mary.account.id)
    assert not await register.approve(house, account_id=mary.account.id)

    mary = await who_has(house, joined.token)
    assert not mary.is_waiting
    assert mary.approved() == mary.account


async def test_the_approved_get_a_mail(posted: House, box: PostBox) -> None:
    house = with_policy(posted, registration="approval")
    await joins(house)
    (account,) = await accounts_of(house)
    await house.post.settled()

    await register.approve(house, account_id=account.id)
    await house.post.settled()

    assert box.last["Subject"] == "Your account was approved · limner"
    assert box.last_link == "http://limner.test/login"


async def test_the_refused_are_gone_and_may_ask_again(house: House) -> None:
    house = with_policy(house, registration="approval")
    joined = await joins(house)
    mary = await who_has(house, joined.token)

    assert await register.refuse(house, account_id=mary.account.id)
    assert not await register.refuse(house, account_id=mary.account.id)

    assert await signin.signed_in(house, token=joined.token or "") is None
    with pytest.raises(WrongLogin):
        await comes_in(house, "mary@example.org")
    await joins(house)


async def test_who_is_approved_cannot_be_refused(house: House, grace: Person) -> None:
    await with_login(house, grace)
    assert not await register.refuse(house, account_id=grace.account.id)
    await comes_in(house, "grace@example.org")


async def test_an_invitation_is_approval(house: House, ada: Person) -> None:
    house = with_policy(house, registration="approval")
    joined = await joins(house, invitation=await invites(house, ada))
    assert not (await who_has(house, joined.token)).is_waiting


# welcome -----------------------------------------------------------------------------------------------------------------


async def welcome_token(house: House, account_id: UUID) -> str:
    async with house.database.transaction() as tx:
        return await register.welcome_link(tx, account_id=account_id, now=house.clock.now())


async def welcomed(house: House, token: str, email: str = "ada@example.org") -> str:
    return await register.welcome(house, token=token, email=email, password=PASSWORD, sender=SENDER, agent=AGENT)


async def test_the_owner_gets_a_login_by_a_link(house: House, ada: Person) -> None:
    token = await welcome_token(house, ada.account.id)

    owner = await who_has(house, await welcomed(house, token))

    assert owner.account == ada.account
    assert owner.is_owner
    assert (await comes_in(house, "ada@example.org")).account == ada.account
    with pytest.raises(LinkOver):
        await welcomed(house, token)
    with pytest.raises(LoginExists):
        await welcome_token(house, ada.account.id)


async def test_a_new_link_ends_the_one_before(house: House, ada: Person) -> None:
    first, second = await welcome_token(house, ada.account.id), await welcome_token(house, ada.account.id)

    with pytest.raises(LinkOver):
        await welcomed(house, first)
    await welcomed(house, second)


async def test_what_goes_wrong_does_not_use_it_up(house: House, ada: Person, grace: Person) -> None:
    await with_login(house, grace)
    token = await welcome_token(house, ada.account.id)

    with pytest.raises(EmailTaken):
        await welcomed(house, token, "grace@example.org")
    with pytest.raises(InvalidValue):
        await welcomed(house, token, "no email")
    await welcomed(house, token)


async def test_a_link_lives_for_a_day(house: House, clock: StillClock, ada: Person) -> None:
    token = await welcome_token(house, ada.account.id)
    clock.move(seconds=86_400)
    with pytest.raises(LinkOver):
        await welcomed(house, token)
