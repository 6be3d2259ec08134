"""What may not be painted here: words and phrases that the operator has listed."""

from __future__ import annotations

import re
from collections.abc import Sequence

from limner.domain.problem import Problem


class Refused(Problem):
    """The prompt is against this server's rules."""

    code = "refused"
    status = 403


def check_prompt(prompt: str, *, blocked_words: Sequence[str]) -> None:
    """Raises `Refused` if the prompt has a listed word or phrase in it, whole, in any case.

    Which one is not said: a list that answers questions can be read out word by word.
    """
    for word in blocked_words:
        # Where the word's own edge is a letter of a script with spaces, the match must end there too.
        left, right = (r"\b" if word[i].isascii() and word[i].isalnum() else "" for i in (0, -1))
        if re.search(left + re.escape(word) + right, prompt, re.IGNORECASE):
            raise Refused("the prompt was refused by this server's rules: change what it asks for", param="prompt")
