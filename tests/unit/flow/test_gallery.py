from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from limner.domain.problem import InvalidValue
from limner.flow.deliver import Delivery, kept_result
from limner.flow.gallery import browse, delete_picture, picture
from limner.flow.history import tell
from limner.flow.house import House
from limner.flow.share import share, shares_of
from limner.flow.sweep import sweep
from limner.flow.wait import look
from limner.images.models import Wanted
from limner.images.service import NoSuchPicture
from limner.kit.clock import StillClock
from limner.storage import FileMissing, Storage, StorageFailed
from limner.web.dialects.images.differences import dialect_of
from limner.web.dialects.images.tasks_render import task_body
from support.asks import paint
from support.people import Person
from support.shelves import image_rows, stored_keys


async def prompts(house: House, person: Person, which: Wanted | None = None) -> list[str]:
    wall = await browse(house, account_id=person.account.id, which=which or Wanted())
    return [hung.image.origin.prompt for hung in wall.pictures]


async def found(house: House, person: Person, words: str) -> list[str]:
    return await prompts(house, person, Wanted(words=words))


async def remove(house: House, person: Person, painted: Delivery, index: int = 0) -> None:
    await delete_picture(house, account_id=person.account.id, task_id=painted.result.task_id, index=index)


async def test_grace_sees_her_pictures_newest_first_and_nobody_elses(
    house: House, grace: Person, ada: Person, clock: StillClock
) -> None:
    for prompt in ("one", "two", "three"):
        await paint(house, grace, prompt=prompt)
        clock.move(seconds=1)
    await paint(house, ada, prompt="ada's")

    assert await prompts(house, grace) == ["three", "two", "one"]
    assert await prompts(house, ada) == ["ada's"]


async def test_a_picture_comes_with_all_there_is_to_know(house: House, grace: Person, clock: StillClock) -> None:
    painted = await paint(house, grace, prompt="a red fox", seed=7)

    (hung,) = (await browse(house, account_id=grace.account.id, which=Wanted())).pictures

    image, origin = hung.image, hung.image.origin
    assert (image.task_id, image.index, image.seed) == (painted.result.task_id, 0, 7)
    assert (origin.prompt, origin.model, origin.price) == ("a red fox", "dall-e-2", painted.charged)
    assert (origin.api_key_id, origin.quality, origin.style) == (grace.key.id, "standard", "vivid")
    assert image.created_at == clock.now()
    assert hung.gone_at == clock.now() + house.keep
    assert hung.url == painted.result.images[0].url


async def test_pages_follow_each_other_without_a_gap_or_a_double(
    house: House, grace: Person, clock: StillClock
) -> None:
    for number in range(3):
        await paint(house, grace, prompt=f"round {number}", n=3)
        clock.move(seconds=number % 2)  # two of them in the very same moment
    seen, after = [], None
    while True:
        wall = await browse(house, account_id=grace.account.id, which=Wanted(), after=after, count=2)
        seen += [(hung.image.task_id, hung.image.index) for hung in wall.pictures]
        after = wall.after
        if after is None:
            break

    assert len(seen) == len(set(seen)) == 9
    assert [index for _, index in seen] == [0, 1, 2] * 3


@pytest.mark.parametrize("after", ["", "x", "1.2.3", "9" * 30 + "." + "0" * 32 + ".1", "1." + "0" * 32 + ".-1"])
async def test_a_made_up_place_is_refused(house: House, grace: Person, after: str) -> None:
    with pytest.raises(InvalidValue):
        await browse(house, account_id=grace.account.id, which=Wanted(), after=after)


async def test_words_are_found_in_any_case_and_from_their_beginning(house: House, grace: Person) -> None:
    await paint(house, grace, prompt="A Sea OTTER, floating")
    await paint(house, grace, prompt="a fox")

    assert await found(house, grace, "otter") == ["A Sea OTTER, floating"]
    assert await found(house, grace, "OTT flo") == ["A Sea OTTER, floating"]
    assert await found(house, grace, "otter fox") == []
    assert await found(house, grace, "tter") == []
    assert await found(house, grace, "-- !") == []
    assert await found(house, grace, "  ") == ["a fox", "A Sea OTTER, floating"]


async def test_chinese_is_found_by_any_piece_of_it(house: House, grace: Person) -> None:
    await paint(house, grace, prompt="一只水獭在弹吉他")

    for piece in ("水獭", "水", "他", "弹吉他", "水獭 吉他", "一只水獭在弹吉他"):
        assert await found(house, grace, piece) == ["一只水獭在弹吉他"], piece
    for other in ("狐狸", "獭水", "水獭弹"):
        assert await found(house, grace, other) == [], other


@pytest.mark.parametrize(
    "words", ["'", "''", "\\", "a\\'b", "a:* | b", "!a", "(", "a & b", "otter\0", "=m:dall-e-2", "<->"]
)
async def test_what_is_typed_is_never_taken_for_a_command(house: House, grace: Person, words: str) -> None:
    await paint(house, grace, prompt="an otter")

    assert len(await found(house, grace, words)) <= 1


async def test_revised_prompts_are_searched_as_well(house: House, grace: Person) -> None:
    await paint(house, grace, prompt="an otter")
    (row,) = await image_rows(house)
    words = row["revised_prompt"].split()

    assert words
    assert await found(house, grace, words[-1]) == ["an otter"]


async def test_filters_keep_what_fits(house: House, grace: Person, clock: StillClock) -> None:
    await paint(house, grace, prompt="old", model="dall-e-2")
    clock.move(seconds=86_400)
    await paint(house, grace, prompt="new", model="dall-e-3")
    noon = clock.now()

    assert await prompts(house, grace, Wanted(model="dall-e-3")) == ["new"]
    assert await prompts(house, grace, Wanted(model="none")) == []
    assert await prompts(house, grace, Wanted(shape="square")) == ["new", "old"]
    assert await prompts(house, grace, Wanted(shape="wide")) == []
    assert await prompts(house, grace, Wanted(api_key_id=grace.key.id, words="ne")) == ["new"]
    assert await prompts(house, grace, Wanted(api_key_id=grace.account.id)) == []
    assert await prompts(house, grace, Wanted(created_to=noon)) == ["old"]
    assert await prompts(house, grace, Wanted(created_from=noon)) == ["new"]


async def test_nobody_finds_anothers_picture_by_its_words(house: House, grace: Person, eve: Person) -> None:
    painted = await paint(house, grace, prompt="a secret otter")

    assert await found(house, eve, "secret") == []
    with pytest.raises(NoSuchPicture):
        await picture(house, account_id=eve.account.id, task_id=painted.result.task_id, index=0)
    with pytest.raises(NoSuchPicture):
        await remove(house, eve, painted)
    assert await found(house, grace, "secret") == ["a secret otter"]


async def test_a_deleted_picture_is_gone_everywhere(house: House, grace: Person) -> None:
    painted = await paint(house, grace, prompt="an otter", n=2)
    task_id = painted.result.task_id
    await share(
        house, account_id=grace.account.id, task_id=task_id, index=1, life=timedelta(hours=1), shows_prompt=True
    )

    await remove(house, grace, painted, 1)

    assert [
        hung.image.index for hung in (await browse(house, account_id=grace.account.id, which=Wanted())).pictures
    ] == [0]
    assert len(await found(house, grace, "otter")) == 1
    assert [key.rpartition("_")[2] for key in await stored_keys(house)] == ["0.png"]
    assert await shares_of(house, account_id=grace.account.id, task_id=task_id, index=1) == []
    with pytest.raises(NoSuchPicture):
        await remove(house, grace, painted, 1)
    await sweep(house)
    assert len(await stored_keys(house)) == 1


async def test_its_task_tells_of_those_that_are_left(house: House, grace: Person) -> None:
    painted = await paint(house, grace, n=3)
    urls = [image.url for image in painted.result.images]
    await remove(house, grace, painted, 1)

    told = await tell(house, account_id=grace.account.id, task_id=painted.result.task_id)

    body = orjson.loads(task_body(told, dialect=dialect_of("/v1"), address=house.public_url))
    assert [image["url"] for image in body["result"]["data"]] == [urls[0], urls[2]]
    assert (body["status"], body["deleted"], body["error"]) == ("succeeded", 1, None)


async def test_a_task_without_pictures_stays_and_says_so(house: House, grace: Person) -> None:
    painted = await paint(house, grace, n=2)
    for index in (0, 1):
        await remove(house, grace, painted, index)

    told = await tell(house, account_id=grace.account.id, task_id=painted.result.task_id)

    body = orjson.loads(task_body(told, dialect=dialect_of("/v1"), address=house.public_url))
    assert (body["status"], body["deleted"], body["result"]) == ("succeeded", 2, None)
    assert body["error"]["message"] == "the pictures were deleted"
    assert body["cost"]["charged"] == "0.040000"
    with pytest.raises(FileMissing, match="deleted"):
        await kept_result(house, task=told.task)


async def test_nothing_is_said_to_be_deleted_that_never_was(house: House, grace: Person) -> None:
    painted = await paint(house, grace, n=2)

    assert (await tell(house, account_id=grace.account.id, task_id=painted.result.task_id)).deleted == 0


class Stubborn:
    """A storage that does not delete for now."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> object:
        return getattr(self._storage, name)

    async def delete(self, key: str) -> None:
        raise StorageFailed(f"cannot delete {key}")


async def test_a_file_that_cannot_be_removed_is_removed_later(house: House, grace: Person) -> None:
    painted = await paint(house, grace, n=2)

    await remove(replace(house, storage=Stubborn(house.storage)), grace, painted)

    assert len(await stored_keys(house)) == 2
    await sweep(house)
    assert [key.rpartition("_")[2] for key in await stored_keys(house)] == ["1.png"]


async def test_what_has_expired_hangs_nowhere(house: House, grace: Person, clock: StillClock) -> None:
    painted = await paint(house, grace)
    clock.move(seconds=house.keep.total_seconds() + 1)
    await sweep(house)

    assert (await look(house, task_id=painted.result.task_id)).expired_at is not None
    assert await prompts(house, grace) == []
    with pytest.raises(NoSuchPicture):
        await picture(house, account_id=grace.account.id, task_id=painted.result.task_id, index=0)


async def test_what_is_rare_is_found_behind_what_is_new(house: House, grace: Person) -> None:
    """More pictures than a search walks through: see images/service."""
    await paint(house, grace, prompt="an airship of old")
    async with house.database.transaction() as tx:
        # Copies of it: 2,000 newer ones without the word, and 1,500 older ones with another.
        await tx.run(
            """
            INSERT INTO images SELECT gen_random_uuid(), index, account_id, storage_key, media_type, bytes, width, height,
                seed, revised_prompt, created_at + make_interval(secs => n), api_key_id, model,
                CASE WHEN n > 0 THEN 'new' ELSE 'oldest' END, quality, style, price,
                array_to_tsvector(ARRAY[left((tsvector_to_array(words))[1], 4) || CASE WHEN n > 0 THEN 'new' ELSE 'oldest' END])
            FROM images, generate_series(-1500, 2000) AS n WHERE n <> 0
            """
        )
        await tx.run("ANALYZE images")
    account_id = grace.account.id

    assert await found(house, grace, "airship") == ["an airship of old"]
    assert await found(house, grace, "never") == []
    seen, after = 0, None
    while True:
        wall = await browse(house, account_id=account_id, which=Wanted(words="oldest"), after=after, count=1000)
        seen, after = seen + len(wall.pictures), wall.after
        if after is None:
            break
    assert seen == 1500
    assert len((await browse(house, account_id=account_id, which=Wanted(words="new"))).pictures) == 40
