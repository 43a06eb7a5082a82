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
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

EXPONENT_MAX = 10.0
"""Largest exponent tried; published scaling exponents of sizes lie below 2."""

LOG_SCALE_MARGIN = 25.0
"""How far (in logs) a scale factor may lie from what the data show: e^25 is 10^11."""


@dataclass(frozen=True)
class Law(ABC):
    """A parametric curve error = f(theta, x).

    A law is stateless: options (a known chance level, a number of breaks) are fields. A new law is
    one file that defines a subclass and its ``LAWS``, and one line in the registry of
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
    monotone: ClassVar[bool] = True
    """Whether the error can only fall with size."""
    weighed: ClassVar[bool] = False
    """Whether it is a candidate, unless others are named, where laws of size are weighed by what
    they predict; in forecasts only if it is monotone."""
    inputs: ClassVar[tuple[str, ...]] = ("size",)
    """What the columns of x are; one input means that x has shape (n,)."""

    @property
    @abstractmethod
    def parameters(self) -> tuple[str, ...]:
        """Names of the natural parameters, in order; length P."""

    @property
    def n_free(self) -> int:
        """How many of the parameters a fit moves; fewer than P where an option holds some fixed."""
        return len(self.parameters)

    @abstractmethod
    def evaluate(
        self, theta: Array, x: Array, *, with_gradient: bool = True
    ) -> tuple[Array, Array | None]:
        """Return f of shape (..., n) and, if asked for, J of shape (..., P, n)."""

    @abstractmethod
    def starts(self, x: Array, y: Array) -> Array:
        """Starting points for a fit of the errors y of shape (n,) at x; shape (S, P)."""

    @abstractmethod
    def bounds(self, x: Array, y: Array) -> tuple[Array, Array]:
        """Lower and upper bounds of theta, each of shape (P,)."""

    def natural(self, theta: Array) -> Array:
        """Turn internal into natural parameters, both of shape (..., P)."""
        return np.asarray(theta, dtype=np.float64)

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


def column(theta: Array, index: int) -> Array:
    """Parameter ``index`` of theta with a trailing axis for the points: shape (..., 1)."""
    return theta[..., index, None]


def softplus(t: Array) -> Array:
    """log(1 + exp(t)) without overflow."""
    return np.maximum(t, 0.0) + np.log1p(np.exp(-np.abs(t)))


def log_line(x: Array, y: Array) -> tuple[Array, Array]:
    """Least-squares line ``log y = intercept - slope * log x`` for each row of y.

    Parameters
    ----------
    x : array of shape (n,), positive
    y : array of shape (..., n), positive

    Returns
    -------
    intercept, slope : arrays of shape (...)
        The slope is the exponent of a power law: positive where y falls. Zero if all x are equal.
    """
    u = np.log(x)
    v = np.log(y)
    u_mean = u.mean()
    spread = float(((u - u_mean) ** 2).sum())
    if spread <= 0.0:
        return v.mean(-1), np.zeros(v.shape[:-1])
    slope = -((u - u_mean) * v).sum(-1) / spread
    return v.mean(-1) + slope * u_mean, slope


def clip_into(theta: Array, bounds: tuple[Array, Array]) -> Array:
    """Move starting points inside the box."""
    return np.clip(theta, bounds[0], bounds[1])
