"""Rows of this room."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredImage:
    """A picture that lies in storage under `storage_key`."""

    index: int
    storage_key: str
    media_type: str
    bytes: int
    width: int
    height: int
    seed: int
    revised_prompt: str
