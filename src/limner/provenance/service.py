"""The verbs of this room: the authority that all nodes share, and those that are trusted."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from limner.db import Row, Tx
from limner.provenance import certificates, queries
from limner.provenance.models import Authority, KeptAuthority
from limner.provenance.rules import needs_renewal


async def authority(tx: Tx, *, id_: UUID, organisation: str, now: datetime) -> KeptAuthority:
    """Who signs: made at the first call ever, with a new certificate when the old one comes near its end.

    Keeps other nodes waiting meanwhile; all of them get the same. `id_` is for a new one.
    """
    found = await latest(tx)
    if found is not None and not needs_renewal(found, now=now):
        return found
    await tx.run(queries.ALONE)
    found = await latest(tx)
    if found is not None and not needs_renewal(found, now=now):
        return found  # another node was quicker
    if found is not None and found.root_key is not None:
        made = certificates.renewed(found, organisation=organisation, now=now)
    else:
        made = certificates.new_authority(organisation=organisation, now=now)
    await tx.run(queries.ADD, id_, made.root, made.root_key, made.chain, made.key, made.begins_at, made.ends_at, now)
    return _kept(id_, made)


async def latest(tx: Tx) -> KeptAuthority | None:
    """Who signs, if anybody ever has."""
    rows = await tx.rows(queries.LATEST)
    return KeptAuthority(**dict(rows[0])) if rows else None


async def anchors(tx: Tx) -> list[str]:
    """The root certificates (PEM) of all authorities that have signed here."""
    return [_root(row) for row in await tx.rows(queries.ROOTS)]


def _root(row: Row) -> str:
    root = row["root"]
    assert isinstance(root, str)
    return root


def _kept(id_: UUID, made: Authority) -> KeptAuthority:
    return KeptAuthority(
        id=id_,
        root=made.root,
        root_key=made.root_key,
        chain=made.chain,
        key=made.key,
        begins_at=made.begins_at,
        ends_at=made.ends_at,
    )
