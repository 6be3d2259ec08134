"""All SQL of this room: calls of its functions in the schema."""

from __future__ import annotations

from typing import Final

TAKE: Final = "limits_take({}, {}, {}, {}, {})"

GIVE_BACK: Final = "limits_give_back({})"

LAST_TAKEN: Final = "SELECT api_key_id, refilled_at FROM rate_limits WHERE api_key_id = ANY($1::uuid[])"

OVER_THE_LIMIT: Final = "LM001"
