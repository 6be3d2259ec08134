"""Visiting the console without a browser: pages are fetched, forms are sent with what the page gave for them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx2

from limner.flow.house import House
from limner.flow.signin import open_session
from support.people import Person
from support.wire import client_of

_CSRF = re.compile(r'x-csrf-token": "([0-9a-f.]+)"|name="csrf" value="([0-9a-f.]+)"')
_HTML = "text/html,application/xhtml+xml"


@dataclass(frozen=True, slots=True)
class Browser:
    """Somebody's browser, signed in or not; it keeps cookies and follows no redirect by itself."""

    client: httpx2.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx2.Response:
        """A page, as if one had gone there."""
        return await self.client.get(path, headers={"accept": _HTML, **headers})

    async def part(self, path: str) -> httpx2.Response:
        """A part of a page, as htmx gets it."""
        return await self.client.get(path, headers={"accept": "text/html", "hx-request": "true"})

    async def csrf(self, at: str = "/") -> str:
        """What forms of that page carry."""
        found = _CSRF.search((await self.get(at)).text)
        assert found is not None, f"there is no form at {at}"
        return found[1] or found[2]

    async def send(
        self, path: str, form: Mapping[str, str | list[str]] | None = None, *, at: str = "/", **headers: str
    ) -> httpx2.Response:
        """Send a form of the page `at`."""
        sent = {**(form or {}), "csrf": await self.csrf(at)}
        return await self.client.post(path, data=sent, headers={"accept": _HTML, **headers})


@asynccontextmanager
async def visiting(house: House, person: Person | None = None, *, language: str = "en") -> AsyncIterator[Browser]:
    """A browser; of somebody who is signed in, if one is named."""
    async with client_of(house) as client:
        client.headers["accept-language"] = language
        if person is not None:
            token = await open_session(house, account_id=person.account.id, sender="127.0.0.1", agent="tests")
            client.cookies.set("limner_session", token)
        yield Browser(client)
