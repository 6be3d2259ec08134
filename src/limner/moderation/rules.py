"""How prompts are held against words and patterns. Pure.

Both sides are brought into one form first (`plain`), so that wide letters, letters in another case, and characters that nobody
sees make no difference. Patterns are RE2's: it takes time in proportion to the text, whatever the pattern, and so none can
be written that hangs the process.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from uuid import UUID

from limner.domain.problem import InvalidValue, MissingParameter
from limner.moderation.models import Hit, Kind, Rule

if TYPE_CHECKING:
    from re2 import _Regexp as Pattern

TEXT_CHARACTERS_MAX: Final = 200
RULES_MAX: Final = 10_000
PATTERNS_MAX: Final = 200
_FEW: Final = 50
"""So many words are looked for one by one; of more, only those whose first letters or word are there."""
_PROGRAM_MAX: Final = 2000
"""RE2's instructions of one pattern: some tens of milliseconds for the longest prompt there is, at the very worst."""

# Scripts that put no space between words, or write endings onto them: Thai to Khmer, Hangul, kana, ideographs.
_UNSPACED: Final = "\u0e00-\u0eff\u1000-\u109f\u1100-\u11ff\u1780-\u17ff\u3005-\u31ff\u3400-\u9fff\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
_TOKENS: Final = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+")
_LETTER: Final = re.compile(rf"[^\W_{_UNSPACED}]")
_UNSEEN: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
_SPACES: Final = re.compile(r"\s+")


def plain(text: str) -> str:
    """The text in the one form that prompts and rules are compared in."""
    if text.isascii():
        return _SPACES.sub(" ", text.lower()).strip()
    # Unseen characters go before and after: some stand between letters that are composed, some come of composing.
    seen = _UNSEEN.sub("", unicodedata.normalize("NFKC", _UNSEEN.sub("", text)))
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", seen.casefold())).strip()


def checked(kind: Kind, text: str) -> str:
    """The text of a new rule, tidied. Raises `MissingParameter`, or `InvalidValue` for one that cannot be used."""
    text = text.strip()
    if not text:
        raise MissingParameter("a rule needs a word, a phrase or a pattern", param="text")
    if len(text) > TEXT_CHARACTERS_MAX:
        raise InvalidValue(f"a rule has {TEXT_CHARACTERS_MAX} characters at most, not {len(text)}", param="text")
    if "\0" in text or not text.isprintable():
        raise InvalidValue("a rule is one line of printable characters", param="text")
    if kind == "word":
        if not _TOKENS.search(plain(text)):
            raise InvalidValue("a word or phrase has a letter or a digit in it; for signs, use a pattern", param="text")
        return text
    _check_pattern(text)
    return text


def _check_pattern(text: str) -> None:
    import re2

    try:
        pattern = compiled(text)
    except re2.error as error:
        said = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        raise InvalidValue(
            f"the pattern cannot be understood: {said} (RE2's language, as in Go)", param="text"
        ) from None
    if pattern.programsize > _PROGRAM_MAX:
        raise InvalidValue("the pattern repeats too much at a time: use smaller numbers in {}", param="text")
    if pattern.search("") is not None:
        raise InvalidValue("the pattern fits everything, even nothing at all", param="text")


@functools.lru_cache(maxsize=2 * PATTERNS_MAX)
def compiled(text: str) -> Pattern:
    """The pattern, for use on `plain` text. Raises `re2.error`."""
    import re2  # it is there only for servers that have patterns

    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    return re2.compile(text, options=options)


class Words:
    """Words and phrases, found whole: quickly, however many there are."""

    def __init__(self, words: Iterable[str]) -> None:
        self._few: list[tuple[str, str]] = []
        self._by_head: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """By the first letter or word in it, the plain word and the word as it was written."""
        for word in words:
            text = plain(word)
            head = _TOKENS.search(text)
            if head is not None:
                self._by_head[head[0]].append((text, word))
        if sum(map(len, self._by_head.values())) <= _FEW:
            self._few = [one for those in self._by_head.values() for one in those]

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._by_head)

    def found_in(self, text: str) -> list[str]:
        """Those that the `plain` text has in it, as they were written. Most texts share no first word with any."""
        if self._few:
            return [word for wanted, word in self._few if _has(text, wanted)]
        heads = self._by_head.keys() & set(_TOKENS.findall(text)) if self._by_head else ()
        return [word for head in heads for wanted, word in self._by_head[head] if _has(text, wanted)]


def _has(text: str, word: str) -> bool:
    """Whether it is there with its edges: where it ends in a letter of a script with spaces, none may follow."""
    left, right = _LETTER.match(word[0]) is not None, _LETTER.match(word[-1]) is not None
    start = text.find(word)
    while start >= 0:
        end = start + len(word)
        runs_on = (left and start > 0 and _LETTER.match(text[start - 1])) or (
            right and end < len(text) and _LETTER.match(text[end])
        )
        if not runs_on:
            return True
        start = text.find(word, start + 1)
    return False


@dataclass(frozen=True, slots=True)
class _List:
    """The rules that are for the same prompts."""

    words: Words
    by_word: Mapping[str, Sequence[Rule]]
    patterns: Sequence[tuple[Pattern, Rule]]

    def broken_by(self, text: str) -> list[Rule]:
        found = [rule for word in self.words.found_in(text) for rule in self.by_word[word]]
        return found + [rule for pattern, rule in self.patterns if pattern.search(text) is not None]


class RuleSet:
    """All rules there are, ready for use."""

    def __init__(self, *, words: Iterable[str] = (), rules: Iterable[Rule] = ()) -> None:
        self._words = Words(words)
        grouped: dict[tuple[UUID | None, str | None], list[Rule]] = defaultdict(list)
        for rule in rules:
            grouped[rule.account_id, rule.model].append(rule)
        self._lists = {key: _list_of(these) for key, these in grouped.items()}
        self.is_empty = not self._words and not self._lists

    def hits(self, prompt: str, *, account_id: UUID | None, models: Sequence[str]) -> list[Hit]:
        """What the prompt breaks, those that block first. `models`: by what names its model goes."""
        if self.is_empty:
            return []
        text = plain(prompt)
        hits = [Hit(rule=None, text=word) for word in self._words.found_in(text)]
        for account in {None, account_id}:
            for model in {None, *models}:
                one = self._lists.get((account, model))
                if one is not None:
                    hits += [Hit(rule=rule, text=rule.text) for rule in one.broken_by(text)]
        return sorted(hits, key=lambda hit: not hit.is_blocked)


def _list_of(rules: Sequence[Rule]) -> _List:
    by_word: dict[str, list[Rule]] = defaultdict(list)
    patterns: list[tuple[Pattern, Rule]] = []
    for rule in rules:
        if rule.kind == "word":
            by_word[rule.text].append(rule)
        else:
            patterns.append((compiled(rule.text), rule))
    return _List(words=Words(by_word), by_word=by_word, patterns=patterns)
