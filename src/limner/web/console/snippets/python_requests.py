"""Python with requests: what the documentation of this API has always shown."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_python, quoted
from limner.web.console.snippets.request import Request, Value, in_form


def code(request: Request) -> str:
    """The program."""
    if request.is_form:
        return _form(request)
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


def _form(request: Request) -> str:
    fields = "".join(f"    {quoted(name)}: {in_python(_plain(value))},\n" for name, value in request.body.items())
    files = "".join(f'    ({quoted(name)}, open({quoted(file)}, "rb")),\n' for name, file in request.files)
    return f"""\
import requests

url = {quoted(request.url)}

headers = {{
    "accept": "application/json",
    "authorization": {quoted(f"Bearer {request.key}")},
}}

payload = {{
{fields}}}

files = [
{files}]

response = requests.post(url, data=payload, files=files, headers=headers)
print(response.text)
"""


def _plain(value: Value) -> Value:
    """What requests would not write into a form as JSON does, as JSON."""
    return in_form(value) if isinstance(value, (bool, list, dict)) else value
