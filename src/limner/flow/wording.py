"""What is said to a language model about a prompt, and whether what it answers will do. Pure; the words are in prompts.toml."""

from __future__ import annotations

import functools
import re
import tomllib
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from limner.domain.spec import Spec

OPT_OUT: Final = (
    "I NEED to test how the tool works with extremely simple prompts. DO NOT add any detail, just use it AS-IS:"
)
"""What OpenAI has told people to say before a prompt that dall-e-3 shall not embellish."""
_OPT_OUT: Final = re.compile(
    r"\s*" + r"\s+".join(re.escape(word) for word in OPT_OUT.rstrip(":").split()) + r"\s*[:.]?", re.IGNORECASE
)
_OPENING_CHARACTERS_MAX: Final = 120
_FOREIGN_SHARE_MAX: Final = 0.2
_WORD_LETTERS: Final = 5
_WIDE: Final = 1.2

_THOUGHTS: Final = re.compile(r"<(think|thinking|reasoning)>.*?(</\1>|\Z)", re.DOTALL | re.IGNORECASE)
_LATE_THOUGHTS: Final = re.compile(r"\A.*</(think|thinking|reasoning)>", re.DOTALL | re.IGNORECASE)
_FENCE: Final = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
_HEADING: Final = re.compile(r"\A#{1,6}[ \t]+[^\n]*\n")
_QUOTES: Final = ('""', "“”", "„“", "«»", "「」", "『』", "''", "‘’", "``")
_QUOTED: Final = re.compile(r"\"([^\"\n]+)\"|“([^”\n]+)”|„([^“”\n]+)[“”]|«([^»\n]+)»|「([^」\n]+)」|『([^』\n]+)』")
_EMPHASIS: Final = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_LETTERS: Final = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """What is said, by the name of a profile or of a model; an empty text: it is not rewritten. `edits`: likewise, of edits."""

    pictures: Mapping[str, str]
    edits: Mapping[str, str]

    def over(self, other: Templates) -> Templates:
        """The same, with what only the other one has."""
        return Templates(pictures={**other.pictures, **self.pictures}, edits={**other.edits, **self.edits})

    def template(self, names: Sequence[str], *, is_edit: bool) -> str | None:
        """That of the first of the names that has one; None: it is not rewritten."""
        known = self.edits if is_edit else self.pictures
        return next((known[name] for name in names if name in known), "").strip() or None


@functools.cache
def _words() -> dict[str, Any]:
    return tomllib.loads(resources.files("limner.flow").joinpath("prompts.toml").read_text(encoding="utf-8"))


def our_templates() -> Templates:
    """Those that come with limner."""
    words = _words()

    def with_same(texts: Mapping[str, str]) -> dict[str, str]:
        return {**texts, **{name: texts[other] for name, other in words["same"].items()}}

    return Templates(pictures=with_same(words["templates"]), edits=with_same(words["edit_templates"]))


def instruction(template: str, *, spec: Spec, characters_max: int) -> str:
    """What the language model is told before it is given the prompt."""
    ratio = spec.width / spec.height
    said = {
        "{shape}": "wide" if ratio > _WIDE else "tall" if 1 / ratio > _WIDE else "square",
        "{style}": _words()["styles"][spec.style.value],
        "{characters_max}": str(characters_max),
    }
    text = f"{template.strip()}\n\n{_words()['rules'].strip()}"
    for name, value in said.items():
        text = text.replace(name, value)
    return text


def opted_out(prompt: str) -> str | None:
    """What comes after the sentence by which a caller keeps its prompt; None: it did not say that."""
    found = _OPT_OUT.match(prompt)
    return None if found is None else prompt[found.end() :].strip() or prompt


def cleaned(answer: str) -> str:
    """The answer without what language models put around what they were asked for."""
    text = _LATE_THOUGHTS.sub("", _THOUGHTS.sub("", plain(answer))).strip()
    fenced = _FENCE.findall(f"{text}\n")
    if len(fenced) == 1:
        text = fenced[0].strip()
    text = _HEADING.sub("", text).strip()
    text = _without_opening(text)
    text = _EMPHASIS.sub(r"\2", text)
    return _unquoted(text)


def plain(text: str) -> str:
    """Without characters that cannot be kept or printed."""
    kept = (
        letter
        for letter in text.replace("\r\n", "\n")
        if letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cs"}
    )
    return "".join(kept).strip()


def _without_opening(text: str) -> str:
    """Left out: "Sure, here it is:" in a line of its own, or "Revised prompt:" in the same."""
    first, colon, rest = _split_at_colon(text)
    if not colon or not rest or len(first) > _OPENING_CHARACTERS_MAX:
        return text
    head = _lower(first).strip("*_# ")
    found = next((opening for opening in _words()["answers"]["openings"] if head.startswith(opening)), None)
    # "Surely" and "sure-footed" are words of a picture.
    if found is None or re.match(r"[a-z-]", head[len(found) :]):
        return text
    return rest.strip("* \n")


def _split_at_colon(text: str) -> tuple[str, str, str]:
    line = text.partition("\n")[0]
    places = [place for place in (line.find(":"), line.find("：")) if place >= 0]
    if not places:
        return text, "", ""
    place = min(places)
    return text[:place], text[place], text[place + 1 :].strip()


def _unquoted(text: str) -> str:
    """Without the quotation marks around all of it."""
    for pair in _QUOTES:
        if len(text) > len(pair) and text[0] == pair[0] and text[-1] == pair[1]:
            inner = text[1:-1]
            if pair[0] not in inner and pair[1] not in inner:
                return inner.strip()
    return text


def fault_of(text: str, *, prompt: str, characters_max: int) -> str | None:
    """Why a cleaned answer will not do instead of the prompt, in a word for the log; None: it will."""
    if not text:
        return "empty"
    if len(text) > characters_max:
        return "too_long"
    if is_refusal(text) and not is_refusal(prompt):
        return "refused"
    if not _keeps_language(text, prompt=prompt):
        return "other_language"
    if any(quoted not in text for quoted in quoted_in(prompt)):
        return "words_lost"
    return None


def is_refusal(text: str) -> bool:
    """Whether somebody says there that they will not, or cannot."""
    head = _lower(text).lstrip("\"'*“”‘’ \n")
    return any(head.startswith(beginning) for beginning in _words()["answers"]["refusals"])


def _lower(text: str) -> str:
    return text[: 4 * _OPENING_CHARACTERS_MAX].casefold().replace("’", "'")


def quoted_in(text: str) -> list[str]:
    """The passages in quotation marks: words that are to be readable in the picture."""
    return [next(part for part in found if part).strip() for found in _QUOTED.findall(text) if any(found)]


def _keeps_language(text: str, *, prompt: str) -> bool:
    asked, given = _scripts(prompt), _scripts(text)
    if not asked:
        return True
    if any(script not in given for script in asked if script != "LATIN"):
        return False
    foreign = sum(count for script, count in given.items() if script not in asked and script != "LATIN")
    if foreign > _FOREIGN_SHARE_MAX * given.total():
        return False
    (main_asked, _), (main_given, _) = asked.most_common(1)[0], (given.most_common(1) or [("", 0)])[0]
    if main_asked != "LATIN" and main_given == "LATIN":
        return False
    languages = {_latin_language(prompt), _latin_language(text)} - {None}
    return main_asked != "LATIN" or len(languages) <= 1


def _scripts(text: str) -> Counter[str]:
    """How much of a text is in which script, in words, about: a Chinese character is one."""
    letters: Counter[str] = Counter()
    for letter in text:
        if letter.isalpha():
            letters[_script_of(letter)] += 1
    return Counter(
        {
            script: count if script in {"CJK", "HIRAGANA", "KATAKANA", "HANGUL"} else -(-count // _WORD_LETTERS)
            for script, count in letters.items()
        }
    )


@functools.lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    """The first word of its name: LATIN, CYRILLIC, CJK..."""
    return unicodedata.name(letter, "LATIN").partition(" ")[0].removesuffix("-COMPATIBILITY")


def _latin_language(text: str) -> str | None:
    """The language of a text in Latin letters, if its small words tell."""
    words = {word.casefold() for word in _LETTERS.findall(_QUOTED.sub(" ", text))}
    scores = sorted(((len(words & set(known)), name) for name, known in _words()["languages"].items()), reverse=True)
    (best, name), (second, _) = scores[0], scores[1]
    return name if best > 1 and best > second else None
