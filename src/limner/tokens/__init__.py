"""Personal tokens for the management API. They open nothing else, and nothing else opens that. Owns `platform_tokens`."""
