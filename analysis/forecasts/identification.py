r"""What the runs of a surface identify, and why the rest has no number.

Five things can be amiss, and each is a reason of its own:

- nothing tells the noise: no runs beyond the law's parameters, most resamples without a fit, or
  points that lie on the law to rounding;
- a direction of the parameters moves no point (a singular curvature): what changes along it is not
  known, what does not is;
- two sets of parameters fit alike: where the runs lie about one line, D = k N^s, the terms of size
  and data may change places, since A N^-alpha = A k^(alpha/s) D^(-alpha/s) along it;
- a profile does not close: with a parameter held at its bound and the others fitted again, the law
  still fits, so that its interval has no end on that side;
- a parameter ended on its bound.

The deviance of a worse fit is D = 2 c (loss - least loss) / s^2 with s the scale of the residuals
and c = E[psi'] / E[psi^2], which makes D about chi-squared for a Huber loss (Koenker and Machado
1999 for delta near 0); it is held against the square of Student's t, as few runs tell s badly.

======== ==================================================== ========
symbol   meaning                                              shape
======== ==================================================== ========
n, P     runs, parameters
theta    internal parameters                                  (P,)
R        resamples with a fit
======== ==================================================== ========
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

import numpy as np

from analysis.findings import NextStep, Reason, ReasonKind
from analysis.forecasts.estimates import Estimate, estimate
from analysis.laws.fitting import CONDITION_LIMIT
from analysis.laws.law import Array, Law
from analysis.laws.levenberg import deviance_factor, minimise
from analysis.laws.solution import BatchFit
from analysis.laws.surfaces import SurfaceLaw
from analysis.table.trials import BoolArray, IntArray

SPARE = 2
"""Distinct points beyond the parameters, so that most resamples can be fitted: of as many runs as
parameters and one more, 25% have enough distinct points; with two more, 57%."""

MOST_FAILED = 0.5
"""Resamples without a fit beyond which the others tell too little."""

TERMS = 4
"""Parameters of two terms that are not tied."""

LINE = 0.1
"""Runs whose sizes and data depart less than this, in logs, from a line lie on it."""

ROUNDING = 1e-9
"""Residuals of log errors below this are rounding."""

PROBE = 1e-4
"""Step along a direction that moves no point, in units of the parameters' influence."""
MOVED = 1e-2
"""A quantity that moves by at least this share of the step is not known."""

PROFILE_STEPS = np.geomspace(0.02, 1.0, 10)
"""Shares of the way to a bound at which a profile is looked at."""

WALK_LEVEL = 0.99
"""Profiles are followed up to this level, for bands of a higher level than the surface's."""

FITTING_ITERATIONS = 100
FITTING_TOLERANCE = 1e-6

Side = Literal["low", "high"]
SIDES: tuple[Side, Side] = ("low", "high")


@dataclass(frozen=True, kw_only=True, eq=False)
class Identification:
    """What the runs of a surface tell."""

    why: Reason | None
    """Why nothing has an interval; None where something has."""
    next_step: NextStep | None
    exact: bool = False
    """Whether the points lie on the law to rounding: values are known, their noise is not."""
    free: Mapping[str, tuple[Reason, NextStep | None]] = field(default_factory=dict)
    """Parameters that have no number."""
    open_ends: frozenset[tuple[str, Side]] = frozenset()
    """Ends of intervals that the data do not set."""
    on_a_line: bool = False
    """Whether all runs lie on a line along which size and data may change places: off it nothing is
    known, whichever optimum was found."""
    loose: Array
    """Steps of theta that move no point, shape (K, P)."""
    other: Array | None = None
    """Another theta that fits as well, shape (P,)."""
    walked: Array
    """Theta along profiles that do not close, and the other optimum, shape (W, P): resamples, which
    stay in the valley of the point fit, do not know of them. Empty where every profile closes."""
    deviance: Array
    """How much worse they fit, shape (W,)."""
    freedom: int
    """Runs beyond the parameters, at least 1."""

    def fitting(self, level: float) -> Array:
        """Those walked that fit at a level, up to 0.99, shape (K, P)."""
        return self.walked[self.deviance <= limit_of(self.freedom, level)]

    def knows(
        self, quantity: Callable[[Array], Array], theta: Array, slack: Array | float = 0.0
    ) -> BoolArray:
        """Whether a quantity is the same for all parameters that fit alike.

        Parameters
        ----------
        quantity : callable
            Of theta of shape (K, P), its logarithms, shape (K, ...).
        theta : array of shape (P,)
        slack : array of shape (...)
            How far it may move, from its own interval.

        Returns
        -------
        array of bool of shape (...)
        """
        steps = np.concatenate([self.loose, -self.loose])
        base, *moved = quantity(np.concatenate([theta[None], theta + PROBE * steps]))
        known: BoolArray = np.isfinite(base)
        for one in moved:
            known &= np.abs(one - base) <= MOVED * PROBE
        if self.other is not None:
            known &= np.abs(quantity(self.other[None])[0] - base) <= slack + MOVED * PROBE
        return known

    @property
    def untold(self) -> tuple[Reason, NextStep | None]:
        """Why parameters that fit alike say different things."""
        kinds: tuple[ReasonKind, ...] = ("exchangeable", "fits_alike", "open_profile")
        for kind in kinds:
            of_kind = {n: found for n, found in self.free.items() if found[0].kind == kind}
            if of_kind:
                _, step = next(iter(of_kind.values()))
                return Reason(kind=kind, about=tuple(of_kind)), step
        return Reason(kind="fits_alike"), NextStep(kind="wider_surface")


def identify(
    law: Law, x: Array, y: Array, fit: BatchFit, resampled: BatchFit, level: float
) -> Identification:
    """Say what the runs x (n, 2), y (n,) identify of a law fitted to them."""
    n, count = len(y), len(law.parameters)
    nothing = np.empty((0, count))
    freedom = max(n - count, 1)
    more = NextStep(kind="more_points", now=len(np.unique(x, axis=0)), to=count + SPARE)
    if not fit.ok[0]:
        short, step = fit.why(), None
        if short is not None and short.kind == "underdetermined":
            short, step = Reason(kind="few_pairs", count=more.now, value=count), more
        return Identification(
            why=short, next_step=step, loose=nothing, walked=nothing, deviance=np.empty(0),
            freedom=freedom,
        )  # fmt: skip
    residuals = np.abs(law.evaluate_log(fit.theta[0], x, with_gradient=False)[0] - np.log(y))
    loose = _loose(law, x, fit)
    other = _exchanged(law, x, y, fit, residuals, level)
    why = None
    if n <= count:
        why = Reason(kind="no_freedom", count=n, value=count)
    elif (failed := int((~resampled.ok).sum())) > MOST_FAILED * len(resampled.ok):
        why = Reason(kind="resamples_fail", count=failed, value=len(resampled.ok))
    loose_names = tuple(
        name for name, one in zip(law.parameters, fit.unidentified[0], strict=True) if one
    )
    alike = Reason(kind="fits_alike", about=loose_names)
    free: dict[str, tuple[Reason, NextStep | None]] = dict.fromkeys(
        loose_names, (alike, _varied(x))
    )
    # Tied exponents have nothing to exchange: their scales are a loose direction.
    untied = isinstance(law, SurfaceLaw) and len(law.term_parameters) == TERMS
    on_a_line = untied and _swapped(law, x, fit) is not None and line_of(x)[2] < LINE
    if isinstance(law, SurfaceLaw) and (other is not None or on_a_line):
        reason = Reason(kind="exchangeable", about=law.term_parameters)
        free |= dict.fromkeys(law.term_parameters, (reason, _varied(x)))
    exact = bool(residuals.max() <= ROUNDING)
    open_ends: frozenset[tuple[str, Side]] = frozenset()
    walked, deviance = nothing, np.empty(0)
    if why is None and not exact:
        refit = _Refit(law, x, y, fit, _scale(residuals, count))
        open_ends, walked, deviance = _open_ends(refit, resampled, level)
        if other is not None:
            walked, deviance = np.vstack([walked, other]), np.append(deviance, 0.0)
        wider = NextStep(kind="wider_surface")
        for name in law.parameters:
            if name not in free and all((name, side) in open_ends for side in SIDES):
                free[name] = (Reason(kind="open_profile", about=(name,)), wider)
    return Identification(
        why=why,
        next_step=more if why else None,
        exact=exact,
        free=MappingProxyType(free),
        open_ends=open_ends,
        on_a_line=on_a_line,
        loose=loose,
        other=other,
        walked=walked,
        deviance=deviance,
        freedom=freedom,
    )


def parameter_estimates(
    fit: BatchFit, resampled: BatchFit, known: Identification, level: float
) -> dict[str, Estimate]:
    """Each parameter by name, without the numbers that the runs do not identify."""
    point, draws = fit.parameters[0], resampled.parameters[resampled.ok]
    found = {}
    for index, name in enumerate(fit.law.parameters):
        one = estimate(float(point[index]), draws[:, index], level)
        missing = [side for side in SIDES if (name, side) in known.open_ends]
        one = one.reaching(fit.law.natural(known.fitting(level))[:, index])
        if known.why is not None:
            one = one.without(known.why, known.next_step)
        elif name in known.free:
            one = one.without(*known.free[name])
        elif known.exact:
            one = one.without(*no_scatter(fit.n_points), keep=True)
        elif missing:
            bound = bool(fit.at_bound[0, index])
            one = replace(
                one,
                value=np.nan if bound else one.value,
                standard_error=np.nan,
                lower=np.nan if "low" in missing else one.lower,
                upper=np.nan if "high" in missing else one.upper,
                why=Reason(kind="at_bound" if bound else "open_end", about=(name,)),
                next_step=NextStep(kind="wider_surface"),
            )
        found[name] = one
    return found


def no_scatter(n: int) -> tuple[Reason, NextStep]:
    """Why exact points have values and no intervals."""
    return Reason(kind="no_scatter", count=n), NextStep(kind="as_measured")


def line_of(x: Array) -> tuple[Array, Array, float]:
    """Middle and thin direction, each (2,), of the runs in (log N, log D), and their reach in it.

    The reach is half the difference of the largest and the least.
    """
    log_x = np.log(x)
    middle = log_x.mean(axis=0)
    thin = np.linalg.eigh(np.cov((log_x - middle).T, ddof=0))[1][:, 0]
    across = (log_x - middle) @ thin
    middle = middle + thin * (across.max() + across.min()) / 2.0
    return middle, thin, float(across.max() - across.min()) / 2.0


def spread_of(residuals: Array, count: int) -> float:
    """Standard deviation of one run's log error about a law of so many parameters."""
    return float(np.sqrt((residuals**2).sum() / max(len(residuals) - count, 1)))


def _scale(residuals: Array, count: int) -> float:
    """Robust scale: a fit of least absolute deviations goes through as many points as parameters"""
    beyond = np.sort(residuals)[count:]
    return max(float(1.4826 * np.median(beyond)), ROUNDING) if len(beyond) else ROUNDING


def _varied(x: Array) -> NextStep:
    """Runs off the ratio that there are most of: a quarter and four times as many examples."""
    ratio = x[:, 1] / x[:, 0]
    return NextStep(kind="vary_ratio", low=float(ratio.min() / 4), high=float(ratio.max() * 4))


def _loose(law: Law, x: Array, fit: BatchFit) -> Array:
    """Steps of theta, shape (K, P), that move no fitted log error; bounds hold some parameters."""
    gradient = law.evaluate_log(fit.theta[0], x)[1]
    assert gradient is not None
    size = np.sqrt((gradient**2).mean(axis=1))
    held = fit.at_bound[0] | (size <= 0.0)
    unit = np.where(held, 0.0, 1.0 / np.where(size > 0.0, size, 1.0))
    scaled = gradient * unit[:, None]
    gram = scaled @ scaled.T / len(x)
    gram[held, held] = 1.0
    values, vectors = np.linalg.eigh(gram)
    return np.asarray((vectors.T * unit)[values < values[-1] / CONDITION_LIMIT])


class _Refit:
    """Fits of one law to the runs, from a start near by."""

    def __init__(self, law: Law, x: Array, y: Array, fit: BatchFit, scale: float) -> None:
        self.law, self.x, self.log_y, self.fit = law, x, np.log(y), fit
        self.box = law.bounds(x, y)
        self.factor = 2.0 * deviance_factor(fit.delta / scale) / scale**2
        self.freedom = max(len(y) - len(law.parameters), 1)

    def from_(self, theta: Array, box: tuple[Array, Array]) -> tuple[Array, float]:
        """Theta and deviance of the fit within a box."""

        def residuals(at: Array, _: IntArray, with_gradient: bool) -> tuple[Array, Array | None]:
            r, gradient = self.law.evaluate_log(at, self.x, with_gradient=with_gradient)
            return r - self.log_y, gradient

        found = minimise(
            residuals,
            np.clip(theta, *box)[None],
            np.ones((1, len(self.x))),
            box,
            delta=self.fit.delta,
            max_iterations=FITTING_ITERATIONS,
            tolerance=FITTING_TOLERANCE,
        )
        worse = float(found.objective[0] - self.fit.objective[0])
        return found.theta[0], self.factor * max(worse, 0.0)

    def walk(self, index: int, side: Side, limit: float) -> list[tuple[Array, float]]:
        """Theta and deviance with one parameter moved step by step towards its bound.

        It ends where the deviance is above the limit, or at the bound.
        """
        theta = self.fit.theta[0]
        bound = self.box[SIDES.index(side)][index]
        found = []
        for share in PROFILE_STEPS:
            lower, upper = (end.copy() for end in self.box)
            held = self.fit.theta[0][index] + share * (bound - self.fit.theta[0][index])
            lower[index] = upper[index] = held
            theta, deviance = self.from_(theta, (lower, upper))
            found.append((theta, deviance))
            if not deviance <= limit:
                break
        return found


def limit_of(freedom: int, level: float) -> float:
    """Deviance up to which parameters fit at a level: Student's t, squared."""
    from scipy import special  # only where a profile is asked for: reading a table needs none

    return float(special.stdtrit(freedom, (1.0 + level) / 2.0) ** 2)


def _swapped(law: Law, x: Array, fit: BatchFit) -> Array | None:
    """Theta with the terms of size and data exchanged along the runs' line; None if it has none."""
    if not isinstance(law, SurfaceLaw):
        return None
    middle, thin, _ = line_of(x)
    if thin[0] * thin[1] >= 0.0:  # the line falls, or is level: no term may take the other's place
        return None
    slope = -thin[0] / thin[1]
    log_k = middle[1] - slope * middle[0]
    log_a, log_b, alpha, beta = law.terms(fit.theta[0])
    swapped = np.array(
        [log_b - beta * log_k, log_a + alpha / slope * log_k, slope * beta, alpha / slope]
    )
    return law.with_terms(fit.theta[0], swapped)


def _exchanged(
    law: Law, x: Array, y: Array, fit: BatchFit, residuals: Array, level: float
) -> Array | None:
    """Theta with the terms of size and data exchanged along the runs' line, if it fits as well."""
    start = _swapped(law, x, fit)
    if not isinstance(law, SurfaceLaw) or start is None or not np.isfinite(start).all():
        return None
    refit = _Refit(law, x, y, fit, _scale(residuals, len(law.parameters)))
    theta, deviance = refit.from_(start, refit.box)
    # The same optimum again is no other: the two are told apart by their exponents.
    exponents, others = (law.terms(one)[2:] for one in (fit.theta[0], theta))
    same = np.abs(others - exponents).max() <= 1e-3 * (1e-3 + np.abs(exponents).max())
    return None if same or deviance > limit_of(refit.freedom, level) else theta


def _open_ends(
    refit: _Refit, resampled: BatchFit, level: float
) -> tuple[frozenset[tuple[str, Side]], Array, Array]:
    """Ends of parameters that neither a profile nor the resamples set; theta and deviances that
    were met on the way, if there are such ends."""
    law = refit.law
    limit, further = (limit_of(refit.freedom, p) for p in (level, max(level, WALK_LEVEL)))
    scales = law.logs[:2] if isinstance(law, SurfaceLaw) else ()
    found: set[tuple[str, Side]] = set()
    met: list[tuple[Array, float]] = []
    theta = resampled.theta[resampled.ok]
    for index, name in enumerate(law.parameters):
        for side, bound in zip(SIDES, refit.box, strict=True):
            at_bound = np.abs(theta[:, index] - bound[index]) <= ROUNDING
            if at_bound.mean() > (1.0 - level) / 2.0:
                found.add((name, side))
            if index in scales:
                continue
            steps = refit.walk(index, side, further)
            met += steps
            if steps[-1][1] <= limit:
                found.add((name, side))
    if isinstance(law, SurfaceLaw):
        found |= _scales_open(law, found)
    if not found:
        met = []
    walked = np.array([one for one, _ in met]).reshape(len(met), len(law.parameters))
    return frozenset(found), walked, np.array([deviance for _, deviance in met])


def _scales_open(law: SurfaceLaw, found: set[tuple[str, Side]]) -> set[tuple[str, Side]]:
    """Ends of the scales, which follow their exponents': a term that may be level has any scale."""
    first, second, *exponents = law.term_parameters
    ends: set[tuple[str, Side]] = set()
    for scale, exponent in ((first, exponents[0]), (second, exponents[-1])):
        if (exponent, "low") in found:
            ends |= {(scale, "low"), (scale, "high")}
        if (exponent, "high") in found:
            ends.add((scale, "high"))
    return ends
