"""Coming in by e-mail and password, and everything that has to do with either.

Nobody learns here who has an account: an unknown e-mail costs the same time and gets the same words as a wrong password,
and asking for a new password is answered alike for everyone. Every try is counted before it is made, by who makes it and
for whom; one that turns out well is given back.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from limner.accounts import service as accounts
from limner.db import Tx
from limner.db.steps import Step
from limner.domain.problem import InvalidValue, Problem
from limner.flow import mail
from limner.flow.house import House
from limner.flow.letters import Language
from limner.flow.signin import SignedIn, begin_session
from limner.logins import rules
from limner.logins import service as logins
from limner.logins.models import Login, Purpose
from limner.logins.service import WrongLogin

FRESH: Final = timedelta(minutes=10)
"""How old a session may be that stands for a password where there is none."""


class AccountSuspended(Problem):
    """The account may not be used."""

    code = "account_suspended"
    status = 403


class NotFresh(Problem):
    """There is no password to ask for, and the session is not new enough to stand for one."""

    code = "session_not_fresh"
    status = 403


class NoEmail(Problem):
    """The account has no e-mail."""

    code = "no_email"
    status = 409


# checks ------------------------------------------------------------------------------------------------------------------


def checked_email(email: str) -> str:
    """The e-mail as it is kept. Raises `InvalidValue`."""
    email = email.strip()
    if not rules.is_email(email):
        raise InvalidValue("this is not an e-mail: it looks like name@example.org", param="email")
    return email


def check_password(password: str, *, email: str | None) -> None:
    """Whether a new password will do. Raises `InvalidValue`."""
    fault = rules.password_fault(password, email=email)
    if fault is not None:
        raise InvalidValue(f"a password {fault}", param="password")


def trying(house: House, *, sender: str, email: str) -> tuple[Step[None], Step[None]]:
    """Count a try to come in."""
    now = house.clock.now()
    return (
        logins.take("sign_in_by_sender", who=rules.sender_of(sender), now=now),
        logins.take("sign_in_by_email", who=rules.same_email(email), now=now),
    )


async def _take(house: House, *steps: Step[None]) -> None:
    async with house.database.statement() as tx:
        await tx.together(*steps)


def noise() -> bytes:
    """Fresh random bytes for a token."""
    return secrets.token_bytes(rules.TOKEN_BYTES)


# signing in --------------------------------------------------------------------------------------------------------------


async def sign_in(house: House, *, email: str, password: str, sender: str, agent: str) -> str:
    """A new session's token. Raises `WrongLogin`, `TriedTooOften`, `AccountSuspended`."""
    await _take(house, *trying(house, sender=sender, email=email))
    found = None
    if rules.is_email(email.strip()):
        async with house.database.statement() as tx:
            found = await logins.login_with_password(tx, email=email)
    login, kept = found or (None, None)
    is_right = await house.passwords.matches(password[: rules.PASSWORD_CHARACTERS_MAX + 1], kept=kept)
    if login is None or kept is None or not is_right or _is_unproven(login):
        raise _wrong(house)
    new = await house.passwords.hashed(password) if house.passwords.is_outdated(kept) else None
    async with house.database.transaction() as tx:
        await tx.together(
            logins.give_back("sign_in_by_sender", who=rules.sender_of(sender)),
            logins.give_back("sign_in_by_email", who=rules.same_email(email)),
        )
        if new is not None:
            await logins.rehash(tx, account_id=login.account_id, old=kept, new=new)
        await refuse_suspended(tx, account_id=login.account_id)
        return await begin_session(tx, house, account_id=login.account_id, sender=sender, agent=agent)


def _is_unproven(login: Login) -> bool:
    return login.must_verify and login.verified_at is None


def _wrong(house: House) -> WrongLogin:
    # The same words for all, so that they tell nobody which of these it is.
    more = ", or the e-mail has not been confirmed yet: open the link in our mail" if house.post.is_set else ""
    return WrongLogin(f"the e-mail or the password is wrong{more}")


async def refuse_suspended(tx: Tx, *, account_id: UUID) -> None:
    """Raises `AccountSuspended`."""
    account = await accounts.account_of(tx, id_=account_id)
    if account.suspended_at is not None:
        raise AccountSuspended("this account has been suspended: ask whoever runs this server")


async def prove(house: House, who: SignedIn, *, password: str | None, sender: str) -> None:
    """That it is really them, before something that cannot be undone.

    By their password; where there is none, by having signed in just now. Raises `WrongLogin`, `TriedTooOften`, `NotFresh`.
    """
    if who.login is None or not who.login.has_password:
        if house.clock.now() - who.session.created_at > FRESH:
            raise NotFresh("sign in again first: this is done only within ten minutes of signing in")
        return
    email = who.login.email or ""
    await _take(house, *trying(house, sender=sender, email=email))
    async with house.database.statement() as tx:
        kept = await logins.password_hash_of(tx, account_id=who.account.id)
    if not await house.passwords.matches((password or "")[: rules.PASSWORD_CHARACTERS_MAX + 1], kept=kept):
        raise WrongLogin("the password is wrong", param="password")
    async with house.database.statement() as tx:
        await tx.together(
            logins.give_back("sign_in_by_sender", who=rules.sender_of(sender)),
            logins.give_back("sign_in_by_email", who=rules.same_email(email)),
        )


# passwords ---------------------------------------------------------------------------------------------------------------


async def change_password(house: House, who: SignedIn, *, old: str | None, new: str, sender: str) -> None:
    """Another password, or the first; every other session ends. Raises `InvalidValue`, `NoEmail` and what `prove` does."""
    if who.login is None or who.login.email is None:
        raise NoEmail("give the account an e-mail first: a password goes with one")
    check_password(new, email=who.login.email)
    await prove(house, who, password=old, sender=sender)
    kept = await house.passwords.hashed(new)
    async with house.database.transaction() as tx:
        await logins.set_password(tx, account_id=who.account.id, password_hash=kept)
        await logins.forget_links(tx, account_id=who.account.id, purpose="reset")
        await logins.end_sessions(tx, account_id=who.account.id, but=who.session.id)


async def request_reset(house: House, *, email: str, sender: str, language: Language) -> None:
    """Send a link for a new password to the e-mail, if it has an account. Raises `InvalidValue`, `TriedTooOften`.

    It is looked up after the answer, which therefore takes the same time for everyone.
    """
    email = checked_email(email)
    await _take(house, *mailing(house, email=email, sender=sender))
    house.post.begin(_send_reset(house, email=email, language=language))


def mailing(house: House, *, email: str, sender: str) -> tuple[Step[None], Step[None]]:
    """Count a mail."""
    now = house.clock.now()
    return (
        logins.take("mail_by_sender", who=rules.sender_of(sender), now=now),
        logins.take("mail_by_email", who=rules.same_email(email), now=now),
    )


async def _send_reset(house: House, *, email: str, language: Language) -> None:
    async with house.database.statement() as tx:
        login = await logins.login_called(tx, email=email)
        if login is None or login.email is None:
            return
        token = await reset_link(tx, login=login, now=house.clock.now())
    link = mail.link_of(house, purpose="reset", token=token)
    mail.write(house, "reset", to=login.email, language=language, link=link)


async def reset_link(tx: Tx, *, login: Login, now: datetime) -> str:
    """The token of a link with which to set a new password."""
    return await logins.make_link(
        tx,
        account_id=login.account_id,
        purpose="reset",
        noise=noise(),
        email=login.email,
        now=now,
    )


async def look_at_link(house: House, *, token: str, purpose: Purpose, sender: str) -> str | None:
    """The e-mail that a link is for, without using it. Raises `LinkOver`, `TriedTooOften`."""
    await _take(house, logins.take("link", who=rules.sender_of(sender), now=house.clock.now()))
    async with house.database.statement() as tx:
        return (await logins.link(tx, token=token, purpose=purpose, now=house.clock.now())).email


async def reset(house: House, *, token: str, password: str, sender: str, agent: str) -> str:
    """Set a new password by a link; every session ends and a new one begins, whose token is the answer.

    Who has the link has the e-mail, which is verified by that. Raises `LinkOver`, `InvalidValue`, `TriedTooOften`,
    `AccountSuspended`.
    """
    email = await look_at_link(house, token=token, purpose="reset", sender=sender)
    check_password(password, email=email)
    kept = await house.passwords.hashed(password)
    now = house.clock.now()
    async with house.database.transaction() as tx:
        link = await logins.use_link(tx, token=token, purpose="reset", now=now)
        login = await logins.login_of(tx, account_id=link.account_id)
        if login is None or login.email is None or not _is_for(link.email, login.email):
            raise logins.LinkOver("this link was for another e-mail: ask for a new one")
        await refuse_suspended(tx, account_id=login.account_id)
        await logins.set_password(tx, account_id=login.account_id, password_hash=kept)
        await logins.verify(tx, account_id=login.account_id, now=now)
        await logins.forget_links(tx, account_id=login.account_id, purpose="reset")
        await logins.end_sessions(tx, account_id=login.account_id, but=None)
        return await begin_session(tx, house, account_id=login.account_id, sender=sender, agent=agent)


def _is_for(email: str | None, other: str) -> bool:
    return email is not None and rules.same_email(email) == rules.same_email(other)


# e-mails -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """An e-mail that was shown to be its account's. `next`: where its owner wanted to go."""

    account_id: UUID
    email: str
    next: str | None


async def request_verification(house: House, who: SignedIn, *, sender: str, language: Language) -> None:
    """Send the link once more. Raises `TriedTooOften`, `NoEmail`."""
    if who.login is None or who.login.email is None:
        raise NoEmail("the account has no e-mail to verify")
    email = who.login.email
    async with house.database.transaction() as tx:
        await tx.together(*mailing(house, email=email, sender=sender))
        token = await logins.make_link(
            tx, account_id=who.account.id, purpose="verify", noise=noise(), email=email, now=house.clock.now()
        )
    mail.write(house, "verify", to=email, language=language, link=mail.link_of(house, purpose="verify", token=token))


async def verify(house: House, *, token: str, sender: str, language: Language = "en") -> Verified:
    """Use the link in a mail: the e-mail it went to is the account's. Raises `LinkOver`, `EmailTaken`, `TriedTooOften`."""
    await _take(house, logins.take("link", who=rules.sender_of(sender), now=house.clock.now()))
    now, old = house.clock.now(), None
    async with house.database.transaction() as tx:
        link = await logins.use_link(tx, token=token, purpose="verify", now=now)
        login = await logins.login_of(tx, account_id=link.account_id)
        if login is None or link.email is None:
            raise logins.LinkOver("the account of this link is not there any more")
        if login.email is not None and _is_for(link.email, login.email):
            await logins.verify(tx, account_id=login.account_id, now=now)
        else:
            await logins.set_email(tx, account_id=login.account_id, email=link.email, verified_at=now)
            # A link that went to the old one is no longer the owner's to use.
            await logins.forget_links(tx, account_id=login.account_id, purpose="reset")
            old = login.email if login.verified_at is not None else None
    if old is not None:
        mail.write(house, "email_changed", to=old, language=language, link=house.public_url)
    return Verified(account_id=link.account_id, email=link.email, next=link.next)


async def change_email(
    house: House, who: SignedIn, *, email: str, password: str | None, sender: str, language: Language
) -> bool:
    """Another e-mail: at once, or, where mails can be sent, once the link in one has been opened. Whether it was at once.

    Where mails can be sent, a taken one is answered like any other; its owner is told. Raises `InvalidValue`,
    `TriedTooOften`, `EmailTaken`, and what `prove` does.
    """
    email = checked_email(email)
    await prove(house, who, password=password, sender=sender)
    now = house.clock.now()
    if not house.post.is_set:
        async with house.database.transaction() as tx:
            await logins.set_email(tx, account_id=who.account.id, email=email, verified_at=None)
            await logins.forget_links(tx, account_id=who.account.id, purpose="reset")
            await logins.forget_links(tx, account_id=who.account.id, purpose="verify")
        return True
    async with house.database.transaction() as tx:
        await tx.together(*mailing(house, email=email, sender=sender))
        other = await logins.login_called(tx, email=email)
        token = await logins.make_link(
            tx, account_id=who.account.id, purpose="verify", noise=noise(), email=email, now=now
        )
    if other is not None and other.account_id != who.account.id:
        mail.write(house, "taken", to=email, language=language, link=f"{house.public_url}/forgot")
    else:
        link = mail.link_of(house, purpose="verify", token=token)
        mail.write(house, "new_email", to=email, language=language, link=link)
    return False
