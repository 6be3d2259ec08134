from __future__ import annotations

import re
from datetime import timedelta
from uuid import UUID

import pytest

from limner.flow.house import House
from limner.flow.share import share
from limner.kit.clock import StillClock
from support.asks import paint
from support.people import Person
from support.pictures import png
from support.shelves import stored_keys
from support.visits import Browser, visiting

NASTY = "<script>alert(1)</script> & \"quotes\" 'too'"
TOKEN = re.compile(r"/s/([\w-]{43})")


async def painted(house: House, person: Person, prompt: str = "an otter", **more: int) -> UUID:
    return (await paint(house, person, prompt=prompt, **more)).result.task_id


async def shared(house: House, person: Person, task_id: UUID, *, shows_prompt: bool = False) -> str:
    made = await share(
        house,
        account_id=person.account.id,
        task_id=task_id,
        index=0,
        life=timedelta(hours=1),
        shows_prompt=shows_prompt,
    )
    assert made.url is not None
    return made.url.removeprefix(house.public_url)


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_an_empty_gallery_says_what_to_do(house: House, grace: Person, language: str) -> None:
    async with visiting(house, grace, language=language) as browser:
        page = await browser.get("/gallery")
    assert page.status_code == 200
    assert {"en": "Paint the first one", "zh": "生成第一张"}[language] in page.text


async def test_grace_sees_hers_and_eve_does_not(house: House, grace: Person, eve: Person) -> None:
    task_id = await painted(house, grace)
    path = f"/gallery/{task_id}/0"
    async with visiting(house, grace) as browser:
        assert path in (await browser.get("/gallery")).text
        page = await browser.get(path)
        assert page.status_code == 200
        assert "an otter" in page.text
    async with visiting(house, eve) as browser:
        assert path not in (await browser.get("/gallery")).text
        for answer in (
            await browser.get(path),
            await browser.send(f"{path}/delete"),
            await browser.send(f"{path}/shares", {"life": "1h"}),
        ):
            assert answer.status_code == 404
    assert len(await stored_keys(house)) == 1


async def test_strangers_are_asked_who_they_are(house: House, grace: Person) -> None:
    task_id = await painted(house, grace)
    async with visiting(house) as browser:
        for path in ("/gallery?q=otter", f"/gallery/{task_id}/0"):
            answer = await browser.get(path)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("/login?next=%2Fgallery")


@pytest.mark.parametrize(
    "path",
    [
        "/gallery/x/0",
        "/gallery/01930000-0000-7000-8000-000000000001/0",
        "/gallery/{}/9",
        "/gallery/{}/-1",
        "/gallery/{}/٠",
    ],
)
async def test_what_is_not_there_is_not_found(house: House, grace: Person, path: str) -> None:
    task_id = await painted(house, grace)
    async with visiting(house, grace) as browser:
        assert (await browser.get(path.format(task_id))).status_code == 404


async def test_a_prompt_is_shown_and_never_run(house: House, grace: Person) -> None:
    task_id = await painted(house, grace, NASTY)
    link = await shared(house, grace, task_id, shows_prompt=True)
    async with visiting(house, grace) as browser:
        for path in ("/gallery", f"/gallery/{task_id}/0", link, f"/gallery?q={NASTY}"):
            page = await browser.get(path)
            assert page.status_code == 200
            assert "<script>alert" not in page.text
            assert "alert(1)" in page.text


async def test_words_and_filters_narrow_it_down(house: House, grace: Person) -> None:
    otter, fox = await painted(house, grace, "an otter"), await painted(house, grace, "一只狐狸")
    async with visiting(house, grace) as browser:

        async def seen(query: str) -> set[UUID]:
            text = (await browser.get(f"/gallery?{query}")).text
            return {id_ for id_ in (otter, fox) if f"/gallery/{id_}/0" in text}

        assert await seen("q=ott") == {otter}
        assert await seen("q=狐狸") == {fox}
        assert await seen("q=&model=&shape=&key=&from=&to=") == {otter, fox}
        assert await seen("shape=wide") == set()
        assert await seen(f"shape=square&key={grace.key.id}&model=dall-e-2") == {otter, fox}
        assert await seen("from=2026-11-22&to=2026-11-22") == {otter, fox}
        assert await seen("to=2026-11-21") == set()
        assert await seen("from=2026-11-23") == set()
        assert await seen("from=nonsense&key=nonsense&shape=round") == {otter, fox}
        assert "No picture is like that" in (await browser.get("/gallery?q=whale")).text
        part = await browser.part("/gallery?q=ott")
        assert part.text.lstrip().startswith('<div id="wall"')


async def test_what_comes_next_is_fetched_when_one_gets_there(house: House, grace: Person, clock: StillClock) -> None:
    for _ in range(5):
        await painted(house, grace, n=10)
        clock.move(seconds=1)
    async with visiting(house, grace) as browser:
        first = (await browser.get("/gallery?q=otter")).text
        (onward,) = set(re.findall(r'hx-get="(/gallery\?[^"]*after=[^"]*)"', first))
        part = (await browser.part(onward.replace("&amp;", "&"))).text
        made_up = await browser.get("/gallery?after=nonsense")
    pictures = re.findall(r'href="(/gallery/[^"?]+)"', first + part)
    assert "q=otter" in onward
    assert "<html" not in part
    assert "hx-get" not in part
    assert len(pictures) == len(set(pictures)) == 50
    assert made_up.status_code == 400


async def test_a_picture_is_deleted_for_good(house: House, grace: Person) -> None:
    task_id = await painted(house, grace)
    path = f"/gallery/{task_id}/0"
    async with visiting(house, grace) as browser:
        assert "data-confirm" in (await browser.get(path)).text
        answer = await browser.send(f"{path}/delete", at=path)
        assert (answer.status_code, answer.headers["location"]) == (303, "/gallery")
        assert (await browser.get(path)).status_code == 404
        assert "All its pictures were deleted." in (await browser.get(f"/tasks/{task_id}")).text
    assert await stored_keys(house) == []


async def test_a_shared_picture_is_for_whoever_has_the_link(house: House, grace: Person) -> None:
    task_id = await painted(house, grace)
    path = f"/gallery/{task_id}/0"
    async with visiting(house, grace) as browser:
        answer = await browser.send(f"{path}/shares", {"life": "1h", "prompt": "yes"}, at=path)
        assert answer.headers["location"] == f"{path}#shares"
        text = (await browser.get(path)).text
    found = TOKEN.search(text)
    assert found is not None
    link = f"/s/{found[1]}"
    async with visiting(house) as stranger:
        page = await stranger.get(link)
        picture = await stranger.client.get(f"{link}/picture")
    assert page.status_code == 200
    assert "an otter" in page.text
    assert f'<meta property="og:image" content="{house.public_url}{link}/picture">' in page.text
    assert str(task_id) not in page.text
    assert grace.account.name not in page.text
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert str(task_id) not in picture.headers["content-disposition"]


async def test_the_prompt_stays_hers_unless_she_says_so(house: House, grace: Person) -> None:
    link = await shared(house, grace, await painted(house, grace, "a secret otter"))
    async with visiting(house) as stranger:
        assert "secret" not in (await stranger.get(link)).text


async def test_a_share_that_has_ended_or_was_taken_back_leads_nowhere(
    house: House, grace: Person, eve: Person, clock: StillClock
) -> None:
    task_id = await painted(house, grace)
    path = f"/gallery/{task_id}/0"
    link, other = await shared(house, grace, task_id), await shared(house, grace, task_id)
    async with visiting(house, grace) as browser:
        revokes = re.findall(r'action="([^"]+/revoke)"', (await browser.get(path)).text)
        async with visiting(house, eve) as hers:
            assert (await hers.send(revokes[0])).status_code == 404
        await browser.send(revokes[0], at=path)
    async with visiting(house) as stranger:
        assert (await stranger.get(other)).status_code == 404
        assert (await stranger.client.get(f"{other}/picture")).status_code == 404
        assert (await stranger.get(link)).status_code == 200
        clock.move(seconds=3600)
        assert (await stranger.get(link)).status_code == 404
        assert (await stranger.get("/s/nonsense")).status_code == 404


async def test_shares_change_in_their_place(house: House, grace: Person) -> None:
    task_id = await painted(house, grace)
    path = f"/gallery/{task_id}/0"
    async with visiting(house, grace) as browser:
        part = await browser.send(f"{path}/shares", {"life": "30d"}, at=path, **{"hx-request": "true"})
    assert part.status_code == 200
    assert "<html" not in part.text
    assert TOKEN.search(part.text)


async def test_a_form_that_is_not_ours_deletes_nothing(house: House, grace: Person) -> None:
    task_id = await painted(house, grace)
    async with visiting(house, grace) as browser:
        await browser.get("/gallery")
        answer = await browser.client.post(f"/gallery/{task_id}/0/delete", headers={"accept": "text/html"})
    assert answer.status_code == 403
    assert len(await stored_keys(house)) == 1


async def test_everything_about_a_picture_is_on_its_page(house: House, grace: Person) -> None:
    task_id = await painted(house, grace, seed=7)
    async with visiting(house, grace) as browser:
        text = await _page(browser, f"/gallery/{task_id}/0")
    for said in (
        "dall-e-2",
        "1024 × 1024",
        "standard",
        'data-copy="7"',
        "0.02 credits",
        "grace's key",
        f"/tasks/{task_id}",
    ):
        assert said in text.replace("&#39;", "'"), said
    assert f"/?again={task_id}" in text
    assert f"/?vary={task_id}" in text
    assert f"/gallery/{task_id}/0/edit" in text


async def _page(browser: Browser, path: str) -> str:
    return (await browser.get(path)).text


async def test_a_variation_has_no_prompt_and_its_picture_beside_it(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        answer = await browser.client.post(
            "/v1/images/variations", files={"image": ("otter.png", png(64, 64))}, headers=grace.headers
        )
        task_id = answer.json()["task_id"]
        picture, wall = await _page(browser, f"/gallery/{task_id}/0"), await _page(browser, "/gallery")
        task, tasks = await _page(browser, f"/tasks/{task_id}"), await _page(browser, "/tasks")
    for page in (picture, wall, task, tasks):
        assert "A variation" in page
    assert picture.count("/files/inputs/") == 2
