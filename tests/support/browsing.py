"""A real browser: who sits before it, what they do, and everything that went wrong meanwhile.

Whatever a visit complains about fails the test that made it: an error on the console, an exception of a script, a
request that failed or went to another host, a dialog that a script opened.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Dialog,
    Locator,
    Page,
    Request,
    Response,
    expect,
    sync_playwright,
)

Language: TypeAlias = Literal["en", "zh"]
Theme: TypeAlias = Literal["light", "dark"]

ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK: Final = 1280
PHONE: Final = 390
HEIGHT: Final = {DESK: 900, PHONE: 844}
KEY_MS: Final = 50
"""Between two keys, as a person types."""
_SECONDS: Final = 20
_AXE: Final = Path(__file__).parents[1] / "browser" / "node_modules" / "axe-core" / "axe.min.js"
_GRAVE: Final = ("serious", "critical")
# The typeface is there, and everything is drawn.
_SETTLED: Final = """async () => {
  await document.fonts.ready;
  await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
}"""
_LOCALES: Final[Mapping[Language, str]] = {"en": "en-US", "zh": "zh-CN"}
# A page that asks anew, or is left, gives up what it was waiting for.
_GIVEN_UP: Final = "net::ERR_ABORTED"


def find_chromium() -> str | None:
    """The Chromium of this machine, or the one that LIMNER_CHROMIUM names."""
    return shutil.which(os.environ.get("LIMNER_CHROMIUM") or "chromium")


@contextmanager
def chromium(path: str) -> Iterator[Browser]:
    """It runs until the block ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        expect.set_options(timeout=_SECONDS * 1000)
        try:
            yield browser
        finally:
            browser.close()


# Those beyond the window as well, which load when somebody comes near.
_PICTURES_THERE: Final = """async () => {
  for (const image of document.images) image.loading = "eager";
  await Promise.allSettled([...document.images].map((image) => image.decode()));
}"""
_WIDEST: Final = """() => [...document.body.querySelectorAll("*")]
  .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map((one) => `${one.tagName.toLowerCase()}#${one.id}.${one.className} ${Math.round(one.getBoundingClientRect().right)}`)
  .slice(0, 8)"""


@dataclass(kw_only=True)
class Person:
    """Somebody before a page. `faults`: what nobody should see. `clicks`: how often they pressed something."""

    context: BrowserContext
    url: str
    language: Language
    page: Page = field(init=False)
    faults: list[str] = field(default_factory=list)
    allowed: list[str] = field(default_factory=list)
    clicks: int = 0
    began: float = field(default_factory=time.monotonic)

    def goto(self, path: str) -> Response:
        """Go there by the address bar."""
        response = self.page.goto(self.url + path, wait_until="load")
        assert response is not None
        return response

    def click(self, what: str | Locator) -> None:
        """Press it."""
        self.clicks += 1
        self._found(what).click()

    def type(self, what: str | Locator, text: str) -> None:
        """Go into a field, empty it and type, key by key."""
        found = self._found(what)
        self.click(found)
        found.press("ControlOrMeta+a")
        found.press_sequentially(text, delay=KEY_MS)

    def seconds(self) -> float:
        """How long they have been here."""
        return time.monotonic() - self.began

    def allow(self, *words: str) -> None:
        """What the console says with these words is meant to happen (a page that is not there, say)."""
        self.allowed.extend(words)

    def assert_nothing_went_wrong(self) -> None:
        """Nothing of what nobody should see has been seen."""
        faults = [fault for fault in self.faults if not any(word in fault for word in self.allowed)]
        if faults:
            pytest.fail("\n".join(faults), pytrace=False)

    def _found(self, what: str | Locator) -> Locator:
        return self.page.locator(what).first if isinstance(what, str) else what

    def watch(self, page: Page) -> None:
        """Begin to notice what goes wrong there."""
        host = urlsplit(self.url).netloc
        note = self.faults.append

        def asked(request: Request) -> None:
            parts = urlsplit(request.url)
            if parts.scheme not in ("data", "blob") and parts.netloc != host:
                note(f"a request to another host: {request.url}")

        def failed(request: Request) -> None:
            if request.failure != _GIVEN_UP:
                note(f"a request failed: {request.method} {request.url}: {request.failure}")

        def answered(response: Response) -> None:
            if response.status >= 400:
                note(f"{response.status}: {response.request.method} {response.url}")

        def opened(dialog: Dialog) -> None:
            note(f"a script opened a dialog: {dialog.message}")
            dialog.dismiss()

        page.on("console", lambda said: note(f"on the console: {said.text}") if said.type == "error" else None)
        page.on("pageerror", lambda error: note(f"in a script: {error}"))
        page.on("request", asked)
        page.on("requestfailed", failed)
        page.on("response", answered)
        page.on("dialog", opened)


@contextmanager
def sitting(
    browser: Browser,
    url: str,
    *,
    language: Language = "en",
    width: int = DESK,
    theme: Theme = "light",
    session: str | None = None,
    **more: Any,
) -> Iterator[Person]:
    """Somebody with a browser of their own that knows nothing yet, or is signed in by a session; all must have gone well."""
    with context_of(browser, url, language=language, width=width, theme=theme, session=session, **more) as context:
        person = Person(context=context, url=url, language=language)
        context.on("page", person.watch)
        person.page = context.new_page()
        yield person
        person.assert_nothing_went_wrong()


@contextmanager
def context_of(
    browser: Browser,
    url: str,
    *,
    language: Language = "en",
    width: int = DESK,
    theme: Theme = "light",
    session: str | None = None,
    **more: Any,
) -> Iterator[BrowserContext]:
    """A browser profile as new."""
    context = browser.new_context(
        viewport={"width": width, "height": HEIGHT.get(width, HEIGHT[DESK])},
        locale=_LOCALES[language],
        color_scheme=theme,
        **more,
    )
    context.set_default_timeout(_SECONDS * 1000)
    if session is not None:
        context.add_cookies([{"name": "limner_session", "value": session, "url": url}])
    try:
        yield context
    finally:
        context.close()


def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wider: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


def widest(page: Page) -> list[str]:
    """The elements that reach beyond the window."""
    found: list[str] = page.evaluate(_WIDEST)
    return found


def shoot(page: Page, path: Path) -> None:
    """The whole page as a picture. caret="initial": hiding the caret would take a style that our policy does not allow."""
    path.parent.mkdir(parents=True, exist_ok=True)
    page.evaluate(_PICTURES_THERE)
    page.screenshot(path=path, full_page=True, caret="initial")


def settle(page: Page) -> None:
    """Wait until the page is drawn as it will stay."""
    page.evaluate(_SETTLED)


def grave_findings(page: Page) -> list[str]:
    """What axe finds that keeps somebody out, each with where it is.

    It is evaluated by the debugger, to which a page's policy does not apply: the page keeps the policy that it has.
    """
    page.evaluate(_AXE.read_text(encoding="utf-8"))
    found = page.evaluate("async () => (await axe.run(document, { resultTypes: ['violations'] })).violations")
    return [
        f"{one['id']} ({one['impact']}): {one['help']}: {' '.join(map(str, node['target']))}: {_why(node)}\n    {node['html'][:200]}"
        for one in found
        if one["impact"] in _GRAVE
        for node in one["nodes"]
    ]


def _why(node: Mapping[str, Any]) -> str:
    return "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])


def weigh(person: Person, path: str = "/") -> dict[str, int]:
    """Go there; the bytes that came over the wire for each address, with their headers, without pictures."""
    kinds: dict[str, tuple[str, str]] = {}
    sizes: dict[str, int] = {}
    session = person.context.new_cdp_session(person.page)
    session.on(
        "Network.requestWillBeSent",
        lambda said: kinds.update({said["requestId"]: (said["request"]["url"], said["type"])}),
    )
    session.on("Network.requestServedFromCache", lambda said: kinds.pop(said["requestId"], None))
    session.on(
        "Network.loadingFinished", lambda said: sizes.update({said["requestId"]: int(said["encodedDataLength"])})
    )
    session.send("Network.enable")
    person.page.goto(person.url + path, wait_until="networkidle")
    session.detach()
    return {
        url.removeprefix(person.url): sizes[id_]
        for id_, (url, kind) in kinds.items()
        if kind != "Image" and sizes.get(id_) and not url.startswith("data:")
    }
