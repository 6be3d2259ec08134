"""Signing and reading with the real library, and certificates as they are and as they should not be."""

from __future__ import annotations

import asyncio
import io
import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from PIL import Image

from limner.flow.house import House
from limner.kit.ids import uuid7
from limner.provenance import service
from limner.provenance.certificates import CertificateError, new_authority, own_authority, renewed
from limner.provenance.models import Authority, Credentials, Origin
from limner.provenance.reading import UnreadableError, read
from limner.provenance.signing import Signer, SigningFailedError, has_credentials

NOW = datetime.now(UTC).replace(microsecond=0)
TASK = UUID("01a206cb-5833-7828-be70-496ca060215f")
TYPES = {"image/png": "PNG", "image/jpeg": "JPEG", "image/webp": "WEBP"}


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority(organisation="Otters Ltd", now=NOW)


@pytest.fixture(scope="module")
def signer(authority: Authority) -> Signer:
    return Signer(authority, version="1.2.3")


def picture(media_type: str = "image/png") -> bytes:
    file = io.BytesIO()
    Image.effect_noise((64, 48), 60).convert("RGB").save(file, TYPES[media_type])
    return file.getvalue()


def origin(**otherwise: object) -> Origin:
    plain: dict[str, object] = {
        "task_id": TASK,
        "source_type": "trainedAlgorithmicMedia",
        "is_trained": True,
        "made_at": NOW,
    }
    return Origin(**{**plain, **otherwise})  # type: ignore[arg-type]


def told(data: bytes, authority: Authority | None) -> Credentials:
    found = read(data, anchors=[] if authority is None else [authority.root])
    assert found is not None
    return found


@pytest.mark.parametrize("media_type", TYPES)
def test_a_picture_says_who_made_it_when_and_how(signer: Signer, authority: Authority, media_type: str) -> None:
    data = picture(media_type)
    signed = signer.signed(data, media_type, origin())
    found = told(signed, authority)
    assert found.state == "trusted"
    assert found.problems == ()
    assert found.signer == "Otters Ltd (content credentials)"
    assert found.software == "limner 1.2.3"
    assert found.task_id == str(TASK)
    assert found.source_type == "trainedAlgorithmicMedia"
    assert found.made_at == NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert [one.action for one in found.actions] == ["created"]
    with Image.open(io.BytesIO(signed)) as now, Image.open(io.BytesIO(data)) as before:
        assert now.tobytes() == before.tobytes()
    assert len(signed) - len(data) < 6000
    assert has_credentials(signed, media_type)
    assert not has_credentials(data, media_type)


@pytest.mark.parametrize("media_type", TYPES)
def test_a_byte_that_was_changed_is_found(signer: Signer, authority: Authority, media_type: str) -> None:
    data = picture(media_type)
    signed = bytearray(signer.signed(data, media_type, origin()))
    place = signed.rfind(data[-200:-150])
    signed[place + 10] ^= 0x55
    found = told(bytes(signed), authority)
    assert found.state == "broken"
    assert "the file was changed after it was signed" in found.problems


def test_somebody_elses_signature_is_valid_and_not_trusted(signer: Signer) -> None:
    stranger = new_authority(organisation="Eve", now=NOW)
    found = told(signer.signed(picture(), "image/png", origin()), stranger)
    assert (found.state, found.problems) == ("valid", ())


def test_an_edit_has_what_it_was_made_from(signer: Signer, authority: Authority) -> None:
    first = signer.signed(picture(), "image/png", origin())
    edited = signer.signed(
        picture("image/jpeg"),
        "image/jpeg",
        origin(inputs=((first, "image/png"), (picture("image/webp"), "image/webp"))),
    )
    found = told(edited, authority)
    assert found.state == "trusted"
    assert [one.action for one in found.actions] == ["opened", "edited"]
    assert found.source_type == "compositeWithTrainedAlgorithmicMedia"
    assert [(one.relation, one.is_signed, one.is_good) for one in found.ingredients] == [
        ("parent", True, True),
        ("input", False, False),
    ]


def test_whoever_edits_without_a_model_says_another_word(signer: Signer, authority: Authority) -> None:
    inputs = ((picture(), "image/png"),)
    edited = signer.signed(picture(), "image/png", origin(inputs=inputs, is_trained=False))
    assert told(edited, authority).source_type == "compositeSynthetic"


def test_an_input_that_was_tampered_with_is_said(signer: Signer, authority: Authority) -> None:
    data = picture()
    signed = bytearray(signer.signed(data, "image/png", origin()))
    signed[signed.rfind(data[-200:-150]) + 10] ^= 0x55
    edited = signer.signed(picture(), "image/png", origin(inputs=((bytes(signed), "image/png"),)))
    (ingredient,) = told(edited, authority).ingredients
    assert (ingredient.is_signed, ingredient.is_good) == (True, False)


def test_what_an_upstream_has_signed_stays_readable_inside(authority: Authority, signer: Signer) -> None:
    upstream = Signer(new_authority(organisation="Upstream", now=NOW), version="9")
    theirs = upstream.signed(picture(), "image/png", origin(task_id=uuid7()))
    ours = told(signer.signed(theirs, "image/png", origin(is_foreign=True)), authority)
    assert ours.state == "trusted"
    assert ours.task_id == str(TASK)
    assert [one.action for one in ours.actions] == ["opened", "published"]
    assert [(one.relation, one.is_signed) for one in ours.ingredients] == [("parent", True)]


def test_the_prompt_is_nowhere(signer: Signer) -> None:
    signed = signer.signed(picture(), "image/png", origin())
    assert b"prompt" not in signed


def test_what_has_no_credentials_and_what_is_no_picture() -> None:
    assert read(picture(), anchors=[]) is None
    with pytest.raises(UnreadableError, match="no png, jpeg or webp"):
        read(b"<svg/>", anchors=[])


def test_a_file_that_would_take_minutes_to_read_is_refused() -> None:
    data = picture()
    slow = data[:33] + b"\0\0\0\0teXt\xb5\x7c\x6c\x1f" * 40_000 + data[33:]
    with pytest.raises(UnreadableError, match="more parts than pictures have"):
        read(slow, anchors=[])


def test_a_file_that_is_none_cannot_be_signed(signer: Signer) -> None:
    for data in (b"", b"hello", picture()[:100]):
        with pytest.raises(SigningFailedError):
            signer.signed(data, "image/png", origin())


def test_several_threads_sign_at_once(signer: Signer, authority: Authority) -> None:
    data, signed = picture(), []
    threads = [
        threading.Thread(target=lambda: signed.extend(signer.signed(data, "image/png", origin()) for _ in range(20)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(signed) == 80
    assert told(signed[-1], authority).state == "trusted"


# the authority -----------------------------------------------------------------------------------------------------------


async def test_nodes_that_start_together_share_one_authority(house: House) -> None:
    async def start() -> str:
        async with house.database.transaction() as tx:
            return (await service.authority(tx, id_=uuid7(), organisation="limner", now=NOW)).root

    roots = await asyncio.gather(*(start() for _ in range(6)))
    assert len(set(roots)) == 1
    async with house.database.statement() as tx:
        assert await service.anchors(tx) == roots[:1]


async def test_a_certificate_near_its_end_is_renewed_and_the_root_stays(house: House) -> None:
    async with house.database.transaction() as tx:
        first = await service.authority(tx, id_=uuid7(), organisation="limner", now=NOW - timedelta(days=9.5 * 365))
        assert await service.authority(tx, id_=uuid7(), organisation="x", now=NOW - timedelta(days=2000)) == first
        second = await service.authority(tx, id_=uuid7(), organisation="limner", now=NOW)
        assert await service.latest(tx) == second
        assert await service.anchors(tx) == [first.root]
    assert second.root == first.root
    assert second.key != first.key
    assert second.ends_at > first.ends_at
    signed = Signer(second, version="1").signed(picture(), "image/png", origin())
    assert told(signed, first).state == "trusted"


def test_keys_are_in_no_repr(authority: Authority) -> None:
    assert "PRIVATE" not in repr(authority)


# the operator's own ------------------------------------------------------------------------------------------------------


def leaf_of(
    root: Authority,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey,
    *,
    use: x509.ObjectIdentifier | None = ExtendedKeyUsageOID.EMAIL_PROTECTION,
    days: int = 30,
) -> str:
    assert root.root_key is not None
    root_key = load_pem_private_key(root.root_key.encode(), None)
    assert isinstance(root_key, ec.EllipticCurvePrivateKey)
    authority = x509.load_pem_x509_certificate(root.root.encode())
    builder = (
        x509.CertificateBuilder()
        .subject_name(
            x509.Name(
                [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "ACME"), x509.NameAttribute(NameOID.COMMON_NAME, "ACME")]
            )
        )
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=60))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), critical=False)
    )
    if use is not None:
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=False,
            crl_sign=False,
            encipher_only=False,
            decipher_only=False,
        )
        builder = builder.add_extension(usage, critical=True)
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    return builder.sign(root_key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def pem(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("kind", ["p256", "p384", "ed25519", "rsa"])
def test_the_operators_own_certificate_signs(authority: Authority, kind: str) -> None:
    key = {
        "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        "p384": lambda: ec.generate_private_key(ec.SECP384R1()),
        "ed25519": ed25519.Ed25519PrivateKey.generate,
        "rsa": lambda: rsa.generate_private_key(65537, 2048),
    }[kind]()
    own = own_authority(chain=leaf_of(authority, key) + authority.root, key=pem(key), now=NOW)
    assert own.root_key is None
    found = told(Signer(own, version="1").signed(picture(), "image/png", origin()), authority)
    assert (found.state, found.signer) == ("trusted", "ACME")


def test_certificates_that_will_not_do_are_said_in_a_sentence(authority: Authority) -> None:
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    good = leaf_of(authority, key) + authority.root
    for chain, its_key, says in (
        (good, pem(other), "does not belong"),
        (leaf_of(authority, key, days=-1) + authority.root, pem(key), "not today"),
        (leaf_of(authority, key, use=ExtendedKeyUsageOID.SERVER_AUTH), pem(key), "not for signing documents"),
        (leaf_of(authority, key, use=None), pem(key), "does not say what it is for"),
        (authority.root, authority.root_key or "", "signed by itself"),
        ("hello", pem(key), "no certificate"),
        (good, "hello", "no private key"),
    ):
        with pytest.raises(CertificateError, match=says):
            own_authority(chain=chain, key=its_key, now=NOW)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"otter")).decode()
    with pytest.raises(CertificateError, match="encrypted"):
        own_authority(chain=good, key=encrypted, now=NOW)


def test_renewing_needs_no_new_trust(authority: Authority) -> None:
    later = renewed(authority, organisation="Otters Ltd", now=NOW)
    assert later.root == authority.root
    assert later.key != authority.key
