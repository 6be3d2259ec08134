"""From an upstream's refusals and breakdowns to our words, once: what happened, who may know what, and what it may have cost.

The caller hears a sentence of ours. What the upstream said is kept for the operator, cut and with keys masked.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final, Literal

import orjson

from limner.engines import (
    EngineBusy,
    EngineCannot,
    EngineFailed,
    EngineQuota,
    EngineRefused,
    EngineTimeout,
    EngineTrouble,
    EngineUnavailable,
)

SAID_CHARACTERS_MAX: Final = 2000
_READ_BYTES_MAX: Final = 64 * 1024
_RETRY_SECONDS_MAX: Final = 24 * 3600

Stage = Literal["connect", "send", "answer"]
"""How far a call came: nothing was sent yet; it went out, whole or in part; its answer had begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A trouble, and whether the same may be asked again without painting, and paying, twice."""

    trouble: EngineTrouble
    is_safe_to_retry: bool

    @property
    def may_have_charged(self) -> bool:
        """Whether pictures may have been painted and charged that never arrived."""
        return self.trouble.lost_pictures > 0


def answered(
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    part: str,
    keys: Collection[str] = (),
    pictures: int = 0,
    now: datetime | None = None,
) -> Judged:
    """What an answer that is no success means. Header names in any case; `body`: its beginning is enough.

    `keys` are masked in what is kept. `pictures`: how many were asked for. `now`: against which a date in Retry-After
    is read, where the answer has no Date of its own.
    """
    error = _error_in(body)
    lower = {name.lower(): value for name, value in headers.items()}
    seconds = _retry_after(lower, error.message, now=now)
    kind, message, param = _kind_of(status, error)
    # A gateway that gave up knows nothing of what goes on behind it: there a picture may still be painted and charged.
    is_lost = status in _GAVE_UP or kind is EngineTimeout
    trouble = kind(
        message,
        param=param,
        retry_after_seconds=seconds if issubclass(kind, (EngineBusy, EngineUnavailable)) else None,
        said=masked(error.text(status), keys=keys),
        part=part,
        lost_pictures=pictures if is_lost else 0,
    )
    return Judged(trouble=trouble, is_safe_to_retry=not is_lost and kind in _PASSING)


def said_within(error: object, *, part: str, keys: Collection[str] = ()) -> Judged:
    """What an error means that came inside an answer or a stream that had begun well: a JSON value."""
    body = orjson.dumps({"error": error})
    found = _error_in(body)
    return answered(status=found.status or HTTPStatus.OK, headers={}, body=body, part=part, keys=keys)


def broke(
    *, stage: Stage, timed_out: bool, said: str, part: str, keys: Collection[str] = (), pictures: int = 0
) -> Judged:
    """What it means that a call came to no answer, or that its answer broke off."""
    if stage == "connect":
        trouble: EngineTrouble = EngineUnavailable(
            "the upstream cannot be reached", said=masked(said, keys=keys), part=part
        )
        return Judged(trouble=trouble, is_safe_to_retry=True)
    kind, message = (
        (EngineTimeout, "the upstream took too long") if timed_out else (EngineFailed, "the upstream broke off")
    )
    trouble = kind(message, said=masked(said, keys=keys), part=part, lost_pictures=pictures)
    return Judged(trouble=trouble, is_safe_to_retry=False)


def masked(text: str, *, keys: Collection[str] = ()) -> str:
    """What an upstream said, as it may be kept: without keys and pictures, and no longer than need be."""
    for key in keys:
        if key:
            text = text.replace(key, "***")
    text = _BEARER.sub("Bearer ***", _KEY.sub("***", _BASE64.sub("…", text)))
    text = "".join(letter if letter.isprintable() or letter == "\n" else " " for letter in text).strip()
    return text if len(text) <= SAID_CHARACTERS_MAX else f"{text[: SAID_CHARACTERS_MAX - 1]}…"


# what is a key, what is a picture
_KEY: Final = re.compile(r"\b(?:sk|pk|rk|hf)[-_][A-Za-z0-9*_-]{8,}")
_BEARER: Final = re.compile(r"[Bb]earer\s+[A-Za-z0-9._~+/=-]{8,}")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{200,}={0,2}")


# reading what it said ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Error:
    """The error in an answer, whatever its shape: OpenAI's object, a bare text, FastAPI's detail, or no JSON at all."""

    message: str = ""
    codes: tuple[str, ...] = ()
    param: str | None = None
    status: int = 0

    def text(self, status: int) -> str:
        """For the operator."""
        return f"{status} {'/'.join(self.codes)}: {self.message}" if self.codes else f"{status}: {self.message}"


def _error_in(body: bytes) -> _Error:  # noqa: PLR0911 - one for each shape
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        return _Error(message=_plain(body[:_READ_BYTES_MAX].decode("utf-8", "replace")))
    if not isinstance(told, dict):
        return _Error(message=_short(told))
    error = told.get("error")
    if isinstance(error, dict):
        return _read({**{name: told[name] for name in ("message", "code") if name in told}, **error})
    if isinstance(error, str):
        message = told.get("message")
        return _Error(message=f"{error}: {message}" if isinstance(message, str) else error, codes=(error,))
    detail = told.get("detail")
    if isinstance(detail, list) and detail and isinstance(detail[0], dict):
        where = [step for step in detail[0].get("loc", ()) if isinstance(step, str) and step != "body"]
        return _Error(message=_short(detail), param=where[-1] if where else None)
    if isinstance(detail, str):
        return _Error(message=detail)
    return _read(told) if "message" in told or "code" in told else _Error(message=_short(told))


def _read(error: Mapping[str, Any]) -> _Error:
    codes = [error.get("code"), error.get("type")]
    inner = error.get("inner_error", error.get("innererror"))
    if isinstance(inner, dict):
        codes.append(inner.get("code"))
    code = error.get("code")
    message = error.get("message")
    param = error.get("param")
    metadata = error.get("metadata")
    more = f" {_short(metadata)}" if isinstance(metadata, dict) and metadata else ""
    return _Error(
        message=(message if isinstance(message, str) else _short(dict(error))) + more,
        codes=tuple(dict.fromkeys(one for one in codes if isinstance(one, str) and one)),
        param=param if isinstance(param, str) and param else None,
        status=code if isinstance(code, int) and not isinstance(code, bool) else 0,
    )


def _short(value: object) -> str:
    return orjson.dumps(value).decode()[: 2 * SAID_CHARACTERS_MAX]


_TAG: Final = re.compile(r"<(script|style)\b.*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


def _plain(text: str) -> str:
    """The words of a page."""
    return " ".join(_TAG.sub(" ", text).split())


# judging -----------------------------------------------------------------------------------------------------------------

_REFUSED_CODES: Final = frozenset(
    {
        "moderation_blocked",
        "content_policy_violation",
        "content_moderation",
        "content_filter",
        "contentfilter",
        "responsibleaipolicyviolation",
        "safety_violation",
        "policy_violation",
    }
)
_REFUSED: Final = re.compile(
    r"safety system|safety_violations|content polic|content filter|community standards|flagged"
    r"|(?:blocked|rejected) by \w* ?moderation|moderators|content moderation|moderation (?:system|filter|block)"
    r"|usage polic|guardrail|内容安全|违规|敏感",
    re.IGNORECASE,
)
_QUOTA_CODES: Final = frozenset(
    {
        "insufficient_quota",
        "billing_hard_limit_reached",
        "billing_limit_user_error",
        "billing_not_active",
        "insufficient_balance",
        "insufficient_credits",
        "insufficient_user_quota",
        "quota_exceeded",
        "used_up",
    }
)
_QUOTA: Final = re.compile(
    r"current quota|billing hard limit|insufficient (?:balance|credit|fund|quota)|余额不足|额度不足", re.IGNORECASE
)
_ABSENT_CODES: Final = frozenset(
    {"model_not_found", "deployment_not_found", "deploymentnotfound", "model_not_available"}
)
_ABSENT: Final = re.compile(
    r"model mismatch|model\b.{0,80}\b(?:does not exist|not found|is retired|deprecated)", re.IGNORECASE
)
_BUSY_CODES: Final = frozenset(
    {
        "rate_limit_exceeded",
        "rate_limit_error",
        "too_many_requests",
        "requests",
        "tokens",
        "engine_overloaded",
        "overloaded",
    }
)
_LOCKED_CODES: Final = frozenset(
    {"invalid_api_key", "invalid_token", "token_expired", "account_deactivated", "no_token"}
)
_TIMEOUT_CODES: Final = frozenset({"timeout", "upstream_timeout", "request_timeout"})
_BROKEN_CODES: Final = frozenset({"server_error", "internal_error", "api_error", "generation_failed"})

_LOCKED: Final = frozenset({401, 403, 407})
_TIMED_OUT: Final = frozenset({408, 504, 524})
_BUSY: Final = frozenset({409, 425, 429, 503, 529})
# Cloudflare's for "there is nothing behind me", and addresses that lead elsewhere.
_ABSENT_STATUSES: Final = frozenset({404, 405, 410, 421, 501, 521, 522, 523, 525, 526, 530})
_GAVE_UP: Final = frozenset({408, 502, 504, 520, 524})
# What may pass by itself, or by asking somebody else: the rest would be answered the same.
_PASSING: Final = frozenset({EngineBusy, EngineFailed, EngineUnavailable, EngineQuota})

_PARAMS: Final = {
    "num_inference_steps": "steps",
    "mask_image": "mask",
    "input_references": "image",
    "images": "image",
    "safety_identifier": "user",
}
# Looked for in what was said where no field is named: the telling ones first.
_TOLD_PARAMS: Final = tuple(
    (name, re.compile(rf"\b{name}\b", re.IGNORECASE))
    for name in (
        "output_compression",
        "output_format",
        "num_inference_steps",
        "guidance_scale",
        "negative_prompt",
        "input_fidelity",
        "background",
        "resolution",
        "strength",
        "quality",
        "seed",
        "lora",
        "mask",
        "style",
        "size",
        "moderation",
        "prompt",
        "image",
    )
)


def _kind_of(  # noqa: PLR0911 - a list of rules, of which the first that fits counts
    status: int, error: _Error
) -> tuple[type[EngineTrouble], str, str | None]:
    """The class of trouble, the sentence for the caller, and the field at fault."""
    codes = {code.lower() for code in error.codes}
    is_about_a_field = bool(codes & _FIELD_CODES) or error.param == "moderation"
    may_refuse = status in _MAY_REFUSE and not is_about_a_field
    if codes & _REFUSED_CODES or (may_refuse and _REFUSED.search(error.message)):
        return EngineRefused, "the upstream will not paint this: its moderation says so", "prompt"
    if status == HTTPStatus.PAYMENT_REQUIRED or codes & _QUOTA_CODES or _QUOTA.search(error.message):
        return EngineQuota, "the operator's means with the upstream are used up", None
    is_about_the_model = error.param == "model" or bool(_ABSENT.search(error.message))
    if codes & _ABSENT_CODES or (status == HTTPStatus.BAD_REQUEST and is_about_the_model):
        return EngineUnavailable, "the upstream does not have the model", None
    if status in _LOCKED or codes & _LOCKED_CODES:
        return EngineUnavailable, "the upstream does not let us in", None
    if status in _ABSENT_STATUSES or HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
        return EngineUnavailable, "what the upstream was asked for is not there", None
    if status in _TIMED_OUT or codes & _TIMEOUT_CODES:
        return EngineTimeout, "the upstream took too long", None
    if status in _BUSY or codes & _BUSY_CODES:
        return EngineBusy, "the upstream has too much to do, or was asked too often: try again later", None
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR and not codes & _BROKEN_CODES:
        return _cannot(error)
    return EngineFailed, "the upstream broke while it painted", None


# 200: inside a stream that began well.
_MAY_REFUSE: Final = frozenset({200, 400, 403, 422, 451})
_FIELD_CODES: Final = frozenset(
    {"invalid_value", "unknown_parameter", "invalid_parameter", "missing_required_parameter"}
)


def _cannot(error: _Error) -> tuple[type[EngineTrouble], str, str | None]:
    param = error.param
    if param is None:
        param = next((name for name, pattern in _TOLD_PARAMS if pattern.search(error.message)), None)
    if param is not None:
        param = re.split(r"[.\[]", param)[0]
        param = _PARAMS.get(param, param)
        return EngineCannot, f"the upstream does not take this {param}", param
    return EngineCannot, "the upstream does not take this request", None


# when to come again ------------------------------------------------------------------------------------------------------

_AGAIN: Final = re.compile(
    r"(?:try again|retry) (?:in|after) ([0-9]+(?:\.[0-9]+)?) ?(ms|milliseconds|s|sec|m|min)", re.IGNORECASE
)
_UNITS: Final = {"ms": 0.001, "milliseconds": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0}


def _retry_after(headers: Mapping[str, str], message: str, *, now: datetime | None) -> float | None:
    """Seconds until asking again makes sense, as the upstream says: in milliseconds, seconds, a date, or words."""
    seconds = _number(headers.get("retry-after-ms"))
    if seconds is not None:
        return _bounded(seconds / 1000)
    said = headers.get("retry-after")
    if said is not None:
        seconds = _number(said)
        if seconds is None:
            seconds = _until(said, since=headers.get("date"), now=now)
        if seconds is not None:
            return _bounded(seconds)
    told = _AGAIN.search(message)
    return _bounded(float(told[1]) * _UNITS[told[2].lower()]) if told else None


def _number(text: str | None) -> float | None:
    return float(text) if text is not None and re.fullmatch(r"\s*[0-9]{1,12}(?:\.[0-9]{1,9})?\s*", text) else None


def _until(text: str, *, since: str | None, now: datetime | None) -> float | None:
    """Seconds until a date; its own clock counts, if it told us the time."""
    then = _date(text)
    if then is None:
        return None
    return (then - (_date(since) or now or datetime.now(UTC))).total_seconds()


def _date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)


def _bounded(seconds: float) -> float:
    return max(0.0, min(seconds, float(_RETRY_SECONDS_MAX)))
