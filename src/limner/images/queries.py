"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

ADD: Final = "images_add({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {})"

LINK_SECRETS: Final = "SELECT secret FROM link_secrets ORDER BY id DESC"

ADD_LINK_SECRET: Final = """
INSERT INTO link_secrets (id, secret, created_at)
SELECT $1, $2, $3 WHERE NOT EXISTS (SELECT FROM link_secrets)
"""
