"""What pictures of lines share: limits, names at the lines' ends, axes of their own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.errors import AnalysisError
from analysis.plots.style import (
    INK,
    STYLE,
    is_narrow,
    label_weight,
    new_figure,
    pale_rules,
    scale,
    size_axis,
    small_text,
    spread_labels,
)
from analysis.study import StudyAnalysis
from analysis.table.names import format_examples, plain_name
from analysis.table.trials import UNKNOWN, FloatArray
from analysis.verdicts.curve_fit import FittedCurve
from analysis.words.told import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes


DASHES: tuple[str | tuple[int, tuple[int, ...]], ...] = (
    "-", (0, (5, 2)), (0, (1, 1.5)), (0, (6, 2, 1, 2)), (0, (3, 1)), (0, (8, 2)),  # type: ignore[assignment]
    (0, (1, 4)), (0, (6, 2, 1, 2, 1, 2)),
)  # fmt: skip
"""Line styles, so that lines are told apart without colour where order does not say which is which.
"""


EXAMPLES = " examples"


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a picture of a study says of its axes, its intervals and its errors."""

    size_name: str
    error_name: str
    level: float
    """Of intervals and bands."""
    percent: bool
    """Whether errors are shares of test examples, and shown in per cent."""
    linear: bool = False
    """Whether they are values of any sign, such as losses and rewards, on an even axis."""

    @property
    def size_label(self) -> str:
        """The size, as an axis begins."""
        return capital(self.size_name)

    @property
    def error_label(self) -> str:
        """The error, as an axis begins."""
        return capital(self.error_name)


def names_of(analysis: StudyAnalysis) -> dict[str, Any]:
    """The fields of :class:`Named`."""
    s = analysis.settings
    return {
        "size_name": plain_name(s.size_name),
        "error_name": plain_name(s.error_name),
        "level": s.level,
        "percent": any(fit.curve.correct is not None for fit in analysis.fits),
        "linear": s.scale.additive and s.scale.kind != "perplexity",
    }


def data_label(n_examples: float, unit: str = "") -> str:
    """What a dataset size is called: its number, with a unit if one is given."""
    return "all runs" if n_examples == UNKNOWN else f"{format_examples(n_examples)}{unit}"


def at_examples(n_examples: float) -> list[str]:
    """For the note of a picture of one dataset size: which one, where it is known."""
    return [] if n_examples == UNKNOWN else [format_examples(n_examples, "training examples")]


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveLine:
    """A fitted curve and its cells as they are drawn."""

    label: str
    grid: FloatArray
    """(G,) sizes; empty where there is no fit."""
    mean: FloatArray
    low: FloatArray
    high: FloatArray
    size: FloatArray
    """(K,) cells."""
    error: FloatArray

    @property
    def end(self) -> float:
        """Where the line, or the last cell without one, ends."""
        return float(self.mean[-1] if len(self.mean) else self.error[-1])


def curve_values(fit: FittedCurve) -> dict[str, FloatArray]:
    """The arrays of a :class:`CurveLine`: within the range tried, the curve and its band."""
    grid = mean = low = high = np.empty(0)
    if fit.draws is not None:
        grid = np.exp(fit.draws.x[: fit.draws.n_inside])
        mean = fit.predict(grid)
        low, high = fit.band(grid)
    cells = {"size": fit.curve.size, "error": fit.shown(np.exp(fit.noise.log_error))}
    return {"grid": grid, "mean": mean, "low": low, "high": high, **cells}


def only_info(info: object, draw: str, compute: str) -> None:
    """Refuse an analysis where what is drawn of it is wanted.

    Raises
    ------
    AnalysisError
        If an analysis is given.
    """
    if isinstance(info, StudyAnalysis):
        raise AnalysisError(
            f"{draw}: draws what {compute} computes, got the analysis itself; pass "
            f"plots.{compute}(analysis)"
        )


def own_axes(axes: Axes | None, size: tuple[float, float] = (6.2, 4.0)) -> Axes:
    """The axes given, or axes of a new figure (``axes.figure``) in the style for a screen."""
    if axes is not None:
        return axes
    from matplotlib import rc_context

    with rc_context(STYLE):
        return new_figure(*size).add_subplot()


def nothing_to_draw(axes: Axes, words: str) -> Axes:
    """Say on empty axes why they are empty."""
    axes.set_axis_off()
    axes.text(0.5, 0.5, words, ha="center", va="center", wrap=True, transform=axes.transAxes)
    return axes


def percent_off(value: float) -> str:
    """A fraction as signed per cent.

    Examples
    --------
    >>> percent_off(0.125), percent_off(0.0)
    ('+12.5%', '0%')
    """
    return f"{100 * value:+.3g}%" if abs(value) > 1e-9 else "0%"


def star(axes: Axes, x: float, y: float, colour: str, *, zorder: int, mark: str = "*") -> None:
    """Mark a payoff point, or with a cross (X) where the error turns up."""
    size = scale(axes) * (13 if mark == "*" else 9)
    axes.plot(
        [x], [y], marker=mark, markersize=size, color=colour, markeredgecolor="white",
        markeredgewidth=0.9, zorder=zorder,
    )  # fmt: skip


def cells(
    axes: Axes, x: FloatArray, y: FloatArray, colour: str, marker: str, points: float
) -> None:
    """Mark points by hollow marks."""
    k = scale(axes)
    axes.plot(
        x, y, linestyle="none", marker=marker, markersize=points * k, color="white",
        markeredgecolor=colour, markeredgewidth=1.1 * k, zorder=4,
    )  # fmt: skip


def side_by_side(
    axes: Axes, sizes: Sequence[FloatArray], label: str, share: float
) -> list[FloatArray]:
    """Where points stand on a size axis, so that lines that share their sizes stand apart."""
    low, high = log_limits(sizes, 1.15)
    step = (high / low) ** (share * scale(axes))
    middle = (len(sizes) - 1) / 2.0
    size_axis(axes, low / step**middle, high * step**middle, label)
    return [size * step ** (index - middle) for index, size in enumerate(sizes)]


def plain_axis(axes: Axes, which: Literal["x", "y"], words: Callable[[float], str], n: int) -> None:
    """Some ``n`` ticks at round numbers, said in words, with pale rules."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis = axes.xaxis if which == "x" else axes.yaxis
    axis.set_major_locator(MaxNLocator(n))
    axis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))
    pale_rules(axes, which)


def log_limits(parts: Sequence[FloatArray], room: float = 1.12) -> tuple[float, float]:
    """Ends of a log axis that holds all numbers with some room; a flat curve gets more."""
    together = np.concatenate([np.ravel(part) for part in parts if len(part)])
    together = together[np.isfinite(together) & (together > 0.0)]
    if not len(together):
        return 0.1, 1.0
    low, high = float(together.min()), float(together.max())
    if high / low < 1.05:
        room = max(room, 1.25)
    return low / room, high * room


def error_limits(
    parts: Sequence[FloatArray], *, linear: bool, room: float = 1.12
) -> tuple[float, float]:
    """Ends of an axis of errors: a log axis, or an even one of values of any sign."""
    if not linear:
        return log_limits(parts, room)
    together = np.concatenate([np.ravel(part) for part in parts if len(part)])
    together = together[np.isfinite(together)]
    if not len(together):
        return 0.0, 1.0
    low, high = float(together.min()), float(together.max())
    pad = 0.05 * (high - low) or 0.05 * max(abs(high), 1.0)
    return low - pad, high + pad


def label_ends(
    axes: Axes,
    names: Sequence[str],
    ends: Sequence[float],
    colours: Sequence[str],
    *,
    title: str = "",
) -> None:
    """Name lines at their right ends, moved apart where the names would touch.

    The axes must have their limits; a title says above the topmost name what the names are.
    """
    log = axes.get_yscale() == "log"
    low, high = np.log(axes.get_ylim()) if log else axes.get_ylim()
    at = [float(np.log(max(end, 1e-300)) if log else end) for end in ends]
    height = axes.get_position().height * float(axes.get_figure(root=True).get_figheight())  # type: ignore[union-attr]
    gap = (high - low) * (0.02 * small_text()) / max(height, 0.1)
    places = spread_labels(at, gap, low + gap / 2, high - gap / 2)
    if title:
        _beside(axes, title, (max(places) + gap - low) / (high - low), INK, "normal")
    for name, colour, place in zip(names, colours, places, strict=True):
        _beside(axes, name, (place - low) / (high - low), colour, label_weight())


def _beside(axes: Axes, words: str, place: float, colour: str, weight: str) -> None:
    axes.annotate(
        words, xy=(1.0, place), xycoords="axes fraction", xytext=(5, 0),
        textcoords="offset points", va="center", ha="left", color=colour, fontsize=small_text(),
        fontweight=weight, annotation_clip=False,
    )  # fmt: skip


def label_data_ends(
    axes: Axes, names: Sequence[str], ends: Sequence[float], colours: Sequence[str]
) -> None:
    """Name the lines of dataset sizes (``"1,280 examples"``), tersely in a narrow figure."""
    short = is_narrow(axes) and all(name.endswith(EXAMPLES) for name in names)
    label_ends(
        axes,
        [name.removesuffix(EXAMPLES) for name in names] if short else names,
        ends,
        colours,
        title=EXAMPLES.strip() if short else "",
    )


def group_legend(axes: Axes, title: str = "") -> None:
    """A legend beside the axes, or above them in a narrow figure: never over data."""
    if is_narrow(axes):
        entries = len(axes.get_legend_handles_labels()[1])
        axes.legend(
            loc="lower left", bbox_to_anchor=(-0.02, 0.99), frameon=False, fontsize=small_text(),
            handletextpad=0.1, columnspacing=0.8, borderaxespad=0.1, ncols=min(entries, 3),
        )  # fmt: skip
        return
    axes.legend(
        loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False, fontsize=small_text(),
        title=title or None, title_fontsize=small_text(), handletextpad=0.2, borderaxespad=0.2,
    )  # fmt: skip
