"""What a law is: a formula that gives an error for a size, with what a solver needs to fit it.

Notation
--------
======== =========================================== =================
symbol   meaning                                     shape
======== =========================================== =================
theta    internal parameters (what the solver moves) (..., P)
natural  the parameters of the published formula     (..., P)
x        sizes (or one row of inputs per point)      (n,) or (n, D)
f        predicted error                             (..., n)
J        d f / d theta                               (..., P, n)
======== =========================================== =================

Internal parameters are chosen so that the problem is well scaled and its domain is a box: scale
factors by their logarithm, a floor by its value (so that "no floor" is exactly the bound 0),
exponents by their value. ``Law.natural`` gives the published parameters.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Curve = tuple[Array, Callable[[], Sequence[Array | float]]]
Rows = Array | Sequence[Array | Sequence[Array | float]]
Ranges = Sequence[tuple[float, float]]

EXPONENT_MAX = 10.0
"""Largest exponent tried; published scaling exponents of sizes lie below 2."""

EXPONENTS = (0.0, EXPONENT_MAX)
"""Range of an exponent: the error does not rise with size."""

LOG_SCALE_MARGIN = 25.0
"""How far (in logs) a scale factor may lie from what the data show: e^25 is 10^11."""


@dataclass(frozen=True)
class Law(ABC):
    """A parametric curve error = f(theta, x).

    A law is stateless: options (a known chance level, whether a factor is fitted) are fields. A new
    law is one file that defines a subclass and its ``LAWS``, and one line in the registry of
    `analysis.laws`.
    """

    name: ClassVar[str]
    """The name users give: ``law="power_floor"``."""
    words: ClassVar[str] = ""
    """What it is called where people choose among laws; the name if empty."""
    formula: ClassVar[str]
    """LaTeX, without dollar signs."""
    source: ClassVar[str]
    """Where the form comes from."""
    names: ClassVar[tuple[str, ...]]
    """Names of the natural parameters, in order; length P."""
    logs: ClassVar[tuple[int, ...]] = (0,)
    """Which internal parameters are the logarithms of natural ones; the others are the same."""
    monotone: ClassVar[bool] = True
    """Whether the error can only fall with size."""
    weighed: ClassVar[bool] = False
    """Whether it is a candidate, unless others are named, where laws of size are weighed by what
    they predict; in forecasts only if it is monotone."""
    inputs: ClassVar[tuple[str, ...]] = ("size",)
    """What the columns of x are; one input means that x has shape (n,)."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the natural parameters, where an option may have its say."""
        return self.names

    @property
    def n_free(self) -> int:
        """How many of the parameters a fit moves; fewer than P where an option holds some fixed."""
        return len(self.parameters)

    @abstractmethod
    def curve(self, theta: Array, x: Array) -> Curve:
        """Return f of shape (..., n) for theta of shape (P, ..., 1), and what gives its derivatives
        by each of the parameters.
        """

    @abstractmethod
    def guesses(self, x: Array, y: Array) -> Rows:
        """Starting points for a fit of the errors y of shape (n,) at x, each of P numbers."""

    @abstractmethod
    def ranges(self, x: Array, y: Array) -> Ranges:
        """Least and largest value of each of theta."""

    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """Return f of shape (..., n) and, if asked for, J of shape (..., P, n)."""
        value, derivatives = self.curve(np.moveaxis(theta, -1, 0)[..., None], x)
        if not with_gradient:
            return value, None
        gradient = np.empty((*theta.shape, value.shape[-1]))
        for index, derivative in enumerate(derivatives()):
            gradient[..., index, :] = derivative
        return value, gradient

    def starts(self, x: Array, y: Array) -> Array:
        """Starting points inside the bounds, shape (S, P)."""
        return np.clip(np.array(self.guesses(x, y), dtype=np.float64), *self.bounds(x, y))

    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Lower and upper bounds of theta, each of shape (P,)."""
        lower, upper = np.array(self.ranges(x, y), dtype=np.float64).T.copy()
        return lower, upper

    def natural(self, theta: Array) -> Array:
        """Turn internal into natural parameters, both of shape (..., P)."""
        out = np.array(theta, dtype=np.float64)
        logs = list(self.logs)
        out[..., logs] = np.exp(out[..., logs])
        return out

    def predict(self, theta: Array, x: Array) -> Array:
        """Predicted error of shape (..., n) for theta of shape (..., P); infinite on overflow."""
        theta, x = np.asarray(theta, dtype=np.float64), np.asarray(x, dtype=np.float64)
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            return self.evaluate(theta, x, with_gradient=False)[0]

    def gradient(self, theta: Array, x: Array) -> Array:
        """Analytic derivative of the predicted error by theta, of shape (..., n, P)."""
        theta, x = np.asarray(theta, dtype=np.float64), np.asarray(x, dtype=np.float64)
        gradient = self.evaluate(theta, x)[1]
        assert gradient is not None
        return np.moveaxis(gradient, -2, -1)

    def evaluate_log(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """Return log f and d log f / d theta: what a fit of log errors needs.

        Where the formula gives no positive value the result is NaN, which the solver rejects.
        """
        value, gradient = self.evaluate(theta, x, with_gradient=with_gradient)
        value = np.where(value > 0.0, value, np.nan)
        if gradient is not None:
            gradient = gradient / value[..., None, :]
        return np.log(value), gradient


def softplus(t: Array) -> Array:
    """log(1 + exp(t)) without overflow."""
    return np.maximum(t, 0.0) + np.log1p(np.exp(-np.abs(t)))


def logistic(t: Array) -> Array:
    """1 / (1 + exp(-t)), the slope of softplus, without overflow."""
    return 1.0 / (1.0 + np.exp(-np.clip(t, -700.0, 700.0)))


def scale_range(x: Array, y: Array) -> tuple[float, float]:
    """Bounds of log A in A * x**-alpha, for any alpha in [0, EXPONENT_MAX]."""
    log_x = np.log(x)
    low = float(np.log(y.min())) + min(0.0, EXPONENT_MAX * float(log_x.min()))
    high = float(np.log(y.max())) + max(0.0, EXPONENT_MAX * float(log_x.max()))
    return low - LOG_SCALE_MARGIN, high + LOG_SCALE_MARGIN


def symmetric_range(x: Array, slope: float) -> tuple[float, float]:
    """Bounds of a free constant beside ``slope * log(x)``, and a margin."""
    reach = slope * float(np.abs(np.log(x)).max()) + LOG_SCALE_MARGIN
    return -reach, reach


def log_line(x: Array, y: Array) -> tuple[Array, Array]:
    """Least-squares line ``log y = intercept - slope * log x`` for each row of y (..., n).

    The slope is the exponent of a power law: positive where y falls, zero if all x are equal.
    """
    u = np.log(x)
    v = np.log(y)
    u_mean = u.mean()
    spread = float(((u - u_mean) ** 2).sum())
    if spread <= 0.0:
        return v.mean(-1), np.zeros(v.shape[:-1])
    slope = -((u - u_mean) * v).sum(-1) / spread
    return v.mean(-1) + slope * u_mean, slope
