"""All SQL of this room; what every request does is a call of one of its functions in the schema."""

from __future__ import annotations

from typing import Final

OPEN_ACCOUNT: Final = "INSERT INTO credit_balances (account_id, balance, held, unlimited) VALUES ($1, 0, 0, $2)"

OPEN_BUDGET: Final = "INSERT INTO credit_budgets (api_key_id, spend_limit, spent, held) VALUES ($1, $2, 0, 0)"

GRANT: Final = """
WITH granted AS (
    UPDATE credit_balances SET balance = balance + $3 WHERE account_id = $2
    AND (unlimited OR balance + $3 >= held)
    RETURNING balance, held, unlimited
), entry AS (
    INSERT INTO credit_entries (id, account_id, kind, amount, held, reason, created_at)
    SELECT $1, $2, 'grant', $3, 0, $4, $5 FROM granted
)
SELECT balance, held, unlimited FROM granted
"""

HOLD: Final = "credits_hold({}, {}, {}, {}, {}, {})"

SETTLE: Final = "credits_settle({}, {}, {}, {}, {}, {}, {}, {})"

TOO_FEW_CREDITS: Final = "LM002"
OVER_THE_SPEND_LIMIT: Final = "LM003"

BALANCE: Final = "SELECT balance, held, unlimited FROM credit_balances WHERE account_id = $1"

BUDGET: Final = "SELECT spend_limit, spent, held FROM credit_budgets WHERE api_key_id = $1"

ENTRIES: Final = """
SELECT id, account_id, api_key_id, task_id, kind, amount, held, reason, created_at
FROM credit_entries WHERE account_id = $1 ORDER BY id DESC LIMIT $2
"""
