"""What a fit returns: parameters, and an honest account of how they were found."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.laws.law import Array, Law
from analysis.table.trials import BoolArray, IntArray, read_only


class Status(enum.IntEnum):
    """How a fit ended."""

    CONVERGED = 0
    """An optimum was reached and the data identify every parameter."""
    UNIDENTIFIED = 1
    """An optimum was reached, but other parameters fit the same: predictions inside the range of
    the data hold, parameters and extrapolation may not."""
    ITERATION_LIMIT = 2
    """The solver was still improving when it was stopped."""
    UNDERDETERMINED = 3
    """Fewer distinct sizes with weight than parameters: many curves fit. Not fitted."""
    BAD_DATA = 4
    """An error that is not finite and positive has weight."""
    NO_FINITE_START = 5
    """The law gave no finite value at any start."""


REASONS = {
    Status.CONVERGED: "converged",
    Status.UNIDENTIFIED: "the data do not identify {parameters}; add sizes or use a simpler law",
    Status.ITERATION_LIMIT: "stopped while still improving; raise max_iterations or use a simpler "
    "law",
    Status.UNDERDETERMINED: "fewer distinct sizes than the law's parameters; add sizes or use a "
    "simpler law",
    Status.BAD_DATA: "an error that is not finite and positive; exclude it or give it weight 0",
    Status.NO_FINITE_START: "the law has no finite value at any start; check the scale of x and y",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class BatchFit:
    """R fits of one law (R = 1 for a plain fit), one row per resample. Arrays are read-only."""

    law: Law
    """The law that was fitted."""
    theta: Array
    """Internal parameters, shape (R, P); NaN where there is no fit."""
    objective: Array
    """Sum of the weighted Huber losses at the optimum, shape (R,)."""
    status: IntArray
    """`Status` of each row, shape (R,)."""
    n_starts: int
    """Starts tried per row."""
    starts_at_best: IntArray
    """How many of them reached the best optimum (to a relative 1e-6), shape (R,). Of many starts
    only the most promising are followed to the end, so the number is a lower bound."""
    condition: Array
    """Condition number of the column-scaled curvature at the optimum, shape (R,)."""
    unidentified: BoolArray
    """Which parameters the data leave free, shape (R, P)."""
    at_bound: BoolArray
    """Which parameters ended on a bound (a floor of exactly zero, say), shape (R, P)."""
    iterations: IntArray
    """Iterations of the best start, shape (R,)."""
    delta: float
    """Huber threshold used."""
    n_points: int
    """Points fitted."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                read_only(value)

    @property
    def ok(self) -> BoolArray:
        """Rows whose predictions may be used within the range of the data, shape (R,)."""
        return np.isin(self.status, (Status.CONVERGED, Status.UNIDENTIFIED))

    @property
    def parameters(self) -> Array:
        """Natural parameters (named by ``law.parameters``), shape (R, P)."""
        return self.law.natural(self.theta)

    def predict(self, x: npt.ArrayLike) -> Array:
        """Predicted errors at x, shape (R, n); NaN in rows without a fit."""
        return self.law.predict(self.theta, np.asarray(x, dtype=np.float64))

    def reason(self, row: int = 0) -> str:
        """Why a row has its status, with the next step."""
        names = [
            n for n, free in zip(self.law.parameters, self.unidentified[row], strict=True) if free
        ]
        return REASONS[Status(int(self.status[row]))].format(parameters=", ".join(names) or "all")
