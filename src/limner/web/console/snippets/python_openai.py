"""Python with OpenAI's own package: the fields that it does not know go into `extra_body`."""

from __future__ import annotations

from typing import Final

from limner.web.console.snippets.literals import in_python, quoted
from limner.web.console.snippets.request import Request, in_form

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
        "complexity",
        "frame_count",
        "frame_duration_ms",
        "svg",
    }
)
"""What `client.images.generate` takes by name, of what limner takes. Its `timeout` is another: how long to wait here."""

KNOWN_OF_EDITS: Final = (KNOWN - {"style", "moderation"}) | {"input_fidelity"}
"""The same of `client.images.edit`, beside the pictures."""


def code(request: Request) -> str:
    """The program."""
    known = KNOWN_OF_EDITS if request.is_form else KNOWN
    body = request.body
    if request.is_form:
        # A form has no lists and objects: they go as the JSON that they are, and by name the package would take them apart.
        known -= {name for name, value in body.items() if isinstance(value, (list, dict))}
        body = {name: in_form(value) if isinstance(value, (list, dict)) else value for name, value in body.items()}
    arguments = [f"    {name}={in_python(value)},\n" for name, value in body.items() if name in known]
    arguments += _files(request)
    extra = [f"        {quoted(name)}: {in_python(value)},\n" for name, value in body.items() if name not in known]
    if extra:
        arguments += ["    extra_body={\n", *extra, "    },\n"]
    return f"""\
from openai import OpenAI

client = OpenAI(
    base_url={quoted(request.base_url)},
    api_key={quoted(request.key)},
)

response = client.images.{"edit" if request.is_form else "generate"}(
{"".join(arguments)})
print(response.to_json())
"""


def _files(request: Request) -> list[str]:
    opened = [f'open({quoted(name)}, "rb")' for name in request.images]
    if len(opened) > 1:
        lines = ["    image=[\n", *(f"        {one},\n" for one in opened), "    ],\n"]
    else:
        lines = [f"    image={one},\n" for one in opened]
    return lines + ([f'    mask=open({quoted(request.mask)}, "rb"),\n'] if request.mask is not None else [])
