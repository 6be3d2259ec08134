"""What accounts have: credits held for a task, charged for what was delivered, released for the rest.

Owns `credit_balances`, `credit_budgets`, `credit_entries`, and the redeem codes: `redeem_codes` and `redemptions`. Entries are never edited; the balance row is their sum,
kept so that one conditional UPDATE can decide. Amounts are whole micro-credits.
"""
