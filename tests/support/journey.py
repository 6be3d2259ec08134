"""The ways through the console that are both tested and measured: the first visit, and how long Try takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from playwright.sync_api import Page, expect

from support.browsing import Language, Person

PROMPTS: Final[dict[Language, str]] = {
    "en": "A cute baby sea otter with a guitar",
    "zh": "一只弹吉他的水獭宝宝",
}
_PASSWORD: Final = "correct horse 7 battery"
# From inside, because a question from outside takes a while itself.
_TRIED: Final = """async () => {
  const picture = () => document.querySelector("#result [data-picture] img");
  const before = picture();
  const began = performance.now();
  document.getElementById("try").click();
  return await new Promise((shown) => {
    const look = () => {
      const image = picture();
      const is_there = image && image !== before && image.complete && image.naturalWidth > 0;
      requestAnimationFrame(is_there ? () => shown(performance.now() - began) : look);
    };
    look();
  });
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstVisit:
    """What it took from opening the page to the first picture, and the key that was shown on the way."""

    seconds: float
    clicks: int
    secret: str

    def __str__(self) -> str:
        return f"first visit to first picture: {self.seconds:.1f} s, {self.clicks} clicks"


def first_visit(person: Person, *, email: str) -> FirstVisit:
    """Come as nobody, register on the way, acquire a key, fill in the form and try it, as the page suggests."""
    page = person.page
    person.goto("/")
    person.click("main .head a.button[href^='/login']")
    page.wait_for_url("**/login**")
    person.click("main a[href^='/register']")
    page.wait_for_url("**/register**")
    person.type("#email", email)
    person.type("#password", _PASSWORD)
    person.click("main form[action='/register'] button:not([type=button])")
    page.wait_for_url(f"{person.url}/")

    person.click("main .head button[hx-post='/acquire']")
    secret = page.locator("#secret")
    expect(secret).to_be_visible()
    shown = secret.inner_text()
    expect(page.locator("#answered pre:visible")).to_contain_text(shown)

    person.type("#prompt", PROMPTS[person.language])
    person.click("#form label:has(input[name=style][value=natural])")
    expect(page.locator("#answered pre:visible .line.lit", has_text="natural")).to_be_visible()
    expect(page.locator("#answered pre:visible")).to_contain_text(PROMPTS[person.language])
    person.click("#try")
    wait_for_picture(page)
    return FirstVisit(seconds=person.seconds(), clicks=person.clicks, secret=shown)


def wait_for_picture(page: Page) -> None:
    """Until what was tried can be seen."""
    image = page.locator("#result [data-picture] img").first
    expect(image).to_be_visible()
    image.evaluate("(image) => image.decode()")


def try_ms(page: Page) -> float:
    """Press Try, and count milliseconds until another picture than before is drawn."""
    took: float = page.evaluate(_TRIED)
    return took
