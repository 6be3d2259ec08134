"""What operators did, in the order in which they did it, never edited. Owns `audit_entries`."""
