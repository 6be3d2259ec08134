"""What an operator may say of a relay and of its upstreams, read once and strictly.

    [engines.openai]                    plug = "openai_relay"
    [engines.openai.upstreams.main]     address = "https://api.openai.com/v1"  key_env = "OPENAI_API_KEY"  model = "gpt-image-2"

Whatever is wrong is a `ValueError` with a sentence that names the option. Keys are in no repr and in no sentence.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Literal, cast
from urllib.parse import SplitResult, urlsplit

DialectName = Literal["openai", "dalle", "vllm_omni", "sglang", "sd_server", "openrouter"]
Fit = Literal["crop", "scale", "off"]
Links = Literal["host", "pass"]

DIALECT_NAMES: Final[tuple[DialectName, ...]] = ("openai", "dalle", "vllm_omni", "sglang", "sd_server", "openrouter")

_KEY_OPTIONS: Final = ("key", "key_file", "key_env")
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_VERSION: Final = re.compile(r"/v[0-9]+[a-z0-9]*(/openai)?")
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_SIZE: Final = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
# What the relay says itself in every call; a second one of them would be a riddle for the upstream.
_OUR_HEADERS: Final = frozenset(
    {
        "accept",
        "authorization",
        "connection",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "openai-organization",
        "openai-project",
        "transfer-encoding",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamOptions:
    """One upstream: where it is, how it speaks, what it may be asked.

    `base`: the address that paths such as /images/generations are put after; it always ends in a version. `model`: the
    upstream's own name for what it shall paint with; `models`: the same by the name that the caller used. With `models`
    alone it serves only those; with neither, the caller's name goes through.

    `weight`: its share of the requests beside the others'. `concurrent`: requests it is given at once. `connect_seconds`:
    until a connection stands; `seconds`: until the whole answer is here; `idle_seconds`: between two pieces of an answer
    that has begun. `answer_bytes_max`: more than that is not read. `headers`: sent along with every call.
    `sizes`, `pictures_per_call`: what it takes, where the dialect's own table does not fit it.
    """

    name: str
    base: str
    key: str | None = field(default=None, repr=False)
    dialect: DialectName = "openai"
    model: str | None = None
    models: Mapping[str, str] | None = None
    weight: float = 1.0
    concurrent: int = 32
    connect_seconds: float = 10.0
    seconds: float = 600.0
    idle_seconds: float = 180.0
    answer_bytes_max: int = 256 * 1024 * 1024
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    organization: str | None = None
    project: str | None = None
    sizes: tuple[tuple[int, int], ...] | None = None
    pictures_per_call: int | None = None

    def model_for(self, name: str) -> str | None:
        """Its own name for the model that is called `name` here; None if it does not serve that one."""
        if self.models is not None and name in self.models:
            return self.models[name]
        if self.model is not None:
            return self.model
        return name if self.models is None else None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayOptions:
    """A relay: its upstreams, and how it treats what they give.

    `fit`: what is done to a picture of another size than asked for: cropped, scaled, or left as it is. `links`: whether
    the address of a picture that lies with the upstream is fetched and hosted here, or passed on.

    `attempts_max`: tries for one call, over all upstreams. `backoff_seconds`, `backoff_seconds_max`: waits between them,
    doubled each time. `retry_after_seconds_max`: the longest wait on an upstream's own word; above it the caller is told
    to come again. `breaker_failures`: failures in a row after which an upstream rests; `breaker_seconds`: for how long.
    """

    upstreams: tuple[UpstreamOptions, ...]
    fit: Fit = "crop"
    links: Links = "host"
    attempts_max: int = 3
    backoff_seconds: float = 0.5
    backoff_seconds_max: float = 8.0
    retry_after_seconds_max: float = 20.0
    breaker_failures: int = 5
    breaker_seconds: float = 30.0

    def serving(self, model: str) -> tuple[UpstreamOptions, ...]:
        """The upstreams that serve the model that is called `model` here."""
        return tuple(one for one in self.upstreams if one.model_for(model) is not None)


def options_of(given: Mapping[str, object], *, environ: Mapping[str, str] | None = None) -> RelayOptions:
    """Read a relay's options. Raises `ValueError` with a sentence for the first thing that is wrong.

    Reads the file that a `key_file` names. `environ`: where `key_env` looks, the process' own if None.
    """
    known = {one.name for one in fields(RelayOptions)}
    _only_known(given, known=known, where="")
    upstreams = given.get("upstreams")
    if not isinstance(upstreams, Mapping) or not upstreams:
        raise ValueError(
            'a relay needs at least one upstream: a table such as upstreams.main with address = "https://..."'
        )
    read = _Reader(given, where="")
    return RelayOptions(
        upstreams=tuple(
            _upstream(str(name), one, environ=os.environ if environ is None else environ)
            for name, one in upstreams.items()
        ),
        fit=cast("Fit", read.word("fit", ("crop", "scale", "off"), default="crop")),
        links=cast("Links", read.word("links", ("host", "pass"), default="host")),
        attempts_max=read.count("attempts_max", default=3),
        backoff_seconds=read.number("backoff_seconds", default=0.5, zero=True),
        backoff_seconds_max=read.number("backoff_seconds_max", default=8.0, zero=True),
        retry_after_seconds_max=read.number("retry_after_seconds_max", default=20.0, zero=True),
        breaker_failures=read.count("breaker_failures", default=5),
        breaker_seconds=read.number("breaker_seconds", default=30.0),
    )


def _upstream(name: str, given: object, *, environ: Mapping[str, str]) -> UpstreamOptions:
    where = f"upstreams.{name}."
    if not _NAME.fullmatch(name):
        raise ValueError(f"an upstream's name is of letters, digits, dots, dashes and underscores; not {name!r}")
    if not isinstance(given, Mapping):  # a wrong setting is a wrong value, whatever Python calls it
        raise ValueError(f'upstreams.{name} is a table with at least address = "https://..."')  # noqa: TRY004
    known = {one.name for one in fields(UpstreamOptions)} - {"name", "base"} | {"address", *_KEY_OPTIONS}
    _only_known(given, known=known, where=where)
    read = _Reader(given, where=where)
    return UpstreamOptions(
        name=name,
        base=_base(given.get("address"), where=where),
        key=_key(given, where=where, environ=environ),
        dialect=cast("DialectName", read.word("dialect", DIALECT_NAMES, default="openai")),
        model=read.text("model"),
        models=read.texts("models"),
        weight=read.number("weight", default=1.0),
        concurrent=read.count("concurrent", default=32),
        connect_seconds=read.number("connect_seconds", default=10.0),
        seconds=read.number("seconds", default=600.0),
        idle_seconds=read.number("idle_seconds", default=180.0),
        answer_bytes_max=read.count("answer_bytes_max", default=256 * 1024 * 1024),
        headers=_headers(read.texts("headers") or {}, where=where),
        organization=read.text("organization"),
        project=read.text("project"),
        sizes=_sizes(given.get("sizes"), where=where),
        pictures_per_call=read.count("pictures_per_call", default=None),
    )


def _only_known(given: Mapping[str, object], *, known: Collection[str], where: str) -> None:
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
            hint = f"did you mean {where}{near[0]}?" if near else f"there is {', '.join(sorted(known))}"
            raise ValueError(f"there is no option {where}{name}; {hint}")


def _base(address: object, *, where: str) -> str:
    """The address with its version: /v1 if it says none."""
    parts = _split(address)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f'{where}address is where the upstream is, such as "https://api.openai.com/v1"')
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError(f"{where}address holds no password, query or fragment; say {where}key for the key")
    path = parts.path.rstrip("/")
    if not re.search(f"{_VERSION.pattern}$", path):
        path += "/v1"
    return f"{parts.scheme}://{parts.netloc}{path}"


def _split(address: object) -> SplitResult | None:
    if not isinstance(address, str) or not address.isprintable() or " " in address.strip():
        return None
    try:
        parts = urlsplit(address.strip())
        _ = parts.port  # read only when asked for, and only then found to be none
    except ValueError:
        return None
    return parts


def _key(given: Mapping[str, object], *, where: str, environ: Mapping[str, str]) -> str | None:
    named = [name for name in _KEY_OPTIONS if given.get(name) not in {None, ""}]
    if not named:
        return None
    if len(named) > 1:
        raise ValueError(f"{where}{named[0]} and {where}{named[1]} both give the key: say one of them")
    name = named[0]
    value = given[name]
    if not isinstance(value, str):
        raise ValueError(f"{where}{name} is text")  # noqa: TRY004 - as above
    if name == "key_file":
        try:
            value = Path(value).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "not text"
            raise ValueError(f"{where}key_file: {given[name]}: {why}") from None
    elif name == "key_env":
        value = environ.get(value, "")
        if not value:
            raise ValueError(f"{where}key_env: the environment has no {given[name]}")
    value = value.strip()
    if not value or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError(f"{where}{name} gives no key: a key is one word of plain letters, digits and signs")
    return value


def _headers(given: Mapping[str, str], *, where: str) -> dict[str, str]:
    for name, value in given.items():
        if not _HEADER.fullmatch(name) or not value.isprintable():
            raise ValueError(f"{where}headers.{name} is no header")
        if name.lower() in _OUR_HEADERS:
            raise ValueError(f"{where}headers.{name} is set by the relay itself; it cannot be given here")
    return dict(given)


def _sizes(given: object, *, where: str) -> tuple[tuple[int, int], ...] | None:
    if given is None or given == "":
        return None
    words = given if isinstance(given, (list, tuple)) else [given]
    matches = [_SIZE.fullmatch(word) if isinstance(word, str) else None for word in words]
    if not matches or not all(matches):
        raise ValueError(f'{where}sizes is a list such as ["1024x1024", "1536x1024"]')
    return tuple((int(match[1]), int(match[2])) for match in matches if match)


class _Reader:
    """Reads options of one table by type; `where` goes before each name."""

    def __init__(self, given: Mapping[str, object], *, where: str) -> None:
        self._given = given
        self._where = where

    def word(self, name: str, words: Sequence[str], *, default: str) -> str:
        value = self._given.get(name, default)
        if value not in words:
            raise ValueError(f"{self._where}{name} is one of {', '.join(words)}; not {value!r}")
        return cast("str", value)

    def text(self, name: str) -> str | None:
        value = self._given.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(f"{self._where}{name} is text; not {value!r}")
        return value

    def texts(self, name: str) -> dict[str, str] | None:
        table = self._given.get(name)
        if table is None:
            return None
        if not isinstance(table, Mapping) or not all(
            isinstance(value, str) and value and value.isprintable() for value in table.values()
        ):
            raise ValueError(f"{self._where}{name} is a table of texts, none of them empty")
        return {str(key): cast("str", value) for key, value in table.items()} or None

    def count(self, name: str, *, default: Any) -> Any:
        """A whole number from 1 on."""
        return self._number(name, default, int, lambda value: value >= 1, "a whole number from 1 on")

    def number(self, name: str, *, default: float, zero: bool = False) -> float:
        """A number above zero, or zero where that makes sense."""
        if zero:
            return float(self._number(name, default, float, lambda value: value >= 0, "a number from 0 on"))
        return float(self._number(name, default, float, lambda value: value > 0, "a number above 0"))

    def _number(self, name: str, default: Any, kind: type, is_right: Callable[[float], bool], words: str) -> Any:
        value = self._given.get(name)
        if value is None:
            return default
        allowed = (int,) if kind is int else (int, float)
        # NaN is neither above nor below anything, and infinity would be no limit.
        if isinstance(value, bool) or not isinstance(value, allowed) or not is_right(value) or value == float("inf"):
            raise ValueError(f"{self._where}{name} is {words}; not {value!r}")
        return value
