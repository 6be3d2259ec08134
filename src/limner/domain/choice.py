"""What was chosen where nobody had said, and why: for whoever is told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The engine behind the models. `why`: a clause. `place`: the host that it goes to, if any; nothing secret is in it.

    `is_plain`: it is the one that is always there. `notes`: what else was at hand and could not be used, a clause each.
    """

    engine: str
    why: str
    place: str = ""
    is_plain: bool = True
    notes: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What was chosen and why."""
        at = f" at {self.place}" if self.place else ""
        return f"{self.engine}{at}, since {self.why}"

    @property
    def override(self) -> str:
        """How to have another."""
        if self.is_plain:
            return "another: set OPENAI_API_KEY, or catalog.engine"
        return 'another: set catalog.engine = "illustrator"'
