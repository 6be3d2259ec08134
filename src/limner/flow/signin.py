"""Who is signed in: sessions, from the first page after the password to the last.

A session is a row that is found by the SHA-256 of a random token; the token itself is in the visitor's cookie only.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import cast
from uuid import UUID

from limner.accounts.models import Account, Role
from limner.db import Tx
from limner.domain.problem import Problem
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.logins import rules
from limner.logins import service as logins
from limner.logins.models import Login, Session


class NotApproved(Problem):
    """The operator has not let the account in yet."""

    code = "not_approved"
    status = 403


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Somebody whose browser has a session. `login` None: the account has only keys (any more)."""

    account: Account
    login: Login | None
    session: Session

    @property
    def is_owner(self) -> bool:
        """Whether the operator's pages are theirs."""
        return self.account.role == "owner"

    @property
    def is_waiting(self) -> bool:
        """Whether the operator has still to approve: such an account may look, and do nothing."""
        return self.login is not None and self.login.is_waiting

    def approved(self) -> Account:
        """The account, for whoever is about to do something in its name. Raises `NotApproved`."""
        if self.is_waiting:
            raise NotApproved("whoever runs this server has still to approve your account")
        return self.account


async def signed_in(house: House, *, token: str) -> SignedIn | None:
    """Who has the session with that token; None: nobody, it has ended, or its account may not be used."""
    step = logins.signed_in(token=token, idle=house.accounts_policy.session_idle, now=house.clock.now())
    async with house.database.statement() as tx:
        (found,) = await tx.together(step)
    if found is None:
        return None
    account = Account(
        id=found.holder.id,
        name=found.holder.name,
        role=cast("Role", found.holder.role),
        created_at=found.holder.created_at,
        suspended_at=None,
    )
    return SignedIn(account=account, login=found.login, session=found.session)


async def open_session(house: House, *, account_id: UUID, sender: str, agent: str) -> str:
    """Begin a session; its token, which is for the visitor's cookie alone. `sender`: the visitor's address."""
    async with house.database.statement() as tx:
        return await begin_session(tx, house, account_id=account_id, sender=sender, agent=agent)


async def begin_session(tx: Tx, house: House, *, account_id: UUID, sender: str, agent: str) -> str:
    """The same as part of something else."""
    return await logins.open_session(
        tx,
        id_=uuid7(),
        account_id=account_id,
        noise=secrets.token_bytes(rules.TOKEN_BYTES),
        sender=sender,
        agent=agent,
        life=house.accounts_policy.session_life,
        now=house.clock.now(),
    )


async def sessions_of(house: House, *, account_id: UUID) -> list[Session]:
    """Where the account is signed in, the last seen first."""
    async with house.database.statement() as tx:
        return await logins.sessions(
            tx, account_id=account_id, idle=house.accounts_policy.session_idle, now=house.clock.now()
        )


async def sign_out(house: House, *, token: str) -> None:
    """End the session with that token, if there is one."""
    async with house.database.statement() as tx:
        await logins.end_session(tx, token=token)


async def sign_out_everywhere(house: House, *, account_id: UUID, but: UUID | None = None) -> int:
    """End all of the account's sessions, or all but one; how many that were."""
    async with house.database.statement() as tx:
        return await logins.end_sessions(tx, account_id=account_id, but=but)
