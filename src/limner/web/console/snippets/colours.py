"""Code as HTML, its parts marked with a few classes that the stylesheet gives colours to."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from markupsafe import Markup
    from pygments.lexer import Lexer

CLASSES: Final = ("keyword", "string", "number", "name", "comment")
"""Each as `tok-...`: what is reserved, what is quoted, numbers, what is called or named, what is only for people."""


@functools.lru_cache(maxsize=256)
def highlight(code: str, lexer: str) -> Markup:
    """The code, each line of it a `<span class="line">` that ends with its line break. For a `pre`.

    `lexer` is a name that pygments knows; any other word leaves the code plain.
    """
    from markupsafe import Markup

    lines = [Markup("")]
    for kind, piece in _pieces(code.removesuffix("\n"), lexer):
        first, *others = (_marked(kind, part) for part in piece.split("\n"))
        lines[-1] += first
        lines += others
    return Markup("").join(Markup('<span class="line">{}\n</span>').format(line) for line in lines)


def _marked(kind: str, text: str) -> Markup:
    from markupsafe import Markup, escape

    return Markup('<span class="tok-{}">{}</span>').format(kind, text) if kind and text else escape(text)


def _pieces(code: str, lexer: str) -> Iterator[tuple[str, str]]:
    """The code from end to end, in pieces of one class ("" for none)."""
    for kind, tokens in itertools.groupby(_lexer(lexer).get_tokens(code), key=lambda token: _kind(token[0])):
        yield kind, "".join(text for _, text in tokens)


def _kind(token: Any) -> str:
    kinds = _kinds()
    return next((kinds[above] for above in reversed(token.split()) if above in kinds), "")


@functools.cache
def _kinds() -> dict[Any, str]:
    from pygments.token import Comment, Keyword, Literal, Name, Number, Operator, String

    return {
        Keyword: "keyword",
        Operator.Word: "keyword",
        String: "string",
        Literal: "string",
        Number: "number",
        Comment: "comment",
        Name.Function: "name",
        Name.Builtin: "name",
        Name.Tag: "name",
        Name.Attribute: "name",
    }


@functools.cache
def _lexer(name: str) -> Lexer:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return get_lexer_by_name("text", stripnl=False, ensurenl=False)
