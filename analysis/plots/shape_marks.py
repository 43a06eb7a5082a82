"""How shapes are told apart in pictures: a mark and a dash each, and a legend of one line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from analysis.plots import lines, style
from analysis.table.names import plain_name
from analysis.words.told import capital

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_MARKED = len(style.MARKERS)
"""Of more shapes, none has a mark of its own."""
LETTER = 0.62
"""Width of a letter, in heights of the type."""
KEY = 1.4
"""Gaps beside a mark and its line, likewise."""
PART = 0.78
"""Of a figure's width, that of its axes."""


def terse(axes: Sequence[str], names: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """The axes of the shape, and of each name the values alone.

    Examples
    --------
    >>> terse(["depth"], ["depth 1", "depth 2"])
    ('Depth', ('1', '2'))
    >>> terse(["heads", "blocks"], ["heads 1, blocks 2", "heads 2, blocks 2"])
    ('Heads, blocks', ('1, 2', '2, 2'))
    """
    title = capital(", ".join(plain_name(axis).replace("_", " ") for axis in axes))
    return title, tuple(_values(axes, name) for name in names)


def _values(axes: Sequence[str], name: str) -> str:
    found = name.removeprefix(f"{axes[0]} ")
    for axis in axes[1:]:
        found = ", ".join(found.split(f", {axis} ", 1))
    return found


def marker(k: int, n: int) -> str:
    """The mark of shape k of n."""
    return style.MARKERS[k] if n <= MOST_MARKED else "o"


def dash(k: int) -> Any:
    """The dashes of shape k."""
    return lines.DASHES[k % len(lines.DASHES)]


def legend(
    axes: Axes,
    title: str,
    names: Sequence[str],
    colours: Sequence[str],
    *,
    dashed: bool = False,
) -> int:
    """A legend above the axes, in as many lines as it takes; returns their number.

    The title stands before the names, or above them where one line has no room for all.
    """
    from matplotlib.lines import Line2D

    k, points = style.scale(axes), style.small_text()
    width = 72.0 * float(axes.get_figure(root=True).get_figwidth()) * PART  # type: ignore[union-attr]
    length = 2.2 if dashed else 0.9
    each = points * (KEY + length + LETTER * max(map(len, names)))
    above = ""
    if len(names) * each + points * LETTER * (len(title) + 1) > width:
        title, above = "", title
    keys = [
        Line2D(
            [], [], color=colour, linestyle=dash(j) if dashed else "none", linewidth=1.0 * k,
            marker=marker(j, len(names)), markersize=4.6 * k, markerfacecolor="white",
            markeredgewidth=1.1 * k,
        )
        for j, colour in enumerate(colours)
    ]  # fmt: skip
    labels = list(names)
    if title:
        keys.insert(0, Line2D([], [], linestyle="none", marker="none"))
        labels.insert(0, title)
    columns = len(labels) if title else max(1, min(len(labels), int(width / each)))
    start = -(length + 0.3) * points / width if title else -0.02
    shown = axes.legend(
        keys, labels, loc="lower left", bbox_to_anchor=(start, 1.0), frameon=False,
        fontsize=points, handletextpad=0.3, columnspacing=0.9, borderaxespad=0.1, borderpad=0.2,
        ncols=columns, handlelength=length, title=above or None, title_fontsize=points,
        alignment="left",
    )  # fmt: skip
    if title or above:
        (shown.get_texts()[0] if title else shown.get_title()).set_color(style.PALE)
    return -(-len(labels) // columns) + bool(above)


def room(rows: int) -> float:
    """Points that a legend of so many lines takes above the axes."""
    return rows * 1.45 * style.small_text()
