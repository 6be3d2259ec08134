"""What was used, by day, model, key and outcome: sums that pages can show at once.

Owns `usage_ended`, into which whatever ends a task writes it down, and `usage_sums`, to which it is added soon after.
Both are read together, so what is shown is right at every moment. Amounts are whole micro-credits.
"""
