"""cURL, as one pastes it into a shell."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_bash, json_text
from limner.web.console.snippets.request import Request


def code(request: Request) -> str:
    """The command."""
    headers = ("accept: application/json", f"authorization: Bearer {request.key}", "content-type: application/json")
    words = [
        f"curl {in_bash(request.url)}",
        *(f"  --header {in_bash(header)}" for header in headers),
        f"  --data {in_bash(json_text(request.body))}",
    ]
    return " \\\n".join(words) + "\n"
