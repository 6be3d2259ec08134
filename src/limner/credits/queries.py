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

# Nothing if the account has had it.
WELCOME: Final = """
WITH entry AS (
    INSERT INTO credit_entries (id, account_id, kind, amount, held, reason, created_at)
    VALUES ($1, $2, 'welcome', $3, 0, $4, $5) ON CONFLICT DO NOTHING
    RETURNING account_id, amount
)
UPDATE credit_balances b SET balance = b.balance + entry.amount FROM entry WHERE b.account_id = entry.account_id
"""

HOLD: Final = "credits_hold({}, {}, {}, {}, {}, {})"

SETTLE: Final = "credits_settle({}, {}, {}, {}, {}, {}, {}, {})"

TOO_FEW_CREDITS: Final = "LM002"
OVER_THE_SPEND_LIMIT: Final = "LM003"

BALANCE: Final = "SELECT balance, held, unlimited FROM credit_balances WHERE account_id = $1"

BUDGET: Final = "SELECT spend_limit, spent, held FROM credit_budgets WHERE api_key_id = $1"

BUDGETS: Final = "SELECT api_key_id, spend_limit, spent, held FROM credit_budgets WHERE api_key_id = ANY($1::uuid[])"

LIMIT_BUDGET: Final = """
UPDATE credit_budgets SET spend_limit = $2 WHERE api_key_id = $1 AND ($2::bigint IS NULL OR spent + held <= $2)
"""

_ENTRIES: Final = """
SELECT id, account_id, api_key_id, task_id, kind, amount, held, reason, created_at FROM credit_entries
WHERE account_id = $1 AND ($3::uuid IS NULL OR id < $3) AND {} ORDER BY id DESC LIMIT $2
"""

ENTRIES: Final = _ENTRIES.format("($4::text[] IS NULL OR kind = ANY($4))")

# Few among many: they have an index of their own, which only these very words find.
GIVEN_ENTRIES: Final = _ENTRIES.format("kind IN ('grant', 'welcome', 'redemption') AND kind = ANY($4::text[])")

REDEEM: Final = "credits_redeem({}, {}, {}, {})"

CODE_REFUSED: Final = "LM020"

_CODE_COLUMNS: Final = "id, prefix, credits, uses, uses_max, note, made_by, created_at, expires_at, disabled_at"

ADD_CODE: Final = """
INSERT INTO redeem_codes (id, code_hash, prefix, credits, uses_max, note, made_by, created_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""

CODES: Final = f"""
SELECT {_CODE_COLUMNS} FROM redeem_codes WHERE $2::uuid IS NULL OR id < $2 ORDER BY id DESC LIMIT $1
"""

CODE: Final = f"SELECT {_CODE_COLUMNS} FROM redeem_codes WHERE id = $1"

CODES_LIKE: Final = f"""
SELECT {_CODE_COLUMNS} FROM redeem_codes WHERE code_hash = $2 OR starts_with(prefix, upper($1)) OR id::text = $1
"""

DISABLE_CODE: Final = "UPDATE redeem_codes SET disabled_at = $2 WHERE id = $1 AND disabled_at IS NULL"

BALANCES: Final = "SELECT account_id, balance, held, unlimited FROM credit_balances WHERE account_id = ANY($1::uuid[])"

GIVEN: Final = """
SELECT id, account_id, api_key_id, task_id, kind, amount, held, reason, created_at
FROM credit_entries WHERE account_id = $1 AND kind IN ('grant', 'welcome', 'redemption')
ORDER BY id DESC LIMIT $2 OFFSET $3
"""

COUNT_GIVEN: Final = """
SELECT count(*) FROM credit_entries WHERE account_id = $1 AND kind IN ('grant', 'welcome', 'redemption')
"""

ONE_GIVEN: Final = """
SELECT id, account_id, api_key_id, task_id, kind, amount, held, reason, created_at
FROM credit_entries WHERE account_id = $1 AND id = $2 AND kind IN ('grant', 'welcome', 'redemption')
"""
