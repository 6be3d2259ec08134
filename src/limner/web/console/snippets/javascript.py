"""JavaScript with fetch: in browsers, Node, Deno and Bun alike."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_javascript, name_in_javascript, quoted
from limner.web.console.snippets.request import Request, in_form


def code(request: Request) -> str:
    """The module."""
    if request.is_form:
        return _form(request)
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


def _form(request: Request) -> str:
    """In Node, Deno and Bun: in browsers, files come from a page."""
    fields = "".join(
        f"form.append({quoted(name)}, {quoted(in_form(value))});\n" for name, value in request.body.items()
    )
    files = "".join(
        f"form.append({quoted(name)}, await openAsBlob({quoted(file)}), {quoted(file)});\n"
        for name, file in request.files
    )
    return f"""\
import {{ openAsBlob }} from "node:fs";

const form = new FormData();
{fields}{files}
const response = await fetch({quoted(request.url)}, {{
  method: "POST",
  headers: {{
    accept: "application/json",
    authorization: {quoted(f"Bearer {request.key}")},
  }},
  body: form,
}});

console.log(await response.text());
"""
