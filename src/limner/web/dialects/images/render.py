"""From values to the wire: answers, headers, errors. The same for both prefixes but for what `differences` says."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import fields
from http import HTTPStatus
from typing import Any, Final

import orjson
import pybase64

from limner.catalog import rules as catalog_rules
from limner.catalog.abilities import Abilities, Parameter, abilities
from limner.catalog.models import FreeSizes, Model, Profile
from limner.domain.ask import Act
from limner.domain.money import MICRO_PER_CREDIT, in_credits
from limner.domain.problem import Problem
from limner.domain.spec import Cause, OutputFormat, Spec, Usage
from limner.flow.deliver import Delivery, Result
from limner.flow.stream import Begun
from limner.flow.submit import Submitted
from limner.limits.models import Allowance
from limner.limits.service import TooManyRequests
from limner.tasks.models import Task
from limner.web.dialects.images import outcomes
from limner.web.dialects.images.differences import Dialect, dialect_of

TASKS_PATH: Final = "/images/tasks"
LOOK_AGAIN_SECONDS: Final = "2"
"""How long to wait before asking again for a task that is open."""
_SMALL_BYTES: Final = 4096
_EXPIRED: Final = "file_missing"
_RETRY_AFTER_SECONDS_MAX: Final = 120  # the OpenAI SDK does not retry at all when it is told to wait for longer
_QUOTA_CODES: Final = frozenset({"credits_used_up", "spend_limit_reached"})


def result_body(result: Result, *, trace_id: str) -> bytes:
    """The answer: the seed's fields, `usage`, `warnings` if there are any, and `task_id` and `trace_id` beside them."""
    return b"".join(result_pieces(result, trace_id=trace_id))


def result_pieces(result: Result, *, trace_id: str) -> list[bytes]:
    """The same in pieces, of which only those that carry pictures are large."""
    head = {"created": result.created_at_seconds}
    usage = _usage(result)
    last = {
        **_as_painted(result.spec),
        **({} if usage is None else {"usage": outcomes.usage(usage)}),
        "success": True,
        **tail(result, trace_id=trace_id),
        **({} if result.seconds is None else {"elapsed": result.seconds}),
    }
    return _packed((orjson.dumps(head)[:-1], b',"data":', *_pictures(result), b",", orjson.dumps(last)[1:]))


def tail(result: Result, *, trace_id: str) -> dict[str, Any]:
    """What stands in every answer beside its pictures."""
    return {**outcomes.warnings(result.outcome), "task_id": str(result.task_id), "trace_id": trace_id}


def _as_painted(spec: Spec | None) -> dict[str, Any]:
    """How it was painted, in OpenAI's fields."""
    if spec is None:
        return {}
    return {
        "background": spec.background.value,
        "output_format": spec.output_format.value,
        "quality": spec.quality_told or spec.quality.value,
        "size": f"{spec.width}x{spec.height}",
        **({"safety_identifier": spec.user} if spec.user else {}),
    }


def pictures(result: Result) -> bytes:
    """The list of pictures."""
    return b"".join(_pictures(result))


def _pictures(result: Result) -> Iterator[bytes]:
    """The list in pieces, so that megabytes are copied once."""
    yield b"["
    for place, image in enumerate(result.images):
        words = orjson.dumps({"revised_prompt": image.revised_prompt, **({"url": image.url} if image.url else {})})
        yield b"," if place else b""
        if image.data is None:
            yield words
        else:
            # Base64 needs no escaping: no JSON library has to look at megabytes of it.
            yield words[:-1]
            yield b',"b64_json":"'
            yield pybase64.b64encode(image.data)
            yield b'"}'
    yield b"]"


def _packed(pieces: Iterable[bytes]) -> list[bytes]:
    """The same with small ones put together."""
    packed: list[bytes] = []
    small: list[bytes] = []
    for piece in pieces:
        if len(piece) < _SMALL_BYTES:
            small.append(piece)
        else:
            packed += [b"".join(small), piece]
            small = []
    return [*packed, b"".join(small)]


def _usage(result: Result) -> Usage | None:
    """As the engine counted; else as far as it can be told from the request."""
    spec = result.spec
    if result.outcome is not None and result.outcome.usage is not None:
        return result.outcome.usage
    if spec is None:
        return None
    text = catalog_rules.text_tokens(spec.prompt)
    images = len(result.images) * catalog_rules.image_tokens(width=spec.width, height=spec.height, quality=spec.quality)
    return Usage(input_text_tokens=text, input_image_tokens=spec.given_tokens, output_image_tokens=images)


def usage_share(result: Result, *, place: int, count: int) -> dict[str, Any]:
    """What the picture at `place` of so many has used, as far as that can be told: all shares come to the whole."""
    whole = _usage(result) or Usage()
    shares = {
        one.name: getattr(whole, one.name) // count + (place < getattr(whole, one.name) % count)
        for one in fields(whole)
    }
    return outcomes.usage(Usage(**shares))


def delivery_headers(delivery: Delivery) -> dict[str, str]:
    """Cost, balance and where the key's limits stand; who made it; whether this answer was given before."""
    return {
        **outcomes.headers(delivery.result.outcome, engine=delivery.result.engine),
        "x-credits-cost": in_credits(delivery.charged),
        "x-credits-remaining": in_credits(delivery.credits_left),
        **(allowance_headers(delivery.allowance) if delivery.allowance else {}),
        **({"idempotency-replayed": "true"} if delivery.is_repeat else {}),
    }


def begun_headers(begun: Begun) -> dict[str, str]:
    """What can be said of a task before it has ended: which it is, and where the key's limits stand."""
    return {
        "x-limner-task": str(begun.task.id),
        **(allowance_headers(begun.allowance) if begun.allowance else {"idempotency-replayed": "true"}),
    }


def submitted_body(task: Task) -> bytes:
    """The seed's answer to an asynchronous request."""
    return orjson.dumps({"task_id": str(task.id)})


def submitted_headers(
    submitted: Submitted, *, task: Task, dialect: Dialect, preference: str, is_answer: bool
) -> dict[str, str]:
    """Where to ask for the task, unless this is its answer (`is_answer`), and what of the caller's wishes was heeded."""
    waiting = {"location": f"{dialect.prefix}{TASKS_PATH}/{task.id}", "retry-after": LOOK_AGAIN_SECONDS}
    return {
        **(waiting if dialect.accepted == HTTPStatus.ACCEPTED and not is_answer else {}),
        **({"preference-applied": preference} if preference else {}),
        **(allowance_headers(submitted.allowance) if submitted.allowance else {}),
        **({"idempotency-replayed": "true"} if submitted.is_repeat else {}),
    }


def callback_body(*, task: Task, result: Result | None) -> bytes:
    """What a callback says: the synchronous answer in an envelope, or why there is none."""
    dialect = dialect_of(task.prefix)
    if result is not None:
        known = {"task_id": str(task.id), "trace_id": task.trace_id}
        head = orjson.dumps({"success": True, **known, **outcomes.of_callback(task)})
        return b'%b,"data":%b}' % (head[:-1], result_body(result, trace_id=task.trace_id))
    told = {
        "success": False,
        "task_id": str(task.id),
        "trace_id": task.trace_id,
        **outcomes.of_callback(task),
        "error": task_error(task, dialect=dialect),
    }
    return orjson.dumps(told)


def task_error(task: Task, *, dialect: Dialect) -> dict[str, str | None]:
    """Why a task has nothing to show, in the words of the prefix."""
    if task.error_code is None:
        return error_of(
            code=_EXPIRED,
            message="the pictures were kept for as long as they are kept here"
            if task.expired_at is not None
            else "the pictures were deleted",
            param=None,
            dialect=dialect,
        )
    return error_of(code=task.error_code, message=task.error_message or "", param=None, dialect=dialect)


def error_of(*, code: str, message: str, param: str | None, dialect: Dialect) -> dict[str, str | None]:
    """A trouble as the prefix tells it."""
    wire = dialect.wire(code)
    return {"code": wire.code, "message": message, "type": wire.type, "param": param}


def allowance_headers(allowance: Allowance) -> dict[str, str]:
    """The RateLimit draft's fields, and OpenAI's names for the same."""
    limit, remaining = allowance.policy.requests_per_minute, allowance.remaining
    return {
        "ratelimit-policy": f'"requests";q={limit};w=60, "concurrent";q={allowance.policy.concurrent};qu="concurrent-requests"',
        "ratelimit": f'"requests";r={remaining};t={math.ceil(allowance.next_in_seconds)}',
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": _duration(allowance.full_in_seconds),
    }


def _duration(seconds: float) -> str:
    """As OpenAI writes it: 12ms, 3s, 6m0s."""
    if seconds < 1:
        return f"{math.ceil(seconds * 1000)}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes}m{rest}s" if minutes else f"{rest}s"


def problem_status(problem: Problem, *, dialect: Dialect) -> int:
    """The HTTP status."""
    return dialect.wire(problem.code).status


def problem_body(problem: Problem, *, dialect: Dialect, trace_id: str) -> bytes:
    """The error, in the one form that serves both worlds."""
    error = error_of(code=problem.code, message=problem.message, param=problem.param, dialect=dialect)
    return orjson.dumps({"success": False, "error": error, "trace_id": trace_id})


def problem_headers(problem: Problem, *, dialect: Dialect) -> dict[str, str]:
    """When to ask again, or that it makes no sense to."""
    headers: dict[str, str] = {}
    if isinstance(problem, TooManyRequests):
        headers |= allowance_headers(problem.allowance)
    if problem.retry_after_seconds is not None:
        seconds = min(max(1, math.ceil(problem.retry_after_seconds)), _RETRY_AFTER_SECONDS_MAX)
        headers["retry-after"] = str(seconds)
    if problem.code in _QUOTA_CODES:
        headers["x-should-retry"] = "false"
    if dialect.wire(problem.code).status == 401:  # noqa: PLR2004 - RFC 9110 asks for the challenge with this one
        headers["www-authenticate"] = 'Bearer realm="limner"'
    return headers


def model_card(
    model: Model,
    *,
    formats: Collection[OutputFormat],
    extras: Collection[str],
    images_max: int,
    dialect: Dialect,
) -> dict[str, Any]:
    """A model in OpenAI's shape, with its abilities beside it.

    `formats`, `extras`, `images_max`: what its engine writes, takes, and can start from.
    """
    return {
        "id": model.name,
        "object": "model",
        "created": 0,
        "owned_by": "limner",
        "description": model.description,
        "engine": model.engine,
        "fallbacks": [
            {"engine": one.engine, "on": [cause.value for cause in Cause if cause in one.on]} for one in model.fallbacks
        ],
        "abilities": _abilities(model, formats=formats, extras=extras, images_max=images_max, dialect=dialect),
    }


def _abilities(
    model: Model, *, formats: Collection[OutputFormat], extras: Collection[str], images_max: int, dialect: Dialect
) -> dict[str, Any]:
    by_act = {
        act: abilities(
            model,
            formats=formats,
            extras=extras,
            response_format=dialect.response_format,
            act=act,
            images_max=images_max,
        )
        for act in Act
    }
    record = by_act[Act.GENERATION]
    edits = by_act[Act.EDIT]
    return {
        "profile": model.profile.name,
        "parameters": {parameter.name: _parameter(parameter, profile=model.profile) for parameter in record.parameters},
        "stream": True,
        "output_formats": [name for name in model.profile.output_formats if name in formats],
        **(
            {
                "edits": _from_pictures(edits, profile=model.profile),
                "variations": _from_pictures(by_act[Act.VARIATION], profile=model.profile),
            }
            if edits.images is not None
            else {"edits": None, "variations": None}
        ),
        "together": [
            {
                "parameter": need.name,
                **({"values": need.values} if need.values else {}),
                "only_with": {need.other: need.among},
            }
            for need in record.needs
        ],
        "price_unit": "credit",
        "prices": {
            size: {quality.value: micro / MICRO_PER_CREDIT for quality, micro in row.items()}
            for size, row in model.prices.items()
        },
        "price_list": [
            {
                "size": "{}x{}".format(*line.size),
                "quality": line.quality,
                "credits": line.micro_credits / MICRO_PER_CREDIT,
            }
            for line in record.price_lines
        ],
    }


def _from_pictures(record: Abilities, *, profile: Profile) -> dict[str, Any]:
    rules = record.images
    assert rules is not None
    told: dict[str, Any] = {
        "images_maximum": record.images_max,
        "image": {
            "media_types": rules.media_types,
            "bytes_below": rules.bytes_max,
            **({"square": True} if rules.is_square else {}),
        },
        "parameters": {parameter.name: _parameter(parameter, profile=profile) for parameter in record.parameters},
    }
    if record.act is Act.EDIT:
        told["mask"] = {
            "media_types": ["image/png"],
            "bytes_below": rules.mask_bytes_max,
            "required_unless_image_is_transparent": rules.needs_clear,
        }
        told["markup"] = rules.takes_markup
    return told


_JSON_TYPES: Final[Mapping[str, str | list[str]]] = {
    "choice": "string",
    "text": "string",
    "number": "integer",
    "decimal": "number",
    "flag": "boolean",
    "loose": ["string", "number", "boolean", "array", "object"],
}


def _parameter(parameter: Parameter, *, profile: Profile) -> dict[str, Any]:
    """In the words of JSON Schema where it has any."""
    width, height = profile.default_size
    told = {
        "type": _JSON_TYPES[parameter.kind],
        "required": parameter.is_required or None,
        **(_size_bounds(parameter.free_sizes) if parameter.free_sizes else {"enum": parameter.values or None}),
        "minimum": parameter.low,
        "maximum": parameter.high,
        "max_length": parameter.characters_max,
        "default": parameter.default,
        "auto": f"{width}x{height}" if parameter.name == "size" else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def _size_bounds(sizes: FreeSizes) -> dict[str, Any]:
    return {
        "pattern": "^(auto|[0-9]+x[0-9]+)$",
        "step": sizes.step,
        "edge_minimum": sizes.edge_min,
        "edge_maximum": sizes.edge_max,
        "pixels_minimum": sizes.pixels_min,
        "pixels_maximum": sizes.pixels_max,
        "ratio_maximum": sizes.ratio_max,
    }
