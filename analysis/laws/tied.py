r"""Surfaces in which size and data have one exponent.

Gadre et al. write the loss over compute C = 6 N D and the examples for each parameter M = D / N:

    E + (a M^eta + b M^-eta) C^-eta

M^eta C^-eta is 6^-eta N^(-2 eta), and M^-eta C^-eta is 6^-eta D^(-2 eta): the Chinchilla surface
with alpha = beta = 2 eta, log A = log a - eta log 6 and log B = log b - eta log 6.
"""

from __future__ import annotations

import numpy as np

from analysis.laws.chinchilla import Chinchilla
from analysis.laws.law import EXPONENT_MAX, EXPONENTS, Array, Ranges
from analysis.laws.size_data import SizeData
from analysis.laws.surfaces import Reparametrised

LOG_SIX = float(np.log(6.0))
"""FLOPs of training for each parameter and example: C = 6 N D."""


class ChinchillaTied(Reparametrised):
    """error = E + A / N**alpha + B / D**alpha; theta = (log A, log B, E, alpha)."""

    name = "chinchilla_tied"
    formula = r"E + A\,N^{-\alpha} + B\,D^{-\alpha}"
    source = (
        "Hoffmann et al. 2022, arXiv:2203.15556, equation 2, with one exponent as in Gadre et al. "
        "2024, arXiv:2403.08540"
    )
    names = ("A", "B", "E", "alpha")
    logs = (0, 1)
    term_parameters = ("A", "B", "alpha")
    inner = Chinchilla()
    matrix = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 1.0]])
    offset = np.zeros(5)

    def ranges(self, x: Array, y: Array) -> Ranges:
        """Those of the inner law, with one exponent."""
        return self.inner.ranges(x, y)[:4]


class Gadre(Reparametrised):
    """error = E + (a M**eta + b M**-eta) C**-eta; theta = (log a, log b, E, eta)."""

    name = "gadre"
    formula = r"E + (a\,M^{\eta} + b\,M^{-\eta})\,C^{-\eta},\quad C = 6ND,\quad M = D/N"
    source = "Gadre et al. 2024, arXiv:2403.08540, equation 4"
    names = ("a", "b", "E", "eta")
    logs = (0, 1)
    term_parameters = ("a", "b", "eta")
    inner = Chinchilla()
    matrix = np.array([
        [1, 0, 0, -LOG_SIX], [0, 1, 0, -LOG_SIX], [0, 0, 1, 0], [0, 0, 0, 2.0], [0, 0, 0, 2.0],
    ])  # fmt: skip
    offset = np.zeros(5)

    def ranges(self, x: Array, y: Array) -> Ranges:
        """The scales are larger than those of the inner law by up to 6**eta."""
        a, b, floor, *_ = self.inner.ranges(x, y)
        most = EXPONENT_MAX / 2.0
        larger = most * LOG_SIX
        return [(a[0], a[1] + larger), (b[0], b[1] + larger), floor, (0.0, most)]


class SizeDataTied(Reparametrised):
    """The surface with the passage from chance, with one exponent."""

    name = "size_data_tied"
    formula = r"\varepsilon_0\,u/\sqrt{1+u^2},\quad u = A\,m^{-\alpha} + B\,n^{-\alpha} + c"
    source = (
        "Rosenfeld et al. 2020, arXiv:1909.12673, equation 5, with one exponent as in Gadre et al. "
        "2024, arXiv:2403.08540"
    )
    names = ("A", "B", "E", "alpha", "chance")
    logs = (0, 1, 4)
    term_parameters = ("A", "B", "alpha")
    inner = SizeData()
    matrix = np.array([
        [1, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 1, 0],
        [0, 0, 0, 0, 1.0],
    ])  # fmt: skip
    offset = np.zeros(6)

    def ranges(self, x: Array, y: Array) -> Ranges:
        """Those of the inner law, with one exponent."""
        a, b, floor, *_, chance = self.inner.ranges(x, y)
        return [a, b, floor, EXPONENTS, chance]

    def natural(self, theta: Array) -> Array:
        """The floor is the error where u = c."""
        out = self.inner.natural(self.phi(theta))
        return out[..., [0, 1, 2, 3, 5]]


LAWS = (ChinchillaTied(), Gadre(), SizeDataTied())
