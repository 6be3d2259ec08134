"""Which chapters there are, and each of them read and rendered once for a language and an address."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from limner.web.console.words import Language, words_of

if TYPE_CHECKING:
    from limner.web.console.guide.rendering import Heading

CHAPTERS: Final = (
    "apply",
    "basic",
    "parameters",
    "edits",
    "streaming",
    "callback",
    "webhooks",
    "tasks",
    "error-handling",
    "credits",
    "hosting",
    "conclusion",
)
"""In the order to read them."""
PICTURES: Final = "/docs/pictures"
"""Where the pages find the guide's pictures."""
_IN_REPOSITORY: Final = "docs/guide"
_UP_TO_REPOSITORY: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Chapter:
    """A chapter in one language. `html` is safe to show as it stands; `headings` are those to jump to."""

    slug: str
    title: str
    lead: str
    html: str
    headings: Sequence[Heading]


def slugs() -> tuple[str, ...]:
    """The chapters' names in addresses."""
    return CHAPTERS


@functools.lru_cache(maxsize=64)
def chapter(slug: str, *, language: Language, address: str) -> Chapter:
    """A chapter, its code calling `address`. KeyError if there is none of that name."""
    from limner.web.console.guide.rendering import Copying, rendered

    if slug not in CHAPTERS:
        raise KeyError(slug)
    text = _source().joinpath(language, f"{slug}.md").read_text(encoding="utf-8")
    words = words_of(language).gettext
    copying = Copying(offer=words("Copy"), done=words("Copied"))
    made = rendered(text, address=address, pictures=PICTURES, size_of=_size_of, copying=copying)
    return Chapter(slug=slug, title=made.title, lead=made.lead, html=made.html, headings=made.headings)


@functools.cache
def picture(name: str) -> bytes:
    """A picture of the guide, as WebP. KeyError if there is none of that name."""
    files = {file.name: file for file in _source().joinpath("pictures").iterdir() if file.name.endswith(".webp")}
    return files[name].read_bytes()


@functools.cache
def _size_of(name: str) -> tuple[int, int]:
    import io

    from PIL import Image

    with Image.open(io.BytesIO(picture(name))) as opened:
        return opened.size


def _source() -> Traversable:
    packed = resources.files(__package__).joinpath("pages")
    return packed if packed.is_dir() else Path(__file__).parents[_UP_TO_REPOSITORY] / _IN_REPOSITORY
