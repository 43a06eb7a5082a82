"""How wide a figure is printed, and in which type: one entry for each venue.

Widths are those of the venues' style files; text is 7 to 9 pt at printed size. The table is our own
because no library holds all of them; ``tests/analysis/plots/test_venues.py`` checks it against
tueplots, where tueplots knows the venue.
"""

from __future__ import annotations

from dataclasses import dataclass

MM_PER_INCH = 25.4


@dataclass(frozen=True, kw_only=True)
class Venue:
    """Figures of one venue."""

    name: str
    width: float
    """Inches: of a column, or of the text where there is one column."""
    height: float
    """Inches."""
    text_width: float
    """Inches, of the page's text."""
    columns: int
    text_points: float
    """Size of axis labels."""
    small_points: float
    """Size of tick labels and everything else."""
    fonts: tuple[str, ...]
    """Matplotlib's names, the first installed one is used; the last always is."""
    latex_fonts: str
    """What a LaTeX document says to be set like the venue's papers."""
    source: str
    """Where the width stands."""


_TIMES = (("STIXGeneral",), r"\usepackage{times}")
"""STIX is a Times that comes with Matplotlib."""
_ROMAN = (("cmr10",), "")
_SANS = (
    ("Arial", "Liberation Sans", "DejaVu Sans"),
    "\\usepackage[scaled]{helvet}\n\\renewcommand{\\familydefault}{\\sfdefault}",
)
_COLUMN, _PAGE = 89.0 / MM_PER_INCH, 183.0 / MM_PER_INCH
_NATURE = "Nature, final submission: {} column {} mm, text of figures at most 7 pt"

VENUES: dict[str, Venue] = {
    name: Venue(
        name=name, width=width, height=height, text_width=text_width, columns=columns,
        text_points=text, small_points=small, fonts=fonts, latex_fonts=latex, source=source,
    )
    for name, width, height, text_width, columns, text, small, (fonts, latex), source in (
        ("icml", 3.25, 2.4, 6.75, 2, 8.0, 7.0, _TIMES,
         "ICML style file: two columns of 3.25 in, 0.25 in apart"),
        ("neurips", 5.5, 3.4, 5.5, 1, 9.0, 8.0, _TIMES, "NeurIPS style file: text 5.5 in wide"),
        ("iclr", 5.5, 3.4, 5.5, 1, 9.0, 8.0, _TIMES, "ICLR style file: text 5.5 in wide"),
        ("jmlr", 6.0, 3.7, 6.0, 1, 9.0, 8.0, _ROMAN, "JMLR style file: text 6 in wide"),
        ("nature", _COLUMN, 2.5, _PAGE, 2, 7.0, 7.0, _SANS, _NATURE.format("single", 89)),
        ("nature-double", _PAGE, 3.6, _PAGE, 2, 7.0, 7.0, _SANS, _NATURE.format("double", 183)),
    )
}  # fmt: skip
"""Name -> venue."""

DEFAULT_VENUE = "neurips"
