r"""The log marginal likelihood of each covariance and shape, the level integrated out.

Given the covariance C of the points and a shape f, the level has a flat prior, and

    ln p = -ln |L| - ln(h) / 2 - |z - F c|^2 / 2,    h = 1' C^-1 1,  C = L L'

where z and F are the points and the basis of the shapes after L has been taken out and the mean
projected off, and f = c' basis. A thousand smooth curves span few dimensions, and the square is a
polynomial in c: so one matrix product, of the polynomials' coefficients (one row a covariance) with
the monomials (one column a shape), gives the whole table.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
B, T     combinations and shapes                                       scalar
K        points of the curve                                           scalar
r        dimensions that the shapes span                               scalar
M        monomials in c up to degree two: 1 + r + r (r + 1) / 2        scalar
======== ============================================================= ===========
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from analysis.posterior.combinations import Combinations
from analysis.table.trials import FloatArray

SPAN = 1e-5
"""Directions in which the shapes reach less than this share of the widest one are left out."""
UNSEEN = 0.02
"""So are those that reach, on average, less than this share of the least noise of a point."""
NOTHING = -45.0
"""Log weights this far below the largest add nothing: a million of them add less than 1e-13."""
ROWS = 64
"""Rows that are exponentiated at a time, while they are in the processor's cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeSpan:
    """Shapes at the points, as coefficients of a small basis."""

    basis: FloatArray
    """(r, K)"""
    monomials: FloatArray
    """(T, M) 1, the coefficients c, and their products c_i c_j for i <= j."""

    @classmethod
    def of(cls, shapes: FloatArray, noise: float = 0.0) -> ShapeSpan:
        """Of shapes (T, K), as closely as points of this noise can tell."""
        left, values, right = np.linalg.svd(shapes, full_matrices=False)
        least = max(SPAN * float(values[0]), UNSEEN * noise * math.sqrt(len(shapes)), 1e-12)
        rank = max(int((values > least).sum()), 1)
        coefficients = left[:, :rank] * values[:rank]
        i, j = np.triu_indices(rank)
        ones = np.ones((len(shapes), 1))
        products = coefficients[:, i] * coefficients[:, j]
        return cls(
            basis=right[:rank], monomials=np.concatenate([ones, coefficients, products], axis=1)
        )


def log_weights(combinations: Combinations, span: ShapeSpan) -> FloatArray:
    """(B, T) log of prior (of the combination) times marginal likelihood."""
    lower = np.linalg.cholesky(combinations.covariances())
    y = combinations.points.y
    right = np.concatenate([np.ones((1, len(y))), y[None, :], span.basis]).T
    z = np.linalg.solve(lower, np.broadcast_to(right, (len(lower), *right.shape)))
    ones, rest = z[:, :, :1], z[:, :, 1:]
    information = (ones**2).sum(axis=1)[:, 0]
    rest = rest - ones * (ones.transpose(0, 2, 1) @ rest) / information[:, None, None]
    gram = rest.transpose(0, 2, 1) @ rest  # of the target, then of the basis
    i, j = np.triu_indices(len(span.basis))
    log_root = np.log(np.diagonal(lower, axis1=1, axis2=2)).sum(axis=1)
    level = combinations.log_prior - log_root - 0.5 * np.log(information) - 0.5 * gram[:, 0, 0]
    square = gram[:, 1 + i, 1 + j] * np.where(i == j, -0.5, -1.0)
    polynomial = np.concatenate([level[:, None], gram[:, 1:, 0], square], axis=1)
    table: FloatArray = polynomial @ span.monomials.T
    return table


def log_sums(log_weight: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Logs of the sums of the weights along the rows (B,) and the columns (T,).

    Written over the logs, as :func:`relative` does.
    """
    top = log_weight.max()
    weight = relative(log_weight)
    rows, columns = weight.sum(axis=1), weight.sum(axis=0)
    return top + np.log(rows + 1e-300), top + np.log(columns + 1e-300)


def relative(log_weight: FloatArray) -> FloatArray:
    """Weights in units of the largest, written over their logs: the table is too large to copy."""
    top = log_weight.max()
    for start in range(0, len(log_weight), ROWS):
        rows = log_weight[start : start + ROWS]
        rows -= top
        seen = rows > NOTHING
        np.exp(rows, out=rows, where=seen)
        np.copyto(rows, 0.0, where=~seen)
    return log_weight
