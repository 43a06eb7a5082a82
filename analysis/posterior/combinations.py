"""Every choice of what enters the covariance of a curve's points: departure, scatter, spread.

======== ============================================================= ===========
symbol   meaning                                                       shape
======== ============================================================= ===========
B        combinations                                                  scalar
K        points of the curve                                           scalar
W        ways to depart from the law                                   scalar
tau      scatter of cells beyond what replicates show (tuning luck)    scalar
kappa    true over estimated spread of replicates                      scalar
======== ============================================================= ===========
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from analysis.curves.noise import Noise
from analysis.curves.points import Points
from analysis.posterior.departures import Ways
from analysis.posterior.moves import Moves
from analysis.table.trials import BoolArray, FloatArray, IntArray

SCATTERS = ((0.0, 0.0, 0.6), (0.015, 0.015, 0.25), (0.04, 0.04, 0.12), (0.1, 0.1, 0.03))
"""Scatter tau of cells beyond replicates at the smallest and at the largest size (log-linear in
between), with its prior weight: the luck of tuning each cell."""
SHAPE_SCATTERS = (
    (0.0, 0.0, 0.35), (0.02, 0.02, 0.2), (0.05, 0.05, 0.15), (0.1, 0.1, 0.08), (0.25, 0.25, 0.02),
    (0.25, 0.03, 0.12), (0.6, 0.03, 0.08),
)  # fmt: skip
"""The same where cells of several depths sit side by side: shapes differ more than luck does, and
most where networks are small (two hidden layers of two units hardly train)."""
LADDER_SCATTERS = (*SCATTERS, (0.25, 0.03, 0.05))
"""The same where each shape has a curve of its own."""
FEW_SCATTERS = (0, 2)
"""Of each list: none, and one that is neither small nor large."""
OFFSETS = ((0.0, 0.5), (0.1, 0.3), (0.4, 0.2))
"""Spread of a depth's constant offset from the common curve, with its prior weight."""
UNKNOWN_SPREADS = np.geomspace(0.003, 0.5, 9)
"""Relative spreads tried where no cell has replicates."""
SPREAD_KNOWN = 24.0
"""Degrees of freedom beyond which the spread of replicates is taken as known: it is, to 14%."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Combinations:
    """B choices of everything that enters the covariance, as columns."""

    points: Points
    ways: Ways
    way: IntArray
    """(B,) index of the departure."""
    scatter_index: IntArray
    """(B,) which of the scatters."""
    scatter: FloatArray
    """(B, K) variance of the points beyond what replicates show."""
    offset: FloatArray
    """(B,) spread of a depth's offset; 0 where shapes have curves of their own."""
    move: IntArray
    """(B,) index of how shapes move the curve; 0 where they have none."""
    moves: Moves | None
    kappa: FloatArray
    """(B,)"""
    log_prior: FloatArray
    """(B,) log prior weight."""

    def __len__(self) -> int:
        return len(self.way)

    def only(self, keep: BoolArray | IntArray) -> Combinations:
        """The combinations at these places."""
        columns = ("way", "scatter_index", "scatter", "offset", "move", "kappa", "log_prior")
        return replace(self, **{name: getattr(self, name)[keep] for name in columns})

    def rough(self) -> Combinations:
        """A few that tell where fine grids are needed."""
        if not self.scatter.any():  # nothing is known of the noise
            return self if self.moves is None else self.only(self.move == self.moves.likely)
        kappas, offsets = np.unique(self.kappa), np.unique(self.offset)
        middle = self.kappa == kappas[len(kappas) // 2]
        if self.moves is not None:
            middle &= self.move == self.moves.likely
        return self.only(middle & (self.offset == offsets[len(offsets) // 2]))

    def few_scatters(self) -> Combinations:
        """With two of the scatters, none and a middling one: enough to see where fine grids go."""
        return self.only(np.isin(self.scatter_index, FEW_SCATTERS))

    def simple(self) -> Combinations:
        """Those whose departure helps to tell roughly which laws may hold."""
        return self.only(self.ways.simple[self.way])

    def noise_covariances(self) -> FloatArray:
        """(B, K, K) covariance of the points about the curve."""
        points = self.points
        diagonal = points.variance * (self.kappa**2 - 1.0)[:, None] + self.scatter
        covariances: FloatArray = np.repeat(points.covariance[None], len(self), axis=0)
        k = np.arange(len(points.x))
        covariances[:, k, k] += diagonal
        if self.offset.any():
            same = points.shape[:, None] == points.shape[None, :]
            covariances += (self.offset**2)[:, None, None] * same
        return covariances

    def covariances(self) -> FloatArray:
        """(B, K, K) C: covariance of the points given level and shape."""
        covariances: FloatArray = self.noise_covariances()
        covariances += self.ways.covariance[self.way]
        if self.moves is not None:
            covariances += self.moves.covariance[self.move]
        return covariances


def combine(points: Points, noise: Noise, ways: Ways, moves: Moves | None = None) -> Combinations:
    """Every choice of departure, scatter, spread and what shapes do, with its prior.

    With ``moves`` each shape has a curve of its own; else shapes scatter about one curve.
    """
    depths, per_depth = np.unique(points.shape, return_counts=True)
    several = len(depths) > 1 and moves is None
    offsets = OFFSETS if several and per_depth.min() >= 2 else ((0.0, 1.0),)
    scatters: tuple[tuple[float, float, float], ...]
    scatters = SHAPE_SCATTERS if several else SCATTERS if moves is None else LADDER_SCATTERS
    if noise.degrees <= 0:  # then kappa alone stands for all scatter
        scatters = ((0.0, 0.0, 1.0),)
    place = (points.x - points.x[0]) / max(float(points.x[-1] - points.x[0]), 1e-9)
    beyond = np.array([_scatter(first, last, place) for first, last, _ in scatters])
    kappas = _kappas(points, noise)
    logs = (
        ways.log_prior,
        np.log([weight for _, _, weight in scatters]),
        np.log([weight for _, weight in offsets]),
        np.log([weight for _, weight in kappas]),
        np.zeros(1) if moves is None else moves.log_prior,
    )
    index = np.indices([len(one) for one in logs]).reshape(len(logs), -1)
    log_prior = sum(one[places] for one, places in zip(logs, index, strict=True))
    return Combinations(
        points=points,
        ways=ways,
        way=index[0],
        scatter_index=index[1],
        scatter=(beyond / points.cells)[index[1]],
        offset=np.array([offset for offset, _ in offsets])[index[2]],
        move=index[4],
        moves=moves,
        kappa=np.array([kappa for kappa, _ in kappas])[index[3]],
        log_prior=np.asarray(log_prior),
    )


def _scatter(first: float, last: float, place: FloatArray) -> FloatArray:
    """(K,) variance of cells beyond replicates; ``place`` runs from 0 to 1 over the range."""
    if first == 0.0:
        return np.zeros_like(place)
    variance: FloatArray = (first * (last / first) ** place) ** 2
    return variance


def _kappas(points: Points, noise: Noise) -> list[tuple[float, float]]:
    """Nodes for the true over the estimated spread: the log of a chi with ``degrees`` freedom."""
    if noise.degrees <= 0:
        now = math.sqrt(float(np.mean(points.variance)))
        return [
            (noise.guess * spread / now, 1.0 / len(UNKNOWN_SPREADS)) for spread in UNKNOWN_SPREADS
        ]
    if noise.degrees > SPREAD_KNOWN:
        return [(1.0, 1.0)]
    spread = 1.0 / math.sqrt(2.0 * max(noise.degrees, 1.0))
    nodes = ((-math.sqrt(3.0), 1.0 / 6.0), (0.0, 2.0 / 3.0), (math.sqrt(3.0), 1.0 / 6.0))
    return [(math.exp(spread * node), weight) for node, weight in nodes]
