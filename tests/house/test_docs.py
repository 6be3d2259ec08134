"""What is written down is what is there: generated pages, names, links, numbers."""

from __future__ import annotations

import importlib.util
import re
import tomllib
from functools import cache
from pathlib import Path
from types import ModuleType
from urllib.parse import unquote

import pytest

import limner
from limner import bootstrap, config
from limner.engines.openai_relay.options import DIALECT_NAMES
from limner.web.dialects.images.differences import WORDS

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"```.*?```", re.DOTALL)
TOML = re.compile(r"^```toml\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)|<(?:img|a) [^>]*?(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
OUTSIDE = ("http://", "https://", "mailto:")
# In pieces, so that this file does not name them either.
INDEX_HOSTS = tuple(
    ".".join(parts) for parts in (("py" + "pi", "org"), ("python" + "hosted", "org"), ("registry", "npm" + "js"))
)


def pages() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@cache
def tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def generated() -> dict[str, str]:
    made: dict[str, str] = tool("generate_docs").pages()
    return made


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "name", ["docs/errors.md", "docs/configuration.md", "docs/commands.md", "docs/models.md", "limner.example.toml"]
)
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    assert read(name) == generated()[name], f"{name} is behind the code: run `make docs`"


def test_every_problem_has_its_words_and_every_word_its_problem() -> None:
    assert set(tool("generate_docs").problems()) == set(WORDS)


@pytest.mark.parametrize("code", WORDS)
def test_every_error_is_documented_in_both_languages(code: str) -> None:
    page, words = read("docs/errors.md"), WORDS[code]
    assert f'id="{code}"' in page
    assert f"`{words.vendor.code}`" in page
    assert f"`{words.openai.code}`" in page


def test_every_setting_is_documented_with_its_variable() -> None:
    page, example = read("docs/configuration.md"), read("limner.example.toml")
    for known in config.known_settings():
        assert f"`{known.name}`" in page
        assert f"`{known.variable}`" in page
        assert known.variable in example
        assert known.sentence, f"{known.name} has no sentence"


def test_every_command_is_documented_and_explains_itself() -> None:
    page = read("docs/commands.md")
    for name, command in tool("generate_docs").commands().items():
        assert f"## `{name}`" in page
        assert command.help, f"{name} has no help"


def test_every_field_of_the_api_is_documented() -> None:
    from limner.web.dialects.images.bodies import GenerationBody

    page = read("docs/api.md")
    for name, field in GenerationBody.model_fields.items():
        assert f"`{field.alias or name}`" in page


def test_the_example_file_uncommented_is_the_defaults(tmp_path: Path) -> None:
    setting = re.compile(r"^# ([a-z_]+ = .*)$", re.MULTILINE)
    text = read("limner.example.toml")
    before_tables = re.sub(r"^# \[.*?(?=^$|\Z)", "", text, flags=re.DOTALL | re.MULTILINE)
    path = tmp_path / "limner.toml"
    path.write_text(setting.sub(r"\1", before_tables), encoding="utf-8")
    assert tomllib.loads(path.read_text(encoding="utf-8"))["server"]["port"] == config.Server().port
    loaded = config.load(config_file=path, environ={}, flags={"data_dir": "/there"})
    assert loaded.settings.limits == config.Limits()
    assert loaded.settings.server.port == config.Server().port


def configurations() -> list[tuple[str, str]]:
    """Every settings file that a page shows, and where."""
    return [
        (f"{page.relative_to(ROOT)}-{number}", found[1])
        for page in pages()
        for number, found in enumerate(TOML.finditer(page.read_text(encoding="utf-8")), start=1)
    ]


@pytest.mark.parametrize(("place", "text"), configurations(), ids=[place for place, _ in configurations()])
def test_every_configuration_that_is_shown_can_be_used(
    place: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the secrets that it names, it makes engines and a catalogue."""
    for name in re.findall(r'key_env = "(\w+)"', text):
        monkeypatch.setenv(name, "sk-shown-nowhere")
    secret = tmp_path / "secret"
    secret.write_text("sk-shown-nowhere\n", encoding="utf-8")
    path = tmp_path / "limner.toml"
    path.write_text(re.sub(r'key_file = ".*?"', f'key_file = "{secret}"', text), encoding="utf-8")

    settings = config.load(config_file=path, environ={}, flags={"data_dir": tmp_path}).settings
    made = bootstrap.make_engines(settings)
    catalog = bootstrap.make_catalog(settings, known_engines=set(made))

    assert set(settings.engines) <= set(made), place
    used = {link.engine for model in catalog.models() for link in model.chain()}
    assert set(settings.engines) <= used, f"{place} sets up engines that nobody asks"


@pytest.mark.parametrize("dialect", DIALECT_NAMES)
def test_there_is_a_whole_configuration_for_every_kind_of_server(dialect: str) -> None:
    shown = [tomllib.loads(text) for place, text in configurations() if place.startswith("docs/relays.md")]

    upstreams = [up for one in shown for engine in one["engines"].values() for up in engine["upstreams"].values()]
    assert dialect in {up.get("dialect", "openai") for up in upstreams}
    assert all(one["catalog"]["engine"] for one in shown)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for found in LINK.finditer(FENCE.sub("", page.read_text(encoding="utf-8"))):
        target = unquote(found[1] or found[2])
        if target.startswith(OUTSIDE):
            continue
        name, _, anchor = target.partition("#")
        there = (page.parent / name).resolve() if name else page
        assert there.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in anchors(there), f"{page.name} links to {target}"


def anchors(page: Path) -> set[str]:
    text = page.read_text(encoding="utf-8")
    headings = {
        re.sub(r"[^\w\- ]", "", h.lower()).strip().replace(" ", "-") for h in HEADING.findall(FENCE.sub("", text))
    }
    return headings | set(re.findall(r'id="([^"]+)"', text))


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_package_index(page: Path) -> None:
    text = page.read_text(encoding="utf-8").lower()
    assert not [host for host in INDEX_HOSTS if host in text]


@pytest.mark.parametrize(
    "lock",
    [
        "requirements.lock",
        "requirements-dev.lock",
        "requirements-diffusers.lock",
        "requirements-fuzz.lock",
        "requirements-clients.lock",
        "package-lock.json",
        "tests/e2e/clients/package-lock.json",
        "tests/support/receivers/package-lock.json",
        "tests/browser/package-lock.json",
    ],
)
def test_locks_hold_versions_and_hashes_and_no_address(lock: str) -> None:
    text = read(lock)
    assert "://" not in re.sub(r'"url": "[^"]*"', "", text)  # npm keeps the addresses of who asks for donations
    assert not [host for host in INDEX_HOSTS if host in text]
    assert "sha512-" in text or "--hash=sha256:" in text


def test_what_develops_is_what_runs_and_more() -> None:
    run, develop = (
        set(re.findall(r"^(\S+==\S+)", read(name), re.MULTILINE))
        for name in ("requirements.lock", "requirements-dev.lock")
    )
    assert run < develop


@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_both_readmes_show_the_two_commands_and_make_knows_them(page: str) -> None:
    makefile = read("Makefile")
    for command in ("serve", "test"):
        assert f"make {command}" in read(page)
        assert re.search(rf"^{command}:", makefile, re.MULTILINE)


def test_every_command_of_make_is_phony_and_explained() -> None:
    makefile = read("Makefile")
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(phony[1].split()) - {"help"} == explained


def test_the_changelog_begins_with_this_version() -> None:
    found = re.search(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", read("CHANGELOG.md"), re.MULTILINE)
    assert found is not None
    assert found[1] == limner.__version__


def test_every_decision_is_in_the_index() -> None:
    index = read("docs/adr/README.md")
    numbers = []
    for page in sorted((ROOT / "docs/adr").glob("0*.md")):
        number, title = re.match(r"# (\d+)\. (.+)", page.read_text(encoding="utf-8")).groups()  # type: ignore[union-attr]
        assert f"[{number}]({page.name}) | {title} |" in index
        assert page.name.startswith(f"{int(number):04}-")
        numbers.append(int(number))
    assert numbers == list(range(1, len(numbers) + 1))


def test_decisions_that_the_code_names_are_there() -> None:
    for path in [*ROOT.glob("src/**/*.py"), *ROOT.glob("src/**/*.sql")]:
        for number in re.findall(r"docs/adr/(\d{4})", path.read_text(encoding="utf-8")):
            assert list((ROOT / "docs/adr").glob(f"{number}-*.md")), f"{path.name} names docs/adr/{number}"


def test_the_notice_names_every_package_of_the_art() -> None:
    import json

    notice = read("NOTICE")
    for package in json.loads(read("package.json"))["dependencies"]:
        assert package in notice
