from __future__ import annotations

import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from PIL import Image

from limner.cli import run
from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.provenance.certificates import new_authority
from limner.provenance.models import Authority, Origin
from limner.provenance.signing import Signer
from support.asks import paint
from support.console import Console
from support.people import join

NOW = datetime.now(UTC).replace(microsecond=0)


async def _painted(house: House) -> tuple[bytes, str]:
    ada = await join(house, "ada", role="owner")
    delivery = await paint(house, ada, as_links=False)
    data = delivery.result.images[0].data
    assert data is not None
    return data, str(delivery.result.task_id)


def blank() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (64, 64)).save(file, "PNG")
    return file.getvalue()


def signed_by(authority: Authority) -> bytes:
    origin = Origin(task_id=uuid7(), source_type="trainedAlgorithmicMedia", is_trained=True, made_at=NOW)
    return Signer(authority, version="1").signed(blank(), "image/png", origin)


def kept(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


@pytest.fixture(scope="module")
def somebody() -> Authority:
    return new_authority(organisation="Otters Ltd", now=NOW)


def test_what_was_painted_here_is_said_to_be(console: Console, tmp_path: Path) -> None:
    data, task = console.inside(_painted)
    said = console.limner("verify", kept(tmp_path, "otter.png", data))
    assert said.code == 0
    assert "otter.png: made by this limner, and unchanged since" in said.lines[0]
    assert "made by an algorithm, without a trained model (algorithmicMedia)" in said.out
    assert task in said.out
    assert "XMP says" in said.out


def test_a_changed_byte_is_told_of(console: Console, tmp_path: Path) -> None:
    data, _ = console.inside(_painted)
    at = data.index(b"IDAT") + 20
    changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    said = console.limner("verify", kept(tmp_path, "changed.png", changed))
    assert said.code == 1
    assert "does not hold" in said.lines[0]
    assert "the file was changed after it was signed" in said.out


def test_one_bad_file_among_good_ones_is_enough(console: Console, tmp_path: Path) -> None:
    data, _ = console.inside(_painted)
    said = console.limner("verify", kept(tmp_path, "a.png", data), kept(tmp_path, "b.png", blank()))
    assert said.code == 1
    assert "made by this limner" in said.out
    assert "no content credentials" in said.out


def test_a_stranger_is_named_and_trusted_only_when_told_to(
    console: Console, tmp_path: Path, somebody: Authority
) -> None:
    file = kept(tmp_path, "theirs.png", signed_by(somebody))
    said = console.limner("verify", file)
    assert said.code == 1
    assert "signed by Otters Ltd (content credentials); nobody that limner was told to trust" in said.out
    root = kept(tmp_path, "root.pem", somebody.root.encode())
    said = console.limner("verify", file, "--anchors", root)
    assert said.code == 0
    assert "whom you trust" in said.out
    assert "made by this limner" not in said.out


def test_it_works_where_nothing_is_kept_yet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], somebody: Authority
) -> None:
    folder = tmp_path / "none"
    code = run(["verify", kept(tmp_path, "theirs.png", signed_by(somebody)), "--data-dir", str(folder)])
    assert code == 1
    assert "signed by Otters Ltd" in capsys.readouterr().out
    assert not folder.exists()


def test_the_root_makes_others_trust_what_is_made_here(
    console: Console, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, _ = console.inside(_painted)
    root = console.limner("verify", "--root")
    assert root.code == 0
    assert root.out.startswith("-----BEGIN CERTIFICATE-----")
    elsewhere = ["--data-dir", str(tmp_path / "none")]
    file, anchors = kept(tmp_path, "ours.png", data), kept(tmp_path, "ours.pem", root.out.encode())
    assert run(["verify", file, *elsewhere]) == 1
    assert run(["verify", file, "--anchors", anchors, *elsewhere]) == 0
    assert "signed by limner" in capsys.readouterr().out


def test_own_certificates_are_ours_and_others_of_the_same_authority_are_not(
    console: Console, tmp_path: Path, somebody: Authority
) -> None:
    from limner.provenance.certificates import renewed

    chain = kept(tmp_path, "chain.pem", somebody.chain.encode())
    key = kept(tmp_path, "key.pem", somebody.key.encode())
    with console.config.open("a", encoding="utf-8") as file:
        file.write(f'\n[provenance]\ncertificate_file = "{chain}"\nkey_file = "{key}"\n')
    ours = kept(tmp_path, "ours.png", console.inside(_painted)[0])
    assert "made by this limner" in console.limner("verify", ours).out
    assert console.limner("verify", "--root").out == somebody.root
    neighbours = signed_by(renewed(somebody, organisation="Neighbours", now=NOW))
    said = console.limner("verify", kept(tmp_path, "theirs.png", neighbours))
    assert said.code == 0
    assert "signed by Neighbours (content credentials), whom you trust" in said.out


def test_programs_get_json(console: Console, tmp_path: Path) -> None:
    data, task = console.inside(_painted)
    text = kept(tmp_path, "notes.png", b"no picture at all")
    said = console.limner("verify", kept(tmp_path, "otter.png", data), text, "--json")
    assert said.code == 1
    ours, unreadable = said.json()
    assert ours["standing"] == "ours"
    assert ours["credentials"]["task_id"] == task
    assert ours["xmp"]["source_type"] == "algorithmicMedia"
    assert unreadable["standing"] == "unreadable"
    assert "no png, jpeg or webp" in said.err


@pytest.mark.parametrize("arguments", [(), ("--root", "a.png"), ("/nowhere.png",)])
def test_a_wrong_call_is_refused(console: Console, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    kept(tmp_path, "a.png", blank())
    said = console.limner("verify", *(str(tmp_path / one) if one == "a.png" else one for one in arguments))
    assert said.code == 2


def test_anchors_without_a_certificate_are_refused(console: Console, tmp_path: Path) -> None:
    file = kept(tmp_path, "a.png", blank())
    said = console.limner("verify", file, "--anchors", file)
    assert said.code == 1
    assert "has no certificate in PEM form" in said.err
