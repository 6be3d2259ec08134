"""Python with OpenAI's own package: the fields that it does not know go into `extra_body`."""

from __future__ import annotations

from typing import Final

from limner.web.console.snippets.literals import in_python, quoted
from limner.web.console.snippets.request import Request

KNOWN: Final = frozenset(
    {
        "model",
        "prompt",
        "n",
        "size",
        "quality",
        "style",
        "response_format",
        "output_format",
        "output_compression",
        "background",
        "moderation",
        "user",
        "safety_identifier",
        "partial_images",
        "stream",
    }
)
"""What `client.images.generate` takes by name, of what limner takes. Its `timeout` is another: how long to wait here."""


def code(request: Request) -> str:
    """The program."""
    arguments = [f"    {name}={in_python(value)},\n" for name, value in request.body.items() if name in KNOWN]
    extra = [
        f"        {quoted(name)}: {in_python(value)},\n" for name, value in request.body.items() if name not in KNOWN
    ]
    if extra:
        arguments += ["    extra_body={\n", *extra, "    },\n"]
    return f"""\
from openai import OpenAI

client = OpenAI(
    base_url={quoted(request.base_url)},
    api_key={quoted(request.key)},
)

response = client.images.generate(
{"".join(arguments)})
print(response.to_json())
"""
