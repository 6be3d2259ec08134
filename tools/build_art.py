"""Compiles the illustrator's art from npm packages: drawings into `glyphs.zip`, words into `words.json.gz`, and notices.

Called by `hatch_build.py` alone, with a `node_modules` folder; reads nothing else and uses the standard library only.
Its output depends on its input alone, byte for byte. Skin tones and flags are left out.
"""

from __future__ import annotations

import gzip
import json
import re
import zipfile
from collections import defaultdict
from importlib import metadata
from pathlib import Path
from typing import Any

LANGUAGES = {"en": ("en",), "zh": ("zh", "zh-Hant")}
FLAGS_GROUP = 9
# A keyword says what a glyph has to do with, not what it shows: from these groups it misleads more than it helps.
LABEL_ONLY_GROUPS = {0, 8}
# When many glyphs share a keyword the earlier group has it: an animal is more often meant than a sign.
GROUP_ORDER = (3, 4, 5, 7, 6, 1, 0, 8)
MOST_GLYPHS_FOR_A_KEYWORD = 12

_GRADIENT = re.compile(r"<(linear|radial)Gradient ([^>]*?)(?:/>|>(.*?)</\1Gradient>)", re.DOTALL)
_ATTRIBUTE = re.compile(r'([\w:-]+)="([^"]*)"')
_NOTICE = """\
limner's illustrator draws with art and words from the packages named below, compiled into this folder by
tools/build_art.py: attributes renamed, identifiers shortened, inherited gradients written out. Their licences lie
beside this file.

Noto Emoji, copyright Google Inc., Apache License 2.0 (LICENSE-noto.txt), as packaged by {noto}.
Unicode CLDR annotations, copyright Unicode, Inc., Unicode License v3 (LICENSE-cldr.txt), as packaged by {cldr}.
Emojibase (groups and subgroups), copyright Miles Johnson, MIT License (LICENSE-emojibase.txt), as packaged by {emojibase}.
"""


def fill(*, packages: Path, out: Path) -> None:
    """Write everything into the folder `out`."""
    drawings = _read(packages / "@iconify-json/noto/icons.json")["icons"]
    chars = _read(packages / "@iconify-json/noto/chars.json")
    catalogue = _catalogue(packages, chars=chars, drawings=drawings)
    _write_glyphs(out / "glyphs.zip", {slug: _tidy(drawings[slug]["body"]) for slug in sorted(catalogue)})
    _write_words(out / "words.json.gz", _words(packages, catalogue=catalogue))
    _write_notices(packages, out)


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _catalogue(packages: Path, *, chars: dict[str, str], drawings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Slug -> what Emojibase knows of it, for every emoji that has a drawing of its own."""
    messages = _read(packages / "emojibase-data/en/messages.json")
    subgroups = {entry["order"]: entry["key"] for entry in messages["subgroups"]}
    found = {}
    for emoji in _read(packages / "emojibase-data/en/data.json"):
        if emoji.get("group") in {None, FLAGS_GROUP}:
            continue
        code = emoji["hexcode"].lower()
        slug = chars.get(code) or chars.get(code.replace("-fe0f", ""))
        if slug in drawings:
            found[slug] = {
                "emoji": emoji["emoji"].replace("\ufe0f", ""),
                "label": emoji["label"],
                "group": emoji["group"],
                "kind": subgroups[emoji["subgroup"]],
                "order": emoji["order"],
            }
    return found


def _words(packages: Path, *, catalogue: dict[str, dict[str, Any]]) -> dict[str, Any]:
    by_emoji = {entry["emoji"]: slug for slug, entry in catalogue.items()}
    words: dict[str, Any] = {
        "glyphs": {
            slug: {"kind": entry["kind"], "emoji": entry["emoji"], "names": {}}
            for slug, entry in sorted(catalogue.items())
        },
        "labels": {},
        "keywords": {},
    }
    rank = {slug: (GROUP_ORDER.index(entry["group"]), entry["order"]) for slug, entry in catalogue.items()}
    for language, locales in LANGUAGES.items():
        labels: dict[str, str] = {}
        keywords: dict[str, list[str]] = defaultdict(list)
        for locale in locales:
            notes = _read(packages / f"cldr-annotations-full/annotations/{locale}/annotations.json")
            for emoji, note in notes["annotations"]["annotations"].items():
                slug = by_emoji.get(emoji.replace("\ufe0f", ""))
                if slug is None:
                    continue
                name = _plain(note.get("tts", [""])[0])
                words["glyphs"][slug]["names"].setdefault(language, name)
                labels.setdefault(name, slug)
                if catalogue[slug]["group"] not in LABEL_ONLY_GROUPS:
                    for word in note.get("default", []):
                        keywords[_plain(word)].append(slug)
        if language == "en":
            for slug, entry in catalogue.items():
                labels.setdefault(_plain(entry["label"]), slug)
                words["glyphs"][slug]["names"].setdefault("en", _plain(entry["label"]))
        labels.pop("", None)
        words["labels"][language] = dict(sorted(labels.items()))
        words["keywords"][language] = {
            word: sorted(set(slugs), key=rank.__getitem__)
            for word, slugs in sorted(keywords.items())
            if word not in labels and len(set(slugs)) <= MOST_GLYPHS_FOR_A_KEYWORD
        }
    return words


def _plain(word: str) -> str:
    return word.replace("\u2019", "'").replace("\u201c", "").replace("\u201d", "").strip().lower()


def _tidy(body: str) -> str:
    """What Skia draws rightly: `xlink:href` (it knows no other), gradients that inherit nothing, ids that look like no colour."""
    body = re.sub(r"(?<!xlink:)\bhref=", "xlink:href=", body)
    body = _written_out(body)
    ids = list(dict.fromkeys(re.findall(r'\bid="([^"]+)"', body)))
    names = {name: f"i{index}" for index, name in enumerate(ids)}
    body = re.sub(r'\bid="([^"]+)"', lambda m: f'id="{names[m[1]]}"', body)
    body = re.sub(r"url\(#([^)]+)\)", lambda m: f"url(#{names.get(m[1], m[1])})", body)
    return re.sub(r'xlink:href="#([^"]+)"', lambda m: f'xlink:href="#{names.get(m[1], m[1])}"', body)


def _written_out(body: str) -> str:
    gradients: dict[str, tuple[dict[str, str], str]] = {}
    for match in _GRADIENT.finditer(body):
        attributes = dict(_ATTRIBUTE.findall(match[2]))
        gradients[attributes.get("id", "")] = (attributes, match[3] or "")

    def resolved(name: str, depth: int = 0) -> tuple[dict[str, str], str]:
        attributes, stops = gradients[name]
        parent = attributes.get("xlink:href", "").removeprefix("#")
        if parent not in gradients or depth > len(gradients):
            return attributes, stops
        inherited, parent_stops = resolved(parent, depth + 1)
        return inherited | {k: v for k, v in attributes.items() if k != "xlink:href"}, stops or parent_stops

    def write(match: re.Match[str]) -> str:
        name = dict(_ATTRIBUTE.findall(match[2])).get("id", "")
        if name not in gradients or "xlink:href" not in gradients[name][0]:
            return match[0]
        attributes, stops = resolved(name)
        text = " ".join(f'{key}="{value}"' for key, value in attributes.items() if key != "xlink:href")
        return f"<{match[1]}Gradient {text}>{stops}</{match[1]}Gradient>"

    return _GRADIENT.sub(write, body)


def _write_glyphs(path: Path, bodies: dict[str, str]) -> None:
    """A zip, so that a painting process reads the few glyphs that it needs and not all the 1,900."""
    with zipfile.ZipFile(path, "w") as archive:
        for slug, body in bodies.items():
            entry = zipfile.ZipInfo(slug, date_time=(1980, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, body, compresslevel=9)


def _write_words(path: Path, words: dict[str, Any]) -> None:
    text = json.dumps(words, ensure_ascii=False, separators=(",", ":"))
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def _write_notices(packages: Path, out: Path) -> None:
    folders = {"noto": "@iconify-json/noto", "cldr": "cldr-annotations-full", "emojibase": "emojibase-data"}
    named = {}
    for key, folder in folders.items():
        package = _read(packages / folder / "package.json")
        named[key] = f"{package['name']} {package['version']} on npm"
    (out / "NOTICE.txt").write_text(_NOTICE.format(**named), encoding="utf-8")
    (out / "LICENSE-cldr.txt").write_bytes((packages / "cldr-annotations-full/LICENSE").read_bytes())
    (out / "LICENSE-emojibase.txt").write_bytes((packages / "emojibase-data/LICENSE").read_bytes())
    (out / "LICENSE-noto.txt").write_text(_apache_licence(), encoding="utf-8")


def _apache_licence() -> str:
    """The Apache License 2.0, which the Noto package names but does not carry; hatchling's own `packaging` does."""
    for file in metadata.files("packaging") or []:
        if file.name == "LICENSE.APACHE":
            return file.read_text(encoding="utf-8")
    raise FileNotFoundError("The text of the Apache License was expected in the package `packaging`, and is not there.")
