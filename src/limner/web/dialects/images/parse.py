"""From a request's bytes to an `Ask`: one Pydantic call, and every fault told with its field and what would be right.

Pictures that come with it are only named here (`Wanted`): flow/inputs.py fetches and checks them.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from limner.catalog.rules import PARTIALS_MAX
from limner.domain.ask import Act, Ask
from limner.domain.problem import InvalidValue, MissingParameter, Problem, UnknownParameter
from limner.flow.inputs import NONE_WANTED, Reference, Wanted, reference_of
from limner.web.dialects.images import forms
from limner.web.dialects.images.bodies import EditBody, GenerationBody
from limner.web.dialects.images.differences import Dialect
from limner.web.uploads import Form


class MalformedJson(Problem):
    """The body is not JSON."""

    code = "malformed_json"
    status = 400


class JsonTooLarge(Problem):
    """The body is more JSON than is read."""

    code = "body_too_large"
    status = 413


class InvalidType(Problem):
    """A field is of a type that it cannot have."""

    code = "invalid_type"
    status = 400


NAME_CHARACTERS_MAX: Final = 128
_NAME_SHOWN: Final = 80
_EXTRA_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
EXTRAS_MAX: Final = 32
EXTRAS_BYTES_MAX: Final = 16_384
EXTRA_DEPTH_MAX: Final = 8
_WHOLE_MIN, _WHOLE_MAX = -(2**63), 2**63 - 1
_KEPT_MAX: Final = 2**64 - 1
SECRET_CHARACTERS_MAX: Final = 1024
_PICTURES_MAX: Final = 64
_Body = TypeVar("_Body", bound=BaseModel)
_TYPES: Final = {
    "int_type": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "string_type": "text in quotes",
    "bool_type": "true or false",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "string_unicode": "valid text",
    "list_type": "a list",
    "dict_type": "an object",
}
_NEWER: Final = ("background", "moderation", "output_compression", "output_format", "partial_images")
_NEWER_QUALITIES: Final = frozenset({"low", "medium", "high"})
_ESCAPED_NUL: Final = rb"\u0000"
_POSITION: Final = re.compile(r"Invalid JSON: (.*)")
_EXAMPLE: Final = '{"model": "dall-e-3", "prompt": "A cute baby sea otter"}'
_EDIT_EXAMPLE: Final = '{"model": "gpt-image-1", "image": "https://...", "prompt": "Put a hat on the otter"}'
_NAMES: Final = tuple(field.alias or name for name, field in GenerationBody.model_fields.items())
_EDIT_NAMES: Final = tuple(field.alias or name for name, field in EditBody.model_fields.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the body wants it done; None: not said. `timeout` in seconds."""

    callback_url: str | None = field(repr=False)
    callback_secret: str | None = field(repr=False)
    is_async: bool
    timeout: float | None
    trace_id: str | None
    is_streamed: bool = False


def generation(body: bytes, *, dialect: Dialect) -> tuple[Ask, Manner]:
    """What the body asks for, and how. Raises `MalformedJson`, `InvalidType`, `MissingParameter` or `UnknownParameter`."""
    parsed = _parsed(GenerationBody, body, names=_NAMES, example=_EXAMPLE)
    extras = _extras(parsed.model_extra or {}, names=_NAMES)
    if parsed.prompt is None:
        _refuse_misspelt(extras, missing="prompt")
        raise MissingParameter("prompt is missing: say what to paint", param="prompt")
    model = parsed.model or _usual_model(parsed, dialect=dialect)
    if model is None:
        _refuse_misspelt(extras, missing="model")
        raise MissingParameter("model is missing: name one, such as dall-e-3 (GET /v1/models lists all)", param="model")
    return _ask(parsed, prompt=parsed.prompt, model=model, extras=extras, dialect=dialect), _manner(
        parsed, dialect=dialect
    )


def _usual_model(parsed: GenerationBody, *, dialect: Dialect) -> str | None:
    """What is painted with where no model is named: OpenAI's first, unless something is asked for that only its newer ones have."""
    if dialect.model is None:
        return None
    is_newer = parsed.stream or parsed.quality in _NEWER_QUALITIES
    is_newer = is_newer or any(getattr(parsed, name) is not None for name in _NEWER)
    return dialect.edit_model if is_newer else dialect.model


def edit(body: bytes, *, act: Act, dialect: Dialect) -> tuple[Ask, Manner, Wanted]:
    """The same for pictures from pictures, which are yet to be had; `act`: an edit or variations."""
    return _edit(_parsed(EditBody, body, names=_EDIT_NAMES, example=_EDIT_EXAMPLE), act=act, dialect=dialect)


def edit_form(form: Form, *, act: Act, dialect: Dialect) -> tuple[Ask, Manner, Wanted]:
    """The same from a form, whose fields are text and whose files are pictures."""
    given, pictures, others = forms.read(form)
    try:
        parsed = EditBody.model_validate(_merged(given) if "extra_body" in given else given)
    except ValidationError as error:
        raise fault_of(error, names=_EDIT_NAMES, example=_EDIT_EXAMPLE) from None
    _refuse_nul(parsed)
    ask, manner, wanted = _edit(parsed, act=act, dialect=dialect, has_pictures=bool(pictures))
    return (
        ask,
        manner,
        replace(
            wanted,
            images=(*wanted.images, *pictures),
            mask=others.get("mask", wanted.mask),
            markup=others.get("markup", wanted.markup),
        ),
    )


def act_of(body: bytes) -> Act:
    """What a body of JSON asks for, whatever route it was made for; what is no JSON is refused by whoever reads it."""
    try:
        given = orjson.loads(body)
    except orjson.JSONDecodeError:
        return Act.GENERATION
    if not isinstance(given, dict):
        return Act.GENERATION
    inner = given.get("extra_body")
    given |= inner if isinstance(inner, dict) else {}
    if all(given.get(name) is None for name in ("image", "images", "mask", "markup")):
        return Act.GENERATION
    return Act.VARIATION if given.get("prompt") is None else Act.EDIT


def act_of_form(form: Form) -> Act:
    """The same of a form, which is for pictures from pictures."""
    return Act.EDIT if any(name == "prompt" for name, _ in form.fields) else Act.VARIATION


def _parsed(kind: type[_Body], body: bytes, *, names: Sequence[str], example: str) -> _Body:
    if not body.strip():
        raise MalformedJson(f"the body is empty: send JSON such as {example}")
    try:
        parsed = kind.model_validate_json(body)
        if "extra_body" in (parsed.model_extra or {}):
            parsed = kind.model_validate(_merged(parsed.model_dump(by_alias=True, exclude_unset=True)))
    except ValidationError as error:
        raise fault_of(error, names=names, example=example) from None
    if _ESCAPED_NUL in body:
        _refuse_nul(parsed)
    return parsed


def _merged(given: dict[str, Any]) -> dict[str, Any]:
    """What stands in `extra_body`, as some programs write it down, beside the other fields, where their SDK would have put it."""
    inner = given.pop("extra_body")
    if inner is None:
        return given
    if not isinstance(inner, dict):
        raise InvalidType("extra_body must be an object", param="extra_body")
    twice = next((name for name in inner if given.get(name) is not None and given[name] != inner[name]), None)
    if twice is not None:
        raise InvalidValue(
            f"{twice[:_NAME_SHOWN]} is there twice, once in extra_body: send it once", param="extra_body"
        )
    return {**given, **inner}


def _edit(parsed: EditBody, *, act: Act, dialect: Dialect, has_pictures: bool = False) -> tuple[Ask, Manner, Wanted]:
    extras = _extras(parsed.model_extra or {}, names=_EDIT_NAMES)
    wanted = _wanted(parsed)
    if not wanted.images and not has_pictures:
        _refuse_misspelt(extras, missing="image")
        raise MissingParameter("image is missing: give the picture to start from", param="image")
    prompt = parsed.prompt
    if act is Act.EDIT and (prompt is None or not prompt.strip()):
        _refuse_misspelt(extras, missing="prompt")
        raise MissingParameter("prompt is missing: say what to make of the picture", param="prompt")
    if act is Act.VARIATION and prompt is not None:
        raise UnknownParameter(
            f"variations have no prompt: leave it out, or send it to POST {dialect.prefix}/images/edits", param="prompt"
        )
    model = parsed.model or (dialect.edit_model if act is Act.EDIT else dialect.variation_model)
    ask = _ask(parsed, prompt=prompt or "", model=model, extras=extras, dialect=dialect)
    return replace(ask, input_fidelity=parsed.input_fidelity), _manner(parsed, dialect=dialect), wanted


def _wanted(parsed: EditBody) -> Wanted:
    """The pictures that a body of JSON names."""
    if parsed.image is not None and parsed.images is not None:
        raise InvalidValue("image and images are two names for the same: send one of them", param="images")
    name = "image" if parsed.images is None else "images"
    given = parsed.image if parsed.images is None else parsed.images
    listed = [] if given is None else given if isinstance(given, list) else [given]
    if len(listed) > _PICTURES_MAX:
        raise InvalidValue(f"{name} has {len(listed)} pictures: 16 are the most", param=name)
    if not listed and parsed.mask is None and parsed.markup is None:
        return NONE_WANTED
    several = isinstance(given, list)
    return Wanted(
        images=tuple(
            _reference(one, param=f"{name}[{place}]" if several else name) for place, one in enumerate(listed)
        ),
        mask=None if parsed.mask is None else _reference(parsed.mask, param="mask"),
        markup=None if parsed.markup is None else _reference(parsed.markup, param="markup"),
    )


def _reference(given: object, *, param: str) -> Reference:
    match given:
        case str():
            return reference_of(given, param=param)
        case {"image_url": str(url), **rest} if not rest:
            return reference_of(url, param=param)
        case {"image_url": {"url": str(url)}, **rest} if not rest:
            return reference_of(url, param=param)
        case {"file_id": str(id_), **rest} if not rest:
            return reference_of(id_, param=param)
        case _:
            raise InvalidType(
                f'{param} must be a link, a data URL or the id of a file, or {{"image_url": ...}} or {{"file_id": ...}}',
                param=param,
            )


def _ask(parsed: GenerationBody, *, prompt: str, model: str, extras: Mapping[str, Any], dialect: Dialect) -> Ask:
    if parsed.svg is not None:
        _check_can_be_kept({"svg": parsed.svg})
    for name, value in parsed:
        if isinstance(value, int) and not _WHOLE_MIN <= value <= _KEPT_MAX:
            raise InvalidValue(f"{name} must be a smaller number, not one of {len(str(value))} digits", param=name)
    return Ask(
        prompt=prompt,
        model=model,
        n=parsed.n,
        size=parsed.size,
        quality=parsed.quality,
        style=parsed.style,
        response_format=parsed.response_format,
        output_format=parsed.output_format,
        output_compression=parsed.output_compression,
        background=parsed.background,
        moderation=parsed.moderation,
        partial_images=_partials(parsed, dialect=dialect),
        complexity=parsed.complexity,
        frame_count=parsed.frame_count,
        frame_duration_ms=parsed.frame_duration_ms,
        svg=parsed.svg,
        user=parsed.user,
        safety_identifier=parsed.safety_identifier,
        seed=parsed.seed,
        extras=extras,
    )


def _partials(parsed: GenerationBody, *, dialect: Dialect) -> int | None:
    """The vendor has the field without the one that streams an answer: then nobody is shown any, and none is made."""
    is_for_nobody = dialect.is_vendor and not parsed.stream and parsed.partial_images in range(1, PARTIALS_MAX + 1)
    return 0 if is_for_nobody else parsed.partial_images


def _manner(parsed: GenerationBody, *, dialect: Dialect) -> Manner:
    if parsed.callback_url == "":
        raise InvalidValue("callback_url is empty: give an address, or leave it out and wait", param="callback_url")
    if parsed.timeout is not None and parsed.timeout < 0:
        raise InvalidValue("timeout must be 0 seconds or more", param="timeout")
    if parsed.callback_secret is not None and not parsed.callback_url:
        raise InvalidValue(
            "callback_secret signs a callback: send callback_url too, or leave it out", param="callback_secret"
        )
    if parsed.stream and (parsed.callback_url or parsed.async_ or parsed.timeout is not None):
        name = "callback_url" if parsed.callback_url else "async" if parsed.async_ else "timeout"
        raise InvalidValue(f"a streamed answer is waited for: leave out {name}, or stream", param=name)
    if parsed.partial_images and not parsed.stream and parsed.partial_images > 0 and not dialect.is_vendor:
        raise InvalidValue("partial_images are shown in a streamed answer: send stream too", param="partial_images")
    for name, value, most in (
        ("callback_secret", parsed.callback_secret, SECRET_CHARACTERS_MAX),
        ("trace_id", parsed.trace_id, NAME_CHARACTERS_MAX),
    ):
        if value is not None and not 1 <= len(value) <= most:
            raise InvalidValue(f"{name} must have 1 to {most} characters", param=name)
    return Manner(
        callback_url=parsed.callback_url,
        callback_secret=parsed.callback_secret,
        is_async=bool(parsed.async_),
        timeout=parsed.timeout,
        trace_id=parsed.trace_id,
        is_streamed=bool(parsed.stream),
    )


def _refuse_nul(parsed: BaseModel) -> None:
    """PostgreSQL cannot keep this one character, and no picture needs it."""
    for name, value in parsed:
        if isinstance(value, str) and "\0" in value:
            raise _has_nul(name)


def _has_nul(name: str) -> InvalidValue:
    return InvalidValue(f"{name} must not contain the character NUL (\\u0000)", param=name)


def _extras(given: Mapping[str, Any], *, names: Sequence[str]) -> dict[str, Any]:
    """The fields that we do not know, if they are such that they can be kept and sent on: whether anybody takes them is not asked here."""
    extras = {name: value for name, value in given.items() if value is not None}
    for name in extras:
        if not _EXTRA_NAME.fullmatch(name):
            raise _unknown(name, names=names)
    if len(extras) > EXTRAS_MAX:
        raise InvalidValue(f"there are {len(extras)} further fields: an engine is sent {EXTRAS_MAX} at most")
    _check_can_be_kept(extras)
    return extras


def _check_can_be_kept(values: Mapping[str, Any]) -> None:
    """Raises what is wrong with JSON values of fields: they are kept with the task, whether or not anybody takes them."""
    for name, value in values.items():
        _check_extra(name, value, depth=1)
    if values and len(orjson.dumps(values)) > EXTRAS_BYTES_MAX:
        largest = max(values, key=lambda name: len(orjson.dumps(values[name])))
        raise InvalidValue(f"{largest} is too large: there is room for {EXTRAS_BYTES_MAX} bytes", param=largest)


def _check_extra(name: str, value: object, *, depth: int) -> None:
    """Raises what is wrong with one value, wherever in the field it stands."""
    match value:
        case str():
            if "\0" in value:
                raise _has_nul(name)
        case int():  # true and false as well
            if not _WHOLE_MIN <= value <= _WHOLE_MAX:
                raise InvalidType(f"{name} must be a smaller number", param=name)
        case float():
            if not math.isfinite(value):
                raise InvalidType(f"{name} must be a number", param=name)
        case list() | dict():
            if depth > EXTRA_DEPTH_MAX:
                raise InvalidValue(f"{name} is too deep: {EXTRA_DEPTH_MAX} levels at most", param=name)
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            for one in inner:
                _check_extra(name, one, depth=depth + 1)


def _refuse_misspelt(extras: Mapping[str, Any], *, missing: str) -> None:
    """What is missing may be here under another name."""
    meant = difflib.get_close_matches(missing, extras, n=1)
    if meant:
        raise _unknown(meant[0], names=(missing,))


def _unknown(name: str, *, names: Sequence[str]) -> UnknownParameter:
    near = difflib.get_close_matches(name[:_NAME_SHOWN], names, n=1)
    hint = f": did you mean '{near[0]}'?" if near else ": leave it out"
    return UnknownParameter(f"there is no parameter '{name[:_NAME_SHOWN]}'{hint}", param=name[:_NAME_SHOWN])


def fault_of(error: ValidationError, *, names: Sequence[str], example: str) -> Problem:
    """The first fault of a body that has fields of these names, in words. One at a time: whoever mends it sends the request again anyway."""
    fault = error.errors(include_url=False, include_input=False)[0]
    name = str(fault["loc"][0]) if fault["loc"] else ""
    match fault["type"]:
        case "json_invalid":
            found = _POSITION.search(fault["msg"])
            return MalformedJson(f"the body is not valid JSON: {found[1] if found else fault['msg']}")
        case "model_type":
            return MalformedJson(f"the body must be a JSON object, such as {example}")
        case "extra_forbidden":
            return _unknown(name, names=names)
        case kind:
            each = "each of " if len(fault["loc"]) > 1 else ""
            return InvalidType(f"{each}{name} must be {_TYPES.get(kind, fault['msg'])}", param=name)
