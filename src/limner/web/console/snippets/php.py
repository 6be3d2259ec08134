"""PHP with its curl extension."""

from __future__ import annotations

from limner.web.console.snippets.literals import in_php
from limner.web.console.snippets.request import Request, in_form


def code(request: Request) -> str:
    """The script."""
    if request.is_form:
        return _form(request)
    fields = "".join(f"        {in_php(name)} => {in_php(value)},\n" for name, value in request.body.items())
    return f"""\
<?php

$curl = curl_init({in_php(request.url)});
curl_setopt_array($curl, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => [
        'accept: application/json',
        {in_php(f"authorization: Bearer {request.key}")},
        'content-type: application/json',
    ],
    CURLOPT_POSTFIELDS => json_encode([
{fields}    ]),
]);

$answer = curl_exec($curl);
if ($answer === false) {{
    exit(curl_error($curl));
}}
echo $answer, PHP_EOL;
"""


def _form(request: Request) -> str:
    fields = "".join(f"        {in_php(name)} => {in_php(in_form(value))},\n" for name, value in request.body.items())
    files = "".join(f"        {in_php(name)} => new CURLFile({in_php(file)}),\n" for name, file in request.files)
    return f"""\
<?php

$curl = curl_init({in_php(request.url)});
curl_setopt_array($curl, [
    CURLOPT_RETURNTRANSFER => true,
    CURLOPT_HTTPHEADER => [
        'accept: application/json',
        {in_php(f"authorization: Bearer {request.key}")},
    ],
    CURLOPT_POSTFIELDS => [
{fields}{files}    ],
]);

$answer = curl_exec($curl);
if ($answer === false) {{
    exit(curl_error($curl));
}}
echo $answer, PHP_EOL;
"""
