"""Who gets which page: all pages of the console as one table, for the owner, for whom it belongs to, for a stranger, for nobody."""

from __future__ import annotations

from collections.abc import Iterable

import httpx2
import pytest

from limner.flow.house import House
from limner.web.console.pages import pages
from limner.web.console.visit import Page
from support.people import Person
from support.visits import Browser, visiting
from support.world import ENDLESS, World, world_of

PAGES = [(page, method) for page in pages() for method in page.methods if method != "HEAD"]


@pytest.fixture
async def world(house: House, grace: Person) -> World:
    return await world_of(house, grace)


async def asked(browser: Browser, world: World, page: Page, method: str) -> httpx2.Response:
    path = world.path(page)
    return await (browser.get(path) if method == "GET" else browser.send(path, world.form(page)))


def wrong(found: Iterable[tuple[Page, str, httpx2.Response, bool]]) -> list[str]:
    """The lines of the table that are not as they should be."""
    return [
        f"{method} {page.path}: {answer.status_code} {answer.headers.get('location', '')} {answer.text[:300]}"
        for page, method, answer, is_right in found
        if not is_right
    ]


def test_all_pages_are_looked_at() -> None:
    assert len(PAGES) > 100
    assert {page.needs for page, _ in PAGES} == {"anyone", "person", "account", "owner"}


async def test_nobody_gets_only_what_is_for_everyone(house: House, world: World) -> None:
    found = []
    for page, method in PAGES:
        async with visiting(house) as browser:  # a new one each time: who registers is somebody
            answer = await asked(browser, world, page, method)
            is_sent_to_login = answer.status_code == 303 and answer.headers["location"].startswith("/login?next=")
            is_refused = is_sent_to_login or answer.status_code == 403
            found.append((page, method, answer, is_refused is (page.needs != "anyone")))
    assert wrong(found) == []
    assert await world.is_untouched(house)


async def test_the_operator_s_pages_are_not_there_for_others(house: House, world: World, grace: Person) -> None:
    found = []
    async with visiting(house, grace) as browser:
        for page, method in PAGES:
            if page.needs == "owner":
                answer = await asked(browser, world, page, method)
                found.append((page, method, answer, answer.status_code == 404))
    assert wrong(found) == []
    assert await world.is_untouched(house)


async def test_whoever_it_belongs_to_gets_it(house: House, world: World, ada: Person, grace: Person) -> None:
    found = []
    async with visiting(house, ada) as hers, visiting(house, grace) as browser:
        for page, method in PAGES:
            if method == "GET" and page.path not in ENDLESS:
                answer = await asked(hers if page.needs == "owner" else browser, world, page, method)
                found.append((page, method, answer, answer.status_code in world.answers(page)))
    assert wrong(found) == []


async def test_what_belongs_to_somebody_else_is_not_there(house: House, world: World, eve: Person) -> None:
    found = []
    async with visiting(house, eve) as browser:
        for page, method in PAGES:
            if page.needs in ("person", "account") and "{" in page.path:
                answer = await asked(browser, world, page, method)
                found.append((page, method, answer, answer.status_code == 404))
    assert len(found) > 20
    assert wrong(found) == []
    assert await world.is_untouched(house)


async def test_no_form_counts_that_is_not_ours(house: House, world: World, ada: Person, grace: Person) -> None:
    found = []
    async with visiting(house, ada) as hers, visiting(house, grace) as browser:
        for page, method in PAGES:
            if method != "GET":
                client = (hers if page.needs == "owner" else browser).client
                path, form = world.path(page), world.form(page)
                answer = await client.request(method, path, data=form, headers={"accept": "text/html"})
                found.append((page, method, answer, answer.status_code == 403))
    assert wrong(found) == []
    assert await world.is_untouched(house)
