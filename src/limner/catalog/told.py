"""What is told of a request beside its pictures: the quality by its name, and what was given in tokens. Pure."""

from __future__ import annotations

from limner.catalog import rules
from limner.catalog.models import Profile
from limner.domain.ask import Ask
from limner.domain.spec import Quality, Spec


def quality_told(spec: Spec, *, profile: Profile) -> str:
    """The quality in the profile's words: the caller's own, or the first that means the same, but never auto."""
    if spec.quality_word in profile.qualities and spec.quality_word != "auto":
        return spec.quality_word
    words = (word for word, work in profile.qualities.items() if work is spec.quality and word != "auto")
    return next(words, spec.quality.value)


def given_tokens(ask: Ask) -> int:
    """The tokens of the pictures that came with a request, as `usage` tells them."""
    return sum(rules.image_tokens(width=one.width, height=one.height, quality=Quality.STANDARD) for one in ask.images)
