"""The guide: chapters in Markdown, the same in every language, as HTML for the console's pages.

The source is `docs/guide` of the repository, which a wheel carries along as `pages` beside this file.
"""

from __future__ import annotations

from limner.web.console.guide.chapters import CHAPTERS, PICTURES, Chapter, chapter, picture, slugs

__all__ = ["CHAPTERS", "PICTURES", "Chapter", "chapter", "picture", "slugs"]
