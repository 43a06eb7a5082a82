"""Every picture that a study has, by name: what files and papers are drawn from.

A new picture is one new file and one entry here: it is then written by ``payoff run`` and
``payoff export``, at every venue's size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analysis.plots.ladder import draw_ladder, ladder_info
from analysis.plots.size_error import draw_size_error, size_error_info

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.study import StudyAnalysis


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of a study."""

    name: str
    """Name of its files."""
    caption: str
    """What it shows, as a caption begins."""
    draw: Callable[[StudyAnalysis, Axes], object]
    """Draws it on given axes."""
    shown: Callable[[StudyAnalysis], bool] = lambda analysis: True
    """Whether the study has what it shows."""
    size: tuple[float, float] = (6.6, 4.3)
    """Inches on a screen."""
    ratio: float = 1.0
    """Height in print, as a factor of the venue's usual height."""


PICTURES: tuple[Picture, ...] = (
    Picture(
        name="size_error",
        caption="Error against size, one curve for each dataset size",
        draw=lambda analysis, axes: draw_size_error(size_error_info(analysis), axes),
    ),
    Picture(
        name="prune_ladder",
        caption="Error against the share of the weights kept, one line for each capacity",
        draw=lambda analysis, axes: draw_ladder(ladder_info(analysis), axes),
        shown=lambda analysis: bool(analysis.ladders),
        size=(6.2, 4.0),
    ),
)


def pictures_of(analysis: StudyAnalysis) -> list[Picture]:
    """The pictures that a study has."""
    return [picture for picture in PICTURES if picture.shown(analysis)]


def screen_figure(picture: Picture, analysis: StudyAnalysis) -> Figure:
    """A picture on axes of its own, in the size for a screen."""
    from matplotlib import rc_context

    from analysis.plots.style import STYLE, new_figure

    figure = new_figure(*picture.size)
    with rc_context(STYLE):
        picture.draw(analysis, figure.add_subplot())
    return figure
