"""Pictures that callers give, to be painted from. Owns `files`."""
