"""The management API's reference says everything that its document does."""

from __future__ import annotations

import re

import pytest

from limner.flow.house import House
from limner.web.dialects.management import openapi
from support.visits import visiting


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_every_operation_and_answer_is_told_to_anybody(house: House, language: str) -> None:
    async with visiting(house, language=language) as browser:
        page = await browser.get("/docs/management")

    assert page.status_code == 200
    told = set(re.findall(r"<b>([A-Z]+)</b><code>([^<]+)</code>", page.text))
    assert told == {(method.upper(), path) for path, methods in openapi.paths().items() for method in methods}
    links, places = set(re.findall(r'href="#([\w-]+)"', page.text)), set(re.findall(r'id="([\w-]+)"', page.text))
    assert links <= places


async def test_it_is_told_in_the_reader_s_language(house: House) -> None:
    async with visiting(house, language="zh") as browser:
        text = (await browser.get("/docs/management")).text

    for summary in {operation["summary"] for methods in openapi.paths().values() for operation in methods.values()}:
        assert f"<p>{summary}</p>" not in text
