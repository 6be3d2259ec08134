"""Every page there is, as it is really seen: nothing complains, nothing sticks out, nobody is kept out.

A page that is added to the console is looked at here without being named, if its address is fixed; one whose address has
a gap says in LOOKS what fills it. LIMNER_SCREENSHOTS=<folder> keeps a picture of each (`make screenshots`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from limner.web.console import guide
from limner.web.console.pages import pages
from limner.web.console.words import TAGS
from support.browsing import (
    DESK,
    PHONE,
    Language,
    Person,
    Theme,
    grave_findings,
    overflow,
    settle,
    shoot,
    widest,
)
from support.furnishing import ENVIRON, Furnished, furnish
from support.server import Server, start


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A page as somebody goes to it. `path` has names of `Furnished.names` in its gaps; `who` None: nobody is signed in."""

    path: str
    who: str | None
    status: int = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How one looks. `thoroughly`: with axe, which takes as long as all the rest."""

    width: int
    language: Language
    theme: Theme
    thoroughly: bool = False


# Each width with each language and with each theme. axe sees each width, each language and each theme.
MANNERS: Final = (
    Manner(width=DESK, language="en", theme="light", thoroughly=True),
    Manner(width=PHONE, language="zh", theme="dark", thoroughly=True),
    Manner(width=DESK, language="zh", theme="dark"),
    Manner(width=PHONE, language="en", theme="light"),
)

_VISITOR: Final = {"anyone": None, "person": "grace", "account": "grace", "owner": "owner"}

# What one page shows, more than its address and whom it is for would tell.
LOOKS: Final[Mapping[str, tuple[Look, ...]]] = {
    "/": (
        Look(path="/", who=None),
        Look(path="/", who="eve"),
        Look(path="/", who="grace"),
        Look(path="/?model=gpt-image-2", who="grace"),
        Look(path="/?model=gpt-image-1.5", who="grace"),
        Look(path="/?again={edited}", who="grace"),
    ),
    "/inboxes": (Look(path="/inboxes", who="grace"), Look(path="/inboxes", who="eve")),
    "/inboxes/{token}": (Look(path="/inboxes/{inbox}", who="grace"), Look(path="/inboxes/{quiet_inbox}", who="grace")),
    "/webhooks": (Look(path="/webhooks", who="grace"), Look(path="/webhooks", who="eve")),
    "/webhooks/deliveries/{task}": (
        Look(path="/webhooks/deliveries/{called}", who="grace"),
        Look(path="/webhooks/deliveries/{unheard}", who="grace"),
    ),
    "/gallery": (
        Look(path="/gallery", who="grace"),
        Look(path="/gallery", who="eve"),
        Look(path="/gallery?q=zeppelin", who="grace"),
    ),
    "/gallery/{task}/{index}": (
        Look(path="/gallery/{scripted}/0", who="grace"),
        Look(path="/gallery/{many}/2", who="grace"),
        Look(path="/gallery/{long}/0", who="grace"),
        Look(path="/gallery/{edited}/0", who="grace"),
    ),
    "/s/{token}": (Look(path="/s/{share}", who=None),),
    "/tasks": (
        Look(path="/tasks", who="grace"),
        Look(path="/tasks", who="eve"),
        Look(path="/tasks?state=expired", who="grace"),
    ),
    "/tasks/{task}": tuple(
        Look(path=f"/tasks/{{{fate}}}", who="grace")
        for fate in ("succeeded", "long", "many", "unheard", "failed", "cancelled", "queued", "edited")
    ),
    "/operate/accounts": (
        Look(path="/operate/accounts", who="owner"),
        Look(path="/operate/accounts?text=nobody", who="owner"),
    ),
    "/operate/accounts/{id}": (
        Look(path="/operate/accounts/{account}", who="owner"),
        Look(path="/operate/accounts/{suspended}", who="owner"),
    ),
    "/operate/accounts/{id}/keys/{key}": (Look(path="/operate/accounts/{account}/keys/{key}", who="owner"),),
    "/operate/models": (
        Look(path="/operate/models", who="owner"),
        Look(path="/operate/models?new=1", who="owner"),
    ),
    "/operate/models/{name:path}": (
        Look(path="/operate/models/dall-e-3", who="owner"),
        Look(path="/operate/models/gpt-image-2", who="owner"),
    ),
    "/keys/{id}": (Look(path="/keys/{key}", who="grace"),),
    "/usage": (Look(path="/usage", who="grace"), Look(path="/usage", who="eve")),
    "/credits": (Look(path="/credits", who="grace"), Look(path="/credits", who="eve")),
    "/docs/{slug}": tuple(Look(path=f"/docs/{slug}", who=None) for slug in guide.CHAPTERS),
    "/register": (Look(path="/register", who=None), Look(path="/register?invitation={invitation}", who=None)),
    "/verify/{token}": (Look(path="/verify/{verify}", who=None),),
    "/reset/{token}": (Look(path="/reset/{reset}", who=None), Look(path="/reset/no-such-link", who=None, status=410)),
    "/welcome/{token}": (Look(path="/welcome/{welcome}", who=None),),
}

# GET, and no page: why.
NO_PAGES: Final[Mapping[str, str]] = {
    "/language/{language}": "leads back to where one was",
    "/theme/{theme}": "leads back to where one was",
    "/inboxes/{token}/older": "a part of a page",
    "/inboxes/{token}/live": "a stream of events",
    "/tasks/{task}/row": "a part of a page",
    "/tasks/{task}/live": "a stream of events",
    "/usage/export": "a file",
    "/s/{token}/picture": "a picture",
    "/verify/ca.pem": "a file",
    "/docs": "leads to the first chapter",
    "/docs/pictures/{name}": "a picture",
    "/login/{provider}": "leads to another server",
    "/login/{provider}/back": "comes from another server",
}

# Pages that no route has.
OTHERS: Final = (Look(path="/there-is-no-such-page", who=None, status=404),)


def looks() -> Iterator[Look]:
    """Every page, as every one of those who see it differently."""
    for page in pages():
        if "GET" not in page.methods or page.path in NO_PAGES:
            continue
        yield from LOOKS.get(page.path) or (Look(path=page.path, who=_VISITOR[page.needs]),)
    yield from OTHERS


def _named(value: object) -> str | None:
    if isinstance(value, Look):
        return f"{value.path} of {value.who or 'nobody'}"
    if isinstance(value, Manner):
        return f"{value.width} {value.language} {value.theme}"
    return None


@pytest.fixture(scope="module")
def server(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("looked-at") / "data"
    server = start(folder, database_url=fresh_database_url, environ=dict(ENVIRON))
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


@pytest.fixture(scope="module")
def furnished(server: Server, fresh_database_url: str) -> Furnished:
    return furnish(server, fresh_database_url)


def keep_picture(person: Person, look: Look, manner: Manner) -> None:
    folder = os.environ.get("LIMNER_SCREENSHOTS")
    if folder:
        name = look.path.strip("/").replace("{", "").replace("}", "")
        name = "".join(letter if letter.isalnum() else "-" for letter in name) or "start"
        file = f"{name}.{look.who or 'nobody'}.{manner.width}.{manner.language}.{manner.theme}.png"
        shoot(person.page, Path(folder) / file)


@pytest.mark.parametrize("manner", MANNERS, ids=_named)
@pytest.mark.parametrize("look", list(looks()), ids=_named)
def test_a_page_is_sound(
    sitting: Callable[..., AbstractContextManager[Person]],
    server: Server,
    furnished: Furnished,
    look: Look,
    manner: Manner,
) -> None:
    session = furnished.sessions[look.who] if look.who else None
    try:
        path = look.path.format_map(furnished.names)
    except KeyError as gap:
        pytest.fail(f"{look.path}: say in LOOKS what fills {gap}, or in NO_PAGES why it is none", pytrace=False)

    with sitting(width=manner.width, language=manner.language, theme=manner.theme, session=session) as person:
        if look.status != 200:
            person.allow(f"{look.status}: GET", f"status of {look.status}")
        response = person.goto(path)
        page = person.page
        settle(page)
        keep_picture(person, look, manner)

        if response.status != look.status:
            pytest.fail(f"{response.status}: {server.log.read_text()[-2000:]}", pytrace=False)
        assert page.url == person.url + path, "one is not sent elsewhere"
        wrong = grave_findings(page) if manner.thoroughly else []
        if page.locator("html").get_attribute("lang") != TAGS[manner.language]:
            wrong.append("the page does not say which language it is in")
        if (count := page.locator("h1").count()) != 1:
            wrong.append(f"there are {count} h1")
        other = "zh" if manner.language == "en" else "en"
        if not page.locator(f"a[href^='/language/{other}']").count():
            wrong.append("there is no way to the other language")
        if not page.title().removesuffix("limner").strip(" ·"):
            wrong.append("the page has no title")
        if pixels := overflow(page):
            wrong.append(f"something sticks out by {pixels} pixels: {widest(page)}")
        if wrong:
            pytest.fail("\n".join(wrong), pytrace=False)


def test_what_is_left_out_is_there_to_be_left_out() -> None:
    paths = {page.path for page in pages() if "GET" in page.methods}

    assert set(NO_PAGES) <= paths
    assert set(LOOKS) <= paths
