"""What pictures say of where they come from, through the whole house."""

from __future__ import annotations

import base64
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

import httpx2
import pytest
from PIL import Image

from limner.domain.spec import Picture, Source, Spec
from limner.engines import SourceType
from limner.flow.certifier import Certifier
from limner.flow.deliver import Delivery
from limner.flow.house import EngineStand, House
from limner.flow.stage import Stage
from limner.kit import xmp
from limner.kit.ids import uuid7
from limner.provenance.certificates import new_authority
from limner.provenance.models import Credentials, Origin
from limner.provenance.reading import read
from limner.provenance.signing import Signer
from limner.tasks import service as tasks
from support.asks import paint
from support.painters import Painter
from support.people import Person


class Trained(Painter):
    """Paints like a model that was trained."""

    source_type = SourceType.TRAINED


class Damaged(Painter):
    """Hands out a file without an end."""

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        async with aclosing(super().paint(spec)) as pictures:
            async for picture in pictures:
                yield replace(picture, data=picture.data[:60])


class Foreign(Painter):
    """Hands out what somebody else has signed."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    async def paint(self, spec: Spec) -> AsyncGenerator[Picture]:
        async with aclosing(super().paint(spec)) as pictures:
            async for picture in pictures:
                yield replace(picture, data=self._data)


def with_engine(house: House, painter: Painter) -> House:
    return replace(house, engines={**house.engines, "fake": EngineStand(painter)})


def files(delivery: Delivery) -> list[bytes]:
    return [image.data for image in delivery.result.images if image.data is not None]


def said(house: House, data: bytes) -> Credentials:
    assert house.certifier is not None
    assert house.certifier.signer is not None
    found = read(data, anchors=[house.certifier.signer.authority.root])
    assert found is not None
    return found


async def test_a_picture_says_that_it_was_made_here(house: House, grace: Person) -> None:
    delivery = await paint(house, grace, as_links=False)
    (data,) = files(delivery)
    found = said(house, data)
    assert found.state == "trusted"
    assert found.task_id == str(delivery.result.task_id)
    assert found.source_type == "algorithmicMedia"
    packet = xmp.packet_of(data, "image/png")
    assert packet is not None
    assert "digitalsourcetype/algorithmicMedia" in packet
    assert str(delivery.result.task_id) in packet
    assert b"otter" not in data


async def test_a_trained_engine_says_so(house: House, grace: Person) -> None:
    (data,) = files(await paint(with_engine(house, Trained()), grace, as_links=False))
    assert said(house, data).source_type == "trainedAlgorithmicMedia"


@pytest.mark.parametrize("response_format", ["url", "b64_json"])
async def test_links_and_base64_are_signed_alike(
    caller: httpx2.AsyncClient, house: House, grace: Person, response_format: str
) -> None:
    answer = await caller.post(
        "/v1/images/generations",
        headers=grace.headers,
        json={"model": "dall-e-2", "prompt": "an otter", "n": 2, "response_format": response_format},
    )
    assert answer.status_code == 200
    for one in answer.json()["data"]:
        data = base64.b64decode(one["b64_json"]) if "b64_json" in one else (await caller.get(one["url"])).content
        assert said(house, data).task_id == answer.json()["task_id"]


async def test_an_edit_names_what_it_was_made_from(house: House, grace: Person) -> None:
    delivery = await paint(house, grace, as_links=False)
    async with house.database.statement() as tx:
        task = await tasks.task(tx, id_=delivery.result.task_id, account_id=None)
    assert delivery.result.spec is not None
    source = Source(data=files(delivery)[0], media_type="image/png")
    spec = replace(delivery.result.spec, images=(source,))
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    stage = Stage(house, task=task, spec=spec, audience=None)
    picture = Picture(
        index=0,
        data=file.getvalue(),
        output_format=spec.output_format,
        width=64,
        height=64,
        seed=None,
        revised_prompt="x",
    )
    await stage.take(picture, of=[0], engine="fake", by=Trained())
    found = said(house, stage.done[0][1])
    assert found.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert [(one.relation, one.is_signed, one.is_good) for one in found.ingredients] == [("parent", True, True)]


async def test_what_an_upstream_signed_is_kept_inside(house: House, grace: Person) -> None:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    theirs = Signer(new_authority(organisation="Upstream", now=house.clock.now()), version="9").signed(
        file.getvalue(),
        "image/png",
        Origin(task_id=uuid7(), source_type="trainedAlgorithmicMedia", is_trained=True, made_at=house.clock.now()),
    )
    (data,) = files(await paint(with_engine(house, Foreign(theirs)), grace, as_links=False))
    found = said(house, data)
    assert found.state == "trusted"
    assert [one.relation for one in found.ingredients] == ["parent"]


async def test_a_file_that_cannot_be_signed_goes_out_as_it_is(house: House, grace: Person) -> None:
    (data,) = files(await paint(with_engine(house, Damaged()), grace, as_links=False))
    assert len(data) == 60


async def test_it_can_be_switched_off(house: House, grace: Person) -> None:
    (plain,) = files(await paint(replace(house, certifier=None), grace, as_links=False))
    assert read(plain, anchors=[]) is None
    assert xmp.packet_of(plain, "image/png") is None
    only_xmp = replace(house, certifier=Certifier(signer=None, xmp=True))
    (data,) = files(await paint(only_xmp, grace, as_links=False))
    assert read(data, anchors=[]) is None
    assert xmp.packet_of(data, "image/png") is not None
