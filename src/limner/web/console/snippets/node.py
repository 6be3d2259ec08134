"""Node with OpenAI's own package, which sends the fields that it does not know as they are."""

from __future__ import annotations

from limner.web.console.snippets.literals import SAFE_INTEGER_MAX, in_javascript, name_in_javascript, quoted
from limner.web.console.snippets.request import Request, Value, in_form


def code(request: Request) -> str:
    """The module."""
    body = request.body
    if request.is_form:
        body = {name: _plain(value) for name, value in body.items()}
    fields = "".join(f"  {name_in_javascript(name)}: {in_javascript(value)},\n" for name, value in body.items())
    fields += "".join(_files(request))
    reads = 'import fs from "node:fs";\n' if request.is_form else ""
    return f"""\
{reads}import OpenAI from "openai";

const client = new OpenAI({{
  baseURL: {quoted(request.base_url)},
  apiKey: {quoted(request.key)},
}});

const response = await client.images.{"edit" if request.is_form else "generate"}({{
{fields}}});

console.log(JSON.stringify(response, null, 2));
"""


def _files(request: Request) -> list[str]:
    opened = [f"fs.createReadStream({quoted(name)})" for name in request.images]
    if len(opened) > 1:
        lines = ["  image: [\n", *(f"    {one},\n" for one in opened), "  ],\n"]
    else:
        lines = [f"  image: {one},\n" for one in opened]
    return lines + ([f"  mask: fs.createReadStream({quoted(request.mask)}),\n"] if request.mask is not None else [])


def _plain(value: Value) -> Value:
    """What the package would take apart, or JavaScript round, as JSON."""
    is_large = isinstance(value, int) and abs(value) > SAFE_INTEGER_MAX
    return in_form(value) if is_large or isinstance(value, (list, dict)) else value
