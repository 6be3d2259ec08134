"""Whether a word says that there are several, and whether one drawing shows a pair."""

from __future__ import annotations

# One drawing of these shows the pair.
_PAIRS = frozenset(
    (
        "woman-and-man-holding-hands",
        "people-holding-hands",
        "socks",
        "gloves",
        "jeans",
        "glasses",
        "sunglasses",
        "chopsticks",
    )
)
_PAIR_WORDS = frozenset(("一对", "一双", "a pair of", "pair of"))
_PLURAL_WITHOUT_S = frozenset(("people", "men", "women", "children", "mice", "geese", "oxen", "cacti"))


# Ends in s, and one drawing shows it all.
_SINGULAR_IN_S = frozenset(
    [
        "sunglasses",
        "glasses",
        "books",
        "houses",
        "jeans",
        "shorts",
        "scissors",
        "sparkles",
        "fireworks",
        "stack of books",
        "bunch of grapes",
        "grapes",
        "headphones",
        "pancakes",
        "chopsticks",
        "french fries",
        "fries",
        "skis",
        "noodles",
        "clothes",
        "lovers",
        "friends",
        "trousers",
        "pants",
        "peanuts",
        "beans",
        "cherries",
        "dumplings",
        "bubbles",
        "footprints",
        "musical notes",
        "socks",
        "gloves",
        "goggles",
        "chips",
        "noodles",
        "binoculars",
        "stairs",
        "tickets",
    ]
)


def is_plural(word: str) -> bool:
    """Whether the word is a plural by its form."""
    if word in _PLURAL_WITHOUT_S:
        return True
    return (
        word.isascii() and word.endswith("s") and not word.endswith(("ss", "us", "is")) and word not in _SINGULAR_IN_S
    )


def is_drawn_as_a_pair(slug: str, *, count_word: str) -> bool:
    """Whether one drawing is what "a pair of" asks for."""
    return slug in _PAIRS and count_word in _PAIR_WORDS
