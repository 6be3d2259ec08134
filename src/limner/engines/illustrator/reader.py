"""What has been read of a prompt so far, and what waits for its noun: the state that `parse` goes from term to term with."""

from __future__ import annotations

from dataclasses import dataclass, field

from limner.engines.illustrator.scene import Doubt, Said, Wanted
from limner.engines.illustrator.terms import Term
from limner.engines.illustrator.words import Lexicon

SAID_MAX = 64
SAID_LETTERS_MAX = 40


@dataclass(slots=True)
class Reader:
    """What has been gathered so far, and what waits for its noun."""

    prompt: str
    lexicon: Lexicon
    wanted: list[Wanted] = field(default_factory=list)
    spans: list[tuple[int, int]] = field(default_factory=list)
    places: list[str] = field(default_factory=list)
    times: list[str] = field(default_factory=list)
    weathers: list[str] = field(default_factory=list)
    sky: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    said: list[tuple[int, Said]] = field(default_factory=list)
    count: int | None = None
    count_word: str = ""
    count_start: int = 0
    colours: list[Term] = field(default_factory=list)
    size: str | None = None
    size_word: str = ""
    negation: int | None = None
    predicate: bool = False
    stranger: bool = False
    action: Term | None = None
    relation: Term | None = None
    before: Term | None = None
    noun: tuple[int, int, int] | None = None
    is_object: bool = False
    related: tuple[int, int] | None = None

    def rest(self) -> None:
        """Forget what waits."""
        self.count, self.size, self.negation, self.predicate, self.stranger = None, None, None, False, False
        self.colours = []

    def doubt(
        self, start: int, end: int, doubt: Doubt = Doubt.NEVER, value: str = "", *, of: int = -1, to: int = -1
    ) -> None:
        """Keep what stands there, since it may not be drawn."""
        if len(self.said) >= SAID_MAX:
            return
        text = " ".join("".join(sign if sign.isprintable() else " " for sign in self.prompt[start:end]).split())
        if len(text) > SAID_LETTERS_MAX:
            text = text[: SAID_LETTERS_MAX - 1].rstrip() + "\u2026"
        if text:
            self.said.append((start, Said(text=text, doubt=doubt, value=value, of=of, to=to)))

    def settle(self) -> None:
        """A clause is over: an action without an object is said for itself, a relation without one is dropped."""
        if self.action is not None and self.action.meaning is not None:
            self.doubt(self.action.start, self.action.end, Doubt.ACTION, self.action.meaning.value)
        self.action = self.relation = self.noun = None
