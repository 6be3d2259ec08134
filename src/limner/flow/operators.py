"""What operators do to other people's accounts, and to what lets people in. Each act is written down in its transaction.

Whether somebody is an operator is for the caller to see to: here is only who it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal
from uuid import UUID

from limner.accounts import service as accounts
from limner.accounts.models import Account
from limner.audit import service as audit
from limner.audit.models import Actor, Subject
from limner.audit.models import Entry as AuditEntry
from limner.audit.models import Filter as AuditFilter
from limner.credits import service as credit_book
from limner.credits.models import Balance, Entry, IssuedCode, RedeemCode
from limner.db import Tx
from limner.domain.money import in_credits
from limner.domain.problem import InvalidValue, MissingParameter
from limner.flow import mail, redeem
from limner.flow.house import House
from limner.flow.keys import KeyLimits, KeyUse, check_limits, keys_of
from limner.flow.leave import OwnerStays, close_account
from limner.flow.letters import Language
from limner.flow.register import invite as make_invitation
from limner.kit.ids import uuid7
from limner.logins import service as logins
from limner.logins.models import Invitation, IssuedInvitation, Login
from limner.tasks import service as tasks
from limner.webhooks import service as webhooks

State = Literal["active", "waiting", "suspended"]
REASON_CHARACTERS_MAX: Final = 200
_FOUND_MAX: Final = 500
_LEDGER: Final = 50
_INVITATIONS: Final = 200
_USES_MAX: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSeen:
    """An account as an operator sees it. `last_active_at`: its last task or page; None: there was none."""

    account: Account
    login: Login | None
    balance: Balance
    last_active_at: datetime | None

    @property
    def state(self) -> State:
        """Whether it may be used; waiting: for an operator's yes."""
        if self.account.suspended_at is not None:
            return "suspended"
        return "waiting" if self.login is not None and self.login.is_waiting else "active"

    @property
    def is_owner(self) -> bool:
        """Whether it is the owner's."""
        return self.account.role == "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountTold:
    """All that an operator is shown of an account. `entries`: the last of its book; `acts`: what operators did to it."""

    seen: AccountSeen
    keys: Sequence[KeyUse]
    entries: Sequence[Entry]
    acts: Sequence[AuditEntry]


# looking -----------------------------------------------------------------------------------------------------------------


async def find_accounts(
    house: House, *, text: str = "", state: State | None = None, before: UUID | None = None, count: int
) -> list[AccountSeen]:
    """Up to `count` accounts, newest first, with that text in their name, e-mail or id. `before`: from behind this one."""
    text = text.strip()
    async with house.database.statement() as tx:
        by_email = await logins.accounts_like(tx, text=text, count=_FOUND_MAX) if text else []
        waiting = await logins.waiting(tx, count=_FOUND_MAX) if state == "waiting" else None
        found = await accounts.search(
            tx,
            text=text or None,
            or_ids=by_email,
            among=waiting,
            is_suspended=None if state is None else state == "suspended",
            before=before,
            count=count,
        )
        seen = await _seen(tx, found)
    return [one for one in seen if state is None or one.state == state]


async def account_told(house: House, *, account_id: UUID) -> AccountTold:
    """One account. Raises `NoSuchAccount`."""
    async with house.database.statement() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        (seen,) = await _seen(tx, [account])
        entries = await credit_book.entries(tx, account_id=account_id, count=_LEDGER)
        acts = await audit.entries(tx, which=AuditFilter(kind="account", subject_id=str(account_id)), count=_LEDGER)
    keys = await keys_of(house, account_id=account_id)
    return AccountTold(seen=seen, keys=keys, entries=entries, acts=acts)


async def names_of(house: House, *, account_ids: Sequence[UUID]) -> dict[UUID, str]:
    """What these accounts are called."""
    async with house.database.statement() as tx:
        return await accounts.names(tx, ids=account_ids)


async def _seen(tx: Tx, found: Sequence[Account]) -> list[AccountSeen]:
    ids = [account.id for account in found]
    ways_in = await logins.logins_of(tx, account_ids=ids)
    balances = await credit_book.balances(tx, account_ids=ids)
    painted, seen = await tasks.last_of(tx, account_ids=ids), await logins.last_seen(tx, account_ids=ids)
    return [
        AccountSeen(
            account=account,
            login=ways_in.get(account.id),
            balance=balances[account.id],
            last_active_at=max((times[account.id] for times in (painted, seen) if account.id in times), default=None),
        )
        for account in found
    ]


# accounts ----------------------------------------------------------------------------------------------------------------


async def grant(house: House, actor: Actor, *, account_id: UUID, amount: int, reason: str) -> Balance:
    """Give credits, or take some back with a negative amount (micro-credits). What the account has then.

    Raises `InvalidValue`, `NoSuchAccount`, and `CreditsUsedUp` if more is taken than is free.
    """
    reason = _checked_reason(reason)
    if amount == 0 or abs(amount) > credit_book.AMOUNT_MAX:
        raise InvalidValue("give an amount of credits, or a negative one to take some back", param="credits")
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        balance = await credit_book.grant(
            tx, id_=uuid7(), account_id=account_id, amount=amount, reason=reason, now=house.clock.now()
        )
        await _note(
            tx,
            house,
            actor,
            "account.credited" if amount > 0 else "account.debited",
            _account(account),
            {"credits": in_credits(amount), "reason": reason, "balance": in_credits(balance.balance)},
        )
    return balance


async def suspend(house: House, actor: Actor, *, account_id: UUID, reason: str = "") -> bool:
    """Let nobody use the account; whether anybody could. Its sessions end, its tasks go on.

    Raises `NoSuchAccount`, `OwnerStays`.
    """
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        if account.role == "owner":
            raise OwnerStays("the owner's account cannot be suspended: the server is run by it")
        is_news = await accounts.suspend(tx, id_=account_id, now=house.clock.now())
        if is_news:
            await logins.end_sessions(tx, account_id=account_id, but=None)
            await _note(tx, house, actor, "account.suspended", _account(account), {"reason": _cut(reason)})
    return is_news


async def resume(house: House, actor: Actor, *, account_id: UUID) -> bool:
    """Let a suspended account be used again; whether it was suspended. Raises `NoSuchAccount`."""
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        is_news = await accounts.resume(tx, id_=account_id)
        if is_news:
            await _note(tx, house, actor, "account.resumed", _account(account))
    return is_news


async def approve(house: House, actor: Actor, *, account_id: UUID, language: Language = "en") -> bool:
    """Let in somebody who waits, and tell them; whether they did. Raises `NoSuchAccount`."""
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        is_news = await logins.approve(tx, account_id=account_id, now=house.clock.now())
        login = await logins.login_of(tx, account_id=account_id)
        if is_news:
            await _note(tx, house, actor, "account.approved", _account(account))
    if is_news and login is not None and login.email is not None:
        mail.write(house, "approved", to=login.email, language=language, link=f"{house.public_url}/login")
    return is_news


async def refuse(house: House, actor: Actor, *, account_id: UUID, language: Language = "en") -> bool:
    """Send away somebody who waits, and tell them; whether they did. Their account is deleted. Raises `NoSuchAccount`."""
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        await logins.lock_login(tx, account_id=account_id)
        login = await logins.login_of(tx, account_id=account_id)
        if login is None or not login.is_waiting:
            return False
        await close_account(tx, account_id=account_id, now=house.clock.now())
        await _note(tx, house, actor, "account.refused", _account(account))
    if login.email is not None:
        mail.write(house, "refused", to=login.email, language=language, link=house.public_url)
    return True


# keys --------------------------------------------------------------------------------------------------------------------


async def limit_key(house: House, actor: Actor, *, account_id: UUID, key_id: UUID, may: KeyLimits) -> None:
    """Say anew what an account's key may do, all of it. Raises `NoSuchKey` or `InvalidValue`."""
    now = house.clock.now()
    async with house.database.transaction() as tx:
        before = await accounts.key_owned(tx, id_=key_id, account_id=account_id)
        spent = await credit_book.budget(tx, api_key_id=key_id)
        check_limits(house, may, now=now if may.expires_at != before.expires_at else None)
        await accounts.set_key_limits(
            tx,
            id_=key_id,
            account_id=account_id,
            models=may.models,
            requests_per_minute=may.requests_per_minute,
            concurrent=may.concurrent,
            expires_at=may.expires_at,
            lenient=before.lenient,  # how its owner is told what cannot be is nobody else's business
        )
        await credit_book.limit_budget(tx, api_key_id=key_id, spend_limit=may.spend_limit)
        was = KeyLimits(
            models=before.models,
            requests_per_minute=before.requests_per_minute,
            concurrent=before.concurrent,
            expires_at=before.expires_at,
            spend_limit=spent.spend_limit,
        )
        details = {"account_id": str(account_id), "before": _limits(was), "after": _limits(may)}
        await _note(tx, house, actor, "key.limited", Subject(kind="key", id=str(key_id), label=before.prefix), details)


async def switch_key(house: House, actor: Actor, *, account_id: UUID, key_id: UUID, on: bool) -> bool:
    """Switch an account's key on or off; whether it was otherwise. Raises `NoSuchKey`."""
    async with house.database.transaction() as tx:
        key = await accounts.key_owned(tx, id_=key_id, account_id=account_id)
        if on:
            is_news = await accounts.enable_key(tx, id_=key_id)
        else:
            is_news = await accounts.disable_key(tx, id_=key_id, now=house.clock.now())
        if is_news:
            subject = Subject(kind="key", id=str(key_id), label=key.prefix)
            verb = "key.enabled" if on else "key.disabled"
            await _note(tx, house, actor, verb, subject, {"account_id": str(account_id)})
    return is_news


def _limits(may: KeyLimits) -> dict[str, Any]:
    return {
        "models": None if may.models is None else sorted(may.models),
        "requests_per_minute": may.requests_per_minute,
        "concurrent": may.concurrent,
        "expires_at": None if may.expires_at is None else may.expires_at.isoformat(),
        "spend_limit": None if may.spend_limit is None else in_credits(may.spend_limit),
    }


# invitations and codes ---------------------------------------------------------------------------------------------------


async def invitations(house: House) -> list[Invitation]:
    """The last invitations, newest first."""
    async with house.database.statement() as tx:
        return await logins.invitations(tx, count=_INVITATIONS)


async def invite(
    house: House,
    actor: Actor,
    *,
    note: str = "",
    email: str | None = None,
    credits_: int = 0,
    uses_max: int = 1,
    life: timedelta | None = None,
) -> IssuedInvitation:
    """Leave to join; its code is in the answer and kept nowhere. `credits_` in micro-credits. Raises `InvalidValue`."""
    assert actor.account_id is not None, "an invitation is somebody's"
    if not 0 <= credits_ <= credit_book.AMOUNT_MAX:
        raise InvalidValue("an invitation comes with 0 credits or more", param="credits")
    if not 1 <= uses_max <= _USES_MAX:
        raise InvalidValue(f"an invitation is good for 1 to {_USES_MAX} people", param="uses")
    if life is not None and life <= timedelta():
        raise InvalidValue("the invitation would have expired already", param="days")
    async with house.database.transaction() as tx:
        issued = await make_invitation(
            tx,
            made_by=actor.account_id,
            now=house.clock.now(),
            note=_cut(note),
            email=email,
            credits_=credits_,
            uses_max=uses_max,
            life=life,
        )
        details = {
            "email": email,
            "credits": in_credits(credits_),
            "uses_max": uses_max,
            "note": issued.invitation.note,
            "expires_at": issued.invitation.expires_at.isoformat() if issued.invitation.expires_at else None,
        }
        await _note(tx, house, actor, "invitation.made", _invitation(issued.invitation), details)
    return issued


async def revoke_invitation(house: House, actor: Actor, *, id_: UUID) -> bool:
    """Let nobody use an invitation any more; whether anybody could. Raises `NoSuchInvitation`."""
    async with house.database.transaction() as tx:
        invitation = await logins.invitation_of(tx, id_=id_)
        is_news = await logins.revoke_invitation(tx, id_=id_, now=house.clock.now())
        if is_news:
            await _note(tx, house, actor, "invitation.revoked", _invitation(invitation), {"uses": invitation.uses})
    return is_news


async def codes(house: House, *, before: UUID | None = None, count: int) -> list[RedeemCode]:
    """Up to `count` redeem codes, newest first, from behind the code `before`."""
    async with house.database.statement() as tx:
        return await credit_book.codes(tx, count=count, before=before)


async def make_codes(
    house: House,
    actor: Actor,
    *,
    amount: int,
    uses_max: int = 1,
    count: int = 1,
    note: str = "",
    expires_at: datetime | None = None,
) -> list[IssuedCode]:
    """New redeem codes of `amount` micro-credits each; all of each is known this once. Raises `InvalidValue`."""
    async with house.database.transaction() as tx:
        issued = await redeem.make_codes(
            tx,
            amount=amount,
            uses_max=uses_max,
            count=count,
            note=note,
            made_by=actor.account_id,
            expires_at=expires_at,
            now=house.clock.now(),
        )
        for one in issued:
            details = {
                "credits": in_credits(amount),
                "uses_max": uses_max,
                "note": note,
                "expires_at": expires_at.isoformat() if expires_at else None,
            }
            await _note(tx, house, actor, "code.made", _code(one.code), details)
    return issued


async def disable_code(house: House, actor: Actor, *, id_: UUID) -> bool:
    """Let nobody redeem a code any more; whether it was on. Raises `NoSuchCode`."""
    async with house.database.transaction() as tx:
        code = await credit_book.code_of(tx, id_=id_)
        is_news = await credit_book.disable_code(tx, id_=id_, now=house.clock.now())
        if is_news:
            await _note(tx, house, actor, "code.disabled", _code(code), {"uses": code.uses})
    return is_news


# receivers ---------------------------------------------------------------------------------------------------------------


async def recover_receiver(house: House, actor: Actor, *, account_id: UUID, origin: str, since: datetime) -> int:
    """Open an account's receiver, and send again what has failed or was paused since then; how many callbacks that is.

    Raises `NoSuchAccount`.
    """
    async with house.database.transaction() as tx:
        account = await accounts.account_of(tx, id_=account_id)
        recovered = await webhooks.recover(tx, since=since, account_id=account_id, origin=origin, now=house.clock.now())
        is_news = await webhooks.resume(tx, account_id=account_id, origin=origin)
        if recovered or is_news:
            subject = Subject(kind="receiver", id=origin, label=origin)
            details = {"account_id": str(account_id), "account": account.name, "callbacks": len(recovered)}
            await _note(tx, house, actor, "receiver.recovered", subject, details)
    return len(recovered)


# the log -----------------------------------------------------------------------------------------------------------------


async def audit_entries(house: House, *, which: AuditFilter, count: int) -> list[AuditEntry]:
    """Up to `count` entries, newest first."""
    async with house.database.statement() as tx:
        return await audit.entries(tx, which=which, count=count)


async def audit_verbs(house: House) -> list[str]:
    """Every verb that there is an entry of."""
    async with house.database.statement() as tx:
        return await audit.verbs(tx)


async def _note(  # noqa: PLR0917 - who, what, about what: read like a sentence
    tx: Tx, house: House, actor: Actor, verb: str, subject: Subject, details: Mapping[str, Any] | None = None
) -> None:
    await audit.write(tx, id_=uuid7(), actor=actor, verb=verb, subject=subject, details=details, now=house.clock.now())


def _account(account: Account) -> Subject:
    return Subject(kind="account", id=str(account.id), label=account.name)


def _invitation(invitation: Invitation) -> Subject:
    return Subject(kind="invitation", id=str(invitation.id), label=invitation.prefix)


def _code(code: RedeemCode) -> Subject:
    return Subject(kind="code", id=str(code.id), label=code.prefix)


def _checked_reason(reason: str) -> str:
    reason = reason.strip()
    if not reason:
        raise MissingParameter("say why: the reason stands in the account's book", param="reason")
    if len(reason) > REASON_CHARACTERS_MAX or not reason.isprintable():
        raise InvalidValue(f"a reason has up to {REASON_CHARACTERS_MAX} printable characters", param="reason")
    return reason


def _cut(text: str) -> str:
    """What somebody wrote, as it may be kept on one line."""
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()[:REASON_CHARACTERS_MAX]
