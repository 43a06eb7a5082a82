r"""How a curve may depart from the law: not at all, smoothly, by a hump, or by a bend.

A departure is added to the log of the error. Each is Gaussian with a covariance ``root @ root.T``
over the points and the grid alike, so that all are treated by the same few products:

========= ============================================================================ ==========
kind      departure over x = ln(size)                                                  columns
========= ============================================================================ ==========
none      0                                                                            0
smooth    GP(0, a^2 exp(-(x - x')^2 / 2 l^2))                                          its rank
hump      h exp(-(x - c)^2 / 2 w^2), h ~ N(0, 0.4^2), with a small smooth one beside   1 + rank
          it: double descent, a region that trains badly
bend      h w ln(1 + exp((x - c) / w)), h ~ N(0, 0.3^2): another exponent from c on,    1
          which turns the curve upwards where it is large enough (overfitting; the
          broken law of Caballero et al. 2022)
========= ============================================================================ ==========
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analysis.trials import FloatArray

NONE_PRIOR = 0.6
"""Prior weight of the law as it is: published curves of size mostly follow one."""
SMOOTH_PRIORS = ((0.05, 0.09), (0.15, 0.09), (0.4, 0.06), (1.0, 0.04))
"""Amplitude a of a smooth departure, on the log of the error, with its prior weight."""
LENGTHS = (0.15, 0.3, 0.6)
"""Length l of a smooth departure, in units of the range of x."""
HUMP_PRIOR, HUMP_HEIGHT = 0.06, 0.4
HUMP_CENTRES = np.linspace(0.1, 0.9, 13)
HUMP_WIDTHS = (0.06, 0.1, 0.16)
"""Width w of a hump, in units of the range of x; the peaks of double descent in Nakkiran et al.
(2019), figures 1-6, span a factor of 3 to 10 in size."""
HUMP_SLACK = 0.03
"""Smooth departure beside a hump: no hump is exactly of this form, nor exactly on this grid."""
BEND_PRIOR, BEND_SLOPE = 0.06, 0.3
BEND_CENTRES = np.linspace(0.15, 0.85, 8)
BEND_WIDTH = 0.06


@dataclass(frozen=True, kw_only=True, eq=False)
class Departure:
    """One way to depart from the law, for given points and grid."""

    at_points: FloatArray
    """(K, rank) root of its covariance at the points."""
    on_grid: FloatArray
    """(G, rank) root on the grid."""
    prior: float
    size: float
    """Typical size on the log of the error."""
    simple: bool
    """Whether it helps to tell roughly which laws may hold."""


def departures(x: FloatArray, grid: FloatArray) -> list[Departure]:
    """All departures for points at log sizes ``x`` (K,) and curves drawn on ``grid`` (G,)."""
    k = len(x)
    at = np.concatenate([x, grid])
    span = max(float(x[-1] - x[0]), 1e-9)
    place = (at - x[0]) / span

    def made(root: FloatArray, prior: float, size: float, simple: bool = False) -> Departure:
        return Departure(
            at_points=root[:k], on_grid=root[k:], prior=prior, size=size, simple=simple
        )

    found = [made(np.zeros((len(at), 1)), NONE_PRIOR, 0.0, True)]
    smooth = {}
    for length in LENGTHS:
        distance = (place[:, None] - place[None, :]) / length
        values, vectors = np.linalg.eigh(np.exp(-0.5 * distance**2))
        kept = values > 1e-8 * values[-1]
        root = vectors[:, kept] * np.sqrt(values[kept])
        smooth[length] = root
        for amplitude, prior in SMOOTH_PRIORS:
            simple = length == LENGTHS[1] and amplitude < 0.2
            found.append(made(amplitude * root, prior / len(LENGTHS), amplitude, simple))
    slack = HUMP_SLACK * smooth[LENGTHS[0]]
    for centre in HUMP_CENTRES:
        for width in HUMP_WIDTHS:
            hump = HUMP_HEIGHT * np.exp(-0.5 * ((place - centre) / width) ** 2)
            root = np.concatenate([hump[:, None], slack], axis=1)
            prior = HUMP_PRIOR / len(HUMP_CENTRES) / len(HUMP_WIDTHS)
            found.append(made(root, prior, HUMP_HEIGHT))
    for centre in BEND_CENTRES:
        ramp = span * BEND_WIDTH * np.logaddexp(0.0, (place - centre) / BEND_WIDTH)
        prior = BEND_PRIOR / len(BEND_CENTRES)
        found.append(made(BEND_SLOPE * ramp[:, None], prior, BEND_SLOPE))
    return found
