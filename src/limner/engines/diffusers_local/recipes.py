"""How each family of models wants to be asked: read from recipes.toml, found by what a model's folder says of itself.

Pure: nothing here knows torch or diffusers.
"""

from __future__ import annotations

import functools
import json
import math
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from typing import Any, Final, Literal, cast

from limner.domain.spec import Quality

Editing = Literal["strength", "references", "none"]
Dtype = Literal["bfloat16", "float16", "float32"]

GENERIC: Final = "generic"
_QUALITIES: Final = (Quality.LOW, Quality.STANDARD, Quality.HD)
_GIB: Final = 1024**3
_OVERRIDES: Final = ("steps", "guidance", "negative", "pixels", "multiple", "strength", "preview")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a family of models is asked.

    `guidance_parameter`: what the pipeline calls its guidance; None: the model was trained to do without. `guidance`: by
    quality; None: the pipeline's own. `fixed`: arguments of every call. `restricted`: the name by which an operator accepts
    a licence that is not free; None: it is. `mask`: the pipeline that takes one, "auto" to look for it, None: none does.
    `preview`: the hub's name of a tiny decoder of its latents. `batches`: several pictures at once are as good as alone.
    `weights_gb`, `largest_gb`, `work_gb`: in 16 bits, all parts, the largest, and what 1024x1024 pixels need beside them.
    """

    name: str
    pipelines: tuple[str, ...]
    licence: str
    restricted: str | None = None
    steps: Mapping[Quality, int]
    guidance: Mapping[Quality, float] | None = None
    guidance_parameter: str | None = None
    fixed: Mapping[str, Any] = field(default_factory=dict)
    takes_negative: bool = False
    negative_default: str | None = None
    multiple: int = 16
    pixels_min: int = 65_536
    pixels_max: int = 4_194_304
    dtype: Dtype = "bfloat16"
    editing: Editing = "none"
    images_min: int = 0
    images_max: int = 0
    mask: str | None = None
    strength: float = 0.7
    preview: str | None = None
    batches: bool = False
    makes_transparent: bool = False
    weights_gb: float = 0.0
    largest_gb: float = 0.0
    work_gb: float = 0.0
    names: tuple[str, ...] = ()
    where: Mapping[str, object] = field(default_factory=dict)
    or_where: Mapping[str, object] = field(default_factory=dict)

    @property
    def takes_mask(self) -> bool:
        """Whether a part of a picture can be painted anew."""
        return self.mask is not None

    @property
    def takes_strength(self) -> bool:
        """Whether a picture is painted over, more or less of it."""
        return self.editing == "strength"

    def painted_size(self, width: int, height: int) -> tuple[int, int]:
        """What size to make for a picture of `width` x `height`: as large, but for what the model is good at.

        Edges are rounded up to a multiple, so that the surplus is cut off; too many or too few pixels are scaled.
        """
        scale = 1.0
        if width * height > self.pixels_max:
            scale = math.sqrt(self.pixels_max / (width * height))
        elif width * height < self.pixels_min:
            scale = math.sqrt(self.pixels_min / (width * height))
        rounding = math.floor if scale < 1.0 else math.ceil
        made = [max(1, rounding(round(edge * scale / self.multiple, 6))) * self.multiple for edge in (width, height)]
        return made[0], made[1]

    def fits(self, model: Model) -> bool:
        """Whether it is this family's recipe."""
        if model.pipeline is None:
            return False
        if model.pipeline not in self.pipelines:
            return False
        if not all(model.says(name, value) for name, value in self.where.items()):
            return False
        if not self.names:
            return True
        by_name = any(part in model.name.lower() for part in self.names)
        by_config = bool(self.or_where) and all(
            model.has(name) and model.says(name, value) for name, value in self.or_where.items()
        )
        return by_name or by_config

    def overridden(self, changes: Mapping[str, object]) -> Recipe:
        """With an operator's own values; `changes` as in recipes.toml. Raises `ValueError` with a sentence."""
        unknown = sorted(set(changes) - set(_OVERRIDES))
        if unknown:
            raise ValueError(f"a recipe has no {unknown[0]!r} to change; it has {', '.join(_OVERRIDES)}")
        new: dict[str, Any] = {}
        for name, value in changes.items():
            new.update(_read(name, value))
        if "guidance" in new and self.guidance_parameter is None:
            raise ValueError(f"recipe.guidance: models of the family {self.name} have no guidance")
        return replace(self, **new)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What a model's folder says of itself.

    `pipeline`: the class it was saved from, None: not known (nothing is on disk). `configs`: the values of its index under
    "", those of its parts' config.json under their folders' names. `part_bytes`: of the weights on disk, by folder, as many
    as they are in 16 bits.
    """

    name: str
    pipeline: str | None = None
    is_modular: bool = False
    configs: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    part_bytes: Mapping[str, int] = field(default_factory=dict)

    def has(self, where: str) -> bool:
        """Whether there is a value of that name."""
        folder, _, key = where.rpartition(".")
        return key in self.configs.get(folder, {})

    def says(self, where: str, value: object) -> bool:
        """Whether a configuration file has that value. A modular index leaves out what its blocks imply: that fits too."""
        folder, _, key = where.rpartition(".")
        config = self.configs.get(folder, {})
        if key not in config:
            return self.is_modular
        return config[key] == value


_MODULAR_INDEX: Final = "modular_model_index.json"
_INDEXES: Final = ("model_index.json", _MODULAR_INDEX)


def model_in(folder: Path, *, name: str) -> Model:
    """Read what is in `folder`. Raises `ValueError` with a sentence where no pipeline lies there, or a broken one."""
    path = next((folder / file for file in _INDEXES if (folder / file).is_file()), None)
    if path is None:
        raise ValueError(f"{folder} holds no pipeline: there is neither model_index.json nor modular_model_index.json")
    is_modular = path.name == _MODULAR_INDEX
    index = _json(path)
    pipeline = index.get("_class_name")
    if isinstance(pipeline, list):
        pipeline = pipeline[-1] if pipeline else None
    if pipeline is None and is_modular:
        pipeline = index.get("_blocks_class_name")
    if not isinstance(pipeline, str):
        raise ValueError(f"{path} does not say of which class the pipeline is: there is no _class_name")  # noqa: TRY004
    configs: dict[str, Mapping[str, object]] = {"": index}
    part_bytes: dict[str, int] = {}
    for part in sorted(folder.iterdir()):
        if not part.is_dir():
            continue
        if (part / "config.json").is_file():
            configs[part.name] = _json(part / "config.json")
        size = _weights_bytes(part)
        if size:
            part_bytes[part.name] = size
    return Model(name=name, pipeline=pipeline, is_modular=is_modular, configs=configs, part_bytes=part_bytes)


def recipe_for(model: Model) -> Recipe:
    """The recipe of its family, or the one for what nothing is known of."""
    if model.pipeline is None:
        return _by_name(model.name)
    return next((recipe for recipe in recipes() if recipe.fits(model)), _generic())


def _by_name(model: str) -> Recipe:
    """Nothing is on disk yet: the family whose name is the longest part of the model's."""
    plain = _plain(model)
    parts = [recipe for recipe in recipes() if _plain(recipe.name) in plain]
    return max(parts, key=lambda recipe: len(recipe.name), default=_generic())


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def named(name: str) -> Recipe:
    """The recipe called `name`. Raises `ValueError` with a sentence."""
    for recipe in recipes():
        if recipe.name == name:
            return recipe
    raise ValueError(f"there is no recipe {name!r}; there are {', '.join(recipe.name for recipe in recipes())}")


def check_licence(recipe: Recipe, *, accepted: str | None) -> None:
    """Raise `ValueError` with a sentence where a licence that is not free was not accepted by its name."""
    if recipe.restricted is not None and recipe.restricted != accepted:
        raise ValueError(
            f"{recipe.name} has a licence with restrictions, the {recipe.licence}: "
            f'read it, and if you keep to it, set accept_licence = "{recipe.restricted}"'
        )


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """All of them, in the order in which they are tried."""
    text = resources.files(__package__).joinpath("recipes.toml").read_text(encoding="utf-8")
    return tuple(_recipe(one) for one in tomllib.loads(text)["recipe"])


def _generic() -> Recipe:
    return named(GENERIC)


def _recipe(table: Mapping[str, Any]) -> Recipe:
    new: dict[str, Any] = {}
    for name, value in table.items():
        new.update(_read(name, value))
    return Recipe(**new)


def _read(name: str, value: Any) -> dict[str, Any]:
    """A value of recipes.toml as the fields that it means."""
    reader = _READERS.get(name)
    return {name: value} if reader is None else reader(value)


def _pixels(value: Any) -> dict[str, Any]:
    fewest, most = _numbers("pixels", value, count=2)
    if not 0 < fewest <= most:
        raise ValueError(f"recipe.pixels is the fewest and the most, such as [262144, 1048576]; not {value!r}")
    return {"pixels_min": int(fewest), "pixels_max": int(most)}


def _multiple(value: Any) -> dict[str, Any]:
    if _is("multiple", value, int) < 1:
        raise ValueError(f"recipe.multiple is a whole number above 0; not {value!r}")
    return {"multiple": value}


def _strength(value: Any) -> dict[str, Any]:
    (strength,) = _numbers("strength", [value], count=1)
    if not 0 < strength <= 1:
        raise ValueError(f"recipe.strength is above 0 and at most 1; not {value!r}")
    return {"strength": strength}


def _gb(value: Any) -> dict[str, Any]:
    return dict(zip(("weights_gb", "largest_gb", "work_gb"), _numbers("gb", value, count=3), strict=True))


_READERS: Final[Mapping[str, Callable[[Any], dict[str, Any]]]] = {
    "steps": lambda value: {"steps": _by_quality("steps", value, whole=True)},
    "guidance": lambda value: {"guidance": _by_quality("guidance", value, whole=False)},
    "pixels": _pixels,
    "multiple": _multiple,
    "strength": _strength,
    "gb": _gb,
    "negative": lambda value: {"takes_negative": _is("negative", value, bool)},
    "preview": lambda value: {"preview": _is("preview", value, str)},
    "pipelines": lambda value: {"pipelines": tuple(value)},
    "names": lambda value: {"names": tuple(value)},
}


def _by_quality(name: str, value: Any, *, whole: bool) -> dict[Quality, Any]:
    """One number for all qualities, or three."""
    numbers = _numbers(name, value if isinstance(value, list) else [value] * 3, count=3)
    if whole and not all(number.is_integer() and number >= 1 for number in numbers):
        raise ValueError(f"recipe.{name} is of whole numbers above 0; not {value!r}")
    if any(number < 0 for number in numbers):
        raise ValueError(f"recipe.{name} is never below 0; not {value!r}")
    return dict(zip(_QUALITIES, map(int, numbers) if whole else numbers, strict=True))


def _numbers(name: str, value: Any, *, count: int) -> list[float]:
    is_list = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == count
    if not is_list or not all(isinstance(one, (int, float)) and not isinstance(one, bool) for one in value):
        many = "a number" if count == 1 else f"{count} numbers"
        raise ValueError(f"recipe.{name} is {many}; not {value!r}")
    return [float(one) for one in value]


def _is(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {bool: "true or false", int: "a whole number", str: "a text"}
        raise ValueError(f"recipe.{name} is {words[kind]}; not {value!r}")
    return value


_WEIGHTS: Final = (".safetensors", ".bin", ".gguf")


def _weights_bytes(part: Path) -> int:
    """Of one set of weights: where a folder holds several, of the one that is loaded."""
    files = [file for file in part.iterdir() if file.suffix in _WEIGHTS and file.is_file()]
    for suffix in _WEIGHTS:
        plain = [file for file in files if file.suffix == suffix and not _is_variant(file)]
        chosen = plain or [file for file in files if file.suffix == suffix]
        if chosen:
            size = sum(file.stat().st_size for file in chosen)
            return size // 2 if suffix == ".safetensors" and _is_single(chosen[0]) else size
    return 0


_HEADER_MAX: Final = 100_000_000


def _is_single(file: Path) -> bool:
    """Whether its numbers have 32 bits each, as its header says."""
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        if length > _HEADER_MAX:
            return False
        try:
            header = json.loads(opened.read(length))
        except ValueError:
            return False
    first: dict[str, object] = next((value for key, value in header.items() if key != "__metadata__"), {})
    return bool(first.get("dtype") == "F32")


def _is_variant(file: Path) -> bool:
    return any(mark in file.name for mark in (".fp16.", ".bf16.", ".non_ema.", ".fp8."))


def _json(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if not isinstance(read, dict):
        raise ValueError(f"{path} is no object of names and values")  # noqa: TRY004 - a wrong file is a wrong value
    return cast("dict[str, Any]", read)


# memory ------------------------------------------------------------------------------------------------------------------

Keeping = Literal["whole", "model", "group"]
Quantised = Literal["none", "int8", "nf4"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """How a model is kept.

    `keeping`: whole on the device, by model (one part at a time), or by group (layer by layer, the next one fetched while
    one computes: the slowest, and in the least memory). `quantised`: with how many bits the painting network's weights are kept. `why`: a sentence for the operator.
    """

    keeping: Keeping
    quantised: Quantised = "none"
    why: str = ""


_SHARES: Final[tuple[tuple[Quantised, float], ...]] = (("int8", 0.55), ("nf4", 0.31))
"""Of what weights take in 16 bits: not all of a network is kept in fewer."""


def memory_for(
    *,
    device_bytes: int | None,
    part_bytes: Mapping[str, int],
    recipe: Recipe,
    can_quantise: frozenset[Quantised] = frozenset(),
) -> Memory:
    """How to keep a model on a device with `device_bytes` free; None: it has the computer's own memory.

    `part_bytes`: of the weights as they will be loaded. `can_quantise`: what the libraries at hand are able to do. Prefers
    the quickest that fits: whole, one part at a time, fewer bits, by group.
    """
    if device_bytes is None:
        return Memory(keeping="whole", why="the device has the computer's own memory")
    total = sum(part_bytes.values()) or int(recipe.weights_gb * _GIB)
    largest = max(part_bytes.values(), default=int(recipe.largest_gb * _GIB))
    work = int(recipe.work_gb * _GIB)
    has = f"{device_bytes / _GIB:.1f} GiB are free"
    if total + work <= device_bytes:
        return Memory(keeping="whole", why=f"{has}, all of it needs {(total + work) / _GIB:.1f}")
    if largest + work <= device_bytes:
        return Memory(keeping="model", why=f"{has}, the largest part needs {(largest + work) / _GIB:.1f}")
    for quantised, share in _SHARES:
        need = int(largest * share) + work
        if quantised in can_quantise and need <= device_bytes:
            return Memory(
                keeping="model",
                quantised=quantised,
                why=f"{has}, the largest part needs {need / _GIB:.1f} as {quantised}",
            )
    return Memory(keeping="group", why=f"{has}, not even the largest part fits ({(largest + work) / _GIB:.1f} GiB)")
