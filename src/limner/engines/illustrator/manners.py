"""What a prompt may ask for that changes a whole picture: "in black and white", "as a watercolour", "at night", "make it blue".

Each manner knows the words that ask for it, in English and Chinese, how to tell of it, and what it does to the pixels.
Only painting processes import this module.
"""

from __future__ import annotations

import functools
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageEnhance, ImageFilter, ImageOps

from limner.engines.illustrator.vocabulary.little import COLOUR_NAMES_ZH, COLOURS

if TYPE_CHECKING:
    from numpy.typing import NDArray

Change = Callable[[Image.Image], Image.Image]
_LUMA = np.array((0.299, 0.587, 0.114), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """One of them. `en`, `zh`: how it is told, behind "the given picture"; `words`: what asks for it, a regular expression.

    `is_hand`: it is a way of drawing, whose words are nothing to be drawn.
    """

    en: str
    zh: str
    words: re.Pattern[str]
    change: Change
    is_hand: bool = False


def manners_in(prompt: str) -> list[Manner]:
    """Those that the prompt asks for, in the order in which they are applied."""
    text, found = prompt.casefold(), []
    for one in _MANNERS:
        text, times = one.words.subn(" ", text)  # "oil painting" is not a painting besides
        if times:
            found.append(one)
    return found


def without_hands(prompt: str) -> str:
    """The prompt without the words for how it is to be drawn: a pencil drawing shows no pencil."""
    for one in _MANNERS:
        if one.is_hand:
            prompt = re.sub(one.words.pattern, " ", prompt, flags=re.IGNORECASE)
    return prompt


def tinting(prompt: str) -> Manner | None:
    """The colour that the whole is to have, if it names one."""
    text = prompt.casefold()
    for name in sorted(COLOURS, key=len, reverse=True):
        value, words = COLOURS[name]
        pattern = _pattern(words)
        if pattern.search(text):
            colour = ImageColor.getrgb(value)
            return Manner(
                en=f"in {name}",
                zh=f"染成{COLOUR_NAMES_ZH[name]}",
                words=pattern,
                change=functools.partial(_tinted, colour=(colour[0], colour[1], colour[2])),
            )
    return None


def varied(image: Image.Image, *, seed: int) -> Image.Image:
    """Another picture like it: nearer or farther off, the other way round, in another light and hand; as the seed has it."""
    dice = random.Random(f"{seed} variation")  # noqa: S311 - a picture, not a secret
    width, height = image.size
    near = dice.uniform(1.06, 1.3)
    wide, high = width / near, height / near
    left, top = dice.uniform(0, width - wide), dice.uniform(0, height - high)
    image = image.resize((width, height), Image.Resampling.BICUBIC, box=(left, top, left + wide, top + high))
    if dice.random() < 0.5:  # noqa: PLR2004 - a coin
        image = ImageOps.mirror(image)
    image = _turned(image, dice.choice((-1, 1)) * dice.uniform(0.03, 0.1))
    image = ImageEnhance.Color(image).enhance(dice.uniform(0.85, 1.3))
    image = ImageEnhance.Brightness(image).enhance(dice.uniform(0.92, 1.08))
    image = dice.choice((_warm, _cool, _same, _same))(image)
    return dice.choice((_painted, _poster, _soft, _same, _same))(image)


# what they do ------------------------------------------------------------------------------------------------------------


def _same(image: Image.Image) -> Image.Image:
    return image


def _grey(image: Image.Image) -> Image.Image:
    return ImageOps.autocontrast(ImageOps.grayscale(image), cutoff=0.5).convert("RGB")


def _sepia(image: Image.Image) -> Image.Image:
    grey = ImageOps.grayscale(image)
    toned = ImageOps.colorize(grey, black="#2a1a0c", mid="#a47b4e", white="#fdf3dc")
    return _vignetted(ImageEnhance.Contrast(toned).enhance(0.92), 0.35)


def _night(image: Image.Image) -> Image.Image:
    pixels = _floats(image)
    luma = (pixels @ _LUMA)[..., None]
    toned = (luma * 0.55 + pixels * 0.45) ** 1.25 * np.array((0.30, 0.38, 0.66), dtype=np.float32)
    # Lamps and windows stay: what is brightest keeps some of its own light.
    glow = np.clip((luma - 0.82) / 0.18, 0, 1) * 0.35
    return _vignetted(_image(toned + np.array((0.01, 0.015, 0.05), dtype=np.float32) + pixels * glow), 0.3)


def _dark(image: Image.Image) -> Image.Image:
    return _image(_floats(image) ** 1.5 * 0.82)


def _bright(image: Image.Image) -> Image.Image:
    return _image(_floats(image) ** 0.72)


def _sunset(image: Image.Image) -> Image.Image:
    pixels = _floats(image) * np.array((1.08, 0.86, 0.68), dtype=np.float32)
    down = np.linspace(1, 0, image.height, dtype=np.float32)[:, None, None]
    glow = np.array((1.0, 0.55, 0.30), dtype=np.float32) * (0.18 + 0.12 * down)
    return _image(1 - (1 - pixels) * (1 - glow))


def _warm(image: Image.Image) -> Image.Image:
    return _image(_floats(image) * np.array((1.09, 1.0, 0.86), dtype=np.float32))


def _cool(image: Image.Image) -> Image.Image:
    return _image(_floats(image) * np.array((0.88, 0.99, 1.1), dtype=np.float32))


def _soft(image: Image.Image) -> Image.Image:
    blurred = image.filter(ImageFilter.GaussianBlur(min(image.size) / 90))
    return Image.blend(image, ImageChops.screen(image, blurred), 0.45)


def _blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(min(image.size) / 80))


def _sharp(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.UnsharpMask(radius=2, percent=140, threshold=2))


def _colourful(image: Image.Image) -> Image.Image:
    return ImageEnhance.Contrast(ImageEnhance.Color(image).enhance(1.55)).enhance(1.06)


def _pixels(image: Image.Image) -> Image.Image:
    edge = 80 / min(image.size)
    small = image.resize((max(1, round(image.width * edge)), max(1, round(image.height * edge))), Image.Resampling.BOX)
    few = ImageEnhance.Color(small).enhance(1.2).quantize(28, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return few.convert("RGB").resize(image.size, Image.Resampling.NEAREST)


def _poster(image: Image.Image) -> Image.Image:
    """Few colours, calm areas, dark outlines."""
    calm = _smoothed(image)
    bright = ImageEnhance.Color(calm).enhance(1.45)
    few = bright.quantize(14, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).convert("RGB")
    return ImageChops.multiply(few, _outlines(calm, strength=2.2).convert("RGB"))


def _painted(image: Image.Image) -> Image.Image:
    """Patches of colour with darker rims on grainy paper, as watercolour dries."""
    calm = _smoothed(image)
    washed = Image.blend(ImageEnhance.Color(calm).enhance(1.25), Image.new("RGB", image.size, "#fffaf0"), 0.12)
    rims = _outlines(calm, strength=1.1).convert("RGB")
    return ImageChops.multiply(ImageChops.multiply(washed, rims), _paper(image.size))


def _oil(image: Image.Image) -> Image.Image:
    calm = _smoothed(image)
    rich = ImageEnhance.Contrast(ImageEnhance.Color(calm).enhance(1.35)).enhance(1.1)
    relief = ImageOps.grayscale(calm).filter(ImageFilter.EMBOSS).filter(ImageFilter.GaussianBlur(0.8))
    return ImageChops.overlay(rich, Image.blend(Image.new("L", image.size, 128), relief, 0.55).convert("RGB"))


def _pencil(image: Image.Image) -> Image.Image:
    grey = ImageOps.grayscale(image)
    blurred = ImageOps.invert(grey).filter(ImageFilter.GaussianBlur(max(2.0, min(image.size) / 110)))
    lines = np.minimum(
        255.0, np.asarray(grey, np.float32) * 255.0 / np.maximum(1.0, 255.0 - np.asarray(blurred, np.float32))
    )
    shade = 0.72 + 0.28 * np.asarray(grey, np.float32) / 255.0
    drawn = Image.fromarray((lines * shade).astype(np.uint8))
    toned = ImageOps.colorize(ImageOps.autocontrast(drawn, cutoff=1), black="#2b2b33", white="#fbf8f1")
    return ImageChops.multiply(toned, _paper(image.size))


def _lines(image: Image.Image) -> Image.Image:
    lines = _outlines(_smoothed(image), strength=6.0)
    return ImageOps.colorize(lines, black="#22252b", white="#ffffff")


def _foggy(image: Image.Image) -> Image.Image:
    far = np.linspace(0.72, 0.25, image.height, dtype=np.float32)[:, None, None]
    air = np.array((0.9, 0.92, 0.94), dtype=np.float32)
    return _image((_floats(_blurred_a_little(image)) * (1 - far) + air * far).astype(np.float32))


def _blurred_a_little(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(min(image.size) / 400))


def _negative(image: Image.Image) -> Image.Image:
    return ImageOps.invert(image)


def _tinted(image: Image.Image, *, colour: tuple[int, int, int]) -> Image.Image:
    """Its light and dark, in shades of one colour; a little of its own colours stays."""
    dark = "#" + "".join(f"{round(value * 0.16):02x}" for value in colour)
    light = "#" + "".join(f"{round(255 - (255 - value) * 0.14):02x}" for value in colour)
    middle = "#" + "".join(f"{value:02x}" for value in colour)
    toned = ImageOps.colorize(
        ImageOps.autocontrast(ImageOps.grayscale(image), cutoff=0.5), black=dark, mid=middle, white=light
    )
    return Image.blend(image, toned, 0.78)


# what they are made of ---------------------------------------------------------------------------------------------------


def _floats(image: Image.Image) -> NDArray[np.float32]:
    return np.asarray(image, dtype=np.float32) / 255.0


def _image(pixels: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray((np.clip(pixels, 0, 1) * 255 + 0.5).astype(np.uint8))


def _smoothed(image: Image.Image) -> Image.Image:
    """Edges stay and grain goes; looked at in a smaller picture, since medians are slow."""
    share = min(1.0, 400 / max(image.size))
    small = image.resize(
        (max(8, round(image.width * share)), max(8, round(image.height * share))), Image.Resampling.BOX
    )
    for step in (3, 5, 3):
        small = small.filter(ImageFilter.MedianFilter(step))
    return small.resize(image.size, Image.Resampling.BICUBIC)


def _outlines(image: Image.Image, *, strength: float) -> Image.Image:
    """White, and dark where brightness changes fast."""
    grey = np.asarray(ImageOps.grayscale(image).filter(ImageFilter.GaussianBlur(1.2)), dtype=np.float32)
    across, down = np.abs(np.diff(grey, axis=1, prepend=grey[:, :1])), np.abs(np.diff(grey, axis=0, prepend=grey[:1]))
    scale = min(image.size) / 512
    return Image.fromarray(
        np.clip(255 - np.maximum(0, (across + down) * scale - 3) * 5 * strength, 0, 255).astype(np.uint8)
    )


def _paper(size: tuple[int, int]) -> Image.Image:
    """A light grain; always the same."""
    grain = np.random.default_rng(7).normal(246, 5, (size[1] // 2 + 1, size[0] // 2 + 1)).clip(0, 255).astype(np.uint8)
    return Image.fromarray(grain).resize(size, Image.Resampling.BICUBIC).convert("RGB")


def _vignetted(image: Image.Image, strength: float) -> Image.Image:
    wide, high = np.linspace(-1, 1, image.width, dtype=np.float32), np.linspace(-1, 1, image.height, dtype=np.float32)
    far = np.clip(np.hypot(wide[None, :], high[:, None]) - 0.6, 0, 1)[..., None]
    return _image((_floats(image) * (1 - strength * far)).astype(np.float32))


def _turned(image: Image.Image, share: float) -> Image.Image:
    """Its hues turned by a share of the circle."""
    hue, saturation, value = image.convert("HSV").split()
    turned = hue.point(lambda one: (one + round(share * 255)) % 256)
    return Image.merge("HSV", (turned, saturation, value)).convert("RGB")


def _pattern(words: str) -> re.Pattern[str]:
    """`words` between bars; words of letters stand alone, Chinese ones anywhere."""
    parts = [rf"\b{re.escape(one)}\b" if one.isascii() else re.escape(one) for one in words.split("|")]
    return re.compile("|".join(parts))


def _known(en: str, zh: str, words: str, change: Change) -> Manner:
    return Manner(en=en, zh=zh, words=_pattern(words), change=change, is_hand=en.startswith("as a"))


_MANNERS: Sequence[Manner] = (
    _known("mirrored", "左右翻转", "mirror|mirrored|flip|flipped|flip horizontally|镜像|翻转", ImageOps.mirror),
    _known("upside down", "上下颠倒", "upside down|颠倒|倒过来", ImageOps.flip),
    _known("brightened", "调亮", "brighter|brighten|lighter|lighten|调亮|更亮|亮一点", _bright),
    _known("darkened", "调暗", "darker|darken|调暗|更暗|暗一点", _dark),
    _known("in stronger colours", "色彩更浓", "vivid colours|vivid colors|more colourful|more colorful|saturated|more vivid|鲜艳|更鲜艳", _colourful),
    _known("in warmer light", "色调更暖", "warm|warmer|golden hour|autumn|autumnal|暖色|温暖|更暖|秋天", _warm),
    _known("in cooler light", "色调更冷", "cool|cooler|cold|winter|wintry|冷色|寒冷|更冷|冬天", _cool),
    _known("at sunset", "改成日落时分", "sunset|dusk|sunrise|dawn|evening|日落|黄昏|傍晚|晚霞|日出|黎明", _sunset),
    _known("at night", "改成夜晚", "night|midnight|nighttime|moonlight|moonlit|夜晚|夜里|晚上|深夜|夜景|月光", _night),
    _known("in fog", "笼罩在雾里", "fog|foggy|mist|misty|haze|雾|大雾|薄雾", _foggy),
    _known("softened", "柔化", "soft|softer|dreamy|glow|glowing|柔和|柔光|梦幻", _soft),
    _known("blurred", "模糊", "blur|blurred|blurry|out of focus|模糊|虚化", _blurred),
    _known("sharpened", "锐化", "sharp|sharper|sharpen|crisp|锐化|清晰|更清晰", _sharp),
    _known("as an oil painting", "改成油画", "oil painting|in oil|oil paint|impasto|van gogh|monet|impressionist|油画|印象派|梵高|莫奈", _oil),
    _known("as a watercolour", "改成水彩画", "watercolour|watercolor|watercolours|watercolors|painting|painted|gouache|水彩|水彩画|绘画", _painted),
    _known("as a poster in flat colours", "改成平涂海报", "poster|cartoon|comic|comic book|pop art|flat|vector|anime|posterise|posterize|海报|卡通|漫画|动漫|波普|平面|扁平", _poster),
    _known("as a pencil drawing", "改成铅笔素描", "pencil|pencil drawing|sketch|charcoal|drawing|素描|铅笔|手绘|草图", _pencil),
    _known("as a line drawing", "改成线稿", "line art|line drawing|outline|outlines|lineart|colouring page|coloring page|线稿|线描|轮廓|简笔画", _lines),
    _known("as pixel art", "改成像素画", "pixel art|pixelart|pixelate|pixelated|8-bit|8 bit|16-bit|像素|像素画", _pixels),
    _known("as an old photograph", "改成老照片", "sepia|vintage|retro|old photo|old photograph|antique|复古|老照片|怀旧|旧照片", _sepia),
    _known("in black and white", "改成黑白", "black and white|black-and-white|monochrome|greyscale|grayscale|b&w|noir|黑白|灰度|单色", _grey),
    _known("as a negative", "反色", "negative|invert|inverted colours|inverted colors|负片|反色|反相", _negative),
)  # fmt: skip
