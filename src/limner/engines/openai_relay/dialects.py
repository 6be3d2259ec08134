"""How upstreams speak: one row for each kind of server, and nothing about them anywhere else.

Where the facts are from (November 2026): OpenAI's own client 3.54 and API description; the request classes and routes of
vLLM-Omni 0.30 and SGLang-Diffusion 0.5.23; `examples/server` of stable-diffusion.cpp; OpenRouter's client 1.3 for its
Image API. What a server accepts but does not act on counts as not taken: a field without effect is worse than a refusal.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Final, Literal

from limner.domain.spec import OutputFormat, Quality, Style
from limner.engines.openai_relay.options import DialectName, UpstreamOptions

Size = tuple[int, int]

_PNG_JPEG: Final = (OutputFormat.PNG, OutputFormat.JPEG)
_FILES: Final = (*_PNG_JPEG, OutputFormat.WEBP)
_ALL: Final = (*_FILES, OutputFormat.GIF, OutputFormat.SVG)
# All frames of a gif together.
_FRAMES_PIXELS_MAX: Final = 8_294_400


@dataclass(frozen=True, slots=True, kw_only=True)
class FreeSizes:
    """Any width and height in pixels within bounds, both divisible by `step`, the longer at most `ratio_max` the shorter."""

    step: int
    edge_min: int
    edge_max: int
    pixels_min: int
    pixels_max: int
    ratio_max: float

    def nearest(self, wanted: Size) -> Size:
        """The allowed size from which `wanted` is had with the least change: not smaller, where bounds let it."""
        width, height = wanted
        longer, shorter = float(max(wanted)), float(min(wanted))
        if longer > shorter * self.ratio_max:
            shorter = longer / self.ratio_max
        factor = max(1.0, math.sqrt(self.pixels_min / (longer * shorter)), self.edge_min / shorter)
        factor = min(factor, math.sqrt(self.pixels_max / (longer * shorter)), self.edge_max / longer)
        # Upwards to the next step, unless that steps over a bound: then that edge goes down.
        edges = [self._up(longer * factor), self._up(shorter * factor)]
        if edges[0] > self.edge_max:
            edges[0] = self._down(self.edge_max)
        while edges[0] * edges[1] > self.pixels_max or edges[1] > self.edge_max:
            edges[1] -= self.step
        if edges[0] > edges[1] * self.ratio_max:
            edges[0] = self._down(edges[1] * self.ratio_max)
        return (edges[0], edges[1]) if width >= height else (edges[1], edges[0])

    def shared_by(self, frames: int) -> FreeSizes:
        """The bounds of each, where so many pictures of one size have to keep them together."""
        if frames == 1:
            return self
        pixels_max = min(self.pixels_max, _FRAMES_PIXELS_MAX // frames)
        return replace(self, pixels_min=math.ceil(self.pixels_min / frames), pixels_max=pixels_max)

    def _up(self, edge: float) -> int:
        # A hair below the next step is rounding noise, not another step.
        return math.ceil(edge / self.step - 1e-9) * self.step

    def _down(self, edge: float) -> int:
        return int(edge // self.step) * self.step


Sizes = tuple[Size, ...] | FreeSizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What one kind of server takes.

    `generations`, `edits`, `variations`: paths after the version; None: has no such thing (and what has no variations, but
    edits, is asked for these in words). `sizes`: those it makes.
    `pictures_per_call`: more are fanned out over several calls. `prompt_characters_max`: above it, it would refuse.

    `qualities`: its words for ours, none if it has one quality only; `quality_words`: words of its own that go through.
    `style`: whether it has the field, or a phrase in the prompt must do. `formats`, `edit_formats`: the files it writes
    when told which; none: they come as they come. `compresses`: has `output_compression`. `transparent`: does
    `background`. `moderates`, `moderates_edits`: has `moderation`. `user`: its field for who asked.

    `fidelities`: its words for `input_fidelity`; `complexity`: has that field. Both are hints: where there is no field for
    them, the caller is told that they made no difference.

    `response_format`: whether that field is sent (gpt-image refuses it); `links`: it can answer with addresses.
    `streams`: sends pictures as they come; `partials`: takes `partial_images`.

    `images_max`: pictures that it can start from. `edit_body`: how they are given: as files of a form in the field
    `image_field`, or as data addresses in JSON. `mask`: in which sense it takes one: transparent where it is to be painted
    anew (as ours are), or white there; None: takes none. `mask_field`: its name for it. `markup`: takes that.

    `seed`: whether it takes one: None, only when the caller gives one, or always (servers that would paint with a fixed
    one otherwise, or say no which). `extras`, `edit_extras`: our names of further parameters, and where they go; a dot
    leads into an object. `extras_in_prompt`: they travel in the prompt, between tags of that name.
    `model`: whether `model` is sent: always, where the operator named one for the upstream, or never. `families`: what is otherwise for models whose name matches, every match in turn.
    """

    generations: str = "/images/generations"
    edits: str | None = "/images/edits"
    variations: str | None = None
    sizes: Sizes
    pictures_per_call: int
    prompt_characters_max: int = 32_000
    qualities: Mapping[Quality, str] = field(default_factory=dict)
    quality_words: frozenset[str] = frozenset()
    style: Literal["field", "phrase"] = "phrase"
    formats: tuple[OutputFormat, ...] = _FILES
    edit_formats: tuple[OutputFormat, ...] = _FILES
    compresses: bool = True
    transparent: bool = False
    moderates: bool = False
    moderates_edits: bool = False
    user: str | None = None
    fidelities: frozenset[str] = frozenset()
    complexity: bool = False
    response_format: bool = True
    links: bool = False
    streams: bool = False
    partials: bool = False
    images_max: int = 16
    edit_body: Literal["form", "json"] = "form"
    image_field: str = "image[]"
    mask: Literal["transparent", "white"] | None = None
    mask_field: str = "mask"
    markup: bool = False
    seed: Literal["always", "given"] | None = None
    extras: Mapping[str, str] = field(default_factory=dict)
    edit_extras: Mapping[str, str] = field(default_factory=dict)
    extras_in_prompt: str | None = None
    model: Literal["always", "named", "never"] = "always"
    families: tuple[tuple[re.Pattern[str], Mapping[str, Any]], ...] = ()

    def size_for(self, wanted: Size, *, frames: int = 1) -> Size:
        """The size to ask for when `wanted` is wanted: the same if it is allowed, else the nearest. `frames`: of a gif."""
        if isinstance(self.sizes, FreeSizes):
            return self.sizes.shared_by(frames).nearest(wanted)
        return wanted if wanted in self.sizes else min(self.sizes, key=lambda size: _distance(size, wanted))


def _distance(size: Size, wanted: Size) -> tuple[bool, float, float]:
    """How far off a size is: another orientation weighs most, then the ratio, then the area."""
    ratio = math.log(size[0] / size[1])
    wanted_ratio = math.log(wanted[0] / wanted[1])
    turned = ratio * wanted_ratio < 0 or (wanted_ratio != 0) != (ratio != 0)
    area = abs(math.log(size[0] * size[1] / (wanted[0] * wanted[1])))
    return turned, round(abs(ratio - wanted_ratio), 6), area


def _named(pattern: str, **otherwise: Any) -> tuple[re.Pattern[str], Mapping[str, Any]]:
    """What is otherwise for models of that name, with or without a vendor's before it."""
    return re.compile(rf"(?:^|/)(?:{pattern})", re.IGNORECASE), otherwise


_LOW_TO_HIGH: Final = MappingProxyType({Quality.LOW: "low", Quality.STANDARD: "medium", Quality.HD: "high"})
_GPT_WORDS: Final = frozenset({"low", "medium", "high"})
_GPT_25_WORDS: Final = _GPT_WORDS | {"xhigh", "max"}
_FIDELITIES: Final = frozenset({"high", "low"})

_GPT_1_SIZES: Final = ((1024, 1024), (1536, 1024), (1024, 1536))
_GPT_2_SIZES: Final = FreeSizes(
    step=16, edge_min=16, edge_max=3840, pixels_min=655_360, pixels_max=8_294_400, ratio_max=3
)
# Latents are an eighth of a picture's edge and are taken in twos: sixteen is what every family of models divides by.
_DIFFUSION_SIZES: Final = FreeSizes(
    step=16, edge_min=64, edge_max=3840, pixels_min=64 * 64, pixels_max=8_294_400, ratio_max=8
)

DIALECTS: Final[Mapping[DialectName, Dialect]] = MappingProxyType(
    {
        # GPT image models. Always answer in base64 and refuse response_format; know neither style nor seed. Names that we
        # do not know are given the three sizes that all of them have.
        "openai": Dialect(
            sizes=_GPT_1_SIZES,
            pictures_per_call=10,
            qualities=_LOW_TO_HIGH,
            quality_words=_GPT_WORDS,
            transparent=True,
            moderates=True,
            user="user",
            response_format=False,
            streams=True,
            partials=True,
            mask="transparent",
            families=(
                _named("gpt-image-1|chatgpt-image", fidelities=_FIDELITIES),
                _named("gpt-image-1-mini", fidelities=frozenset({"low"})),
                _named("gpt-image-[2-9]", sizes=_GPT_2_SIZES),
                _named(r"gpt-image-(2\.[5-9]|[3-9])", quality_words=_GPT_25_WORDS, markup=True),
                _named(r"gpt-image-(2\.[6-9]|[3-9])", complexity=True, formats=_ALL, edit_formats=_ALL),
            ),
        ),
        # dall-e-3 and what imitates it: one picture a call, two qualities, two styles, and no word on the file format.
        "dalle": Dialect(
            edits=None,
            sizes=((1024, 1024), (1792, 1024), (1024, 1792)),
            pictures_per_call=1,
            prompt_characters_max=4000,
            qualities={Quality.LOW: "standard", Quality.STANDARD: "standard", Quality.HD: "hd"},
            quality_words=frozenset({"standard", "hd"}),
            style="field",
            formats=(),
            edit_formats=(),
            compresses=False,
            user="user",
            links=True,
            images_max=0,
            families=(
                _named(
                    "dall-e-2",
                    edits="/images/edits",
                    variations="/images/variations",
                    sizes=((256, 256), (512, 512), (1024, 1024)),
                    pictures_per_call=10,
                    prompt_characters_max=1000,
                    qualities={},
                    quality_words=frozenset(),
                    style="phrase",
                    images_max=1,
                    image_field="image",
                    mask="transparent",
                ),
            ),
        ),
        # One model a server, whose name must be right or absent. `url` is refused. The n pictures of a call share one
        # seeded generator, so that none but the first could be asked for again: one a call. `background` only picks a
        # format. A mask is read by FLUX.2-klein alone; the others would paint all over it.
        "vllm_omni": Dialect(
            sizes=_DIFFUSION_SIZES,
            pictures_per_call=1,
            user="user",
            seed="always",
            model="named",
            extras={
                "steps": "num_inference_steps",
                "guidance_scale": "guidance_scale",
                "true_cfg_scale": "true_cfg_scale",
                "negative_prompt": "negative_prompt",
                "flow_shift": "flow_shift",
                "lora": "lora",
            },
            edit_extras={
                "steps": "num_inference_steps",
                "guidance_scale": "guidance_scale",
                "true_cfg_scale": "true_cfg_scale",
                "negative_prompt": "negative_prompt",
                "strength": "strength",
                "lora": "lora",
            },
            families=(_named(r"flux\.?2.*klein", mask="white", mask_field="mask_image"),),
        ),
        # Its seed is 42 unless told: always told. `quality` means numerical exactness there, `style` and `background` do
        # nothing, a mask is accepted and ignored; LoRAs are set for the whole server, not by request. `url` needs a cloud.
        # The n pictures of a call have the seeds s, s + 1, ... as ours have.
        "sglang": Dialect(
            sizes=_DIFFUSION_SIZES,
            pictures_per_call=10,
            user="user",
            seed="always",
            model="named",
            extras={
                "steps": "num_inference_steps",
                "guidance_scale": "guidance_scale",
                "true_cfg_scale": "true_cfg_scale",
                "negative_prompt": "negative_prompt",
                "flow_shift": "flow_shift",
                "max_sequence_length": "max_sequence_length",
                "enable_teacache": "enable_teacache",
            },
            edit_extras={
                "steps": "num_inference_steps",
                "guidance_scale": "guidance_scale",
                "true_cfg_scale": "true_cfg_scale",
                "negative_prompt": "negative_prompt",
                "enable_teacache": "enable_teacache",
            },
        ),
        # stable-diffusion.cpp. Six fields; everything else travels inside the prompt, as JSON between tags. Its seed is
        # fixed unless told; the n pictures of a call have s, s + 1, ... Masks are read as grey. Edits write no webp.
        "sd_server": Dialect(
            sizes=FreeSizes(step=64, edge_min=64, edge_max=4096, pixels_min=4096, pixels_max=8_294_400, ratio_max=8),
            pictures_per_call=8,
            edit_formats=_PNG_JPEG,
            response_format=False,
            mask="white",
            seed="always",
            extras={
                "steps": "sample_params.sample_steps",
                "guidance_scale": "sample_params.guidance.txt_cfg",
                "distilled_guidance": "sample_params.guidance.distilled_guidance",
                "flow_shift": "sample_params.flow_shift",
                "sampler": "sample_params.sample_method",
                "scheduler": "sample_params.scheduler",
                "negative_prompt": "negative_prompt",
                "clip_skip": "clip_skip",
                "lora": "lora",
            },
            edit_extras={
                "steps": "sample_params.sample_steps",
                "guidance_scale": "sample_params.guidance.txt_cfg",
                "distilled_guidance": "sample_params.guidance.distilled_guidance",
                "flow_shift": "sample_params.flow_shift",
                "sampler": "sample_params.sample_method",
                "scheduler": "sample_params.scheduler",
                "negative_prompt": "negative_prompt",
                "clip_skip": "clip_skip",
                "strength": "strength",
                "lora": "lora",
            },
            extras_in_prompt="sd_cpp_extra_args",
            model="never",
        ),
        # The Image API (/api/v1/images): pixels as `size` are fitted to each provider's own; several of them refuse n > 1;
        # references are data addresses in JSON; there is no mask. Streams for OpenAI's models, else answers at once.
        "openrouter": Dialect(
            generations="/images",
            edits="/images",
            sizes=_GPT_2_SIZES,
            pictures_per_call=1,
            qualities=_LOW_TO_HIGH,
            quality_words=_GPT_25_WORDS,
            transparent=True,
            user="user",
            response_format=False,
            streams=True,
            edit_body="json",
            seed="given",
        ),
    }
)


def formats_of(upstream: UpstreamOptions, *, model: str | None = None) -> frozenset[OutputFormat]:
    """What it writes for what is called `model` here; None: for any. What can be made of that is not among it."""
    if model is not None:
        name = upstream.model_for(model)
        return frozenset() if name is None else frozenset(dialect_of(upstream, model=name).formats)
    names = [upstream.model, *(upstream.models or {}).values()]
    known = [dialect_of(upstream, model=name).formats for name in names if name is not None]
    if not known:
        # Whatever the caller calls it by: of that kind of server, any model.
        dialect = DIALECTS[upstream.dialect]
        known = [dialect.formats, *(otherwise.get("formats", ()) for _, otherwise in dialect.families)]
    return frozenset().union(*known)


def dialect_of(upstream: UpstreamOptions, *, model: str) -> Dialect:
    """How to speak to `upstream` about its model of that name (its own name for it)."""
    dialect = DIALECTS[upstream.dialect]
    for pattern, otherwise in dialect.families:
        if pattern.search(model):
            dialect = replace(dialect, **otherwise)
    if upstream.sizes is not None:
        dialect = replace(dialect, sizes=upstream.sizes)
    if upstream.pictures_per_call is not None:
        dialect = replace(dialect, pictures_per_call=upstream.pictures_per_call)
    return dialect


# styles ------------------------------------------------------------------------------------------------------------------

_PHRASES: Final[Mapping[Style, tuple[str, str]]] = MappingProxyType(
    {
        Style.VIVID: ("Vivid style: hyper-real and dramatic.", "风格鲜明：超写实，富有戏剧性。"),
        Style.NATURAL: ("Natural style: realistic and unexaggerated.", "风格自然：写实，不夸张。"),
    }
)
_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_LETTER: Final = re.compile(r"[A-Za-z]+")
_ENDINGS: Final = tuple(".!?。！？…;；:：,，、")


def styled(prompt: str, style: Style) -> str:
    """The prompt with a phrase for the style after it, in the prompt's language: Chinese or else English."""
    english, chinese = _PHRASES[style]
    prompt = prompt.rstrip()
    if len(_HAN.findall(prompt)) > len(_LETTER.findall(prompt)):
        return f"{prompt}{'' if prompt.endswith(_ENDINGS) else '。'}{chinese}"
    return f"{prompt}{'' if prompt.endswith(_ENDINGS) else '.'} {english}"
