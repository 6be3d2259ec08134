"""The page of usage, and its export."""

from __future__ import annotations

import csv
import io
import re
from datetime import timedelta

import pytest

from limner.flow.house import House
from limner.flow.usage import roll_up
from limner.kit.clock import StillClock
from limner.kit.ids import uuid7
from limner.usage import service as usage
from limner.web.console import charts
from support.asks import paint
from support.people import Person
from support.visits import Browser, visiting


async def rows_of(browser: Browser, path: str) -> list[dict[str, str]]:
    answer = await browser.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="limner-')
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


async def test_grace_sees_what_she_has_used(house: House, grace: Person) -> None:
    await paint(house, grace, n=3)
    async with visiting(house, grace) as browser:
        for _ in range(2):
            text = (await browser.get("/usage")).text
            assert re.search(r"<b>3</b><span>pictures", text)
            assert re.search(r"<b>0.06</b><span>credits spent", text)
            assert "dall-e-2" in text
            assert "grace&#39;s key" in text
            await roll_up(house)


async def test_each_day_has_a_bar_that_says_what_it_is(house: House, grace: Person) -> None:
    await paint(house, grace)
    async with visiting(house, grace) as browser:
        text = (await browser.get("/usage?days=7")).text
    assert text.count('role="img"') == 4
    assert "<title>Nov 22: 1</title>" in text
    assert "<style" not in text
    assert "style=" not in text


async def test_one_day_is_told_by_the_hour_of_the_reader(house: House, grace: Person) -> None:
    await paint(house, grace)
    async with visiting(house, grace) as browser:
        browser.client.cookies.set("limner_zone", "Asia%2FShanghai")
        text = (await browser.get("/usage?days=1")).text
    assert "8:00\N{NARROW NO-BREAK SPACE}PM: 1</title>" in text


async def test_errors_are_told_by_their_codes(house: House, grace: Person) -> None:
    now = house.clock.now()
    async with house.database.statement() as tx:
        await tx.together(
            usage.note(
                account_id=grace.account.id,
                task_id=uuid7(),
                api_key_id=grace.key.id,
                model="dall-e-2",
                status="failed",
                error_code="engine_timeout",
                pictures=0,
                charged=0,
                began_at=now,
                now=now,
            )
        )
    async with visiting(house, grace) as browser:
        text = (await browser.get("/usage")).text
    assert "<code>engine_timeout</code>" in text
    assert re.search(r"<b>1</b><span>errors", text)


@pytest.mark.parametrize("days", ["0", "-3", "367", "99999999", "x", "", "٣"])
async def test_a_span_that_is_none_is_thirty_days(house: House, grace: Person, days: str) -> None:
    await paint(house, grace)
    async with visiting(house, grace) as browser:
        page = await browser.get(f"/usage?days={days}")
    assert page.status_code == 200
    assert '<a href="/usage?days=30" aria-current="true">' in page.text


async def test_the_longest_span_is_a_leap_year(house: House, grace: Person, clock: StillClock) -> None:
    await paint(house, grace)
    clock.move(seconds=timedelta(days=365).total_seconds())
    async with visiting(house, grace) as browser:
        text = (await browser.get("/usage?days=366")).text
    assert "dall-e-2" in text


async def test_eve_sees_that_there_is_nothing_yet_and_nothing_of_grace(
    house: House, grace: Person, eve: Person
) -> None:
    await paint(house, grace)
    async with visiting(house, eve) as browser:
        text = (await browser.get("/usage")).text
        assert await rows_of(browser, "/usage/export?days=7&prompts=yes") == []
    assert "Nothing in these days" in text
    assert "dall-e-2" not in text


async def test_the_export_is_a_file_with_prompts_only_if_asked(house: House, grace: Person) -> None:
    await paint(house, grace, prompt="=cmd an otter")
    async with visiting(house, grace) as browser:
        (plain,) = await rows_of(browser, "/usage/export?days=7")
        (whole,) = await rows_of(browser, "/usage/export?days=7&prompts=yes")
    assert "prompt" not in plain
    assert (plain["model"], plain["size"], plain["credits"]) == ("dall-e-2", "1024x1024", "0.020000")
    assert whole["prompt"] == "'=cmd an otter"


@pytest.mark.parametrize("path", ["/usage", "/usage?days=7", "/usage/export?days=7"])
async def test_strangers_sign_in_first(house: House, path: str) -> None:
    async with visiting(house) as browser:
        answer = await browser.get(path)
    assert (answer.status_code, answer.headers["location"].partition("?")[0]) == (303, "/login")


async def test_the_page_speaks_chinese(house: House, grace: Person) -> None:
    await paint(house, grace)
    async with visiting(house, grace, language="zh-CN") as browser:
        text = (await browser.get("/usage")).text
    assert "用量" in text
    assert "<title>11月22日: 1</title>" in text
    for english in ("By model", "Latency", "Download", "pictures<"):
        assert english not in text


@pytest.mark.parametrize(
    ("most", "top"), [(0, 2), (1, 2), (3, 4), (5, 6), (11, 20), (51, 60), (100, 100), (101, 200), (799_999, 800_000)]
)
def test_a_scale_ends_at_a_tidy_number(most: float, top: float) -> None:
    assert charts.tidy_top(most, least=2) == top


def test_small_scales_are_tidy_too() -> None:
    assert charts.tidy_top(0.037, least=0.02) == pytest.approx(0.04)


def test_the_largest_bar_fits_and_the_smallest_is_seen() -> None:
    made = charts.chart([("a", (1000,)), ("b", (1,)), ("c", (0,))], kinds=("sea",), label="x")
    assert [bar.title for bar in made.bars] == ["a", "b"]
    assert made.bars[0].pieces[0].height == charts.HEIGHT
    assert made.bars[1].pieces[0].height >= 1
    for bar in made.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= charts.WIDTH
