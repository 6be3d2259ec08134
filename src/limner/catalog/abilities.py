"""What a model takes, as one record: the parameters in the order of a form, their values, and which exclude each other.

Read off the same profile that `rules` checks requests by, so that a form, GET /v1/models and the documentation offer
what is accepted, all of it, and nothing else. Pure.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from limner.catalog import rules
from limner.catalog.extras import EXTRAS, TEXT_CHARACTERS_MAX
from limner.catalog.models import FreeSizes, ImageRules, Model, Profile
from limner.domain.ask import Act, ResponseFormat
from limner.domain.spec import Background, OutputFormat, Quality, Style

Kind = Literal["choice", "number", "decimal", "text", "flag", "loose"]
Fixed = str | int
"""What one can choose from."""
Value = Fixed | float | list[Any] | dict[str, Any]
"""What a request can say."""

CALLBACK_CHARACTERS_MAX: Final = 2048
_ORDER: Final = (
    "prompt",
    "size",
    "quality",
    "style",
    "n",
    "response_format",
    "callback_url",
    "output_format",
    "output_compression",
    "background",
    "partial_images",
    "input_fidelity",
    "complexity",
    "frame_count",
    "frame_duration_ms",
    "svg",
    "moderation",
    "seed",
    "user",
    "safety_identifier",
)
_RARE: Final = frozenset(_ORDER[_ORDER.index("output_format") :])
# How it is done, not what is painted: every model has it.
_MANNERS: Final = frozenset({"callback_url"})
_PICTURES: Final = frozenset({"image", "mask", "markup"})
# What only pictures of one format have.
_ONLY_FOR: Final = {
    "frame_count": OutputFormat.GIF.value,
    "frame_duration_ms": OutputFormat.GIF.value,
    "svg": OutputFormat.SVG.value,
}
# Where any size goes, these are the ones to offer; those that a model does not paint are left out.
_USUAL_SIZES: Final = (
    (1024, 1024),
    (1536, 1024),
    (1024, 1536),
    (1792, 1024),
    (1024, 1792),
    (2048, 2048),
    (2048, 1152),
    (1152, 2048),
    (3840, 2160),
    (2160, 3840),
    (512, 512),
    (256, 256),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One field of a request.

    choice: one of `values`, in the order to show them; where `free_sizes` is set, any size within it as well.
    number: a whole one from `low` to `high`. decimal: any number between these. text: at most `characters_max` characters. flag: true or false.
    loose: any JSON value; what it may be, only the engine knows.
    `default`: what holds when it is not given; None: nothing does. `sizes`: the values of `size` in pixels, without auto.
    `is_rare`: seldom needed, to be folded away.
    """

    name: str
    kind: Kind
    default: Fixed | None = None
    values: tuple[str, ...] = ()
    sizes: tuple[tuple[int, int], ...] = ()
    free_sizes: FreeSizes | None = None
    low: float | None = None
    high: float | None = None
    characters_max: int | None = None
    may_be_blank: bool = True
    is_required: bool = False
    is_rare: bool = False

    @property
    def is_fixed(self) -> bool:
        """Whether there is nothing to choose."""
        if self.kind == "choice":
            return len(self.values) == 1 and self.free_sizes is None
        return self.kind == "number" and self.low == self.high

    def takes(self, value: Value) -> bool:
        """Whether the value is allowed, looked at alone."""
        match self.kind:
            case "choice":
                return value in self.values or self._is_free_size(str(value))
            case "number":
                return isinstance(value, int) and (self.low or 0) <= value <= (
                    value if self.high is None else self.high
                )
            case "decimal":
                is_one = isinstance(value, (int, float)) and not isinstance(value, bool)
                return is_one and (self.low or 0) <= float(str(value)) <= (self.high or 0)
            case "text":
                text = str(value)
                is_long = self.characters_max is not None and len(text) > self.characters_max
                return not is_long and (self.may_be_blank or bool(text.strip()))
            case "flag":
                return isinstance(value, bool)
            case "loose":
                return True

    def takes_frames(self, value: Value, *, frames: int) -> bool:
        """The same of a size that so many frames are to have."""
        return value == "auto" or self._is_free_size(str(value), frames=frames)

    def _is_free_size(self, value: str, *, frames: int = 1) -> bool:
        edges = rules.edges_of(value)
        if self.free_sizes is None or edges is None:
            return False
        return rules.fault_of_size(*edges, sizes=self.free_sizes, frames=frames) is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """`name` may be one of `values` only while `other` is one of `among`. No `values`: anything but its default."""

    name: str
    values: tuple[Fixed, ...]
    other: str
    among: tuple[Fixed, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceLine:
    """What one picture of that size and quality costs, in micro-credits."""

    size: tuple[int, int]
    quality: str
    micro_credits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """All that a model takes for one act. `price_lines`: of every size to choose in every quality that differs in price or work.

    `images`: what pictures it starts from, `images_max` of them at most; None: from words alone.
    """

    model: str
    act: Act
    parameters: tuple[Parameter, ...]
    needs: tuple[Need, ...]
    price_lines: tuple[PriceLine, ...]
    images: ImageRules | None = None
    images_max: int = 0

    def parameter(self, name: str) -> Parameter | None:
        """The one of that name; None: the model has none."""
        return next((parameter for parameter in self.parameters if parameter.name == name), None)

    def excluded(self, name: str, *, given: Mapping[str, Value]) -> frozenset[Fixed] | Literal["all"]:
        """Which values of `name` cannot be chosen beside what is given; all: none but its default."""
        found: set[Fixed] = set()
        for need in self.needs:
            if need.name != name or self._chosen(need.other, given) in need.among:
                continue
            if not need.values:
                return "all"
            found.update(need.values)
        return frozenset(found)

    def takes(self, given: Mapping[str, Value]) -> bool:
        """Whether a request with these parameters is accepted. The model's own name is not among them."""
        for parameter in self.parameters:
            if parameter.is_required and parameter.name not in given:
                return False
        return all(self._takes(name, value, given) for name, value in given.items())

    def _takes(self, name: str, value: Value, given: Mapping[str, Value]) -> bool:
        parameter = self.parameter(name)
        if parameter is None:
            return False
        frames = self._frames(given) if name == "size" else 1
        if not (parameter.takes(value) if frames == 1 else parameter.takes_frames(value, frames=frames)):
            return False
        excluded = self.excluded(name, given=given)
        if excluded == "all":
            return value == parameter.default
        return not isinstance(value, (str, int)) or value not in excluded

    def _frames(self, given: Mapping[str, Value]) -> int:
        """Of how many pictures the one that is asked for would be made."""
        if self._chosen("output_format", given) != OutputFormat.GIF.value:
            return 1
        frames = self._chosen("frame_count", given)
        return frames if isinstance(frames, int) else rules.FRAMES_USUAL

    def _chosen(self, name: str, given: Mapping[str, Value]) -> Value | None:
        parameter = self.parameter(name)
        return given.get(name, parameter.default if parameter else None)


def abilities(
    model: Model,
    *,
    formats: Collection[OutputFormat],
    extras: Collection[str] = (rules.SEED,),
    response_format: ResponseFormat | None = None,
    act: Act = Act.GENERATION,
    images_max: int = 0,
) -> Abilities:
    """What the model takes for `act`, on an engine that writes these formats, where `response_format` (or the profile's) is usual.

    `extras`: what the engine takes beyond the profile's parameters; those that we know nothing of come last, by name.
    `images_max`: how many pictures it can start from. The pictures themselves are no parameters: see `images`.
    """
    profile = model.profile
    written = tuple(name for name in profile.output_formats if name in formats)
    usual = response_format or profile.response_format
    known = _parameters(profile, written=written, response_format=usual)
    names = (rules.parameters(profile, extras=extras, act=act) | _MANNERS) - _PICTURES
    names -= {name for name, format_ in _ONLY_FOR.items() if format_ not in written}
    if not profile.input_fidelities:
        names -= {"input_fidelity"}
    more = sorted(names - set(_ORDER) - {"model"})
    most = min(images_max, profile.images.count_max) if profile.images is not None else 0
    return Abilities(
        model=model.name,
        act=act,
        parameters=(*(known[name] for name in _ORDER if name in names), *map(_extra, more)),
        needs=tuple(need for need in _needs(written, n_max=profile.n_max) if need.name in names),
        price_lines=_price_lines(model, sizes=_sizes(profile)),
        images=profile.images if most else None,
        images_max=most,
    )


def _extra(name: str) -> Parameter:
    found = EXTRAS.get(name)
    if found is None:
        return Parameter(name=name, kind="loose", is_rare=True)
    return Parameter(
        name=name,
        kind=found.kind,
        low=found.low,
        high=found.high,
        characters_max=TEXT_CHARACTERS_MAX if found.kind == "text" else None,
        is_rare=True,
    )


def _parameters(
    profile: Profile, *, written: tuple[str, ...], response_format: ResponseFormat
) -> Mapping[str, Parameter]:
    sizes = _sizes(profile)
    writes_png = OutputFormat.PNG in written
    has_quality_of_file = any(name in rules.COMPRESSED for name in written)
    made = (
        Parameter(
            name="prompt",
            kind="text",
            characters_max=profile.prompt_characters_max,
            may_be_blank=False,
            is_required=True,
        ),
        Parameter(
            name="size",
            kind="choice",
            default="auto",
            values=("auto", *(f"{width}x{height}" for width, height in sizes)),
            sizes=sizes,
            free_sizes=profile.sizes if isinstance(profile.sizes, FreeSizes) else None,
        ),
        Parameter(name="quality", kind="choice", default="auto", values=tuple(profile.qualities)),
        Parameter(name="style", kind="choice", default=Style.VIVID.value, values=tuple(style.value for style in Style)),
        Parameter(name="n", kind="number", default=1, low=1, high=profile.n_max),
        Parameter(name="response_format", kind="choice", default=response_format, values=rules.RESPONSE_FORMATS),
        Parameter(name="callback_url", kind="text", characters_max=CALLBACK_CHARACTERS_MAX, may_be_blank=False),
        Parameter(
            name="output_format",
            kind="choice",
            default=OutputFormat.PNG.value if writes_png else None,
            values=written,
            is_required=not writes_png,
            is_rare=True,
        ),
        Parameter(
            name="output_compression",
            kind="number",
            default=rules.COMPRESSION_MAX,
            low=0 if has_quality_of_file else rules.COMPRESSION_MAX,
            high=rules.COMPRESSION_MAX,
            is_rare=True,
        ),
        Parameter(name="background", kind="choice", default="auto", values=rules.BACKGROUNDS[::-1], is_rare=True),
        Parameter(
            name="partial_images",
            kind="number",
            default=0,
            low=0,
            high=rules.PARTIALS_MAX,
            is_rare=True,
        ),
        Parameter(name="input_fidelity", kind="choice", values=profile.input_fidelities, is_rare=True),
        Parameter(name="complexity", kind="choice", values=rules.COMPLEXITIES, is_rare=True),
        Parameter(
            name="frame_count",
            kind="number",
            default=rules.FRAMES_USUAL,
            low=rules.FRAMES[0],
            high=rules.FRAMES[1],
            is_rare=True,
        ),
        Parameter(
            name="frame_duration_ms",
            kind="number",
            default=rules.FRAME_MILLISECONDS_USUAL,
            low=1,
            high=rules.FRAME_MILLISECONDS_MAX,
            is_rare=True,
        ),
        Parameter(name="svg", kind="loose", is_rare=True),
        Parameter(name="moderation", kind="choice", default="auto", values=rules.MODERATIONS, is_rare=True),
        Parameter(name="seed", kind="number", low=0, high=rules.SEED_MAX, is_rare=True),
        *(
            Parameter(name=name, kind="text", characters_max=rules.IDENTIFIER_CHARACTERS_MAX, is_rare=True)
            for name in ("user", "safety_identifier")
        ),
    )
    return {parameter.name: parameter for parameter in made}


def _sizes(profile: Profile) -> tuple[tuple[int, int], ...]:
    """Those to choose from."""
    if not isinstance(profile.sizes, FreeSizes):
        return profile.sizes
    return tuple(size for size in _USUAL_SIZES if rules.fault_of_size(*size, sizes=profile.sizes) is None)


def _needs(written: tuple[str, ...], *, n_max: int) -> tuple[Need, ...]:
    whole = tuple(name for name in written if name not in rules.WHOLE)
    return (
        *(
            Need(name=name, values=(), other="output_format", among=(format_,))
            for name, format_ in _ONLY_FOR.items()
            if format_ in written
        ),
        *(
            [Need(name="partial_images", values=(1, 2, 3), other="output_format", among=whole)]
            if len(whole) < len(written)
            else []
        ),
        *(
            [Need(name="n", values=tuple(range(2, n_max + 1)), other="output_format", among=_without_svg(written))]
            if n_max > 1 and OutputFormat.SVG.value in written
            else []
        ),
        Need(
            name="output_compression",
            values=(),
            other="output_format",
            among=tuple(name for name in written if name in rules.COMPRESSED),
        ),
        Need(
            name="background",
            values=(Background.TRANSPARENT.value,),
            other="output_format",
            among=tuple(name for name in written if name in rules.TRANSPARENT),
        ),
    )


def _without_svg(written: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name for name in written if name != OutputFormat.SVG.value)


def _price_lines(model: Model, *, sizes: tuple[tuple[int, int], ...]) -> tuple[PriceLine, ...]:
    """The first word of each amount of work stands for it, but never auto, which says nothing."""
    words = {work: word for word, work in reversed(tuple(model.profile.qualities.items())) if word != "auto"}
    return tuple(
        PriceLine(
            size=(width, height),
            quality=words[work],
            micro_credits=rules.price(model, width=width, height=height, quality=work),
        )
        for width, height in sizes
        for work in Quality
        if work in words
    )
