r"""What the "error" of a table is: a fraction, a score upside down, nats, or its own unit.

Everything that is fitted is a positive error e, lower is better, and curves are fitted to y = ln e.
A metric says how e is made of the values in the table and how values are got back:

========== ============================ =============================== ==========================
kind       examples                     error e                         y = ln e
========== ============================ =============================== ==========================
error      error rates, RMSE, WER, FID  the value; for scores that are  log error
                                        bounded: the bound - value
nats       losses, log-likelihoods      exp(value)                      the value: log perplexity
bits       bits per byte                2^value                         ln 2 x value
perplexity perplexities                 the value                       log perplexity
own        PSNR, rewards, Elo           exp(+-(value - centre) / span)  the value, in units of what
                                                                        it spans over the sizes
========== ============================ =============================== ==========================

The first kind shrinks by factors: a fraction of it means something. The others are *additive*: they
may cross zero and are mostly floor, and equal steps mean equal gains, so that their curves are
fitted with a floor of their own (:mod:`analysis.posterior.offsets`), and rules count steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError

FloatArray = npt.NDArray[np.float64]

MEASURABLE = (1e-50, 1e50)
"""Sizes and errors that anything measures lie between these: what is beyond is a failure, or a
mistake, and powers of it are no numbers."""
MetricKind = Literal["error", "nats", "bits", "perplexity", "own"]
METRIC_KINDS: tuple[MetricKind, ...] = ("error", "nats", "bits", "perplexity", "own")
Better = Literal["lower", "higher"]
Of = Literal["whole", "reducible", "perplexity", "span"]
OFS: tuple[Of, ...] = ("whole", "reducible", "perplexity")
"""What a rule's fraction is a fraction of: the error itself, what lies above its floor, the
perplexity; ``span`` is all that a metric in its own units moves over the sizes tried."""

MOST_NATS = 40.0
"""A loss that moves by more than this is no mean over examples or tokens: its perplexity would move
by 10^17."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """How errors are made of a table's values, and values of errors."""

    kind: MetricKind = "error"
    better: Better = "lower"
    """Which way the values improve."""
    name: str = ""
    """The table's own name of it; empty: that of the column of errors."""
    bound: float | None = None
    """Best possible value of a score (1 or 100; 0 for an error turned negative): the error is what
    it lacks. None: it is no such score."""
    centre: float = 0.0
    """Own units: value where e = 1."""
    span: float = 1.0
    """Own units: what the metric moves over the sizes tried."""

    def __post_init__(self) -> None:
        if self.kind not in METRIC_KINDS:
            raise AnalysisError(
                f"metric: must be one of {', '.join(METRIC_KINDS)}, got {self.kind!r}"
            )
        if self.better not in ("lower", "higher"):
            raise AnalysisError(f"better: must be lower or higher, got {self.better!r}")

    @property
    def additive(self) -> bool:
        """Whether equal steps of it mean equal gains: then ln e is the value, in some unit."""
        return self.kind != "error"

    @property
    def default_of(self) -> Of:
        """What a rule's fraction is of unless somebody says otherwise."""
        return {"error": "whole", "own": "span"}.get(self.kind, "perplexity")  # type: ignore[return-value]

    @property
    def unit(self) -> str:
        """What its values are counted in."""
        return {"error": "", "own": "its own unit"}.get(self.kind, self.kind)

    @property
    def formula(self) -> str:
        """What was done to the values to make errors of them; empty where nothing was."""
        if self.bound is None:
            return ""
        return f"{self.bound:g} - {self.name}" if self.bound else f"-{self.name}"

    @property
    def shown_better(self) -> Better:
        """Which way the values improve that are shown: a score is shown upside down."""
        return self.better if self.bound is None else "lower"

    def _step(self) -> float:
        """Of y for one unit of the value, signed."""
        if self.kind == "bits":
            return math.log(2.0)
        if self.kind == "own":
            return (1.0 if self.better == "lower" else -1.0) / self.span
        return 1.0 if self.better == "lower" else -1.0

    def to_error(self, values: npt.ArrayLike) -> FloatArray:
        """The errors of values, in their shape."""
        v = np.asarray(values, dtype=np.float64)
        if self.kind == "error":
            # To twelve decimals: 100 - 92.64 is 7.36, as whoever writes errors writes it.
            return v if self.bound is None else np.asarray(np.round(self.bound - v, 12))
        if self.kind == "perplexity":
            return v
        with np.errstate(over="ignore"):
            error: FloatArray = np.exp(self._step() * (v - self.centre))
        return error

    def shown(self, error: npt.ArrayLike) -> FloatArray:
        """What people are shown of errors: values, and of a score what it lacks."""
        e = np.asarray(error, dtype=np.float64)
        if self.kind in ("error", "perplexity"):
            return e
        with np.errstate(divide="ignore"):  # of one below all numbers
            value: FloatArray = self.centre + np.log(e) / self._step()
        return value

    def shown_step(self, value: float) -> float:
        """By how much what is shown moves, at a value shown, for one unit of y."""
        return value if self.kind in ("error", "perplexity") else 1.0 / self.per_unit

    @property
    def per_unit(self) -> float:
        """Of y for one unit of the value; additive metrics but perplexities."""
        return abs(self._step())


def metric_of(
    kind: str, values: npt.ArrayLike, *, better: Better, name: str, bound: float | None = None
) -> Metric:
    """The metric of that kind for these values; those of ``own`` are centred on them."""
    metric = Metric(kind=kind, better=better, name=name, bound=bound)  # type: ignore[arg-type]
    v = np.asarray(values, dtype=np.float64)
    v = v[np.isfinite(v)]
    if kind != "own" or not len(v):
        return metric
    centre = float(np.median(v))
    span = max(float(v.max() - v.min()), 1e-9 * abs(centre)) or 1e-9
    return Metric(kind="own", better=better, name=name, centre=centre, span=span)


@dataclass(frozen=True, kw_only=True)
class Thresholds:
    """Numbers of the rules where nobody gave any."""

    marginal: float
    plateau: float
    upturn: float


THRESHOLDS: dict[MetricKind, Thresholds] = {
    # A tenth is about twice the seed-to-seed spread of one small model (2-5%).
    "error": Thresholds(marginal=0.10, plateau=0.10, upturn=0.05),
    # 2% of the perplexity are 0.02 nats: some three times the spread of a language model's loss
    # over seeds (0.2% of 3 nats), and what a doubling gained at Chinchilla's own size.
    "nats": Thresholds(marginal=0.02, plateau=0.05, upturn=0.05),
    "bits": Thresholds(marginal=0.02, plateau=0.05, upturn=0.05),
    "perplexity": Thresholds(marginal=0.02, plateau=0.05, upturn=0.05),
    # A twentieth of all that there was to gain over the sizes tried.
    "own": Thresholds(marginal=0.05, plateau=0.05, upturn=0.05),
}


def usual_thresholds(metric: MetricKind, of: str = "") -> dict[str, float]:
    """Numbers of the rules where nobody gave any: tenths of an error, or of what is above a floor.

    Examples
    --------
    >>> usual_thresholds("nats")["marginal"], usual_thresholds("nats", "reducible")["marginal"]
    (0.02, 0.1)
    """
    usual = THRESHOLDS["error" if of == "reducible" else metric]
    return {"marginal": usual.marginal, "plateau": usual.plateau, "upturn": usual.upturn}
