"""Letters to people: sent if there is a server for mails, else their link goes to the log, for the operator to hand on."""

from __future__ import annotations

import logging
from typing import Final
from urllib.parse import urlsplit

from limner.flow.house import House
from limner.flow.letters import Kind, Language, letter
from limner.kit.logs import event
from limner.logins.models import Purpose

_log = logging.getLogger(__name__)
_WITH_A_LINK: Final[frozenset[Kind]] = frozenset({"verify", "reset", "new_email"})


def link_of(house: House, *, purpose: Purpose, token: str) -> str:
    """The address of a one-time link."""
    return address(house.public_url, purpose=purpose, token=token)


def address(public_url: str, *, purpose: Purpose, token: str) -> str:
    """The same, without a house."""
    return f"{public_url}/{purpose}/{token}"


def write(house: House, kind: Kind, *, to: str, language: Language, link: str) -> None:
    """Send a letter, beside everything else. Call it after the transaction."""
    if house.post.is_set:
        parts = urlsplit(house.public_url)
        house.post.send(letter(kind, to=to, language=language, place=parts.netloc + parts.path, link=link))
    elif kind in _WITH_A_LINK:
        # The one place where a link may be logged: without a server for mails there is no other way to its owner.
        event(_log, "mail.not_set", level=logging.WARNING, kind=kind, to=to, link=link)
