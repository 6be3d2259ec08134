"""How much a key may do: so many requests a minute, so many at once. Owns `rate_limits`."""
