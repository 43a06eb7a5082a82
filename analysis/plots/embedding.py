"""Fonts in a PDF: outlines of the glyphs used, without the tables by which a line is set.

Matplotlib has set the text before it embeds the font (as TrueType, type 42: arXiv and ICML refuse
type 3), so that kerning, ligatures and accents are no use there any more. Reading and cutting these
tables took four fifths of the time of a PDF.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

LAYOUT_TABLES = ["BASE", "GDEF", "GPOS", "GSUB", "JSTF", "MATH", "kern"]


@contextmanager
def outlines_only() -> Iterator[None]:
    """Let fonts that are embedded meanwhile keep nothing but what a reader of the PDF needs."""
    from fontTools import subset

    usual = subset.Options

    def options(**chosen: Any) -> Any:
        made = usual(**chosen)
        made.drop_tables += LAYOUT_TABLES
        made.glyph_names = False
        return made

    subset.Options = options
    try:
        yield
    finally:
        subset.Options = usual
