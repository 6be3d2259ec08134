"""The Images API on its two prefixes: one parser, one renderer, one table of what differs."""
