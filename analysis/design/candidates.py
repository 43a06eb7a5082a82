"""What could be run next, and what is to be decided by it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from analysis.errors import AnalysisError
from analysis.settings import AnalysisSettings, Rule

CandidateKind = Literal["replicates", "size"]
"""More runs of a size that was tried, or first runs of one that was not."""
FACTOR = 3.0
"""Upper end of the interval over its lower one, at which a payoff point counts as decided."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One packet of runs that could be made, as often as it is wanted."""

    size: float
    """On the x axis of the curve."""
    cost: float
    """Of the packet, in whatever unit all candidates share: FLOPs, seconds, money."""
    runs: int = 1
    """Runs of the packet."""
    n_examples: float = -1.0
    """Dataset size, which says whose curve it is about; -1 where there is one curve."""
    shape: str = ""
    """Name of the shape of the network (``depth 2``); empty: the best one at its size."""
    kind: CandidateKind = "replicates"
    setup: float = 0.0
    """Cost that comes once before the first packet: the search of a new size."""
    most: int = 64
    """Packets of it that may be chosen at once."""
    name: str = ""
    """What whoever asks calls it."""
    between: tuple[float, float] | None = None
    """Sizes between which any one will do, where it is not known which can be made; then ``size``
    is only where it is valued."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.size) and self.size > 0.0):
            raise AnalysisError(f"size: of a candidate must be finite and above 0, got {self.size}")
        if not (math.isfinite(self.cost) and self.cost > 0.0 and self.setup >= 0.0):
            raise AnalysisError(
                f"cost: of a candidate must be finite and above 0, got {self.cost} and "
                f"{self.setup} before the first"
            )
        if self.runs < 1 or self.most < 1:
            raise AnalysisError(
                f"runs: a candidate has at least 1, and may be chosen at least once; got "
                f"{self.runs} and {self.most}"
            )

    @property
    def cell(self) -> tuple[float, str, float]:
        """What tells its cell from others: dataset size, shape, size."""
        return self.n_examples, self.shape, self.size


@dataclass(frozen=True, kw_only=True)
class Target:
    """What is to be decided, and how narrowly."""

    rule: Rule | None = None
    """Of the payoff point; None: the rule of the settings."""
    settings: AnalysisSettings | None = None
    """None: those that the curves were fitted with."""
    n_examples: tuple[float, ...] = ()
    """Dataset sizes that are asked about; none: all."""
    factor: float = FACTOR
    """Upper end of the interval over its lower one that is narrow enough."""

    def __post_init__(self) -> None:
        if not 1.0 < self.factor < math.inf:
            raise AnalysisError(
                f"target: upper end over lower end must be above 1 and finite, got {self.factor}"
            )

    def asks(self, n_examples: float) -> bool:
        """Whether it is about a dataset size."""
        return not self.n_examples or n_examples in self.n_examples
