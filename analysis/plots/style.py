"""How figures look: type, colours, ticks a person can read, and files without dates in them."""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from analysis.plots.venues import Venue
from analysis.table.names import format_size
from analysis.table.trials import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

INK = "#222222"
PALE = "#8a8a8a"
RULE = "#e4e4e4"
MARKERS = "osD^vP<>"
"""One for each line, so that lines are told apart without colour."""

STYLE: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.edgecolor": PALE,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "figure.titlesize": 8.0,
    "figure.titleweight": "bold",
    "svg.hashsalt": "payoff",
    "pdf.fonttype": 42,
    "savefig.dpi": 200,
}

_FILE_INFO: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


_NOTES: ContextVar[list[str] | None] = ContextVar("notes", default=None)
"""Notes held back for a caption while a figure is drawn for print; None on a screen."""

LAYOUT_TABLES = ["BASE", "GDEF", "GPOS", "GSUB", "JSTF", "MATH", "kern"]
"""Of a font, by which a line is set."""

NARROW = 4.5
"""Inches: a narrower figure is labelled more tersely."""


def new_figure(width: float, height: float) -> Figure:
    """A figure of its own, outside pyplot's global list."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(None if _NOTES.get() is not None else STYLE):
        figure = Figure(figsize=(width, height), layout="constrained")
    pad = 0.03 if _NOTES.get() is not None else 0.06
    figure.get_layout_engine().set(w_pad=pad, h_pad=pad)  # type: ignore[union-attr, call-arg]
    return figure


def on_screen(size: tuple[float, float], draw: Callable[[Axes], object]) -> Figure:
    """A figure of one picture, in the style for a screen."""
    from matplotlib import rc_context

    figure = new_figure(*size)
    with rc_context(STYLE):
        draw(figure.add_subplot())
    return figure


@contextmanager
def _outlines_only() -> Iterator[None]:
    """Let fonts that are embedded meanwhile keep nothing but what a reader of the PDF needs.

    Matplotlib has set the text before it embeds the font (as TrueType, type 42: arXiv and ICML
    refuse type 3), so that kerning, ligatures and accents are no use there any more. Reading and
    cutting these tables took four fifths of the time of a PDF.
    """
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


def save_figure(figure: Figure, path: Path | str) -> None:
    """Write a figure to PNG, SVG or PDF; the same figure gives the same bytes.

    One that has no layout of its own (``layout="constrained"``) is written as large as its text
    needs.
    """
    from matplotlib import rc_context

    path = Path(path)
    suffix = path.suffix.lower()
    # fontTools remarks on the dates in Computer Modern's files, which nobody here wrote.
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    held = io.BytesIO()
    lean = _outlines_only() if suffix == ".pdf" else nullcontext()
    with lean, rc_context(None if _NOTES.get() is not None else STYLE):
        figure.savefig(
            held, format=suffix[1:], metadata=_FILE_INFO[suffix], dpi=200,
            bbox_inches="tight" if figure.get_layout_engine() is None else None,
        )  # fmt: skip
    path.write_bytes(held.getvalue())


@contextmanager
def printed(venue: Venue) -> Iterator[list[str]]:
    """Draw and save for a venue; yields the notes, which a screen shows above the axes."""
    from matplotlib import rc_context

    notes: list[str] = []
    token = _NOTES.set(notes)
    try:
        with rc_context(STYLE | venue_style(venue)):
            yield notes
    finally:
        _NOTES.reset(token)


def venue_style(venue: Venue) -> dict[str, Any]:
    """Matplotlib's settings for a venue."""
    small = venue.small_points
    return {
        "font.family": [font_of(venue), *(["STIXGeneral"] if "cmr10" in venue.fonts else [])],
        "mathtext.fontset": "cm" if "cmr10" in venue.fonts else "stix",
        "axes.formatter.use_mathtext": True,
        "font.size": venue.text_points,
        "axes.labelsize": venue.text_points,
        "xtick.labelsize": small,
        "ytick.labelsize": small,
        "legend.fontsize": small,
        "figure.titlesize": small,
        "figure.titleweight": "normal" if "cmr10" in venue.fonts else "bold",
        "axes.linewidth": 0.6,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "axes.labelpad": 3.0,
        "pgf.texsystem": "pdflatex",
        "pgf.rcfonts": False,
        "pgf.preamble": venue.latex_fonts,
    }


def font_of(venue: Venue) -> str:
    """The first of the venue's fonts that is installed as TrueType, which PDF embeds whole."""
    from matplotlib.font_manager import fontManager

    installed = {font.name for font in fontManager.ttflist if font.fname.lower().endswith(".ttf")}
    return next((name for name in venue.fonts if name in installed), venue.fonts[-1])


def small_text() -> float:
    """Points of labels within the axes, in the style in force."""
    from matplotlib import rcParams

    return _points(rcParams["legend.fontsize"])


def _points(size: float | str) -> float:
    from matplotlib.font_manager import FontProperties

    return float(FontProperties(size=size).get_size_in_points())


def label_weight() -> str:
    """Weight of the names of lines, in the style in force: Computer Modern comes without bold."""
    from matplotlib import rcParams

    return str(rcParams["figure.titleweight"])


def is_narrow(axes: Axes) -> bool:
    """Whether the figure is so narrow that labels must be terse."""
    return float(axes.get_figure(root=True).get_figwidth()) < NARROW  # type: ignore[union-attr]


def scale(axes: Axes) -> float:
    """Factor on the size of marks and lines: 1, and less in a narrow figure."""
    return 0.72 if is_narrow(axes) else 1.0


def note(axes: Axes, *parts: str, above: float = 0.0, caption: Sequence[str] = ()) -> None:
    """Say what the marks mean: above the axes on a screen, in the caption in print.

    ``above`` is how many points above the axes something else takes; ``caption`` is what only a
    caption has room for.
    """
    from matplotlib import rcParams

    held = _NOTES.get()
    if held is not None:
        held.extend((*parts, *caption))
        return
    points = min(_points(rcParams["figure.titlesize"]), small_text())
    axes.set_title(
        "\n".join(_filled(parts, _room_of_title(axes), points)),
        loc="left",
        fontsize=points,
        color=PALE,
        pad=8 + above,
    )


def _room_of_title(axes: Axes) -> float:
    """Points from the axes' left end to that of the figure, or to the next axes beside them."""
    figure, own = axes.get_figure(root=True), axes.get_position()
    beside = [
        other.get_position().x0
        for other in figure.axes  # type: ignore[union-attr]
        if other is not axes and other.get_label() != "<colorbar>"
    ]
    end = min([x for x in beside if x >= own.x1 - 1e-6], default=1.0)
    width = float(figure.get_figwidth())  # type: ignore[union-attr]
    return 72.0 * width * (end - 0.03 - float(own.x0))


def _filled(parts: Sequence[str], width: float, points: float) -> list[str]:
    """Parts in lines of a width: a line ends between parts, or between words of one too long."""
    found, line = [], ""
    for part in parts:
        joined = f"{line}   {part}" if line else part
        if text_width(joined, points) <= width:
            line = joined
            continue
        if line:
            found.append(line)
        line = ""
        for word in part.split():
            longer = f"{line} {word}" if line else word
            if line and text_width(longer, points) > width:
                found.append(line)
                longer = word
            line = longer
    return [*found, line]


def text_width(text: str, points: float) -> float:
    """Points across a line of text, in the style in force."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.textpath import text_to_path

    font = FontProperties(size=points)
    return float(text_to_path.get_text_width_height_descent(text, font, ismath=False)[0])


def line_colours(n: int) -> list[str]:
    """Colours for n ordered lines, light to dark: told apart by colour-blind eyes and in grey.

    They are cut from cividis, made for that (Nunez, Anderton, Renslow 2018, PLOS ONE 13(7)), its
    palest end left out.
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    where = [0.1] if n == 1 else np.linspace(0.8, 0.0, n)
    return [to_hex(colormaps["cividis"](float(w))) for w in where]


def readable_ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Ticks for a log axis from 1-2-5 steps, or decades where there are many."""
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 2)
    for steps in ((1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0), (1.0, 2.0, 3.0, 5.0, 7.0),
                  (1.0, 2.0, 5.0), (1.0, 3.0), (1.0,)):  # fmt: skip
        ticks = [step * 10.0**d for d in decades for step in steps]
        inside = [tick for tick in ticks if low * 0.999 <= tick <= high * 1.001]
        if len(inside) <= most:
            break
    while len(inside) > most:
        inside = inside[::2]
    return inside


def error_text(error: float, *, percent: bool) -> str:
    """An error as a tick label."""
    return f"{100.0 * error:.3g}%" if percent else f"{error:.3g}"


def set_log_ticks(axis: Axis, ticks: Sequence[float], labels: Sequence[str]) -> None:
    """Put ticks with their labels on a log axis, and nothing else."""
    from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator

    axis.set_major_locator(FixedLocator(list(ticks)))
    axis.set_major_formatter(FixedFormatter(list(labels)))
    axis.set_minor_locator(NullLocator())


def size_axis(axes: Axes, low: float, high: float, label: str) -> None:
    """A log axis of sizes."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    ticks = readable_ticks(low, high, most=7)
    set_log_ticks(axes.xaxis, ticks, [format_size(tick) for tick in ticks])
    axes.set_xlabel(label)


def error_axis(
    axes: Axes, low: float, high: float, label: str, *, percent: bool, linear: bool = False
) -> None:
    """A log axis of errors with pale rules; shares end at 100%. That of losses is even."""
    if linear:
        axes.set_ylim(low, high)
        axes.set_ylabel(label)
        pale_rules(axes, "y")
        return
    if percent:
        high = min(high, 1.06)
    axes.set_yscale("log")
    axes.set_ylim(low, high)
    ticks = readable_ticks(low, high, most=7)
    set_log_ticks(axes.yaxis, ticks, [error_text(tick, percent=percent) for tick in ticks])
    axes.set_ylabel(label)
    pale_rules(axes, "y")


def pale_rules(axes: Axes, which: Literal["x", "y"]) -> None:
    """Pale rules at the ticks of an axis, below everything."""
    axes.grid(axis=which, color=RULE, linewidth=0.8)
    axes.set_axisbelow(True)


def spread_labels(at: Sequence[float], gap: float, low: float, high: float) -> FloatArray:
    """Positions near ``at`` that keep ``gap`` between neighbours, within [low, high]."""
    order = np.argsort(at)
    placed = np.asarray(at, dtype=np.float64)[order]
    for _ in range(200):
        moved = False
        for k in range(len(placed) - 1):
            lack = gap - (placed[k + 1] - placed[k])
            if lack > 1e-9:
                placed[k] -= lack / 2.0
                placed[k + 1] += lack / 2.0
                moved = True
        outside = placed.min() < low - 1e-9 or placed.max() > high + 1e-9
        placed = np.clip(placed, low, high)  # only those outside move; their neighbours make room
        if not moved and not outside:
            break
    result = np.empty_like(placed)
    result[order] = placed
    return result
