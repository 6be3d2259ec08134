"""What a file says of itself, and what that is worth."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from limner.kit.xmp import TooManyPiecesError, check_pieces
from limner.provenance.models import Action, Credentials, Ingredient, Relation
from limner.provenance.rules import TASK_LABEL, source_word

_RELATIONS: Final[Mapping[str, Relation]] = {"parentOf": "parent", "inputTo": "input", "componentOf": "component"}
# A signature by somebody whom we were not told to trust is no fault of the file.
_NO_FAULTS: Final = frozenset({"signingCredential.untrusted"})
_SAID: Final = {
    "assertion.dataHash.mismatch": "the file was changed after it was signed",
    "assertion.boxesHash.mismatch": "the file was changed after it was signed",
    "assertion.hashedURI.mismatch": "what is claimed of the file was changed after it was signed",
    "claimSignature.mismatch": "the signature does not fit what is claimed of the file",
    "claimSignature.outsideValidity": "the certificate was not good at the time of signing",
    "signingCredential.expired": "the certificate has expired",
    "signingCredential.invalid": "the certificate is not one for signing files",
    "signingCredential.revoked": "the certificate was taken back",
    "ingredient.hashedURI.mismatch": "what is said of a picture it was made from was changed",
    "ingredient.manifest.mismatch": "the credentials of a picture it was made from were changed",
    "claim.multiple": "it holds several claims at once",
    "claim.missing": "the claim is missing",
}


class UnreadableError(ValueError):
    """The file is no png, jpeg or webp, or is damaged so much that nothing can be said of it."""


def media_type_of(data: bytes) -> str | None:
    """What a file is, by its first bytes: png, jpeg or webp, else None."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if data.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return None


def read(data: bytes, *, anchors: Sequence[str]) -> Credentials | None:
    """The credentials of a png, jpeg or webp file; None if it has none.

    `anchors`: certificates (PEM) of authorities that are trusted. Raises `UnreadableError`. Slow (a few milliseconds): for
    a thread.
    """
    import c2pa

    media_type = media_type_of(data)
    if media_type is None:
        raise UnreadableError("the file is no png, jpeg or webp picture")
    try:
        check_pieces(data, media_type)
    except TooManyPiecesError as error:
        raise UnreadableError(str(error)) from None
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False}}
    if anchors:
        settings["trust"] = {"user_anchors": "".join(anchors)}
    context = c2pa.Context.from_dict(settings)
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=context) as reader:
            told = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        raise UnreadableError(f"the file is damaged: {str(error)[:200]}") from error
    return _credentials(told)


def _credentials(told: Mapping[str, Any]) -> Credentials:
    manifest = told.get("manifests", {}).get(told.get("active_manifest"), {})
    assertions = {one["label"]: one.get("data", {}) for one in manifest.get("assertions", ())}
    actions = tuple(
        _action(one)
        for label in ("c2pa.actions.v2", "c2pa.actions")
        for one in assertions.get(label, {}).get("actions", ())
    )
    problems = tuple(dict.fromkeys(_problems(told)))
    state = told.get("validation_state")
    signature = manifest.get("signature_info") or {}
    name = signature.get("issuer")
    common = signature.get("common_name")
    return Credentials(
        state="broken" if problems or state == "Invalid" else "trusted" if state == "Trusted" else "valid",
        signer=f"{name} ({common})" if name and common and name != common else name or common,
        software=_software(manifest),
        made_at=signature.get("time") or next((one.when for one in actions if one.when), None),
        source_type=next((one.source_type for one in reversed(actions) if one.source_type), None),
        task_id=_text(assertions.get(TASK_LABEL, {}).get("task")),
        actions=actions,
        ingredients=tuple(_ingredient(one) for one in manifest.get("ingredients", ())),
        problems=problems
        or (("it does not hold, for a reason that the library does not tell",) if state == "Invalid" else ()),
    )


def _action(one: Mapping[str, Any]) -> Action:
    agent = one.get("softwareAgent")
    return Action(
        action=str(one.get("action", "")).removeprefix("c2pa."),
        software=_named(agent) if isinstance(agent, Mapping) else _text(agent),
        source_type=source_word(_text(one.get("digitalSourceType"))),
        when=_text(one.get("when")),
    )


def _ingredient(one: Mapping[str, Any]) -> Ingredient:
    results = one.get("validation_results") or {}
    failures = list(_failures(results))
    return Ingredient(
        title=str(one.get("title") or ""),
        media_type=str(one.get("format") or ""),
        relation=_RELATIONS.get(str(one.get("relationship")), "unknown"),
        is_signed=bool(one.get("active_manifest")),
        is_good=bool(one.get("active_manifest")) and not failures,
    )


def _problems(told: Mapping[str, Any]) -> Iterable[str]:
    for code, explanation in _failures(told.get("validation_results") or {}):
        yield _SAID.get(code, f"{explanation} ({code})" if explanation else code)


def _failures(results: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    parts = [results.get("activeManifest") or {}]
    parts += [one.get("validationDeltas") or {} for one in results.get("ingredientDeltas") or ()]
    for part in parts:
        for one in part.get("failure") or ():
            if one.get("code") not in _NO_FAULTS:
                yield str(one.get("code")), str(one.get("explanation") or "")


def _software(manifest: Mapping[str, Any]) -> str | None:
    told = manifest.get("claim_generator_info") or ()
    return _named(told[0]) if told else _text(manifest.get("claim_generator"))


def _named(agent: Mapping[str, Any]) -> str | None:
    name, version = _text(agent.get("name")), _text(agent.get("version"))
    return f"{name} {version}" if name and version else name


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
