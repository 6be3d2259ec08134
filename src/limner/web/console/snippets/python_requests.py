"""Python with requests: what the documentation of this API has always shown."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_python, quoted
from limner.web.console.snippets.request import Request


def code(request: Request) -> str:
    """The program."""
    fields = "".join(f"    {quoted(name)}: {in_python(value)},\n" for name, value in request.body.items())
    return f"""\
import requests

url = {quoted(request.url)}

headers = {{
    "accept": "application/json",
    "authorization": {quoted(f"Bearer {request.key}")},
    "content-type": "application/json",
}}

payload = {{
{fields}}}

response = requests.post(url, json=payload, headers=headers)
print(response.text)
"""
