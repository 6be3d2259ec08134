"""What may not be painted here, as operators have listed it, and what was decided. Owns `moderation_rules`, `moderation_verdicts`."""
