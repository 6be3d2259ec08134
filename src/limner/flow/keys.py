"""New accounts and keys: acts of two rooms, since each has a book of credits from its first moment."""

from __future__ import annotations

import secrets
from datetime import datetime

from limner.accounts import rules as account_rules
from limner.accounts import service as accounts
from limner.accounts.models import Account, IssuedKey, Role
from limner.credits import service as credit_book
from limner.db import Tx
from limner.kit.ids import uuid7


async def add_account(tx: Tx, *, name: str, role: Role, credits_start: int, now: datetime) -> Account:
    """A new account with its first micro-credits. The owner's is counted, never stopped."""
    account = await accounts.add_account(tx, id_=uuid7(), name=name, role=role, now=now)
    await credit_book.open_account(tx, account_id=account.id, unlimited=role == "owner")
    await credit_book.grant(
        tx, id_=uuid7(), account_id=account.id, amount=credits_start, reason="to start with", now=now
    )
    return account


async def issue_key(
    tx: Tx,
    *,
    account: Account,
    name: str,
    now: datetime,
    models: frozenset[str] | None = None,
    requests_per_minute: int | None = None,
    concurrent: int | None = None,
    expires_at: datetime | None = None,
    spend_limit: int | None = None,
) -> IssuedKey:
    """A new key; its secret is in the answer and kept nowhere. `spend_limit` in micro-credits."""
    issued = await accounts.issue_key(
        tx,
        id_=uuid7(),
        account_id=account.id,
        name=name,
        noise=secrets.token_bytes(account_rules.SECRET_BYTES),
        now=now,
        models=models,
        requests_per_minute=requests_per_minute,
        concurrent=concurrent,
        expires_at=expires_at,
    )
    await credit_book.open_budget(tx, api_key_id=issued.key.id, spend_limit=spend_limit)
    return issued
