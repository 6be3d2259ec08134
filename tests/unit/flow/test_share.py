from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from limner.flow.gallery import delete_picture
from limner.flow.house import House
from limner.flow.share import NotToShare, Shared, on_show, revoke, share, shared_file, shares_of
from limner.flow.sweep import sweep, tidy
from limner.images import service as images
from limner.images.service import NoSuchPicture, NoSuchShare, TooManyShares
from limner.kit.clock import StillClock
from support.asks import paint
from support.people import Person

HOUR = timedelta(hours=1)


@pytest.fixture
async def painted(house: House, grace: Person) -> UUID:
    """Grace's task."""
    return (await paint(house, grace, prompt="a secret otter")).result.task_id


async def shared(
    house: House, person: Person, task_id: UUID, *, life: timedelta = HOUR, shows_prompt: bool = False
) -> Shared:
    return await share(
        house, account_id=person.account.id, task_id=task_id, index=0, life=life, shows_prompt=shows_prompt
    )


def token_of(made: Shared) -> str:
    assert made.url is not None
    return made.url.rpartition("/")[2]


async def test_whoever_has_the_link_sees_the_picture(house: House, grace: Person, painted: UUID) -> None:
    made = await shared(house, grace, painted)
    assert made.url is not None
    assert made.url.startswith(f"{house.public_url}/s/")
    assert len(token_of(made)) == 43

    shown = await on_show(house, token=token_of(made))
    file = await shared_file(house, token=token_of(made))

    assert (shown.width, shown.height, shown.media_type) == (1024, 1024, "image/png")
    assert b"".join([piece async for piece in file.read(start=0, end=file.length)])
    assert str(painted) not in file.name


async def test_the_prompt_is_shown_only_if_she_chose_so(house: House, grace: Person, painted: UUID) -> None:
    kept = await on_show(house, token=token_of(await shared(house, grace, painted)))
    told = await on_show(house, token=token_of(await shared(house, grace, painted, shows_prompt=True)))

    assert (kept.prompt, kept.revised_prompt) == (None, None)
    assert told.prompt == "a secret otter"


async def test_a_share_ends_at_its_hour(house: House, grace: Person, painted: UUID, clock: StillClock) -> None:
    made = await shared(house, grace, painted)
    clock.move(seconds=3599)
    await on_show(house, token=token_of(made))
    clock.move(seconds=1)

    with pytest.raises(NoSuchShare):
        await on_show(house, token=token_of(made))
    with pytest.raises(NoSuchShare):
        await shared_file(house, token=token_of(made))
    assert await shares_of(house, account_id=grace.account.id, task_id=painted, index=0) == []
    clock.move(seconds=1)
    await tidy(house)
    async with house.database.statement() as tx:
        assert await tx.value("SELECT count(*) FROM image_shares") == 0


async def test_a_share_never_outlives_its_picture(
    house: House, grace: Person, painted: UUID, clock: StillClock
) -> None:
    end = clock.now() + house.keep
    clock.move(seconds=house.keep.total_seconds() - 3600)
    made = await shared(house, grace, painted, life=timedelta(days=30))
    assert made.share.expires_at == end

    clock.move(seconds=3599)
    with pytest.raises(NotToShare):
        await shared(house, grace, painted)
    clock.move(seconds=2)
    await sweep(house)
    with pytest.raises(NoSuchShare):
        await on_show(house, token=token_of(made))


async def test_she_can_take_it_back_and_eve_cannot(house: House, grace: Person, eve: Person, painted: UUID) -> None:
    made = await shared(house, grace, painted)
    with pytest.raises(NoSuchShare):
        await revoke(house, account_id=eve.account.id, share_id=made.share.id)
    await on_show(house, token=token_of(made))

    await revoke(house, account_id=grace.account.id, share_id=made.share.id)

    with pytest.raises(NoSuchShare):
        await shared_file(house, token=token_of(made))
    with pytest.raises(NoSuchShare):
        await revoke(house, account_id=grace.account.id, share_id=made.share.id)


async def test_a_deleted_picture_is_not_shared_any_more(house: House, grace: Person, painted: UUID) -> None:
    made = await shared(house, grace, painted)
    await delete_picture(house, account_id=grace.account.id, task_id=painted, index=0)

    with pytest.raises(NoSuchShare):
        await on_show(house, token=token_of(made))


async def test_eve_shares_nothing_of_graces(house: House, grace: Person, eve: Person, painted: UUID) -> None:
    await shared(house, grace, painted)
    with pytest.raises(NoSuchPicture):
        await shared(house, eve, painted)
    assert await shares_of(house, account_id=eve.account.id, task_id=painted, index=0) == []


async def test_she_can_see_her_links_again_and_how_often_they_were_used(
    house: House, grace: Person, painted: UUID
) -> None:
    first = await shared(house, grace, painted)
    second = await shared(house, grace, painted)
    for _ in range(3):
        await on_show(house, token=token_of(first))

    known = await shares_of(house, account_id=grace.account.id, task_id=painted, index=0)

    assert [one.url for one in known] == [second.url, first.url]
    assert [one.share.views for one in known] == [0, 3]


async def test_links_go_on_working_when_a_new_secret_signs(house: House, grace: Person, painted: UUID) -> None:
    made = await shared(house, grace, painted)
    turned = replace(house, link_secrets=[b"n" * 32, *house.link_secrets])
    replaced = replace(house, link_secrets=[b"n" * 32])

    await on_show(replaced, token=token_of(made))
    (known,) = await shares_of(turned, account_id=grace.account.id, task_id=painted, index=0)
    assert known.url == made.url
    (lost,) = await shares_of(replaced, account_id=grace.account.id, task_id=painted, index=0)
    assert lost.url is None


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é" * 43])
async def test_a_made_up_token_leads_nowhere(house: House, grace: Person, painted: UUID, token: str) -> None:
    await shared(house, grace, painted)
    with pytest.raises(NoSuchShare):
        await on_show(house, token=token)


async def test_the_token_is_kept_nowhere(house: House, grace: Person, painted: UUID) -> None:
    made = await shared(house, grace, painted)
    async with house.database.statement() as tx:
        row = await tx.value("SELECT s::text FROM image_shares s")
    assert token_of(made) not in row
    assert token_of(made) not in repr(made)


async def test_a_picture_has_only_so_many_shares(house: House, grace: Person, painted: UUID) -> None:
    for _ in range(images._SHARES_MAX):
        last = await shared(house, grace, painted)
    with pytest.raises(TooManyShares):
        await shared(house, grace, painted)

    await revoke(house, account_id=grace.account.id, share_id=last.share.id)
    await shared(house, grace, painted)
