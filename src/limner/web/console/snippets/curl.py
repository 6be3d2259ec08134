"""cURL, as one pastes it into a shell."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_bash, json_text
from limner.web.console.snippets.request import Request, in_form


def code(request: Request) -> str:
    """The command."""
    if request.is_form:
        return _form(request)
    headers = ("accept: application/json", f"authorization: Bearer {request.key}", "content-type: application/json")
    words = [
        f"curl {in_bash(request.url)}",
        *(f"  --header {in_bash(header)}" for header in headers),
        f"  --data {in_bash(json_text(request.body))}",
    ]
    return " \\\n".join(words) + "\n"


def _form(request: Request) -> str:
    # --form would read a file where a text begins with @ or <, --form-string does not.
    words = [
        f"curl {in_bash(request.url)}",
        "  --header 'accept: application/json'",
        f"  --header {in_bash(f'authorization: Bearer {request.key}')}",
        *(f"  --form-string {in_bash(f'{name}={in_form(value)}')}" for name, value in request.body.items()),
        *(f"  --form {in_bash(f'{name}=@{_file(file)}')}" for name, file in request.files),
    ]
    return " \\\n".join(words) + "\n"


def _file(name: str) -> str:
    """A file's name, in which curl would else read a comma or a semicolon."""
    if not set(name) & set(',;"\\'):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
