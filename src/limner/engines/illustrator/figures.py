"""Whole figures for what the art shows only the head or the bust of: a drawn body below, in the head's own colours.

Animals sit, with belly, paws and a tail; people stand like little wooden dolls. All fit the art's 128 x 128 box, and all
colours are written as hex so that recolouring and light reach them like any other.
"""

from __future__ import annotations

from dataclasses import dataclass

from limner.engines.illustrator.colour import shift

HEAD = 0.64
BUST = 0.66


@dataclass(frozen=True, slots=True, kw_only=True)
class Coat:
    """An animal's colours: fur, belly, arms and feet, and what tail it has."""

    fur: str
    belly: str
    arms: str
    feet: str
    tail: str = "none"
    tip: str = "#ffffff"
    legs: str = ""


COATS = {
    "fox": Coat(fur="#ff6011", belly="#f4ede6", arms="#f0560c", feet="#4a4442", tail="brush", tip="#f4ede6"),
    "wolf": Coat(fur="#a8a8a8", belly="#e0e0e0", arms="#9a9a9a", feet="#8a8a8a", tail="brush", tip="#d8d8d8"),
    "bear": Coat(fur="#855b52", belly="#b99277", arms="#77504a", feet="#6b4640", tail="bob"),
    "polar-bear": Coat(fur="#f1f6f8", belly="#ffffff", arms="#dfe8ec", feet="#cfd8dc", tail="bob"),
    "panda": Coat(fur="#fafafa", belly="#ffffff", arms="#4d4d4d", feet="#434343", tail="bob"),
    "koala": Coat(fur="#b0b0b0", belly="#e4e4e4", arms="#a2a2a2", feet="#8f8f8f"),
    "lion": Coat(fur="#fec000", belly="#ffd899", arms="#f0b000", feet="#e8a200", tail="tuft", tip="#865c50"),
    "hamster": Coat(fur="#f2a159", belly="#fff1e2", arms="#ea944a", feet="#ffc9b0", tail="bob"),
    "frog": Coat(fur="#b7d019", belly="#e6ef9a", arms="#a6bf12", feet="#8ea60f"),
    "moose": Coat(fur="#a4725e", belly="#c69a82", arms="#946352", feet="#4d3129", tail="bob"),
    "unicorn": Coat(fur="#ececec", belly="#fafafa", arms="#dcdcdc", feet="#b0b0b0", tail="plume", tip="#e74b8c"),
    "boar": Coat(fur="#865b52", belly="#a67a6c", arms="#784e46", feet="#4a312b", tail="bob"),
    "dragon-face": Coat(fur="#06aa46", belly="#bcce45", arms="#05993e", feet="#04883a", tail="brush", tip="#fdb20d"),
    "chicken": Coat(fur="#ececec", belly="#fafafa", arms="#dcdcdc", feet="#fbbb02", tail="plume", tip="#dcdcdc"),
    "robot": Coat(fur="#90a4ae", belly="#cfd8dc", arms="#78909c", feet="#607d8b"),
    "alien": Coat(fur="#adbcc3", belly="#c9d5da", arms="#9aabb3", feet="#8c9ea7"),
    "cat-face": Coat(fur="#ffc022", belly="#fff1d0", arms="#ffb000", feet="#ff9a00", tail="tuft", tip="#ff8a00"),
    "dog-face": Coat(fur="#ffd6b8", belly="#fff3e8", arms="#f5c4a2", feet="#8d6457", tail="tuft", tip="#8d6457"),
    "cow-face": Coat(fur="#fafafa", belly="#ffffff", arms="#c9a27e", feet="#5f4037", tail="tuft", tip="#5f4037"),
    "horse-face": Coat(fur="#e0a060", belly="#edbd8a", arms="#d09052", feet="#6d4c41", tail="plume", tip="#6d4c41"),
    "tiger-face": Coat(fur="#ff9a1f", belly="#fff3e0", arms="#f58c10", feet="#4d4d4d", tail="tuft", tip="#4d4d4d"),
}
_HEADS_OF_PEOPLE = {
    "boy": "#3f8fd2", "girl": "#e0709f", "child": "#f0a63c", "baby": "#a9d8f5", "person": "#3fa37a", "man": "#3f8fd2", "woman": "#e2574c",
    "old-man": "#7d8f9f", "old-woman": "#a07fb5", "princess": "#e77fb4", "prince": "#4f6fd0", "person-with-crown": "#8e4fd0",
    "santa-claus": "#d8322c", "mrs-claus": "#d8322c", "mx-claus": "#d8322c",
}  # fmt: skip
_DRESSES = frozenset(("girl", "princess", "old-woman", "woman", "mrs-claus"))
_SKIN = "#ffca28"


def whole(slug: str, head: str, *, is_person: bool, cloth: str | None) -> str | None:
    """The whole figure around the drawing `head`; None when the drawing is whole already.

    `cloth`: for busts, the colour of their clothes where the drawing ends.
    """
    if slug in COATS:
        return _animal(COATS[slug], head)
    if slug in _HEADS_OF_PEOPLE:
        return _doll(head, cloth=_HEADS_OF_PEOPLE[slug], dress=slug in _DRESSES, scale=HEAD)
    if is_person and cloth is not None:
        return _doll(head, cloth=cloth, dress=False, scale=BUST)
    return None


def _animal(coat: Coat, head: str) -> str:
    return "".join(
        (
            _tail(coat),
            f'<path fill="{coat.fur}" d="M64 58C88 60 97 84 97 104C97 120 86 125 64 125C42 125 31 120 31 104C31 84 40 60 64 58Z"/>',
            f'<ellipse fill="{coat.belly}" cx="64" cy="103" rx="19.5" ry="20"/>',
            _limb(coat.arms, "M40.500 80C37 90 39 97 46 104"),
            _limb(coat.arms, "M87.500 80C91 90 89 97 82 104"),
            f'<ellipse fill="{coat.feet}" cx="44" cy="119.500" rx="15" ry="8"/><ellipse fill="{coat.feet}" cx="84" cy="119.500" rx="15" ry="8"/>',
            f'<ellipse fill="{shift(coat.feet, 0.07)}" cx="43" cy="118" rx="9" ry="4"/><ellipse fill="{shift(coat.feet, 0.07)}" cx="85" cy="118" rx="9" ry="4"/>',
            f'<g transform="translate({64 - 64 * HEAD:.2f} -1) scale({HEAD})">{head}</g>',
        )
    )


def _limb(colour: str, path: str) -> str:
    return f'<path d="{path}" fill="none" stroke="{colour}" stroke-width="13" stroke-linecap="round"/>'


def _tail(coat: Coat) -> str:
    if coat.tail == "brush":
        return (
            f'<path fill="{coat.fur}" d="M84 122C108 126 127 108 122 84C120 74 115 68 111 66C111 82 104 94 88 102Z"/>'
            f'<path fill="{coat.tip}" d="M122 84C120 74 115 68 111 66C111 74 109 80 106 85C112 84 117 85 122.500 90C122.700 88 122.500 86 122 84Z"/>'
        )
    if coat.tail == "tuft":
        return (
            f'<path d="M88 116C108 118 116 104 112 88" fill="none" stroke="{coat.fur}" stroke-width="6.500" stroke-linecap="round"/>'
            f'<ellipse fill="{coat.tip}" cx="112" cy="84" rx="6.500" ry="9.500" transform="rotate(12 112 84)"/>'
        )
    if coat.tail == "plume":
        return (
            f'<path fill="{coat.tip}" d="M86 116C104 124 122 116 121 98C120 88 116 82 110 80C114 90 110 100 90 104Z"/>'
            f'<path fill="{shift(coat.tip, 0.08)}" d="M92 113C104 116 113 110 114 98C113 93 113 90 112 87C114 97 108 106 92 109Z"/>'
        )
    if coat.tail == "bob":
        return f'<circle fill="{coat.arms}" cx="96" cy="113" r="8"/>'
    return ""


def _doll(head: str, *, cloth: str, dress: bool, scale: float) -> str:
    dark, deep = shift(cloth, -0.09), shift(cloth, -0.16)
    top = 74
    if dress:
        body = (
            f'<path fill="{cloth}" d="M52 {top}H76C80 92 88 104 92 113C83 118 45 118 36 113C40 104 48 92 52 {top}Z"/>'
        )
        body += f'<path fill="{dark}" d="M38.500 108.500C52 113 76 113 89.500 108.500L92 113C83 118 45 118 36 113Z"/>'
    else:
        body = f'<path fill="{deep}" d="M47 100H81V118C81 121 67 121 66 118L64 108L62 118C61 121 47 121 47 118Z"/>'
        body += f'<path fill="{cloth}" d="M46 {top}C40 84 42 98 44 107C52 110 76 110 84 107C86 98 88 84 82 {top}Z"/>'
    return "".join(
        (
            f'<path fill="{_SKIN}" d="M51 112H59V121H51ZM69 112H77V121H69Z"/>' if dress else "",
            '<path fill="#4a3b36" d="M44 123.500C44 117 60 117 60 123.500ZM68 123.500C68 117 84 117 84 123.500Z"/>',
            body,
            f'<path d="M47 84C40 90 38 96 38.500 101" fill="none" stroke="{dark}" stroke-width="8.500" stroke-linecap="round"/>',
            f'<path d="M81 84C88 90 90 96 89.500 101" fill="none" stroke="{dark}" stroke-width="8.500" stroke-linecap="round"/>',
            f'<circle fill="{_SKIN}" cx="38.500" cy="103" r="4.600"/><circle fill="{_SKIN}" cx="89.500" cy="103" r="4.600"/>',
            f'<g transform="translate({64 - 64 * scale:.2f} {82 - 124 * scale:.2f}) scale({scale})">{head}</g>',
        )
    )


def of_our_own(slug: str) -> str | None:
    """Drawings of our own for nouns that the art does not have."""
    return _EXTRAS.get(slug)


EXTRA_KINDS = {"lighthouse": "place-building", "windmill": "place-building", "hot-air-balloon": "transport-air"}
EXTRA_NAMES = {
    "lighthouse": {"en": "lighthouse", "zh": "灯塔"},
    "windmill": {"en": "windmill", "zh": "风车"},
    "hot-air-balloon": {"en": "hot air balloon", "zh": "热气球"},
}
_EXTRAS = {
    "lighthouse": (
        '<path fill="#8d8f98" d="M24 124C28 112 42 108 64 108C86 108 100 112 104 124Z"/><path fill="#74767f" d="M60 124C66 114 90 112 104 124Z"/>'
        '<path fill="#f7f4ee" d="M50 40H78L86 112H42Z"/><path fill="#e0dcd4" d="M68 40H78L86 112H70Z"/>'
        '<path fill="#d8372f" d="M48.300 55H79.700L81.500 71H46.500ZM44.700 87H83.300L85.100 103H42.900Z"/><path fill="#b32a26" d="M68.600 55H79.700L81.500 71H69ZM69.300 87H83.300L85.100 103H69.700Z"/>'
        '<rect fill="#41464f" x="44" y="36" width="40" height="6" rx="2"/><rect fill="#ffe27a" x="52" y="20" width="24" height="17"/>'
        '<path fill="#41464f" d="M62 20H66V37H62ZM51 19H54V37H51ZM74 19H77V37H74Z"/><path fill="#d8372f" d="M47 20C52 9 58 7 64 4C70 7 76 9 81 20Z"/>'
        '<path fill="#5b4136" d="M58 112V102C58 94 70 94 70 102V112Z"/><rect fill="#5f8fb0" x="60" y="75" width="8" height="8" rx="2"/>'
    ),
    "windmill": (
        '<path fill="#f1e3cb" d="M48 58H80L90 124H38Z"/><path fill="#d9c6a5" d="M66 58H80L90 124H70Z"/><path fill="#b5533c" d="M44 60C46 44 56 38 64 36C72 38 82 44 84 60Z"/>'
        '<path fill="#6b4632" d="M57 124V110C57 102 71 102 71 110V124Z"/><rect fill="#7fb3cf" x="58" y="78" width="12" height="12" rx="2"/>'
        '<g transform="rotate(22 64 52)">'
        + "".join(
            f'<g transform="rotate({turn} 64 52)"><path fill="#8a5a3c" d="M62.500 52V6H65.500V52Z"/><path fill="#fff8ea" d="M66 44V8H79V44Z"/>'
            '<path d="M66 17H79M66 26H79M66 35H79M72.500 8V44" stroke="#c9a67e" stroke-width="1.400" fill="none"/></g>'
            for turn in (0, 90, 180, 270)
        )
        + '</g><circle fill="#6b4632" cx="64" cy="52" r="5"/>'
    ),
    "hot-air-balloon": (
        '<path d="M48 86L56 106M80 86L72 106" stroke="#8a6a4a" stroke-width="1.800" fill="none"/>'
        '<path fill="#e8433a" d="M64 4C92 4 108 24 108 46C108 66 88 82 76 92H52C40 82 20 66 20 46C20 24 36 4 64 4Z"/>'
        '<path fill="#ffc93c" d="M64 4C76 4 86 22 86 46C86 66 76 82 70 92H58C52 82 42 66 42 46C42 22 52 4 64 4Z"/>'
        '<path fill="#3f8fe0" d="M64 4C69 4 74 22 74 46C74 66 70 82 67 92H61C58 82 54 66 54 46C54 22 59 4 64 4Z"/>'
        '<path fill="#ffffff" fill-opacity="0.25" d="M44 12C32 20 27 34 28 46C30 32 36 22 48 12Z"/>'
        '<path fill="#c2342d" d="M52 92H76L74.500 96H53.500Z"/><path fill="#a9713f" d="M54 106H74L72 123C72 125 56 125 56 123Z"/><rect fill="#8a5a30" x="52.500" y="104" width="23" height="4.500" rx="2"/>'
    ),
}  # fmt: skip
