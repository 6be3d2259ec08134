"""A server that speaks OpenAI's moderations, on loopback: it is the chat's server of the scenes, with other things to say."""

from __future__ import annotations

import json
from typing import Any

from support.chat import Turn, replies


def thinks(
    *, flagged: bool = False, categories: dict[str, bool] | None = None, scores: dict[str, float] | None = None
) -> Turn:
    """Answers with that opinion."""
    result: dict[str, Any] = {"flagged": flagged}
    if categories is not None:
        result["categories"] = categories
    if scores is not None:
        result["category_scores"] = scores
    return replies(200, json.dumps({"id": "modr-1", "model": "omni", "results": [result]}).encode())


def fine() -> Turn:
    """Has nothing against it."""
    return thinks(categories={"violence": False}, scores={"violence": 0.01})


def violent(score: float = 0.97) -> Turn:
    """Has."""
    return thinks(
        flagged=True, categories={"violence": True, "sexual": False}, scores={"violence": score, "sexual": 0.0}
    )
