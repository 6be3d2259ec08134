"""Prints a new platform token of the owner's account: run by limner's own Python, beside a server that is up.

A token is made on a page that wants a login; this goes in by the back door, with the settings in the environment.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from datetime import UTC, datetime

from limner import config
from limner.accounts import service as accounts
from limner.bootstrap import opened_database
from limner.kit.ids import uuid7
from limner.tokens import rules, service


async def main() -> None:
    """Make it."""
    settings = config.load(config_file=None, environ=os.environ, flags={}).settings
    async with opened_database(settings) as database, database.transaction() as tx:
        owner = next(one for one in await accounts.accounts(tx) if one.role == "owner")
        issued = await service.issue(
            tx,
            id_=uuid7(),
            account_id=owner.id,
            name="fuzz",
            noise=secrets.token_bytes(rules.NOISE_BYTES),
            expires_at=None,
            now=datetime.now(UTC),
        )
    print(issued.secret)


if __name__ == "__main__":
    asyncio.run(main())
