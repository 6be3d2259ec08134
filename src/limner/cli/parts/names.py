"""Names in lists: of a task, as much of its id as it takes; of an account, what it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final
from uuid import UUID

if TYPE_CHECKING:
    from limner.db import Tx

# An id begins with the millisecond; further digits tell apart what came within it.
_LENGTHS: Final = (13, 18, 23, 36)


def shorter(ids: Sequence[UUID]) -> Mapping[UUID, str]:
    """The beginning of each id, all of one length, by which they can be told apart."""
    length = next(length for length in _LENGTHS if len({str(id_)[:length] for id_ in ids}) == len(set(ids)))
    return {id_: str(id_)[:length] for id_ in ids}


async def account_id_of(tx: Tx, name: str | None) -> UUID | None:
    """The id of the account of that name; None: no account was named. Raises `NoSuchAccount`."""
    from limner.accounts import service as accounts

    return None if name is None else (await accounts.account_called(tx, name=name)).id


async def account_names(tx: Tx) -> Mapping[UUID, str]:
    """What each account is called."""
    from limner.accounts import service as accounts

    return {one.id: one.name for one in await accounts.accounts(tx)}
