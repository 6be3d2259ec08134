"""Pictures to start from, as one really chooses them: from the machine and from the gallery."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import TypeAlias

import pytest
from playwright.sync_api import FilePayload, Page, expect

from support.browsing import DESK, PHONE, Language, Person, grave_findings, overflow
from support.furnishing import ENVIRON, newcomer
from support.journey import wait_for_picture
from support.pictures import mask, png
from support.server import Server, start

Sitting: TypeAlias = Callable[..., AbstractContextManager[Person]]
MODEL = "/?model=gpt-image-1.5"


@pytest.fixture(scope="module")
def server(fresh_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("started-from") / "data"
    server = start(folder, database_url=fresh_database_url, environ=dict(ENVIRON))
    yield server
    assert server.stop() == 0, server.log.read_text()[-2000:]


def picture(name: str, data: bytes) -> FilePayload:
    return {"name": name, "mimeType": "image/png", "buffer": data}


def choose(page: Page, field: str, *files: FilePayload) -> None:
    page.locator(f"input[type=file][name={field}]").set_input_files(list(files))


def code(page: Page) -> str:
    return page.locator("#answered pre:visible").inner_text()


@pytest.mark.parametrize(("language", "width"), [("en", DESK), ("zh", PHONE)])
def test_pictures_are_chosen_removed_and_edited(
    sitting: Sitting, server: Server, fresh_database_url: str, language: Language, width: int
) -> None:
    session = newcomer(server, fresh_database_url, name=f"noor.{language}")
    with sitting(session=session, language=language, width=width) as person:
        page = person.page
        person.goto(MODEL)
        thumbs = page.locator("#form .inputs img")

        choose(page, "picture", picture("otter.png", png(256, 256)), picture("boat.png", png(256, 256)))
        expect(thumbs).to_have_count(2)
        assert "/openai/images/edits" in code(page)
        expect(page.locator("#where")).to_contain_text("/openai/images/edits")
        choose(page, "mask", picture("mask.png", mask(256, 256)))
        expect(thumbs).to_have_count(3)
        assert 'open("mask.png", "rb")' in code(page)
        assert not grave_findings(page)
        assert not overflow(page)

        person.click("#form .inputs li:nth-child(2) .drop")
        expect(thumbs).to_have_count(2)
        assert "boat.png" not in code(page)

        page.locator("#prompt").fill("put a hat on the otter")
        expect(page.locator("#answered pre:visible")).to_contain_text("put a hat on the otter")
        assert 'open("otter.png", "rb")' in code(page)
        person.click("#try")
        wait_for_picture(page)

        # what it was made from hangs beside it, and it can be edited on
        person.goto("/gallery")
        person.click("#wall a")
        expect(page.locator(".made-from img")).to_have_count(2)
        person.click("form[action$='/edit'] button")
        expect(thumbs).to_have_count(1)
        expect(page.locator("#model")).to_have_value("gpt-image-1.5")


def test_what_is_no_picture_says_so(sitting: Sitting, server: Server, fresh_database_url: str) -> None:
    with sitting(session=newcomer(server, fresh_database_url, name="wei")) as person:
        person.goto(MODEL)
        choose(person.page, "picture", picture("notes.png", b"words"))
        expect(person.page.locator("#form .start .why")).to_contain_text("notes.png")
        expect(person.page.locator("#form .inputs")).to_have_count(0)
