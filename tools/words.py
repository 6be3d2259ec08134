"""Says which of the console's sentences have no Chinese yet, as gettext entries to fill in: tools/words.py [PAGE].

With a page's name, only those of its module and templates. Exits with 1 when there are any.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.extract import extract
from babel.messages.pofile import read_po

ROOT = Path(__file__).parent.parent
CONSOLE = ROOT / "src/limner/web/console"
WORDS = CONSOLE / "words"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "N_": None,
}
METHODS = {"*.py": "python", "*.html": "jinja2.ext:babel_extract", "*.txt": "jinja2.ext:babel_extract"}

Sentence = tuple[str | None, str | tuple[str, ...]]
"""Its context and itself; singular and plural of one that counts."""


def said_in_pages(page: str | None = None) -> dict[Sentence, list[str]]:
    """Every sentence of the console, and where it stands."""
    found: dict[Sentence, list[str]] = {}
    for pattern, method in METHODS.items():
        for file in sorted(CONSOLE.rglob(pattern)):
            if page is not None and not (file.stem.startswith(page) or page in file.relative_to(CONSOLE).parts):
                continue
            for line, sentence in _sentences(file, method):
                found.setdefault(sentence, []).append(f"{file.relative_to(ROOT)}:{line}")
    return found


def _sentences(file: Path, method: str) -> Iterator[tuple[int, Sentence]]:
    options = {"newstyle_gettext": "true", "trimmed": "true", "silent": "false"} if "jinja2" in method else {}
    with file.open("rb") as opened:
        for line, message, _comments, context in extract(method, opened, keywords=KEYWORDS, options=options):
            yield line, (context, tuple(message) if isinstance(message, (tuple, list)) else message)


def translated(language: str) -> dict[Sentence, list[tuple[str, tuple[str, ...]]]]:
    """Every sentence that the language's files have, with the file and what it is there."""
    found: dict[Sentence, list[tuple[str, tuple[str, ...]]]] = {}
    for file in sorted((WORDS / language).glob("*.po")):
        with file.open("rb") as opened:
            for message in read_po(opened, locale="zh_Hans_CN"):
                if message.id:
                    id_ = message.id if isinstance(message.id, str) else tuple(message.id)
                    said = (message.string,) if isinstance(message.string, str) else tuple(message.string)
                    said = () if message.fuzzy else said
                    found.setdefault((message.context, id_), []).append((file.name, said))
    return found


def main() -> int:
    """Print what is missing."""
    there = translated("zh")
    missing = {one: places for one, places in said_in_pages(*sys.argv[1:2]).items() if one not in there}
    for (context, sentence), places in missing.items():
        print(f"#: {' '.join(places[:3])}")
        if context:
            print(f"msgctxt {_quoted(context)}")
        if isinstance(sentence, str):
            print(f'msgid {_quoted(sentence)}\nmsgstr ""\n')
        else:
            print(f'msgid {_quoted(sentence[0])}\nmsgid_plural {_quoted(sentence[1])}\nmsgstr[0] ""\n')
    return 1 if missing else 0


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


if __name__ == "__main__":
    sys.exit(main())
