"""JavaScript with fetch: in browsers, Node, Deno and Bun alike."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_javascript, name_in_javascript, quoted
from limner.web.console.snippets.request import Request


def code(request: Request) -> str:
    """The module."""
    fields = "".join(
        f"    {name_in_javascript(name)}: {in_javascript(value)},\n" for name, value in request.body.items()
    )
    return f"""\
const response = await fetch({quoted(request.url)}, {{
  method: "POST",
  headers: {{
    accept: "application/json",
    authorization: {quoted(f"Bearer {request.key}")},
    "content-type": "application/json",
  }},
  body: JSON.stringify({{
{fields}  }}),
}});

console.log(await response.text());
"""
