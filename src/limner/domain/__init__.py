"""Words that everyone shares: frozen, pure, and free of every library but the standard one."""
