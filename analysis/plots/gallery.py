"""Every picture that a study has, by name: what files and papers are drawn from.

A new picture is one new file and one entry here: it is then written by ``payoff export`` at every
venue's size and, if it is a main one, by ``payoff run``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.plots import style
from analysis.plots.best_shape import best_shape_info, draw_best_shape
from analysis.plots.effects import draw_effects, effects_info
from analysis.plots.extrapolation import draw_extrapolation, extrapolation_info
from analysis.plots.growth import draw_growth, growth_info
from analysis.plots.ladder import draw_ladder, ladder_info
from analysis.plots.marginal import draw_marginal, marginal_info
from analysis.plots.pareto import draw_pareto, pareto_info
from analysis.plots.regularisation import draw_regularisation, regularisation_info
from analysis.plots.residuals import draw_residuals, residuals_info
from analysis.plots.routes import draw_routes, routes_info
from analysis.plots.shape_map import draw_shape_map, shape_map_info
from analysis.plots.size_error import draw_size_error, size_error_info
from analysis.plots.surface import draw_surface, surface_info
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


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
    main: bool = False
    """Whether every run ends with it; the others are drawn for papers and on request."""
    ratio: float = 1.0
    """Height in print, as a factor of the venue's usual height."""


PICTURES: tuple[Picture, ...] = (
    Picture(
        name="size_error",
        caption="Error against size, one curve for each dataset size",
        draw=lambda analysis, axes: draw_size_error(size_error_info(analysis), axes),
        main=True,
    ),
    Picture(
        name="best_shape",
        caption="The best shape at each size by training examples, and what the others lose",
        draw=lambda analysis, axes: draw_best_shape(best_shape_info(analysis), axes),
        main=True,
        shown=lambda analysis: any(one.choices for one in analysis.shapes),
        ratio=1.2,
    ),
    Picture(
        name="shape_map",
        caption="Error of every network by shape",
        draw=lambda analysis, axes: draw_shape_map(shape_map_info(analysis), axes),
        shown=lambda analysis: bool(analysis.shapes),
        size=(6.6, 3.4),
    ),
    Picture(
        name="prune_ladder",
        caption="Error against the share of the weights kept, one line for each capacity",
        draw=lambda analysis, axes: draw_ladder(ladder_info(analysis), axes),
        main=True,
        shown=lambda analysis: bool(analysis.ladders),
        size=(6.2, 4.0),
    ),
    Picture(
        name="routes",
        caption="Error against size by route to a small model",
        draw=lambda analysis, axes: draw_routes(routes_info(analysis), axes),
        main=True,
        shown=lambda analysis: bool(analysis.routes),
    ),
    Picture(
        name="pareto",
        caption="Error against cost of every model",
        draw=lambda analysis, axes: draw_pareto(pareto_info(analysis), axes),
        shown=lambda analysis: bool(analysis.fronts) and bool(analysis.routes),
    ),
    Picture(
        name="marginal_return",
        caption="Share of the error that a doubling of the size saves",
        draw=lambda analysis, axes: draw_marginal(marginal_info(analysis), axes),
        shown=lambda analysis: bool(marginal_info(analysis).lines),
    ),
    Picture(
        name="payoff_growth",
        caption="Payoff point against dataset size",
        draw=lambda analysis, axes: draw_growth(growth_info(analysis), axes),
        shown=lambda analysis: len(growth_info(analysis).marks) > 1,
        size=(6.6, 4.0),
    ),
    Picture(
        name="surface",
        caption="Error over size and data",
        draw=lambda analysis, axes: draw_surface(surface_info(analysis), axes),
        shown=lambda analysis: len(surface_info(analysis).size) > 0,
        size=(6.4, 4.0),
    ),
    Picture(
        name="residuals",
        caption="Points about their fitted curves",
        draw=lambda analysis, axes: draw_residuals(residuals_info(analysis), axes),
        shown=lambda analysis: bool(residuals_info(analysis).groups),
        size=(6.2, 3.4),
        ratio=0.85,
    ),
    Picture(
        name="extrapolation",
        caption="The curve fitted without its largest sizes, and what these then gave",
        draw=lambda analysis, axes: draw_extrapolation(extrapolation_info(analysis), axes),
        shown=lambda analysis: any(fit.curve.n_sizes > 4 for fit in analysis.fits[-1:]),
    ),
    Picture(
        name="hyperparameter_effects",
        caption="Validation error by thirds of each hyperparameter's values",
        draw=lambda analysis, axes: draw_effects(effects_info(analysis), axes),
        shown=lambda analysis: bool(effects_info(analysis).rows),
        size=(6.6, 3.6),
    ),
)


def pictures_of(analysis: StudyAnalysis) -> list[Picture]:
    """The pictures that a study has; one for each regulariser that it made an axis."""
    worth = [_worth(one.regulariser) for one in analysis.regularisation if one.steps]
    return [picture for picture in PICTURES if picture.shown(analysis)] + worth


def _worth(regulariser: str) -> Picture:
    """What one regulariser is worth."""
    name = plain_name(regulariser).replace("_", " ")
    return Picture(
        name=f"regularisation_{regulariser}",
        caption=f"What {name} is worth by size",
        draw=lambda analysis, axes: draw_regularisation(
            regularisation_info(analysis, regulariser), axes
        ),
        ratio=0.85,
    )


@np.errstate(over="ignore")  # of curves that lie beyond all numbers
def screen_figure(picture: Picture, analysis: StudyAnalysis) -> Figure:
    """A picture on axes of its own, in the size for a screen."""
    return style.on_screen(picture.size, lambda axes: picture.draw(analysis, axes))
