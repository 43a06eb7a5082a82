"""Where the runs of a surface lie, and what is asked beyond them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.findings import NextStep, Reason
from analysis.forecasts.coordinates import COORDINATES, in_coordinates
from analysis.forecasts.identification import LINE, line_of
from analysis.laws.law import Array
from analysis.table.trials import BoolArray

EDGE = 1e-9
"""Relative width of the edge of a range."""


@dataclass(frozen=True, kw_only=True)
class Caution:
    """Why runs cannot support what was asked of a surface."""

    why: Reason
    next_step: NextStep | None
    n_asked: int
    """Points asked for of which it is said."""
    without_number: bool = False
    """Whether there is no number for them: others that fit as well say otherwise."""


def inside(x: Array, at: Array) -> BoolArray:
    """Whether points (m, 2) lie among the runs x (n, 2) in each coordinate, shape (m,)."""
    ours, asked = in_coordinates(np.log(x)), in_coordinates(np.log(at))
    within = (asked >= ours.min(axis=0) - EDGE) & (asked <= ours.max(axis=0) + EDGE)
    return np.asarray(within.all(axis=1))


def off_the_line(x: Array, at: Array) -> BoolArray:
    """Whether points (m, 2) lie off the line about which the runs x (n, 2) lie, shape (m,)."""
    middle, thin, _ = line_of(x)
    return np.asarray(np.abs((np.log(at) - middle) @ thin) > LINE)


def beyond(x: Array, at: Array, flops_per: float) -> tuple[Caution, ...]:
    """What of the points (m, 2) lies beyond the runs x (n, 2), and off the line that they are on.

    One caution for each coordinate that is left, with the point that leaves it furthest.
    """
    found = []
    ours, asked = in_coordinates(np.log(x)), in_coordinates(np.log(at))
    for k, name in enumerate(COORDINATES):
        low, high = ours[:, k].min(), ours[:, k].max()
        far = np.maximum(low - asked[:, k], asked[:, k] - high)
        if not (n := int((far > EDGE).sum())):
            continue
        unit = flops_per if name == "flops" else 1.0
        value, low, high = (
            unit * float(np.exp(v)) for v in (asked[int(far.argmax()), k], low, high)
        )
        why = Reason(kind="beyond_points", about=(name,), value=value, low=low, high=high)
        found.append(Caution(why=why, next_step=NextStep(kind="runs_nearer"), n_asked=n))
    middle, thin, reach = line_of(x)
    off = np.abs((np.log(at) - middle) @ thin) > max(reach, EDGE)
    if reach < LINE and off.any():
        found.append(
            Caution(
                why=Reason(kind="one_direction"),
                next_step=NextStep(kind="off_the_line"),
                n_asked=int(off.sum()),
            )
        )
    return tuple(found)


class UnsupportedForecast(UserWarning):
    """What was asked of a surface lies where its runs cannot support an answer."""

    def __init__(self, text: str, cautions: tuple[Caution, ...] = ()) -> None:
        super().__init__(text)
        self.cautions = cautions
        """Why, as facts."""
