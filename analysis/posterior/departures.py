r"""How a curve may depart from the law: not at all, smoothly, by a hump, or by a bend.

A departure is added to the log of the error. Each is Gaussian with a covariance ``root @ root.T``
over the points and the grid alike, so that all are treated by the same few products. Over
x = ln(size), in units of the range tried:

========= =====================================================================================
kind      departure
========= =====================================================================================
none      0
smooth    GP(0, a^2 exp(-(x - x')^2 / 2 l^2))
hump      h exp(-(x - c)^2 / 2 w^2), h ~ N(0, 0.4^2): double descent, sizes that train badly
bend      h w ln(1 + exp((x - c) / w)), h ~ N(0, 0.3^2): another exponent from c on, which turns
          the curve upwards where h is large enough (overfitting); Caballero et al. (2022)
========= =====================================================================================

A hump or bend has a small smooth departure beside it: none is exactly of this form.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from analysis.table.trials import FloatArray

Kind = Literal["none", "smooth", "hump", "bend"]

NONE_PRIOR = 0.56
"""Prior weight of the law as it is: published curves of size mostly follow one."""
SMOOTH_PRIORS = ((0.05, 0.09), (0.15, 0.09), (0.4, 0.06), (1.0, 0.04))
"""Amplitude a of a smooth departure, on the log of the error, with its prior weight."""
LENGTHS = (0.15, 0.3, 0.6)
"""Length l of a smooth departure, in units of the range of x."""
HUMP_PRIOR, HUMP_HEIGHT = 0.06, 0.4
HUMP_CENTRES = np.linspace(0.1, 0.9, 13)
HUMP_WIDTHS = np.array([0.06, 0.1, 0.16])
"""Width w of a hump, in units of the range of x; the peaks of double descent in Nakkiran et al.
(2019), figures 1-6, span a factor of 3 to 10 in size."""
BEND_PRIOR, BEND_SLOPE = 0.1, 0.3
BEND_CENTRES = np.linspace(0.1, 0.9, 15)
BEND_WIDTHS = np.array([0.02, 0.08])
"""Width w of a bend, in units of the range of x: sharp and soft."""
SLACK = 0.03
"""Smooth departure beside a hump or a bend, on the log of the error."""
FINE_DEPARTURES = 48
"""Humps and bends that take the place of the coarse ones."""
DEPARTURE_SHARE = 1e-4
"""A coarse departure below this share of the best one's weight is left out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Departure:
    """One way to depart from the law, for given points and grid."""

    kind: Kind
    centre: float
    width: float
    """Centre and width of a hump or bend; 0 and the length of a smooth departure."""
    at_points: FloatArray
    """(K, rank) root of its covariance at the points."""
    on_grid: FloatArray
    """(G, rank) root on the grid."""
    prior: float
    size: float
    """Typical size on the log of the error."""

    @property
    def simple(self) -> bool:
        """Whether it helps to tell roughly which laws may hold."""
        return self.kind == "none" or (
            self.kind == "smooth" and self.width == LENGTHS[1] and self.size < 0.2
        )


class Departures:
    """All departures for points at log sizes ``x`` (K,) and curves drawn on ``grid`` (G,)."""

    def __init__(self, x: FloatArray, grid: FloatArray) -> None:
        self._k = len(x)
        at = np.concatenate([x, grid])
        self._span = max(float(x[-1] - x[0]), 1e-9)
        self._place = (at - x[0]) / self._span
        self._smooth = {length: self._smooth_root(length) for length in LENGTHS}

    def coarse(self) -> list[Departure]:
        """The law itself, smooth departures, and humps and bends on a coarse grid."""
        found = [self._made("none", 0.0, 0.0, np.zeros((len(self._place), 1)), NONE_PRIOR, 0.0)]
        for length, root in self._smooth.items():
            for a, prior in SMOOTH_PRIORS:
                found.append(self._made("smooth", 0.0, length, a * root, prior / len(LENGTHS), a))
        for kind, total, centres, widths in (
            ("hump", HUMP_PRIOR, HUMP_CENTRES, HUMP_WIDTHS),
            ("bend", BEND_PRIOR, BEND_CENTRES, BEND_WIDTHS),
        ):
            prior = total / len(centres) / len(widths)
            for c in centres:
                for w in widths:
                    found.append(self._feature(kind, float(c), float(w), prior))  # type: ignore[arg-type]
        return found

    def refine(
        self, coarse: list[Departure], log_evidence: FloatArray, rng: np.random.Generator
    ) -> list[Departure]:
        """Split humps and bends into children at random places in their cells, where they count.

        Children share their parent's prior, so that sums over them stand for the same integral.
        """
        log_weight = log_evidence + np.log([way.prior for way in coarse])
        weight = np.exp(log_weight - log_weight.max())
        kept = weight > DEPARTURE_SHARE
        featured = np.array([way.kind in ("hump", "bend") for way in coarse])
        share = np.where(kept & featured, np.sqrt(weight), 0.0)
        children = np.maximum(np.round(FINE_DEPARTURES * share / max(share.sum(), 1e-300)), 1.0)
        fine = []
        for way, keep, has, n in zip(coarse, kept, featured, children, strict=True):
            if way.kind == "none" or (keep and not has):
                fine.append(way)
            for _ in range(int(n) if keep and has else 0):
                fine.append(self._child(way, way.prior / n, rng))
        return fine

    def _child(self, way: Departure, prior: float, rng: np.random.Generator) -> Departure:
        centres = HUMP_CENTRES if way.kind == "hump" else BEND_CENTRES
        widths = HUMP_WIDTHS if way.kind == "hump" else BEND_WIDTHS
        step = float(centres[1] - centres[0])
        ratio = float(np.log(widths[1] / widths[0]))
        return self._feature(
            way.kind,
            way.centre + step * (rng.random() - 0.5),
            way.width * float(np.exp(ratio * (rng.random() - 0.5))),
            prior,
        )

    def _feature(self, kind: Kind, centre: float, width: float, prior: float) -> Departure:
        """A hump or a bend, with a small smooth departure beside it."""
        z = (self._place - centre) / width
        if kind == "hump":
            size, column = HUMP_HEIGHT, HUMP_HEIGHT * np.exp(-0.5 * z**2)
        else:
            size, column = BEND_SLOPE, BEND_SLOPE * self._span * width * np.logaddexp(0.0, z)
        root = np.concatenate([column[:, None], SLACK * self._smooth[LENGTHS[0]]], axis=1)
        return self._made(kind, centre, width, root, prior, size)

    def _smooth_root(self, length: float) -> FloatArray:
        distance = (self._place[:, None] - self._place[None, :]) / length
        values, vectors = np.linalg.eigh(np.exp(-0.5 * distance**2))
        kept = values > 1e-8 * values[-1]
        root: FloatArray = vectors[:, kept] * np.sqrt(values[kept])
        return root

    def _made(
        self, kind: Kind, centre: float, width: float, root: FloatArray, prior: float, size: float
    ) -> Departure:
        return Departure(
            kind=kind,
            centre=centre,
            width=width,
            at_points=root[: self._k],
            on_grid=root[self._k :],
            prior=prior,
            size=size,
        )
