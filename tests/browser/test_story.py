"""The first visit, as a story; and the same pages by keyboard, in the other language, and with prompts that bite."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest
from playwright.sync_api import Locator, Page, expect

from support.browsing import DESK, PHONE, Language, Person, grave_findings
from support.furnishing import IMAGE, SCRIPT, newcomer
from support.journey import PROMPTS, first_visit, wait_for_picture
from support.server import Server

Sitting: TypeAlias = Callable[..., AbstractContextManager[Person]]
Comes: TypeAlias = Callable[[str], str]
CLICKS_MAX = 12
TABS_MAX = 60


@pytest.fixture
def comes(server: Server, fresh_database_url: str) -> Comes:
    """Somebody new with a key: their session."""
    return lambda name: newcomer(server, fresh_database_url, name=name)


def go(person: Person, path: str) -> None:
    """Follow the navigation; on a phone it is in the menu."""
    link = person.page.locator(f"header .places a[href='{path}']")
    if not link.is_visible():
        person.click("header details.menu summary")
        link = person.page.locator(f"header .sheet a[href='{path}']:visible").first
    person.click(link)
    person.page.wait_for_url(f"**{path}")


def balance(page: Page) -> str:
    return page.locator("#balance").inner_text()


def focused(page: Page) -> str:
    """The id of what has the focus, or what it is."""
    said: str = page.evaluate("document.activeElement.id || document.activeElement.tagName")
    return said


@pytest.mark.parametrize(("language", "width"), [("en", DESK), ("zh", PHONE)])
def test_the_first_visit(sitting: Sitting, language: Language, width: int) -> None:
    with sitting(language=language, width=width) as person:
        page = person.page

        # open, register, come back, acquire, fill in, try
        visit = first_visit(person, email=f"ada.{language}@example.com")
        print(visit)  # noqa: T201 (a figure, for whoever runs this)
        assert visit.clicks <= CLICKS_MAX
        assert page.locator("#form input[name=secret]").input_value() == visit.secret
        expect(page.locator("#key option:checked")).to_contain_text(visit.secret[:12])
        expect(page.locator("#balance")).to_contain_text("9.96")  # ten for a start, less a picture
        assert not grave_findings(page)

        # the picture hangs in the gallery
        go(person, "/gallery")
        hung = page.locator("#wall img").first
        expect(hung).to_be_visible()
        assert hung.get_attribute("alt") == PROMPTS[language]
        assert page.locator("#wall img").count() == 1

        # the key is not shown a second time
        page.go_back()
        person.goto("/")
        expect(page.locator("#secret")).to_have_count(0)
        assert visit.secret not in page.content()

        # a callback arrives in an inbox
        person.click("#form button[hx-post='/callback-here']")
        expect(page.locator("#callback_url")).to_have_value(re.compile(f"{person.url}/inbox/.+"))
        expect(page.locator("#answered pre:visible")).to_contain_text("callback_url")
        person.click("#try")
        wait_for_picture(page)
        with person.context.expect_page() as opened:
            person.click("#form a[href^='/inboxes/']")
        inbox = opened.value
        expect(inbox.locator(".arrival")).to_have_count(1)
        expect(inbox.locator(".arrival .badge.good")).to_be_visible()
        expect(inbox.locator(".arrival pre").first).to_contain_text("task_id")
        inbox.close()

        # and out
        person.click("header details.menu summary")
        person.click("header form[action='/logout'] button")
        page.wait_for_url(f"{person.url}/")
        expect(page.locator("main .head a.button[href^='/login']")).to_be_visible()
        person.goto("/gallery")
        assert "/login" in page.url


def test_a_callback_is_seen_as_it_arrives(sitting: Sitting, comes: Comes) -> None:
    with sitting(session=comes("linus")) as person:
        person.goto("/")
        person.click("#form button[hx-post='/callback-here']")
        with person.context.expect_page() as opened:
            person.click("#form a[href^='/inboxes/']")
        inbox = opened.value
        expect(inbox.locator("#nothing")).to_be_visible()

        person.click("#try")

        expect(inbox.locator(".arrival .badge.good")).to_be_visible()
        expect(inbox.locator("#nothing")).to_be_hidden()
        expect(inbox.locator("#received")).to_have_text("1")


def test_another_model_has_another_form(sitting: Sitting, comes: Comes) -> None:
    with sitting(session=comes("barbara")) as person:
        page = person.page
        person.goto("/")
        expect(page.locator("#form input[name=style]").first).to_be_attached()
        price = page.locator("#price").inner_text()

        page.select_option("#model", "dall-e-2")

        expect(page.locator("#form input[name=style]")).to_have_count(0)
        expect(page.locator("#answered pre:visible")).to_contain_text("dall-e-2")
        expect(page.locator("#price")).not_to_have_text(price)


def test_each_language_of_programs_shows_the_same_request(sitting: Sitting, comes: Comes) -> None:
    with sitting(session=comes("edsger")) as person:
        page = person.page
        person.goto("/")
        tabs = page.locator("#answered [role=tab]")
        assert tabs.count() >= 7
        for tab in tabs.all():
            person.click(tab)
            shown = page.locator("#answered pre:visible")
            expect(shown).to_have_count(1)
            expect(shown).to_contain_text("A cute baby sea otter")

        # the one that was chosen stays when the code is written anew
        page.fill("#prompt", "two otters")
        expect(page.locator("#answered pre:visible")).to_contain_text("two otters")
        expect(tabs.last).to_have_attribute("aria-selected", "true")


@pytest.mark.parametrize("width", [DESK, PHONE])
def test_the_other_language_and_back(sitting: Sitting, comes: Comes, width: int) -> None:
    def follow(person: Person, path: str) -> None:
        link = person.page.locator(f"header a[href^='{path}']:visible")
        if not link.count():
            person.click("header details.menu summary")
        person.click(link.first)

    with sitting(session=comes(f"frances{width}"), width=width) as person:
        page = person.page
        person.goto("/tasks?state=failed")

        follow(person, "/language/zh")
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
        expect(page.locator("h1")).to_have_text("任务")
        assert page.url.endswith("/tasks?state=failed")

        follow(person, "/theme/dark")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        follow(person, "/language/en")
        expect(page.locator("h1")).to_have_text("Tasks")
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(12, 23, 29)"


def test_a_first_picture_by_keyboard_alone(sitting: Sitting, comes: Comes) -> None:
    with sitting(session=comes("margaret")) as person:
        page = person.page
        person.goto("/")

        # the first thing is the way past the navigation
        page.keyboard.press("Tab")
        expect(page.locator("a.skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page).to_have_url(f"{person.url}/#main")

        reached = []
        while focused(page) != "try":
            page.keyboard.press("Tab")
            reached.append(focused(page))
            assert len(reached) < TABS_MAX, reached
            if reached[-1] == "prompt":
                page.keyboard.press("ControlOrMeta+a")
                page.keyboard.type("an otter that nobody clicked")
            if page.evaluate("document.activeElement.name") == "style":
                page.keyboard.press("ArrowRight")
        assert reached.index("key") < reached.index("model") < reached.index("prompt") < reached.index("try")
        expect(page.locator("#answered pre:visible")).to_contain_text("natural")
        expect(page.locator("#answered pre:visible")).to_contain_text("nobody clicked")
        page.keyboard.press("Enter")
        wait_for_picture(page)

        # and the code, tab by tab
        page.locator("#tab-python").focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#tab-python")).to_have_attribute("aria-selected", "false")
        expect(page.locator("#answered [role=tab]:focus")).to_have_attribute("aria-selected", "true")


def test_a_question_keeps_the_focus_and_escape_means_no(sitting: Sitting, comes: Comes) -> None:
    with sitting(session=comes("hedy")) as person:
        page = person.page
        person.goto("/inboxes")
        person.click("main form[action='/inboxes'] button")
        page.wait_for_url("**/inboxes/*")
        there = page.url
        delete = page.locator("form[data-confirm] button")

        delete.focus()
        page.keyboard.press("Enter")
        dialog = page.locator("dialog[open]")
        expect(dialog).to_be_visible()
        assert not grave_findings(page)
        for _ in range(6):
            assert page.evaluate(
                "document.querySelector('dialog').contains(document.activeElement) || document.activeElement === document.body"
            )
            page.keyboard.press("Tab")
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(delete).to_be_focused()
        assert page.url == there

        page.keyboard.press("Space")
        expect(dialog).to_be_visible()
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: url != there)
        expect(page.locator(".done")).to_be_visible()


@pytest.mark.parametrize("prompt", [SCRIPT, IMAGE], ids=["script", "image"])
def test_a_prompt_is_text_wherever_it_is_shown(sitting: Sitting, comes: Comes, prompt: str) -> None:
    """Whatever it would do if it were not, a dialog would open or the console complain; both fail the visit."""
    with sitting(session=comes("eve" + prompt[1:4].strip(" ><").lower())) as person:
        page = person.page
        person.goto("/")
        page.fill("#prompt", prompt)
        for tab in page.locator("#answered [role=tab]").all():
            person.click(tab)
            expect(page.locator("#answered pre:visible")).to_contain_text("alert(1)")
        person.click("#try")
        wait_for_picture(page)
        task = page.locator("#result a[href^='/tasks/']").get_attribute("href")
        assert task is not None

        person.goto("/gallery")
        assert page.locator("#wall img").first.get_attribute("alt") == prompt
        person.goto("/gallery?q=alert")
        expect(page.locator("#wall img")).to_have_count(1)
        person.goto("/tasks")
        expect(page.get_by_text(prompt).first).to_be_visible()
        person.goto(task)
        expect(page.locator("h1")).to_have_text(prompt)
        person.goto(f"/?again={task.rsplit('/', 1)[1]}")
        expect(page.locator("#prompt")).to_have_value(prompt)
        person.goto("/usage")

        person.goto(f"/gallery/{task.rsplit('/', 1)[1]}/0")
        share = shared_link(person)
        person.goto(share)
        expect(page.get_by_text(prompt).first).to_be_visible()


def shared_link(person: Person) -> str:
    """Share the picture that is shown, prompt and all; where it can be seen."""
    page = person.page
    form: Locator = page.locator("form[action$='/shares']")
    if not form.is_visible():
        person.click("summary:has-text('Share')")
    if (box := form.locator("input[type=checkbox]")).count():
        box.first.check()
    person.click(form.locator("button:not([type=button])").first)
    expect(page.locator("[data-copy*='/s/']").first).to_be_attached()
    link = page.locator("[data-copy*='/s/']").first.get_attribute("data-copy")
    assert link is not None
    return link.removeprefix(person.url)
