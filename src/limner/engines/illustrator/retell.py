"""What was done to a given picture, in words: its `revised_prompt`, as true as `describe` is of a picture from words alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from limner.engines.illustrator.describe import describe, gaps_told, subjects_told
from limner.engines.illustrator.missing import forbidden_yet_drawn, not_drawn
from limner.engines.illustrator.retouch import REMOVES, SIDE_BY_SIDE, Told
from limner.engines.illustrator.scene import Wish

Names = Mapping[str, Mapping[str, str]]
# Words that only say that something is to be done, not what.
_ERRANDS = frozenset(
    (
        *("add", "put", "make", "turn", "turned", "change", "edit", "render", "redraw", "place", "style", "please"),
        *(
            "picture",
            "image",
            "photo",
            "photograph",
            "here",
            "there",
            "into",
            "it",
            "this",
            "at",
            "in",
            "as",
            "a",
            "an",
        ),
        *("the", "of", "with", "like"),
    )
)
_ERRANDS_ZH = re.compile(
    "(?:把|将|请|给|它|这|这张|这幅|图|图片|图像|照片|画面|原图|改|改成|变|变成|换成|转成|转换成|加|加上|添加|放|放上|这里|那里|风格|样子|一下|的)+"
)


def retell(told: Told, wish: Wish, *, prompt: str, names: Names, kinds: Mapping[str, str]) -> str:
    """One or two sentences, in the wish's language. `prompt`: as the caller said it."""
    zh = wish.language == "zh"
    if told.is_variation:
        return "Another picture like the given one, in other light and colours, cut anew."
    scene = told.place or told.added
    missing = not_drawn(scene, wish) if scene is not None else [said.text for said in wish.said]
    prompt = prompt.casefold()
    is_removed = told.is_filled and REMOVES.search(prompt) is not None
    missing = [item for item in missing if not is_removed and not _is_done(item, told, prompt=prompt)]
    unused = _unused_zh(told) if zh else _unused_en(told)
    gaps = unused + gaps_told(
        missing, forbidden_yet_drawn(scene, wish) if scene is not None else [], language=wish.language
    )
    if told.place is not None:
        inside = describe(told.place, wish, names=names, kinds=kinds) + unused
        return (
            f"在原图的蒙版透明处：{inside}"
            if zh
            else f"The given picture; where it was to be painted anew: {_small(inside)}"
        )
    parts = (_parts_zh if zh else _parts_en)(told, wish, names=names, kinds=kinds)
    return (f"原图{''.join(f'，{one}' for one in parts)}。" if zh else f"The given picture{_joined(parts)}.") + gaps


def _parts_en(told: Told, wish: Wish, *, names: Names, kinds: Mapping[str, str]) -> list[str]:
    parts = [f"with {_pictures(told.laid_on)} laid on it"] if told.laid_on else []
    parts += [f"side by side with {_pictures(told.beside)}"] if told.beside else []
    parts += [manner.en for manner in told.manners]
    if told.added is not None:
        parts.append(f"with {subjects_told(told.added, wish, names=names, kinds=kinds).rstrip(',')} added")
    if told.is_filled:
        parts.append("with what is around it grown into the place that was to be painted anew")
    if told.set_in:
        parts.append("with the second one set into the place that was to be painted anew")
    return parts or ["as it was"]


def _unused_en(told: Told) -> str:
    return f" Not used: {_pictures(told.unused)}." if told.unused else ""


def _parts_zh(told: Told, wish: Wish, *, names: Names, kinds: Mapping[str, str]) -> list[str]:
    parts = [f"上面放了另外{told.laid_on}张图"] if told.laid_on else []
    parts += [f"与另外{told.beside}张图拼在一起"] if told.beside else []
    parts += [manner.zh for manner in told.manners]
    if told.added is not None:
        parts.append(f"加上{subjects_told(told.added, wish, names=names, kinds=kinds)}")
    if told.is_filled:
        parts.append("蒙版处用周围的画面补全")
    if told.set_in:
        parts.append("蒙版处放入第二张图")
    return parts or ["没有改动"]


def _unused_zh(told: Told) -> str:
    return f"另外{told.unused}张图没有用上。" if told.unused else ""


def _pictures(count: int) -> str:
    return "another picture" if count == 1 else f"{count} other pictures"


def _joined(parts: Sequence[str]) -> str:
    return "".join(f"{',' if place else ''} {one}" for place, one in enumerate(parts))


def _small(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]


def _is_done(item: str, told: Told, *, prompt: str) -> bool:
    """Whether a piece of the prompt that the reader of scenes did not understand was done all the same, or says nothing."""
    text = item.casefold().partition("\n")[0]
    return (
        any(text in match[0] for one in told.manners for match in one.words.finditer(prompt))
        or set(_without(text, told).split()) <= _ERRANDS
        or _ERRANDS_ZH.fullmatch(text) is not None
        or (told.beside > 0 and SIDE_BY_SIDE.search(text) is not None)
    )


def _without(text: str, told: Told) -> str:
    for one in told.manners:
        text = one.words.sub(" ", text)
    return text
