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


def _venue(
    name: str,
    width: float,
    text_width: float,
    points: tuple[float, float],
    fonts: tuple[tuple[str, ...], str],
    source: str,
    *,
    height: float,
    columns: int = 1,
) -> Venue:
    return Venue(
        name=name,
        width=width,
        height=height,
        text_width=text_width,
        columns=columns,
        text_points=points[0],
        small_points=points[1],
        fonts=fonts[0],
        latex_fonts=fonts[1],
        source=source,
    )


VENUES: dict[str, Venue] = {
    venue.name: venue
    for venue in (
        _venue(
            "icml", 3.25, 6.75, (8.0, 7.0), _TIMES,
            "ICML style file: two columns of 3.25 in, 0.25 in apart", height=2.4, columns=2,
        ),
        _venue(
            "neurips", 5.5, 5.5, (9.0, 8.0), _TIMES,
            "NeurIPS style file: text 5.5 in wide", height=3.4,
        ),
        _venue(
            "iclr", 5.5, 5.5, (9.0, 8.0), _TIMES, "ICLR style file: text 5.5 in wide", height=3.4
        ),
        _venue(
            "jmlr", 6.0, 6.0, (9.0, 8.0), _ROMAN, "JMLR style file: text 6 in wide", height=3.7
        ),
        _venue(
            "nature", 89.0 / MM_PER_INCH, 183.0 / MM_PER_INCH, (7.0, 7.0), _SANS,
            "Nature, final submission: single column 89 mm, text of figures at most 7 pt",
            height=2.5, columns=2,
        ),
        _venue(
            "nature-double", 183.0 / MM_PER_INCH, 183.0 / MM_PER_INCH, (7.0, 7.0), _SANS,
            "Nature, final submission: double column 183 mm, text of figures at most 7 pt",
            height=3.6, columns=2,
        ),
    )
}  # fmt: skip
"""Name -> venue."""

DEFAULT_VENUE = "neurips"
