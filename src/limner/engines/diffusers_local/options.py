"""What an operator may say of a model on this machine, read once and strictly. Needs no torch.

    [engines.gpu]   plug = "diffusers_local"  model = "black-forest-labs/FLUX.2-klein-4B"

Whatever is wrong is a `ValueError` with a sentence that names the option.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, cast

from limner.engines.diffusers_local.recipes import Dtype, Keeping, Quantised, Recipe, named
from limner.engines.diffusers_local.work import LORA_SCALE_MAX, Cache, Compiling, Lora, Setup, Tiling

AUTO: Final = "auto"
BATCH_DEFAULT: Final = 4
BATCH_PIXELS_MAX: Final = 768 * 768
"""Above this a device is full with one picture: batches only make everybody wait."""

_MEMORY: Final[Mapping[str, Keeping | None]] = {
    AUTO: None,
    "full": "whole",
    "offload": "model",
    "group": "group",
}
_QUANTISE: Final[Mapping[str, Quantised | None]] = {AUTO: None, "none": "none", "int8": "int8", "nf4": "nf4"}
_DTYPES: Final = (AUTO, "bfloat16", "float16", "float32")
_COMPILE: Final[Mapping[object, Compiling]] = {"off": "off", "on": "on", "measured": "measured"}
_CACHES: Final = ("off", "first_block", "taylorseer", "sea")
_TILINGS: Final = ("auto", "always", "off")
_DEVICE: Final = re.compile(r"cpu|mps|(cuda|xpu)(:[0-9]{1,2})?")
_SIZE: Final = re.compile(r"([1-9][0-9]{1,4})x([1-9][0-9]{1,4})")
_WARM: Final = (1024, 1024)
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_HUB_ID: Final = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """A model on this machine, and how it is kept and asked.

    `model`: the hub's name of one that is on disk, or a folder. `devices`: cpu, mps, cuda:0..., or auto alone: every GPU
    there is, else the cpu. `recipe`: the family's by name, None: found by what the model's folder says; `changes`: the
    operator's own values in it. `accept_licence`: a licence with restrictions that the operator keeps to, by its name.

    `batch`: pictures that go into one call of the model, of one request or of several that wait, up to `batch_pixels_max`
    pixels each; `batch_sizes`: the same for one width and height, above it too. 1: each by itself.

    `waiting`: pictures that may wait; `seconds`: how long a call of the model may take; `loading_seconds`: how long a model
    may take to load; `warm`: of which width and height one picture is painted for nobody, before the first request.
    """

    model: str
    devices: tuple[str, ...] = (AUTO,)
    revision: str | None = None
    variant: str | None = None
    dtype: Dtype | None = None
    keeping: Keeping | None = None
    quantised: Quantised | None = None
    loras: Mapping[str, Lora] = field(default_factory=dict)
    recipe: str | None = None
    changes: Mapping[str, object] = field(default_factory=dict)
    accept_licence: str | None = None
    compiling: Compiling = "off"
    cache: Cache = "off"
    cache_threshold: float | None = None
    tiling: Tiling = "auto"
    attention: str | None = None
    preview: str | None = None
    threads: int | None = None
    batch: int = BATCH_DEFAULT
    batch_pixels_max: int = BATCH_PIXELS_MAX
    batch_sizes: Mapping[tuple[int, int], int] = field(default_factory=dict)
    waiting: int = 64
    seconds: float = 600.0
    loading_seconds: float = 900.0
    warm: tuple[int, int] | None = None

    def pictures_at_once(self, width: int, height: int, *, recipe: Recipe) -> int:
        """The most pictures of that size in one call of the model."""
        if not recipe.batches:
            return 1
        if (width, height) in self.batch_sizes:
            return self.batch_sizes[width, height]
        return self.batch if width * height <= self.batch_pixels_max else 1

    def setup(self, *, device: str, recipe: Recipe) -> Setup:
        """What a studio on `device` is opened with."""
        return Setup(
            model=self.model,
            recipe=recipe,
            device=device,
            dtype=self.dtype,
            keeping=None if device == "cpu" else self.keeping,
            quantised=self.quantised,
            loras=dict(self.loras),
            compiling=self.compiling,
            cache=self.cache,
            cache_threshold=self.cache_threshold,
            tiling=self.tiling,
            attention=self.attention,
            preview=self.preview,
            revision=self.revision,
            variant=self.variant,
            threads=self.threads,
        )


_KNOWN: Final = frozenset(
    {one.name for one in fields(LocalOptions)} - {"devices", "keeping", "quantised", "compiling", "changes"}
    | {"device", "devices", "memory", "quantise", "compile", "recipe_changes"}
)


def options_of(given: Mapping[str, object]) -> LocalOptions:
    """Read the options. Raises `ValueError` with a sentence for the first thing that is wrong."""
    for name in given:
        if name not in _KNOWN:
            near = difflib.get_close_matches(str(name), _KNOWN, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]}?" if near else f"there is {', '.join(sorted(_KNOWN))}"
            raise ValueError(f"there is no option {name}; {hint}")
    read = _Reader(given)
    dtype = read.word("dtype", _DTYPES, default=AUTO)
    return LocalOptions(
        model=_model(given.get("model")),
        devices=_devices(given),
        revision=read.text("revision"),
        variant=read.text("variant"),
        dtype=None if dtype == AUTO else cast("Dtype", dtype),
        keeping=_MEMORY[read.word("memory", _MEMORY, default=AUTO)],
        quantised=_QUANTISE[read.word("quantise", _QUANTISE, default=AUTO)],
        loras=_loras(given.get("loras")),
        recipe=_recipe(read.text("recipe")),
        changes=read.table("recipe_changes"),
        accept_licence=read.text("accept_licence"),
        compiling=_compile(given.get("compile")),
        cache=cast("Cache", read.word("cache", _CACHES, default="off")),
        cache_threshold=read.number("cache_threshold", default=None),
        tiling=cast("Tiling", read.word("tiling", _TILINGS, default="auto")),
        attention=read.text("attention"),
        preview=read.text("preview"),
        threads=read.count("threads", default=None),
        batch=read.count("batch", default=BATCH_DEFAULT),
        batch_pixels_max=read.count("batch_pixels_max", default=BATCH_PIXELS_MAX),
        batch_sizes=_batch_sizes(given.get("batch_sizes")),
        waiting=read.count("waiting", default=64),
        seconds=read.number("seconds", default=600.0),
        loading_seconds=read.number("loading_seconds", default=900.0),
        warm=_warm(given.get("warm"), default=_WARM if _is_tried(given) else None),
    )


def is_hub_id(model: str) -> bool:
    """Whether that may be the hub's name of a model; a folder is not."""
    return _HUB_ID.fullmatch(model) is not None


def _model(given: object) -> str:
    if not isinstance(given, str) or not given.strip() or not given.isprintable():
        raise ValueError('model is what to paint with: a folder, or a name such as "black-forest-labs/FLUX.2-klein-4B"')
    return given.strip()


def _devices(given: Mapping[str, object]) -> tuple[str, ...]:
    if "device" in given and "devices" in given:
        raise ValueError("device and devices both say where to paint: say one of them")
    name = "devices" if "devices" in given else "device"
    value = given.get(name, AUTO)
    words = list(value) if isinstance(value, (list, tuple)) else [value]
    if words == [AUTO]:
        return (AUTO,)
    if not words or not all(isinstance(word, str) and _DEVICE.fullmatch(word) for word in words):
        raise ValueError(
            f'{name} is "auto", "cpu", "mps", "cuda:0", or a list such as ["cuda:0", "cuda:1"]; not {value!r}'
        )
    exact = tuple(f"{word}:0" if word in {"cuda", "xpu"} else str(word) for word in words)
    if len(set(exact)) != len(exact):
        raise ValueError(f"{name} names the same one twice: a device holds the model once")
    return exact


def _loras(given: object) -> dict[str, Lora]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError('loras is a table of names, such as { ink = "/models/ink.safetensors" }')  # noqa: TRY004
    return {str(name): _lora(str(name), one) for name, one in given.items()}


def _lora(name: str, given: object) -> Lora:
    if not _NAME.fullmatch(name):
        raise ValueError(f"a lora's name is of letters, digits, dots, dashes and underscores; not {name!r}")
    table: Mapping[Any, Any] = given if isinstance(given, Mapping) else {"where": given}
    for option in table:
        if option not in {"where", "file", "scale"}:
            raise ValueError(f"there is no option loras.{name}.{option}; there is where, file, scale")
    where, file, scale = table.get("where"), table.get("file"), table.get("scale", 1.0)
    if not isinstance(where, str) or not where:
        raise ValueError(f"loras.{name} is a folder, a file, or the hub's name of one on disk")
    if file is not None and (not isinstance(file, str) or not file):
        raise ValueError(f"loras.{name}.file is the name of a file in it")
    is_number = isinstance(scale, (int, float)) and not isinstance(scale, bool) and math.isfinite(scale)
    if not is_number or abs(scale) > LORA_SCALE_MAX:
        raise ValueError(
            f"loras.{name}.scale is a number from {-LORA_SCALE_MAX:g} to {LORA_SCALE_MAX:g}; not {scale!r}"
        )
    return Lora(where=where, file=file, scale=float(scale))


def _recipe(given: str | None) -> str | None:
    if given is not None:
        named(given)
    return given


def _compile(given: object) -> Compiling:
    if given is None or isinstance(given, bool):
        return "on" if given else "off"
    if not isinstance(given, str) or given not in _COMPILE:
        raise ValueError(f"compile is true, false or {', '.join(map(str, _COMPILE))}; not {given!r}")
    return _COMPILE[given]


def _is_tried(given: Mapping[str, object]) -> bool:
    """Whether something is set that is tried, or made, at warm-up."""
    return _compile(given.get("compile")) != "off" or given.get("cache", "off") != "off"


def _warm(given: object, *, default: tuple[int, int] | None) -> tuple[int, int] | None:
    if given is None:
        return default
    match = _SIZE.fullmatch(given) if isinstance(given, str) else None
    if match is None:
        raise ValueError(f'warm is the size of a picture to paint at the start, such as "1024x1024"; not {given!r}')
    return int(match[1]), int(match[2])


def _batch_sizes(given: object) -> dict[tuple[int, int], int]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ValueError('batch_sizes is a table such as { "512x512" = 8, "1024x1024" = 2 }')  # noqa: TRY004
    sizes: dict[tuple[int, int], int] = {}
    for size, count in given.items():
        match = _SIZE.fullmatch(str(size))
        if match is None:
            raise ValueError(f'batch_sizes is by sizes such as "1024x1024"; not {size!r}')
        if isinstance(count, bool) or not isinstance(count, int) or count < 1:
            raise ValueError(f"batch_sizes.{size} is a whole number from 1 on; not {count!r}")
        sizes[int(match[1]), int(match[2])] = count
    return sizes


class _Reader:
    """Reads options by type."""

    def __init__(self, given: Mapping[str, object]) -> None:
        self._given = given

    def word(self, name: str, words: Collection[str], *, default: str) -> str:
        value = self._given.get(name, default)
        if not isinstance(value, str) or value not in words:
            raise ValueError(f"{name} is one of {', '.join(words)}; not {value!r}")
        return value

    def text(self, name: str) -> str | None:
        value = self._given.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not value.isprintable():
            raise ValueError(f"{name} is text; not {value!r}")
        return value

    def table(self, name: str) -> dict[str, object]:
        value = self._given.get(name)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise ValueError(f"{name} is a table such as {{ steps = 8 }}; not {value!r}")  # noqa: TRY004
        return {str(key): one for key, one in value.items()}

    def count(self, name: str, *, default: Any) -> Any:
        """A whole number from 1 on."""
        return self._number(name, default, (int,), lambda value: value >= 1, "a whole number from 1 on")

    def number(self, name: str, *, default: Any) -> Any:
        """A number above zero."""
        value = self._number(name, default, (int, float), lambda value: value > 0, "a number above 0")
        return None if value is None else float(value)

    def _number(
        self, name: str, default: Any, kinds: tuple[type, ...], is_right: Callable[[float], bool], words: str
    ) -> Any:
        value = self._given.get(name)
        if value is None:
            return default
        is_number = isinstance(value, kinds) and not isinstance(value, bool)
        if not is_number or not math.isfinite(cast("float", value)) or not is_right(cast("float", value)):
            raise ValueError(f"{name} is {words}; not {value!r}")
        return value
