"""From a request's bytes to an `Ask`: one Pydantic call, and every fault told with its field and what would be right."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from limner.domain.ask import Ask
from limner.domain.problem import InvalidValue, MissingParameter, NotOffered, Problem, UnknownParameter
from limner.web.dialects.images.differences import Dialect


class MalformedJson(Problem):
    """The body is not JSON."""

    code = "malformed_json"
    status = 400


class InvalidType(Problem):
    """A field is of a type that it cannot have."""

    code = "invalid_type"
    status = 400


_Whole = Annotated[int, Field(strict=True)]
_Words = Annotated[str, Field(strict=True)]
_YesNo = Annotated[bool, Field(strict=True)]
_Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]


class GenerationBody(BaseModel):
    """The body of POST .../images/generations. null is the same as not given.

    Further fields are the engine's: GET /v1/models lists them for each model.
    """

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    prompt: _Words | None = None
    """What to paint."""
    model: _Words | None = None
    """A name that GET /v1/models lists."""
    n: _Whole | None = None
    """How many pictures."""
    size: _Words | None = None
    """Width x height in pixels, such as 1024x1024, or auto."""
    quality: _Words | None = None
    """standard or hd for dall-e models; low, medium, high for GPT image models; auto for all."""
    style: _Words | None = None
    """vivid or natural."""
    response_format: _Words | None = None
    """url or b64_json."""
    output_format: _Words | None = None
    """png, jpeg, webp or svg."""
    output_compression: _Whole | None = None
    """0 to 100, for jpeg and webp."""
    background: _Words | None = None
    """transparent, opaque or auto."""
    moderation: _Words | None = None
    """auto or low."""
    user: _Words | None = None
    """Who of the caller's own users asks; kept with the task."""
    safety_identifier: _Words | None = None
    """The newer name of user."""
    seed: _Whole | None = None
    """The same seed gives the same picture."""
    stream: _YesNo | None = None
    """Must be false: pictures come whole."""
    partial_images: _Whole | None = None
    """Must be 0: pictures come whole."""
    callback_url: _Words | None = None
    """Where to POST the answer when the task has ended; this request is answered at once with its id."""
    callback_secret: _Words | None = None
    """What to sign that with, in X-Callback-Signature, beside the signature of every callback."""
    async_: _YesNo | None = Field(default=None, alias="async")
    """true: this request is answered at once with the task's id, to be asked for later."""
    timeout: _Number | None = None
    """How many seconds to wait for the answer; after that, this request is answered with the task's id."""
    trace_id: _Words | None = None
    """The caller's own name for this task's trace, in place of the one that would be made."""


_NOT_OFFERED: Final = {
    "stream": "streaming is not offered here yet: leave 'stream' out",
    "partial_images": "partial pictures are not offered here yet: leave 'partial_images' out",
}
_NAME_CHARACTERS_MAX: Final = 128
_NAME_SHOWN: Final = 80
_EXTRA_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,63}", re.ASCII)
EXTRAS_MAX: Final = 32
EXTRAS_BYTES_MAX: Final = 16_384
EXTRA_DEPTH_MAX: Final = 8
_WHOLE_MIN, _WHOLE_MAX = -(2**63), 2**63 - 1
_SECRET_CHARACTERS_MAX: Final = 1024
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
}
_ESCAPED_NUL: Final = rb"\u0000"
_POSITION: Final = re.compile(r"Invalid JSON: (.*)")
_EXAMPLE: Final = '{"model": "dall-e-3", "prompt": "A cute baby sea otter"}'
_NAMES: Final = tuple(field.alias or name for name, field in GenerationBody.model_fields.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How the body wants it done; None: not said. `timeout` in seconds."""

    callback_url: str | None = field(repr=False)
    callback_secret: str | None = field(repr=False)
    is_async: bool
    timeout: float | None
    trace_id: str | None


def generation(body: bytes, *, dialect: Dialect) -> tuple[Ask, Manner]:
    """What the body asks for, and how. Raises `MalformedJson`, `InvalidType`, `MissingParameter`, `UnknownParameter` or `NotOffered`."""
    if not body.strip():
        raise MalformedJson(f"the body is empty: send JSON such as {_EXAMPLE}")
    try:
        parsed = GenerationBody.model_validate_json(body)
    except ValidationError as error:
        raise fault_of(error, names=_NAMES, example=_EXAMPLE) from None
    if _ESCAPED_NUL in body:
        _refuse_nul(parsed)
    for name, value in (("stream", parsed.stream), ("partial_images", parsed.partial_images)):
        if value:
            raise NotOffered(_NOT_OFFERED[name], param=name)
    extras = _extras(parsed.model_extra or {})
    if parsed.prompt is None:
        _refuse_misspelt(extras, missing="prompt")
        raise MissingParameter("prompt is missing: say what to paint", param="prompt")
    model = parsed.model or dialect.model
    if model is None:
        _refuse_misspelt(extras, missing="model")
        raise MissingParameter("model is missing: name one, such as dall-e-3 (GET /v1/models lists all)", param="model")
    ask = Ask(
        prompt=parsed.prompt,
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
        user=parsed.user,
        safety_identifier=parsed.safety_identifier,
        seed=parsed.seed,
        extras=extras,
    )
    return ask, _manner(parsed)


def _manner(parsed: GenerationBody) -> Manner:
    if parsed.callback_url == "":
        raise InvalidValue("callback_url is empty: give an address, or leave it out and wait", param="callback_url")
    if parsed.timeout is not None and parsed.timeout < 0:
        raise InvalidValue("timeout must be 0 seconds or more", param="timeout")
    if parsed.callback_secret is not None and not parsed.callback_url:
        raise InvalidValue(
            "callback_secret signs a callback: send callback_url too, or leave it out", param="callback_secret"
        )
    for name, value, most in (
        ("callback_secret", parsed.callback_secret, _SECRET_CHARACTERS_MAX),
        ("trace_id", parsed.trace_id, _NAME_CHARACTERS_MAX),
    ):
        if value is not None and not 1 <= len(value) <= most:
            raise InvalidValue(f"{name} must have 1 to {most} characters", param=name)
    return Manner(
        callback_url=parsed.callback_url,
        callback_secret=parsed.callback_secret,
        is_async=bool(parsed.async_),
        timeout=parsed.timeout,
        trace_id=parsed.trace_id,
    )


def _refuse_nul(parsed: GenerationBody) -> None:
    """PostgreSQL cannot keep this one character, and no picture needs it."""
    for name, value in parsed:
        if isinstance(value, str) and "\0" in value:
            raise _has_nul(name)


def _has_nul(name: str) -> InvalidValue:
    return InvalidValue(f"{name} must not contain the character NUL (\\u0000)", param=name)


def _extras(given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that we do not know, if they are such that they can be kept and sent on: whether anybody takes them is not asked here."""
    extras = {name: value for name, value in given.items() if value is not None}
    for name in extras:
        if not _EXTRA_NAME.fullmatch(name):
            raise _unknown(name, names=_NAMES)
    if len(extras) > EXTRAS_MAX:
        raise InvalidValue(f"there are {len(extras)} further fields: an engine is sent {EXTRAS_MAX} at most")
    for name, value in extras.items():
        _check_extra(name, value, depth=1)
    if extras and len(orjson.dumps(extras)) > EXTRAS_BYTES_MAX:
        largest = max(extras, key=lambda name: len(orjson.dumps(extras[name])))
        raise InvalidValue(f"{largest} is too large: further fields may have {EXTRAS_BYTES_MAX} bytes", param=largest)
    return extras


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
