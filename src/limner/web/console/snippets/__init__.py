"""One request to the Images API, as code in the languages that people call it from: one module for each.

Every program sends exactly the request's body, prints the answer's text, and is what one would write by hand. A field is
a line of its own, so that a page can show which line a change has changed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from limner.web.console.snippets import curl, go, javascript, node, php, python_openai, python_requests
from limner.web.console.snippets.colours import highlight
from limner.web.console.snippets.request import Request, in_order

__all__ = ["Request", "Snippet", "highlight", "in_order", "snippets"]

_LANGUAGES: Final = (
    ("curl", "cURL", "bash", curl.code),
    ("python", "Python", "python", python_requests.code),
    ("python-openai", "OpenAI SDK", "python", python_openai.code),
    ("javascript", "JavaScript", "javascript", javascript.code),
    ("node", "Node", "javascript", node.code),
    ("go", "Go", "go", go.code),
    ("php", "PHP", "php", php.code),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A program. `language` names it in addresses and ids, `label` on the page, `lexer` to `highlight`."""

    language: str
    label: str
    lexer: str
    code: str


def snippets(request: Request) -> list[Snippet]:
    """The request in every language, in the order to show them."""
    return [
        Snippet(language=language, label=label, lexer=lexer, code=code(request))
        for language, label, lexer, code in _LANGUAGES
    ]
