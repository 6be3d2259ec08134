"""Which engine paints where no setting says so: the best one at hand, and why. Pure: what there is, is handed in.

An upstream that somebody has a key for goes before a model on this machine, that before the illustrator, which is always
there. What is at hand but cannot be used is said, and passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from limner.domain.choice import Choice

ALWAYS_THERE: Final = "illustrator"
"""The engine that needs nothing."""
UPSTREAM: Final = "openai"
LOCAL: Final = "local"
KEY_VARIABLE: Final = "OPENAI_API_KEY"
ADDRESS_VARIABLE: Final = "OPENAI_BASE_URL"
_ADDRESS: Final = "https://api.openai.com/v1"
_MORE_VARIABLES: Final = {"organization": "OPENAI_ORG_ID", "project": "OPENAI_PROJECT_ID"}
_CURRENT: Final = "gpt-image-2"
# Switched off at OpenAI, or to be by December 2026: what its own list of deprecations names in their place, and for the
# dall-e models, for which it names none of such manners, the one that makes all their sizes.
_RETIRED: Final = {
    "dall-e-2": _CURRENT,
    "dall-e-3": _CURRENT,
    "gpt-image-1": _CURRENT,
    "gpt-image-1-mini": "gpt-image-2.6-flare",
    "gpt-image-1.5": "gpt-image-2.6-sunburst",
    "gpt-image-1.5-2025-12-16": "gpt-image-2.6-sunburst",
    "chatgpt-image-latest": "gpt-image-2.6-sunburst",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An engine that could be made: its name, its options (with `plug`), and what speaks for it, as a clause.

    `place`: the host that it goes to.
    """

    engine: str
    options: Mapping[str, Any] = field(repr=False)
    why: str
    place: str = ""


def choose(
    finders: Iterable[Callable[[], Found | None]], *, fault: Callable[[Found], str | None]
) -> tuple[Choice, Found | None]:
    """The first that is found and can be used. `fault`: why one cannot be; None: it can."""
    notes: list[str] = []
    for find in finders:
        found = find()
        if found is None:
            continue
        trouble = fault(found)
        if trouble is None:
            chosen = Choice(engine=found.engine, why=found.why, place=found.place, is_plain=False, notes=tuple(notes))
            return chosen, found
        notes.append(f"{found.why}, but {trouble}")
    why = "nothing better can be used" if notes else f"neither {KEY_VARIABLE} nor a GPU model is here"
    return Choice(engine=ALWAYS_THERE, why=why, notes=tuple(notes)), None


def upstream_of(environ: Mapping[str, str], *, models: Collection[str], plug: str) -> Found | None:
    """A relay to OpenAI, or to whoever the environment says speaks like it; None: nobody has a key.

    `models`: the names on offer here, each of which it has to know by a name that is current there.
    """
    key = environ.get(KEY_VARIABLE, "").strip()
    if not key:
        return None
    address = environ.get(ADDRESS_VARIABLE, "").strip() or _ADDRESS
    more = {option: environ[name] for option, name in _MORE_VARIABLES.items() if environ.get(name)}
    upstream = {
        "address": address,
        "key": key,
        "dialect": "openai",
        "model": _CURRENT,
        "models": {name: upstream_name(name) for name in sorted(models)},
        **more,
    }
    return Found(
        engine=UPSTREAM,
        options={"plug": plug, "upstreams": {"main": upstream}},
        why=f"{KEY_VARIABLE} is set",
        place=_place(address),
    )


def upstream_name(name: str) -> str:
    """What a model of ours is called at OpenAI: its own name if it is a GPT image model that is there, else a current one."""
    bare = name.partition(":")[0]
    if bare in _RETIRED:
        return _RETIRED[bare]
    return bare if bare.startswith("gpt-image-") else _CURRENT


def _place(address: str) -> str:
    """The host of an address, for eyes: nothing else of it is shown."""
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""
