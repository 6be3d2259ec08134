"""The documentation's pages: everybody gets them, in their language, with this server's address."""

from __future__ import annotations

import re

import pytest

from limner.flow.house import House
from limner.web.console.guide import CHAPTERS
from limner.web.dialects.images import openapi
from limner.web.dialects.images.differences import WORDS
from support.visits import visiting
from support.wire import PUBLIC_URL


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_chapter_leads_to_the_next(house: House, language: str) -> None:
    read = []
    async with visiting(house, language=language) as browser:
        first = await browser.get("/docs")
        assert first.status_code == 303
        path: str | None = first.headers["location"]
        while path is not None:
            page = await browser.get(path)
            assert page.status_code == 200
            read.append(path.rpartition("/")[2])
            found = re.search(r'rel="next" href="([^"]+)"', page.text)
            path = found[1] if found else None
    assert tuple(read) == CHAPTERS


async def test_code_calls_this_very_server(house: House) -> None:
    async with visiting(house) as browser:
        text = (await browser.get("/docs/basic")).text
    assert f'data-copy="curl {PUBLIC_URL}/openai/images/generations' in text
    assert "127.0.0.1:8000" not in text or "127.0.0.1:8000" in PUBLIC_URL


async def test_a_chapter_s_places_are_there(house: House) -> None:
    async with visiting(house, language="zh") as browser:
        for path in ("/docs/tasks", "/docs/api", "/docs/errors"):
            text = (await browser.get(path)).text
            places = re.findall(r' id="([^"]+)"', text)
            assert len(places) == len(set(places)), path
            assert set(re.findall(r'href="#([^"]+)"', text)) <= set(places), path


async def test_the_reference_has_every_operation_and_every_model(house: House) -> None:
    async with visiting(house) as browser:
        text = (await browser.get("/docs/api")).text
    told = set(re.findall(r"<b>([A-Z]+)</b><span>([^<]+)</span>", text))
    assert told == {
        (method.upper(), path.removeprefix("/openai"))
        for path, methods in openapi.paths().items()
        if path.startswith("/openai/")
        for method in methods
    }
    for model in house.catalog.models():
        assert f'id="{model.name}"' in text
    for name in openapi.components()["schemas"]["Generation"]["properties"]:
        assert f"<code>{name}</code>" in text


async def test_every_error_is_told(house: House) -> None:
    async with visiting(house) as browser:
        text = (await browser.get("/docs/errors")).text
    assert set(re.findall(r'<tr id="([^"]+)"', text)) == set(WORDS)


@pytest.mark.parametrize("path", ["/docs/api", "/docs/errors"])
async def test_the_reference_is_in_the_reader_s_language(house: House, path: str) -> None:
    async with visiting(house, language="zh") as browser:
        text = (await browser.get(path)).text
    main = re.sub(
        r"<pre.*?</pre>|<code>.*?</code>|<[^>]+>",
        "",
        text[text.index("<main") : text.index("</main>")],
        flags=re.DOTALL,
    )
    sentences = [one.strip() for one in main.splitlines() if re.search(r"[a-z]+ [a-z]+ [a-z]+", one)]
    assert not [one for one in sentences if not re.search(r"[一-鿿]", one)]


async def test_pictures_are_kept_by_browsers_and_others_are_not_there(house: House) -> None:
    async with visiting(house) as browser:
        picture = await browser.get("/docs/pictures/otter.webp")
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/webp")
        assert "max-age" in picture.headers["cache-control"]
        for path in ("/docs/pictures/none.webp", "/docs/pictures/..%2fREADME.md", "/docs/no-such-chapter"):
            assert (await browser.get(path)).status_code == 404


async def test_what_a_hint_says_of_keys_is_no_html(house: House) -> None:
    async with visiting(house) as browser:
        text = (await browser.get("/docs/errors")).text
    assert "<code>Authorization: Bearer &lt;key&gt;</code>" in text
