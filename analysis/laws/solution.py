"""What a fit returns: parameters, and an honest account of how they were found."""

from __future__ import annotations

import enum
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analysis.findings import Reason, ReasonKind
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


REASONS: dict[Status, ReasonKind] = {
    Status.UNIDENTIFIED: "unidentified",
    Status.ITERATION_LIMIT: "unconverged",
    Status.UNDERDETERMINED: "underdetermined",
    Status.BAD_DATA: "bad_error",
    Status.NO_FINITE_START: "no_finite_start",
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

    def why(self, row: int = 0) -> Reason | None:
        """Why a row has its status, about the parameters left free; None if it converged."""
        status = Status(int(self.status[row]))
        if status is Status.CONVERGED:
            return None
        names = zip(self.law.parameters, self.unidentified[row], strict=True)
        return Reason(kind=REASONS[status], about=tuple(name for name, free in names if free))
