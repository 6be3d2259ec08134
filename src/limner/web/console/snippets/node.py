"""Node with OpenAI's own package, which sends the fields that it does not know as they are."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_javascript, name_in_javascript, quoted
from limner.web.console.snippets.request import Request


def code(request: Request) -> str:
    """The module."""
    fields = "".join(f"  {name_in_javascript(name)}: {in_javascript(value)},\n" for name, value in request.body.items())
    return f"""\
import OpenAI from "openai";

const client = new OpenAI({{
  baseURL: {quoted(request.base_url)},
  apiKey: {quoted(request.key)},
}});

const response = await client.images.generate({{
{fields}}});

console.log(JSON.stringify(response, null, 2));
"""
