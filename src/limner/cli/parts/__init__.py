"""What several commands need: settings, words for trouble, tables, and the pieces of `serve`."""
