"""A setting as it may be shown to whoever runs the server."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingShown:
    """One setting in force. `value` and `default` have no secrets in them; `origin`: the file, variable or flag that gave it."""

    name: str
    value: str
    default: str
    origin: str
    sentence: str

    @property
    def is_default(self) -> bool:
        """Whether nobody has set it."""
        return self.origin == "default"
