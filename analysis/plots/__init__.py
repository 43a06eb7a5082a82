"""Figures: an info object is computed first and drawn second. The only importer of matplotlib."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from analysis.plots.gallery import PICTURES, Picture, pictures_of, screen_figure
from analysis.plots.ladder import draw_ladder, ladder_figure, ladder_info
from analysis.plots.size_error import draw_size_error, size_error_figure, size_error_info
from analysis.plots.style import save_figure

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis

SUFFIXES = (".png", ".svg", ".pdf")


def write_figures(analysis: StudyAnalysis, directory: Path | str) -> list[Path]:
    """Write every figure of a study as PNG, SVG and PDF; return the files, PNGs first.

    The same analysis gives the same bytes.
    """
    directory = Path(directory)
    figures = {picture.name: screen_figure(picture, analysis) for picture in pictures_of(analysis)}
    paths = []
    for suffix in SUFFIXES:
        for name, figure in figures.items():
            path = directory / f"{name}{suffix}"
            save_figure(figure, path)
            paths.append(path)
    return paths


__all__ = [
    "PICTURES",
    "Picture",
    "draw_ladder",
    "draw_size_error",
    "ladder_figure",
    "ladder_info",
    "pictures_of",
    "save_figure",
    "screen_figure",
    "size_error_figure",
    "size_error_info",
    "write_figures",
]
