"""Joining: who may have an account, and how they get it.

Where mails can be sent, an e-mail that is taken is answered exactly like a new one, and its owner gets a mail: so whoever
registers is sent away to open the link in theirs, and comes back by the login page. Without mails a new account is signed
in at once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.accounts.models import Account
from limner.credits import service as credit_book
from limner.db import Tx
from limner.domain.problem import Problem
from limner.flow import mail
from limner.flow.house import House
from limner.flow.keys import add_account
from limner.flow.leave import close_account
from limner.flow.letters import Language
from limner.flow.login import check_password, checked_email, look_at_link, noise, refuse_suspended
from limner.flow.signin import begin_session
from limner.kit.ids import uuid7
from limner.logins import rules
from limner.logins import service as logins
from limner.logins.models import Invitation, IssuedInvitation, Login

_NAMES_TRIED: Final = 50


class RegistrationClosed(Problem):
    """Nobody new may have an account."""

    code = "registration_closed"
    status = 403


class InvitationNeeded(Problem):
    """An account needs an invitation."""

    code = "invitation_needed"
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """What came of it: a session's `token`, or None: there is a mail to open first, at `email`."""

    email: str
    token: str | None = field(repr=False)


async def register(
    house: House,
    *,
    email: str,
    password: str,
    invitation: str | None = None,
    next_: str | None = None,
    sender: str,
    agent: str,
    language: Language,
) -> Registered:
    """A new account with a login.

    Raises `InvalidValue`, `RegistrationClosed`, `InvitationNeeded`, `InvitationOver`, `TriedTooOften`; and `EmailTaken`,
    where no mails can be sent.
    """
    email = checked_email(email)
    check_password(password, email=email)
    may_register(house, invitation=invitation)
    async with house.database.statement() as tx:
        await tx.together(logins.take("register", who=rules.sender_of(sender), now=house.clock.now()))
    kept = await house.passwords.hashed(password)
    is_by_mail, token, link = house.post.is_set, None, None
    try:
        async with house.database.transaction() as tx:
            login = await admit_person(
                tx,
                house,
                email=email,
                password_hash=kept,
                must_verify=is_by_mail,
                verified=False,
                invitation=invitation,
            )
            if is_by_mail:
                link = await logins.make_link(
                    tx,
                    account_id=login.account_id,
                    purpose="verify",
                    noise=noise(),
                    email=email,
                    next_=rules.place_of_ours(next_),
                    now=house.clock.now(),
                )
            else:
                token = await begin_session(tx, house, account_id=login.account_id, sender=sender, agent=agent)
    except logins.EmailTaken:
        if not is_by_mail:
            raise
    await _tell(house, email=email, link=link, language=language)
    return Registered(email=email, token=token)


async def _tell(house: House, *, email: str, link: str | None, language: Language) -> None:
    """One mail, whichever it is; of those who are told again and again that they have an account, few are."""
    if not house.post.is_set:
        return
    if link is not None:
        mail.write(house, "verify", to=email, language=language, link=mail.link_of(house, purpose="verify", token=link))
        return
    try:
        async with house.database.statement() as tx:
            await tx.together(logins.take("mail_by_email", who=rules.same_email(email), now=house.clock.now()))
    except logins.TriedTooOften:
        return  # and nobody learns of it
    mail.write(house, "taken", to=email, language=language, link=f"{house.public_url}/forgot")


def may_register(house: House, *, invitation: str | None) -> None:
    """Whether somebody new may come, as far as the settings go. Raises `RegistrationClosed`, `InvitationNeeded`."""
    registration = house.accounts_policy.registration
    if registration == "closed":
        raise RegistrationClosed("this server takes no new accounts: ask whoever runs it")
    if registration == "invitation" and not invitation:
        raise InvitationNeeded("an account here needs an invitation: ask whoever runs this server", param="invitation")


async def admit_person(
    tx: Tx,
    house: House,
    *,
    email: str | None,
    password_hash: str | None,
    must_verify: bool,
    verified: bool,
    invitation: str | None,
) -> Login:
    """A new account with a login, by invitation or not. Raises `InvitationOver`, `EmailTaken`.

    It starts without credits, but for the invitation's: the first key brings the others.
    """
    now = house.clock.now()
    used = await logins.redeem(tx, code=invitation, email=email, now=now) if invitation else None
    account = await _named(tx, name=rules.name_from(email), now=now)
    if used is not None and used.credits:
        await credit_book.grant(
            tx, id_=uuid7(), account_id=account.id, amount=used.credits, reason="with the invitation", now=now
        )
    is_approved = used is not None or house.accounts_policy.registration != "approval"
    return await logins.add_login(
        tx,
        account_id=account.id,
        email=email,
        password_hash=password_hash,
        must_verify=must_verify,
        verified_at=now if verified else None,
        approved_at=now if is_approved else None,
        invitation_id=used.id if used else None,
        now=now,
    )


async def _named(tx: Tx, *, name: str, now: datetime) -> Account:
    """A new account of that name, or with a number behind it."""
    for number in range(1, _NAMES_TRIED):
        try:
            called = name if number == 1 else f"{name}-{number}"
            return await add_account(tx, name=called, role="member", credits_start=0, now=now)
        except accounts.AccountExists:
            continue
    return await add_account(tx, name=f"{name}-{uuid7().hex[-8:]}", role="member", credits_start=0, now=now)


# invitations and approval ------------------------------------------------------------------------------------------------


async def invite(
    tx: Tx,
    *,
    made_by: UUID,
    now: datetime,
    note: str = "",
    email: str | None = None,
    credits_: int = 0,
    uses_max: int = 1,
    life: timedelta | None = None,
) -> IssuedInvitation:
    """Leave to join, `uses_max` times within `life`; its code is in the answer and kept nowhere. `credits_` in micro-credits.

    Raises `InvalidValue` for an e-mail that is none.
    """
    return await logins.invite(
        tx,
        id_=uuid7(),
        noise=noise(),
        made_by=made_by,
        now=now,
        note=note,
        email=checked_email(email) if email else None,
        credits_=credits_,
        uses_max=uses_max,
        expires_at=now + life if life is not None else None,
    )


def invitation_address(public_url: str, *, code: str) -> str:
    """Where somebody who is invited goes."""
    return f"{public_url}/register?invitation={code}"


async def look_at_invitation(house: House, *, code: str, sender: str) -> Invitation:
    """What an invitation is good for, without using it. Raises `InvitationOver`, `TriedTooOften`."""
    now = house.clock.now()
    async with house.database.statement() as tx:
        await tx.together(logins.take("link", who=rules.sender_of(sender), now=now))
        found = await logins.invitation_with(tx, code=code)
    if (
        found is None
        or found.revoked_at is not None
        or found.uses >= found.uses_max
        or (found.expires_at is not None and found.expires_at <= now)
    ):
        raise logins.InvitationOver("this invitation was used or has expired: ask for a new one", param="invitation")
    return found


async def approve(house: House, *, account_id: UUID, language: Language = "en") -> bool:
    """Let in somebody who waits, and tell them; whether they did."""
    async with house.database.transaction() as tx:
        is_news = await logins.approve(tx, account_id=account_id, now=house.clock.now())
        login = await logins.login_of(tx, account_id=account_id)
    if is_news and login is not None and login.email is not None:
        mail.write(house, "approved", to=login.email, language=language, link=f"{house.public_url}/login")
    return is_news


async def refuse(house: House, *, account_id: UUID, language: Language = "en") -> bool:
    """Send away somebody who waits, and tell them; whether they did. Their account is deleted."""
    async with house.database.transaction() as tx:
        await logins.lock_login(tx, account_id=account_id)
        login = await logins.login_of(tx, account_id=account_id)
        if login is None or not login.is_waiting:
            return False
        await close_account(tx, account_id=account_id, now=house.clock.now())
    if login.email is not None:
        mail.write(house, "refused", to=login.email, language=language, link=house.public_url)
    return True


# welcome -----------------------------------------------------------------------------------------------------------------


async def welcome_link(tx: Tx, *, account_id: UUID, now: datetime) -> str:
    """The token of a link by which an account that has only keys gets a login; earlier ones end. Raises `LoginExists`."""
    if await logins.login_of(tx, account_id=account_id) is not None:
        raise logins.LoginExists(
            "the account has a login already: `limner accounts reset` makes a link for a new password"
        )
    await logins.forget_links(tx, account_id=account_id, purpose="welcome")
    return await logins.make_link(tx, account_id=account_id, purpose="welcome", noise=noise(), now=now)


async def welcome(house: House, *, token: str, email: str, password: str, sender: str, agent: str) -> str:
    """Give the link's account a login, and sign it in; the session's token.

    Raises `LinkOver`, `InvalidValue`, `EmailTaken`, `LoginExists`, `AccountSuspended`, `TriedTooOften`.
    """
    await look_at_link(house, token=token, purpose="welcome", sender=sender)
    email = checked_email(email)
    check_password(password, email=email)
    kept = await house.passwords.hashed(password)
    now = house.clock.now()
    async with house.database.transaction() as tx:
        link = await logins.use_link(tx, token=token, purpose="welcome", now=now)
        await refuse_suspended(tx, account_id=link.account_id)
        await logins.add_login(
            tx,
            account_id=link.account_id,
            email=email,
            password_hash=kept,
            must_verify=False,
            verified_at=None,
            approved_at=now,
            invitation_id=None,
            now=now,
        )
        return await begin_session(tx, house, account_id=link.account_id, sender=sender, agent=agent)
