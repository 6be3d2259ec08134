"""Where pictures come from: who signs that they were made here, and what a file says of itself."""
