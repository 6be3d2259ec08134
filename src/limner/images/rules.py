"""Where pictures lie, by which words they are found, and the links of shares. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import unicodedata
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from limner.domain.spec import OutputFormat
from limner.images.models import Origin, Shape, StoredImage, Wanted

_PARTIAL: Final = re.compile(r"_([0-9]{1,4})\.partial([0-9]{1,6})\.[a-z]+\Z", re.ASCII)

# storage -----------------------------------------------------------------------------------------------------------------


def storage_prefix(*, task_id: UUID, created_at: datetime) -> str:
    """What the keys of all of a task's pictures begin with.

    It follows from the task's row alone, so that whatever a crash left in storage can be found and removed.
    """
    return f"{created_at:%Y-%m-%d}/{task_id}_"


def storage_key(*, task_id: UUID, created_at: datetime, index: int, output_format: OutputFormat) -> str:
    """Where picture `index` of the task lies: `2026-11-22/<task>_0.png`, one folder a day."""
    return f"{storage_prefix(task_id=task_id, created_at=created_at)}{index}.{output_format.value}"


def partial_name(*, task_id: UUID, index: int, number: int, output_format: OutputFormat) -> str:
    """What the file of a partial picture is called; it lies beside the pictures of its task until that has ended."""
    return f"{task_id}_{index}.partial{number}.{output_format.value}"


def partial_of(name: str) -> tuple[int, int] | None:
    """Which picture, and its how manieth partial, a file of that name shows; None: it is none."""
    found = _PARTIAL.search(name)
    return (int(found[1]), int(found[2])) if found else None


def partial_key(*, created_at: datetime, name: str) -> str:
    """Where a partial picture lies."""
    return f"{created_at:%Y-%m-%d}/{name}"


# search ------------------------------------------------------------------------------------------------------------------

SEPARATOR: Final = "\x1f"
"""Between the terms of a picture, as they are handed to the database; it is in none of them."""

# What is written without spaces: ideographs, kana, Hangul.
_DENSE: Final = (
    "\u1100-\u11ff\u3005-\u3007\u3041-\u30ff\u3105-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f"
    "\uac00-\ud7ff\uf900-\ufaff\U00020000-\U0003ffff"
)
_DENSE_RUNS: Final = re.compile(rf"([{_DENSE}]+)")
_RUNS: Final = re.compile(r"[^\W_]+")
_ASCII_WORDS: Final = re.compile(r"[a-z0-9]+")
_WORD_MAX: Final = 64
_WORDS_MAX: Final = 1000
_ASKED_MAX: Final = 24
_SQUARE: Final = 1.05


def shape_of(*, width: int, height: int) -> Shape:
    """Whether a picture is about as wide as it is tall."""
    if width > height * _SQUARE:
        return "wide"
    return "tall" if height > width * _SQUARE else "square"


def words_of(text: str) -> dict[str, None]:
    """The words by which a text is found, each once, in its order.

    Letters and digits, folded in case and width. What is written without spaces has no words to speak of: of that it is
    each pair of neighbours, and the last character.
    """
    if text.isascii():  # most are, and every picture that is done waits for this
        return dict.fromkeys(word[:_WORD_MAX] for word in _ASCII_WORDS.findall(text.lower()))
    words: dict[str, None] = {}
    for dense, word in _runs(text):
        if word:
            words[word] = None
        else:
            for at in range(len(dense)):
                words[dense[at : at + 2]] = None
    return words


def terms(*, account_id: UUID, image: StoredImage, origin: Origin, prompt_words: dict[str, None]) -> str:
    """All that a picture is searched by, with `SEPARATOR` between; `prompt_words`: those of its prompt.

    Every term begins with a few letters that stand for the account: the index is one for all accounts, and nobody's search
    should take the longer for what others have.
    """
    tag = _tag(account_id)
    found = [f"{tag}{word}" for word in list(prompt_words | words_of(image.revised_prompt))[:_WORDS_MAX]]
    found.append(_attribute(tag, "m", origin.model))
    found.append(_attribute(tag, "s", shape_of(width=image.width, height=image.height)))
    if origin.api_key_id is not None:
        found.append(_attribute(tag, "k", str(origin.api_key_id)))
    return SEPARATOR.join(found)


def asked_terms(which: Wanted, *, account_id: UUID) -> str | None:
    """The same for a search, in the database's language of searches (tsquery). None: it asks for no term at all.

    All words must be there; one may be the beginning of a longer one. The result is "" for words that are none.
    """
    tag = _tag(account_id)
    asked = []
    if which.words.strip():
        for dense, word in _runs(which.words):
            if word:
                asked.append(f"{_quoted(tag + word)}:*")
            elif len(dense) == 1:
                asked.append(f"{_quoted(tag + dense)}:*")
            else:
                asked += [_quoted(tag + dense[at : at + 2]) for at in range(len(dense) - 1)]
        if not asked:
            return ""
        asked = asked[:_ASKED_MAX]
    if which.model is not None:
        asked.append(_quoted(_attribute(tag, "m", which.model)))
    if which.shape is not None:
        asked.append(_quoted(_attribute(tag, "s", which.shape)))
    if which.api_key_id is not None:
        asked.append(_quoted(_attribute(tag, "k", str(which.api_key_id))))
    return " & ".join(asked) if asked else None


def _runs(text: str) -> Iterator[tuple[str, str]]:
    """Pieces of a text: (without spaces between its words, "") or ("", a word)."""
    for run in _RUNS.findall(unicodedata.normalize("NFKC", text).casefold()):
        # What is split by a group comes back with it in between.
        for number, piece in enumerate((run,) if run.isascii() else _DENSE_RUNS.split(run)):
            if number % 2:
                yield piece, ""
            elif piece:
                yield "", piece[:_WORD_MAX]


def _tag(account_id: UUID) -> str:
    return base64.urlsafe_b64encode(account_id.bytes[-3:]).decode()


def _attribute(tag: str, name: str, value: str) -> str:
    """No word has a "=" in it."""
    return f"{tag}={name}:{value.replace(SEPARATOR, ' ')}"


def _quoted(term: str) -> str:
    escaped = term.replace("\\", "\\\\").replace("'", "''").replace("\0", "")
    return f"'{escaped}'"


# shares ------------------------------------------------------------------------------------------------------------------


def share_tokens(*, secrets: Sequence[bytes], share_id: UUID) -> list[str]:
    """What the link of a share may end with, one for each secret that signs links, in their order.

    It follows from a secret, so that the owner can be shown it again though it is kept nowhere.
    """
    return [
        base64.urlsafe_b64encode(hmac.digest(secret, b"share\n" + share_id.bytes, hashlib.sha256)).decode().rstrip("=")
        for secret in secrets
    ]


def share_hash(token: str) -> bytes:
    """What is kept of a share's token."""
    return hashlib.sha256(token.encode()).digest()
