"""The profiles, as data: how OpenAI's model families behave, and `open` for engines under their own names.

`output_format`, `output_compression`, `background`, `seed` and `partial_images` are ours on the dall-e profiles, and
dall-e-3 edits pictures, as with the vendor: OpenAI never had them there, and no program can trip over a field that it does
not send.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

from limner.catalog.models import FreeSizes, ImageRules, Profile
from limner.domain.spec import Quality

_COMMON: Final = frozenset(
    {
        "model",
        "prompt",
        "n",
        "size",
        "quality",
        "response_format",
        "output_format",
        "output_compression",
        "background",
        "user",
        "safety_identifier",
        "seed",
        "partial_images",
        "image",
        "mask",
    }
)
_ANIMATED: Final = frozenset({"frame_count", "frame_duration_ms"})
_FILES: Final = ("png", "jpeg", "webp", "svg")
_FIDELITIES: Final = ("high", "low")
_SQUARE: Final = (1024, 1024)
_GPT_SIZES: Final = (_SQUARE, (1536, 1024), (1024, 1536))
_GPT_2_SIZES: Final = FreeSizes(
    step=16, edge_min=16, edge_max=3840, pixels_min=655_360, pixels_max=8_294_400, ratio_max=3
)
_OPEN_SIZES: Final = FreeSizes(step=1, edge_min=64, edge_max=3840, pixels_min=4096, pixels_max=8_294_400, ratio_max=8)

_DALLE_2: Final = {"auto": Quality.STANDARD, "standard": Quality.STANDARD}
_DALLE_3: Final = {**_DALLE_2, "hd": Quality.HD}
_GPT: Final = {"auto": Quality.STANDARD, "low": Quality.LOW, "medium": Quality.STANDARD, "high": Quality.HD}
_GPT_25: Final = {**_GPT, "xhigh": Quality.HD, "max": Quality.HD}
_OPEN: Final = {**_GPT_25, **_DALLE_3}

_DALL_E_2_PROFILE: Final = Profile(
    name="dall-e-2",
    parameters=_COMMON,
    prompt_characters_max=1000,
    n_max=10,
    sizes=((256, 256), (512, 512), _SQUARE),
    default_size=_SQUARE,
    qualities=_DALLE_2,
    output_formats=_FILES,
    response_format="url",
    images=ImageRules(count_max=1, bytes_max=4_000_000, media_types=("image/png",), is_square=True, needs_clear=True),
)
_GPT_IMAGE_PROFILE: Final = Profile(
    name="gpt-image",
    parameters=_COMMON | {"moderation", "input_fidelity"},
    prompt_characters_max=32_000,
    n_max=10,
    sizes=_GPT_SIZES,
    default_size=_SQUARE,
    qualities=_GPT,
    output_formats=_FILES,
    response_format="b64_json",
    images=ImageRules(),
    input_fidelities=_FIDELITIES,
)
_GPT_2_PROFILE: Final = replace(_GPT_IMAGE_PROFILE, name="gpt-image-2", sizes=_GPT_2_SIZES, input_fidelities=())
_GPT_25_PROFILE: Final = replace(
    _GPT_2_PROFILE,
    name="gpt-image-2.5",
    parameters=_GPT_2_PROFILE.parameters | {"markup"},
    qualities=_GPT_25,
    images=ImageRules(takes_markup=True),
)

# Each later profile says only what differs from the one that it follows.
PROFILES: Final[Mapping[str, Profile]] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            _DALL_E_2_PROFILE,
            replace(
                _DALL_E_2_PROFILE,
                name="dall-e-3",
                parameters=_COMMON | {"style", "input_fidelity"},
                images=ImageRules(),
                input_fidelities=_FIDELITIES,
                prompt_characters_max=4000,
                n_max=1,
                sizes=(_SQUARE, (1792, 1024), (1024, 1792)),
                qualities=_DALLE_3,
            ),
            _GPT_IMAGE_PROFILE,
            replace(_GPT_IMAGE_PROFILE, name="gpt-image-mini", input_fidelities=("low",)),
            _GPT_2_PROFILE,
            _GPT_25_PROFILE,
            replace(
                _GPT_25_PROFILE,
                name="gpt-image-2.6",
                parameters=_GPT_25_PROFILE.parameters | _ANIMATED | {"complexity", "svg"},
                output_formats=(*_FILES, "gif"),
            ),
            replace(
                _DALL_E_2_PROFILE,
                name="nano-banana",
                parameters=frozenset(
                    {"model", "prompt", "n", "size", "response_format", "output_format", "image", "seed"}
                ),
                prompt_characters_max=32_000,
                sizes=(_SQUARE, (1792, 1024), (1024, 1792), (512, 512), (256, 256)),
                qualities=_DALLE_2,
                images=ImageRules(),
                is_lenient=True,
            ),
            replace(
                _GPT_IMAGE_PROFILE,
                name="open",
                parameters=_COMMON
                | _ANIMATED
                | {"style", "moderation", "input_fidelity", "complexity", "svg", "markup"},
                output_formats=(*_FILES, "gif"),
                images=ImageRules(takes_markup=True),
                sizes=_OPEN_SIZES,
                qualities=_OPEN,
                response_format="url",
            ),
        )
    }
)
