"""Figures: an info object is computed first and drawn second. The only importer of matplotlib."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from analysis.plots.best_shape import best_shape_figure, best_shape_info, draw_best_shape
from analysis.plots.effects import draw_effects, effects_info
from analysis.plots.extrapolation import draw_extrapolation, extrapolation_info
from analysis.plots.gallery import PICTURES, Picture, pictures_of, screen_figure
from analysis.plots.growth import draw_growth, growth_info
from analysis.plots.ladder import draw_ladder, ladder_figure, ladder_info
from analysis.plots.learning_curves import draw_learning_curves, learning_info
from analysis.plots.marginal import draw_marginal, marginal_info
from analysis.plots.pareto import draw_pareto, pareto_info
from analysis.plots.regularisation import draw_regularisation, regularisation_info
from analysis.plots.residuals import draw_residuals, residuals_info
from analysis.plots.routes import draw_routes, routes_info
from analysis.plots.shape_map import draw_shape_map, shape_map_figure, shape_map_info
from analysis.plots.size_error import draw_size_error, size_error_figure, size_error_info
from analysis.plots.style import save_figure
from analysis.plots.surface import draw_surface, surface_info
from analysis.study import StudyAnalysis

SUFFIXES = (".png", ".svg", ".pdf")
"""The forms that the main figures may have, in the order in which they are written."""


def write_figures(
    analysis: StudyAnalysis, directory: Path | str, suffixes: Sequence[str] = SUFFIXES
) -> list[Path]:
    """Write the main figures of a study, as PNG, SVG and PDF unless told otherwise.

    The files are returned, PNGs first. The same analysis gives the same bytes.
    """
    directory = Path(directory)
    figures = {
        picture.name: screen_figure(picture, analysis)
        for picture in PICTURES
        if picture.main and picture.shown(analysis)
    }
    paths = []
    for suffix in suffixes:
        for name, figure in figures.items():
            path = directory / f"{name}{suffix}"
            save_figure(figure, path)
            figure.set_layout_engine("none")  # laid out once: all formats show one picture
            paths.append(path)
    return paths


__all__ = [
    "PICTURES",
    "Picture",
    "best_shape_figure",
    "best_shape_info",
    "draw_best_shape",
    "draw_effects",
    "draw_extrapolation",
    "draw_growth",
    "draw_ladder",
    "draw_learning_curves",
    "draw_marginal",
    "draw_pareto",
    "draw_regularisation",
    "draw_residuals",
    "draw_routes",
    "draw_shape_map",
    "draw_size_error",
    "draw_surface",
    "effects_info",
    "extrapolation_info",
    "growth_info",
    "ladder_figure",
    "ladder_info",
    "learning_info",
    "marginal_info",
    "pareto_info",
    "pictures_of",
    "regularisation_info",
    "residuals_info",
    "routes_info",
    "save_figure",
    "screen_figure",
    "shape_map_figure",
    "shape_map_info",
    "size_error_figure",
    "size_error_info",
    "surface_info",
    "write_figures",
]
