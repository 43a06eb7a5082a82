r"""What surfaces have in common: a term that falls with size, and one that falls with data.

The terms are A N^-alpha and B D^-beta, whatever names a law gives to its parameters; what a budget
buys at best depends on these four numbers alone.

A law may be told in other parameters that are a linear map of its own: exponents that are one,
scales in another unit. Such a law is `Reparametrised`: a matrix, an offset and names.

======== ======================================================== ======
symbol   meaning                                                  shape
======== ======================================================== ======
phi      internal parameters of the law that is told otherwise    (..., Q)
theta    internal parameters that tell it, phi = T theta + t      (..., P)
T, t     the linear map                                           (Q, P), (Q,)
======== ======================================================== ======
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

import numpy as np

from analysis.laws.law import Array, Curve, Law, Rows

INPUTS = ("n_parameters", "n_examples")
SAME_START = 1e-9
"""A start of the inner law that the map reaches to this is one of the law told otherwise."""


class SurfaceLaw(Law):
    """A law of size and data, each with a term of its own."""

    inputs = INPUTS
    term_parameters: ClassVar[tuple[str, ...]]
    """Names of the natural parameters that the two terms are made of."""

    @abstractmethod
    def terms(self, theta: Array) -> Array:
        """Return log A, log B, alpha and beta, shape (..., 4), for theta of shape (..., P)."""

    @abstractmethod
    def with_terms(self, theta: Array, terms: Array) -> Array | None:
        """Return theta with other terms; None if the law can't have them."""


class Reparametrised(SurfaceLaw):
    """A surface told in parameters that are a linear map of another law's."""

    inner: ClassVar[SurfaceLaw]
    matrix: ClassVar[Array]
    """T, of full column rank."""
    offset: ClassVar[Array]
    """t."""

    def phi(self, theta: Array) -> Array:
        """Internal parameters of the inner law."""
        return np.asarray(theta @ self.matrix.T + self.offset)

    def terms(self, theta: Array) -> Array:
        """See `SurfaceLaw.terms`."""
        return self.inner.terms(self.phi(theta))

    def with_terms(self, theta: Array, terms: Array) -> Array | None:
        """See `SurfaceLaw.with_terms`: only where the map reaches them."""
        phi = self.inner.with_terms(self.phi(theta), terms)
        if phi is None:
            return None
        back, reached = self._told(phi[None])
        return back[0] if reached[0] else None

    def curve(self, theta: Array, x: Array) -> Curve:
        """See `Law.curve`, by the chain rule."""
        phi = np.moveaxis(self.phi(np.moveaxis(theta[..., 0], 0, -1)), -1, 0)[..., None]
        value, inner = self.inner.curve(phi, x)

        def derivatives() -> list[Array]:
            parts = [np.broadcast_to(part, value.shape) for part in inner()]
            return [
                sum((t * part for t, part in zip(column, parts, strict=True) if t), 0.0 * value)
                for column in self.matrix.T
            ]

        return value, derivatives

    def guesses(self, x: Array, y: Array) -> Rows:
        """Starts of the inner law that can be told so; the nearest to all if none can."""
        told, reached = self._told(self.inner.starts(x, y))
        return told[reached] if reached.any() else told

    def _told(self, phi: Array) -> tuple[Array, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
        """The nearest theta of each phi (S, Q), and whether it is told exactly."""
        theta = (phi - self.offset) @ np.linalg.pinv(self.matrix).T
        return theta, np.abs(self.phi(theta) - phi).max(axis=1) < SAME_START
