"""Markdown to HTML that a page can show: no HTML of its own, code in colours, headings to jump to. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NamedTuple

from limner.web.console.snippets import highlight

if TYPE_CHECKING:
    from markdown_it.token import Token

ADDRESS: Final = "http://127.0.0.1:8000"
"""What the guide's code calls, until it is shown to somebody."""
_LEXERS: Final[Mapping[str, str]] = {"sh": "bash", "js": "javascript"}
_LABELS: Final[Mapping[str, str]] = {
    "sh": "cURL",
    "python": "Python",
    "js": "JavaScript",
    "json": "JSON",
    "toml": "TOML",
}
_SHELL: Final = "Shell"
_WIDE: Final = re.compile(r"[\u3000-\u9fff\uff00-\uffef]$")
_TITLE_LEVEL: Final = "h1"
# Pages of the repository that the console shows in its own way.
_ELSEWHERE: Final[Mapping[str, str]] = {
    "api.md": "/docs/api",
    "errors.md": "/docs/errors",
    "models.md": "/docs/api#prices",
}

SizeOf = Callable[[str], tuple[int, int]]


class Copying(NamedTuple):
    """What the button says that copies a block of code, and what it says afterwards."""

    offer: str
    done: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """Something to jump to."""

    anchor: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A text as parts of a page: its title and first paragraph are plain, the rest is HTML."""

    title: str
    lead: str
    html: str
    headings: Sequence[Heading]


def rendered(text: str, *, address: str, pictures: str, size_of: SizeOf, copying: Copying) -> Rendered:
    """A chapter. `size_of` gives the pixels of a picture by its file's name."""
    from markdown_it import MarkdownIt
    from markdown_it.renderer import RendererHTML
    from markdown_it.token import Token

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(text.replace(ADDRESS, address))
    for token in tokens:
        _joined(token)
    title, lead, body = _opened(tokens)
    headings = _anchored(body)
    for token in body:
        for child in token.children or ():
            _led(child, pictures=pictures, size_of=size_of)
    _unlinked(body)
    renderer = RendererHTML()
    parts, plain = [], list[Token]()
    for token in body:
        if token.type != "fence":
            plain.append(token)
            continue
        parts += [renderer.render(plain, parser.options, {}), _code(token.content, token.info, copying)]
        plain = []
    parts.append(renderer.render(plain, parser.options, {}))
    html = "".join(parts).replace("<table>", '<div class="scroll"><table>').replace("</table>", "</table></div>")
    return Rendered(title=title, lead=lead, html=html, headings=headings)


def anchor(heading: str) -> str:
    """A heading as the part of an address, as readers of Markdown make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def _opened(tokens: Sequence[Token]) -> tuple[str, str, list[Token]]:
    """The title, the first paragraph, and what comes after them."""
    kinds = [token.type for token in tokens[:6]]
    shape = ["heading_open", "inline", "heading_close", "paragraph_open", "inline", "paragraph_close"]
    assert kinds == shape, "a chapter begins with its title and a paragraph"
    assert tokens[0].tag == _TITLE_LEVEL, "a chapter begins with its title"
    return _plain(tokens[1]), _plain(tokens[4]), list(tokens[6:])


def _joined(token: Token) -> None:
    """Where a line of Chinese was broken in the source, there is no space."""
    children = token.children or []
    for before, child in itertools.pairwise(children):
        if child.type == "softbreak" and _WIDE.search(before.content):
            child.type, child.content = "text", ""


def _plain(token: Token) -> str:
    return "".join(child.content if child.type != "softbreak" else " " for child in token.children or ())


def _anchored(tokens: Sequence[Token]) -> list[Heading]:
    headings = []
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            text = _plain(inline)
            opening.attrSet("id", anchor(text))
            headings.append(Heading(anchor=anchor(text), text=text))
    return headings


def _led(token: Token, *, pictures: str, size_of: SizeOf) -> None:
    """Where a link or a picture leads on a page, in place."""
    if token.type == "image":
        name = PurePosixPath(str(token.attrs["src"])).name
        width, height = size_of(name)
        token.attrs |= {"src": f"{pictures}/{name}", "width": width, "height": height}
    elif token.type == "link_open":
        token.attrs["href"] = _place(str(token.attrs["href"]))


def _place(href: str) -> str:
    name, _, part = href.partition("#")
    if name.startswith("../../"):
        return _ELSEWHERE.get(PurePosixPath(name).name, "")
    if name.endswith(".md"):
        return f"/docs/{name.removesuffix('.md')}" + (f"#{part}" if part else "")
    return href


def _unlinked(tokens: Sequence[Token]) -> None:
    """Links to what only the repository has are words here."""
    for token in tokens:
        kept, is_dropped = [], False
        for child in token.children or ():
            if child.type == "link_open" and not child.attrs["href"]:
                is_dropped = True
            elif child.type == "link_close" and is_dropped:
                is_dropped = False
            else:
                kept.append(child)
        if token.children is not None:
            token.children = kept


def _code(text: str, info: str, copying: Copying) -> str:
    """A block of code with its language above and a button that copies it."""
    from markupsafe import Markup

    language = info.split(" ", 1)[0]
    label = _SHELL if language == "sh" and "curl " not in text else _LABELS.get(language, language)
    return Markup(
        '<div class="night"><div class="bar"><span class="of">{}</span>'
        '<button type="button" class="copy" data-copy="{}" data-copied="{}"><span>{}</span></button></div>'
        '<pre tabindex="0"><code>{}</code></pre></div>\n'
    ).format(
        label, text.removesuffix("\n"), copying.done, copying.offer, highlight(text, _LEXERS.get(language, language))
    )
