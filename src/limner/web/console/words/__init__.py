"""The console's words in other languages than English: gettext catalogues, one `.po` file for each page.

They are read as they are, at the first page in that language: nothing has to be compiled, and nothing can be stale.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from importlib import resources
from typing import Final, Literal

Language = Literal["en", "zh"]
LANGUAGES: Final[Mapping[Language, str]] = {"en": "English", "zh": "中文"}
"""Each by its own name."""
LOCALES: Final[Mapping[Language, str]] = {"en": "en", "zh": "zh_Hans_CN"}
"""As CLDR calls them: how numbers and dates are written."""
TAGS: Final[Mapping[Language, str]] = {"en": "en", "zh": "zh-CN"}
"""As browsers call them."""


class Words:
    """What each English sentence is in one language; English itself where nobody has said."""

    def __init__(self, said: Mapping[tuple[str | None, str], tuple[str, ...]]) -> None:
        self._said = said

    def gettext(self, message: str) -> str:
        """The sentence in this language."""
        return self._said.get((None, message), (message,))[0]

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """The same for a number of things. Of the languages here, only English tells one from many."""
        said = self._said.get((None, singular))
        return said[-1] if said else (singular if count == 1 else plural)

    def pgettext(self, context: str, message: str) -> str:
        """A sentence that means something else elsewhere."""
        return self._said.get((context, message), (message,))[0]


@functools.cache
def words_of(language: Language) -> Words:
    """All words of a language, of all pages."""
    said: dict[tuple[str | None, str], tuple[str, ...]] = {}
    if language != "en":
        from babel.messages.pofile import read_po

        for file in resources.files(__name__).joinpath(language).iterdir():
            if not file.name.endswith(".po"):
                continue
            with file.open("rb") as opened:
                for message in read_po(opened, locale=LOCALES[language]):
                    # The header has no id; what is not said yet, or may be wrong, is left in English.
                    if message.id and message.string and not message.fuzzy:
                        id_ = message.id if isinstance(message.id, str) else message.id[0]
                        strings = (message.string,) if isinstance(message.string, str) else tuple(message.string)
                        if all(strings):
                            said[message.context, id_] = strings
    return Words(said)


def preferred(accept_language: str) -> Language:
    """The language of ours that a browser would rather read, by its Accept-Language header."""
    best: tuple[float, Language] = (0.0, "en")
    for part in accept_language[:500].split(","):
        tag, _, parameters = part.strip().partition(";")
        name = tag.strip().partition("-")[0].lower()
        weight = _weight(parameters)
        for language in LANGUAGES:
            if name == language and weight > best[0]:
                best = (weight, language)
    return best[1]


def _weight(parameters: str) -> float:
    name, _, value = parameters.strip().partition("=")
    if name.strip().lower() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def N_(message: str) -> str:  # noqa: N802 - as gettext's tools know it
    """A sentence that is translated where it is shown, marked where it is written."""
    return message
