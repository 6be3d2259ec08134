from __future__ import annotations

import io
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx2
import pytest
from PIL import Image

from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.provenance import service as provenance
from limner.provenance.certificates import new_authority
from limner.provenance.models import Origin
from limner.provenance.signing import Signer
from limner.web.console.verify import FILE_BYTES_MAX
from support.asks import paint
from support.people import Person
from support.visits import Browser, visiting


async def painted(house: House, person: Person) -> tuple[bytes, str]:
    delivery = await paint(house, person, as_links=False)
    data = delivery.result.images[0].data
    assert data is not None
    return data, str(delivery.result.task_id)


def blank() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    return file.getvalue()


async def verified(browser: Browser, data: bytes, *, name: str = "otter.png") -> httpx2.Response:
    return await browser.client.post(
        "/verify-file",
        data={"csrf": await browser.csrf("/verify")},
        files={"file": (name, data, "image/png")},
        headers={"accept": "text/html"},
    )


async def test_grace_sees_that_her_picture_was_made_here_and_by_which_task(house: House, grace: Person) -> None:
    data, task = await painted(house, grace)
    async with visiting(house, grace) as browser:
        answer = await verified(browser, data)
    assert answer.status_code == 200
    assert "Made here, and unchanged since" in answer.text
    assert f'href="/tasks/{task}"' in answer.text
    assert "made by an algorithm, without a trained model" in answer.text


async def test_eve_gets_no_link_to_a_task_that_is_not_hers(house: House, grace: Person, eve: Person) -> None:
    data, task = await painted(house, grace)
    async with visiting(house, eve) as browser:
        answer = await verified(browser, data)
    assert "Made here, and unchanged since" in answer.text
    assert f'href="/tasks/{task}"' not in answer.text


async def test_a_changed_picture_is_said_to_be(house: House, grace: Person) -> None:
    data, task = await painted(house, grace)
    at = data.index(b"IDAT") + 20
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    async with visiting(house, grace) as browser:
        answer = await verified(browser, changed)
    assert "Changed since it was signed, or signed wrongly" in answer.text
    assert "the file was changed after it was signed" in answer.text
    assert f'href="/tasks/{task}"' not in answer.text


async def test_a_stranger_s_signature_is_shown_without_tricks(house: House, grace: Person) -> None:
    now = house.clock.now()
    origin = Origin(task_id=uuid7(), source_type="trainedAlgorithmicMedia", is_trained=True, made_at=now)
    signer = Signer(new_authority(organisation="<b>Otters\u202e", now=now), version="1")
    async with visiting(house, grace) as browser:
        answer = await verified(browser, signer.signed(blank(), "image/png", origin))
    assert "unknown signer" in answer.text
    assert "&lt;b&gt;Otters\\u202e" in answer.text
    assert "Made here" not in answer.text


async def test_a_picture_without_credentials_says_nothing(house: House, grace: Person) -> None:
    async with visiting(house, grace, language="zh") as browser:
        assert "文件没有说明由谁生成" in (await verified(browser, blank())).text


@pytest.mark.parametrize(("data", "words"), [(b"no picture", "no png, jpeg or webp"), (b"", "Choose a file.")])
async def test_what_is_no_picture_is_refused_at_its_field(house: House, grace: Person, data: bytes, words: str) -> None:
    async with visiting(house, grace) as browser:
        answer = await verified(browser, data)
    assert answer.status_code == 400
    assert words in answer.text


async def test_a_file_may_be_large_but_not_larger_than_fifty_megabytes(house: House, grace: Person) -> None:
    data, _ = await painted(house, grace)
    async with visiting(house, grace) as browser:
        assert (
            await verified(browser, b"\x89PNG\r\n\x1a\n" + bytes(2_000_000))
        ).status_code == 400  # read, and no picture
        assert (await verified(browser, data + bytes(FILE_BYTES_MAX))).status_code == 413


async def test_of_nobody_no_file_is_read(house: House) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 1
            yield bytes(1000)

    async with visiting(house) as browser:
        headers = {"content-type": "multipart/form-data; boundary=x", "accept": "text/html"}
        answer = await browser.client.post("/verify-file", content=endless(), headers=headers)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/login")
    assert read <= 1


async def test_the_root_certificate_can_be_fetched(house: House, grace: Person) -> None:
    async with visiting(house, grace) as browser:
        answer = await browser.get("/verify/ca.pem")
    assert house.certifier is not None
    assert house.certifier.signer is not None
    assert house.certifier.signer.authority.root in answer.text
    assert "PRIVATE" not in answer.text


async def test_what_was_signed_before_is_known_when_signing_is_off(house: House, grace: Person) -> None:
    now = house.clock.now()
    async with house.database.transaction() as tx:
        authority = await provenance.authority(tx, id_=uuid7(), organisation="limner", now=now)
    origin = Origin(task_id=uuid7(), source_type="algorithmicMedia", is_trained=False, made_at=now)
    data = Signer(authority, version="1").signed(blank(), "image/png", origin)
    async with visiting(replace(house, certifier=None), grace) as browser:
        assert "Made here, and unchanged since" in (await verified(browser, data)).text


async def test_the_picture_s_page_leads_here(house: House, grace: Person) -> None:
    delivery = await paint(house, grace)
    async with visiting(house, grace) as browser:
        assert 'href="/verify"' in (await browser.get(f"/gallery/{delivery.result.task_id}/0")).text
