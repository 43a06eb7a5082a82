"""The pictures of a study at a venue's printed size, as PDF, PGF, SVG and PNG."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AnalysisError
from analysis.plots.gallery import pictures_of
from analysis.plots.scripts import in_latin
from analysis.plots.style import new_figure, printed, save_figure
from analysis.plots.venues import Venue
from analysis.study import StudyAnalysis
from search_spaces.errors import nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


FORMATS = ("pdf", "pgf", "svg", "png")

LETTERS = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "$": r"\$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "−": r"$-$",
    "–": "--",
    "★": r"$\star$",
    "✖": r"$\times$",
}
"""Letters of labels that LaTeX would take for commands. Matplotlib sees to the percent sign."""


@dataclass(frozen=True, kw_only=True)
class PrintedFigure:
    """One picture as written."""

    name: str
    caption: str
    files: tuple[Path, ...]


def write_printed(
    analysis: StudyAnalysis,
    directory: Path,
    venue: Venue,
    formats: Iterable[str] = FORMATS,
) -> tuple[PrintedFigure, ...]:
    """Write every picture of a study at a venue's size; the same study gives the same bytes.

    PGF is measured by LaTeX itself and is left out where there is no ``pdflatex``.
    """
    written = []
    kinds = check_formats(formats)
    for picture in pictures_of(analysis):
        with printed(venue) as notes:
            figure = new_figure(venue.width, venue.height * picture.ratio)
            picture.draw(analysis, figure.add_subplot())
            paths = []
            for kind in kinds:
                if kind == "pgf" and not has_latex():
                    continue
                path = directory / f"{picture.name}.{kind}"
                if kind == "pgf":
                    _save_pgf(figure, path)
                else:
                    save_figure(figure, path)
                paths.append(path)
            caption = ". ".join([picture.caption, *(note[:1].upper() + note[1:] for note in notes)])
            written.append(
                PrintedFigure(name=picture.name, caption=f"{caption}.", files=tuple(paths))
            )
    return tuple(written)


def check_formats(formats: Iterable[str]) -> tuple[str, ...]:
    """The formats asked for, in the order in which they are written.

    Raises
    ------
    AnalysisError
        If one is not known.
    """
    asked = list(formats)
    for kind in asked:
        if kind not in FORMATS:
            raise AnalysisError(
                f"formats: must be among {', '.join(FORMATS)}, got {kind!r}{nearest(kind, FORMATS)}"
            )
    # PGF last: its labels are made LaTeX in place.
    return tuple(kind for kind in ("pdf", "svg", "png", "pgf") if kind in asked)


def has_latex() -> bool:
    """Whether LaTeX is installed, without which no PGF can be measured."""
    return shutil.which("pdflatex") is not None


def tex_label(text: str) -> str:
    r"""A label with LaTeX's letters made plain; what stands between dollars is left alone.

    Examples
    --------
    >>> tex_label("n_params ≤ 5%"), tex_label(r"$\alpha$")
    ('n\\_params $\\leq$ 5%', '$\\alpha$')
    """
    if text.count("$") >= 2:
        return text
    return "".join(LETTERS.get(letter) or in_latin(letter) for letter in text)


def _save_pgf(figure: Figure, path: Path) -> None:
    from matplotlib.text import Text
    from matplotlib.ticker import FixedFormatter

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            formatter = axis.get_major_formatter()
            if isinstance(formatter, FixedFormatter):
                labels = [tex_label(str(label)) for label in formatter.seq]
                axis.set_major_formatter(FixedFormatter(labels))
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        text.set_text(tex_label(text.get_text()))
    held = io.BytesIO()
    figure.savefig(held, format="pgf")
    # A comment names the program's version: no part of the figure.
    plain = re.sub(rb"(?m)^%% Creator:.*$", b"%% Creator: payoff", held.getvalue())
    path.write_bytes(plain)
