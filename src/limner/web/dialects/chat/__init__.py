"""The chat door: chat completions and responses that answer with pictures, for clients that can only chat."""
