"""What a file says of where it comes from, and whether that was said here."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from limner.flow.house import House
from limner.kit.xmp import packet_of
from limner.provenance import service as provenance
from limner.provenance.models import Authority, Credentials
from limner.provenance.reading import UnreadableError, media_type_of, read
from limner.provenance.rules import SOFTWARE, source_word

__all__ = ["Standing", "Trust", "UnreadableError", "Verified", "Xmp", "credentials_of", "roots_of", "verified"]

Standing = Literal["ours", "trusted", "stranger", "broken", "none"]
"""Of a file: made here and unchanged; signed by somebody else whom we trust; by anybody else; it does not hold; nothing."""
_VALUE_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom to believe. `roots`: of authorities (PEM) that sign for this installation and nobody else.

    `operators`: the operator's own certificates, whose authority may sign for others as well. `others`: more roots (PEM).
    """

    roots: Sequence[str] = ()
    operators: Authority | None = None
    others: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Xmp:
    """What the XMP of a file says; anybody can write that. `source_type`: IPTC's word."""

    source_type: str | None
    software: str | None
    task_id: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was found in a file. `credentials` None: there are none; `xmp` None: it says nothing there either."""

    standing: Standing
    credentials: Credentials | None
    xmp: Xmp | None


async def credentials_of(house: House, data: bytes) -> Verified:
    """What the file says, in a thread. Raises `UnreadableError` for what is no png, jpeg or webp, or is damaged."""
    return await asyncio.to_thread(verified, data, trust=await _trust_of(house))


async def roots_of(house: House) -> list[str]:
    """The root certificates (PEM) by which others can tell what was signed here; none if nothing ever was."""
    trust = await _trust_of(house)
    return [*([] if trust.operators is None else [trust.operators.root]), *trust.roots]


async def _trust_of(house: House) -> Trust:
    """Asked for each time: another node may have made a new authority, and it is one short statement."""
    signer = house.certifier.signer if house.certifier is not None else None
    authority = signer.authority if signer is not None else None
    async with house.database.statement() as tx:
        roots = await provenance.anchors(tx)
    if authority is None:
        return Trust(roots=roots)
    if authority.root_key is None:
        return Trust(roots=roots, operators=authority)
    return Trust(roots=list(dict.fromkeys([authority.root, *roots])))


def verified(data: bytes, *, trust: Trust) -> Verified:
    """What the file says. Slow (a few milliseconds). Raises `UnreadableError`."""
    xmp = _xmp_of(data)
    found = read(data, anchors=trust.roots)
    if found is None:
        return Verified(standing="none", credentials=None, xmp=xmp)
    if found.state == "trusted":
        return Verified(standing="ours", credentials=found, xmp=xmp)
    more = [*([] if trust.operators is None else [trust.operators.root]), *trust.others]
    if found.state == "valid" and more:
        found = read(data, anchors=more) or found
    return Verified(standing=_standing(found, operators=trust.operators), credentials=found, xmp=xmp)


def _standing(found: Credentials, *, operators: Authority | None) -> Standing:
    if found.state == "broken":
        return "broken"
    if found.state == "valid":
        return "stranger"
    # The operator's authority may be one that sells certificates to everybody: it is the name that counts, and the claim.
    is_ours = (
        operators is not None
        and _names_of(operators) == found.signer
        and (found.software or "").startswith(SOFTWARE)
        and found.task_id is not None
    )
    return "ours" if is_ours else "trusted"


def _names_of(authority: Authority) -> str | None:
    """Whom the signing certificate names, as `Credentials.signer` has it."""
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    subject = x509.load_pem_x509_certificate(authority.chain.encode()).subject
    names = [
        str(found[0].value) if (found := subject.get_attributes_for_oid(oid)) else None
        for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)
    ]
    name, common = names
    return f"{name} ({common})" if name and common and name != common else name or common


def _xmp_of(data: bytes) -> Xmp | None:
    media_type = media_type_of(data)
    if media_type is None:
        return None
    try:
        packet = packet_of(data, media_type)
    except ValueError:
        return None
    if packet is None:
        return None
    found = Xmp(
        source_type=source_word(_value(packet, "DigitalSourceType")),
        software=_value(packet, "CreatorTool"),
        task_id=_value(packet, "dc:identifier"),
    )
    return found if found != Xmp(source_type=None, software=None, task_id=None) else None


def _value(packet: str, name: str) -> str | None:
    """An attribute or element. By its text: a stranger's XML goes into no parser that would follow what it refers to."""
    found = re.search(rf"{name}(?:\s*=\s*[\"']([^\"'<]*)|>\s*([^<]*))", packet)
    value = html.unescape((found[1] or found[2] or "").strip()) if found else ""
    return value[:_VALUE_CHARACTERS_MAX] or None
