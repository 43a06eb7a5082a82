"""Studies of several shapes whose best shape is known, and how right the analysis is about them.

Each truth is a curve for each shape, over sizes of its own: ladders interleave as those of real
networks do. Noise is that of :mod:`benchmarks.simulation.noises`; test examples and subset draws
are shared by all shapes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, fields
from types import MappingProxyType

import numpy as np

from analysis.settings import AnalysisSettings
from analysis.shapes.best import LEVEL
from analysis.shapes.study import ShapeStudy
from analysis.study import StudyAnalysis, analyse
from analysis.table.trials import FloatArray, TrialTable
from analysis.verdicts.decide import KINDS
from analysis.verdicts.gains import Gauge
from analysis.verdicts.rules import OUTCOMES, apply_rule
from benchmarks.simulation.noises import REGIMES, StudyNoise, fails
from benchmarks.simulation.truths import LN2, LogError, passage, power_floor, still_falling

NOISES = ("digits", "usual", "quiet", "uneven")
FINE = 1200
"""Grid points on which the truth's payoff point is found."""
CLEAR = 0.10
"""Ways to grow whose errors differ by this fraction are clearly apart."""
SAME = 0.01
"""A shape that is worse by less than this fraction is not wrong to be called the best."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapedTruth:
    """True curves of several shapes and the sizes that a study tries of each."""

    ladders: tuple[FloatArray, ...]
    """Log sizes tried of each shape."""
    log_error: tuple[LogError, ...]

    def best(self, z: FloatArray) -> FloatArray:
        """Log error of the best of all shapes at log sizes, as the frontier is defined.

        A shape counts from its smallest size on; past its largest its error stays.
        """
        return np.min([self._reached(j, z) for j in range(len(self.ladders))], axis=0)

    @property
    def span(self) -> tuple[float, float]:
        """The least log size tried, and the largest at which the best shape was tried."""
        low = min(float(x[0]) for x in self.ladders)
        high = max(float(x[-1]) for x in self.ladders)
        z = np.linspace(low, high, FINE)
        reached = np.stack([self._reached(j, z) for j in range(len(self.ladders))])
        last = np.array([x[-1] for x in self.ladders])
        known = np.flatnonzero(z <= last[np.argmin(reached, axis=0)] + 1e-9)
        return low, float(z[known[-1]])

    def _reached(self, j: int, z: FloatArray) -> FloatArray:
        ladder, curve = self.ladders[j], self.log_error[j]
        at = np.minimum(z, ladder[-1])
        return np.where(z >= ladder[0] - 1e-9, curve(at), np.inf)


def _ladders(rng: np.random.Generator, x: FloatArray, n: int) -> tuple[FloatArray, ...]:
    """Ladders of one number of sizes, each shape a little larger, and more so at large widths."""
    grown = rng.uniform(0.0, 0.12)
    return tuple(
        x + j * (0.05 + grown * np.arange(len(x))) + 0.03 * rng.random(len(x)) for j in range(n)
    )


def _base(rng: np.random.Generator) -> tuple[FloatArray, LogError]:
    """A smooth curve, and five to nine sizes of it."""
    while True:
        make = (power_floor, power_floor, passage, still_falling)[int(rng.integers(4))]
        truth = make(rng)
        if 5 <= len(truth.x) <= 9:
            return truth.x, truth.log_error


def _moved(base: LogError, move: Callable[[FloatArray], FloatArray]) -> LogError:
    return lambda z: base(z) + move(z)


def level(rng: np.random.Generator) -> ShapedTruth:
    """Shapes that make no difference."""
    x, base = _base(rng)
    n = int(rng.integers(2, 4))
    return ShapedTruth(ladders=_ladders(rng, x, n), log_error=(base,) * n)


def one_worse(rng: np.random.Generator) -> ShapedTruth:
    """One shape worse by 5% to 40% at every size."""
    x, base = _base(rng)
    by = math.log1p(rng.uniform(0.05, 0.4))
    worse = _moved(base, lambda z: np.full_like(z, by))
    pair = (base, worse) if rng.random() < 0.5 else (worse, base)
    return ShapedTruth(ladders=_ladders(rng, x, 2), log_error=pair)


def worse_when_small(rng: np.random.Generator) -> ShapedTruth:
    """The second shape hardly trains where networks are small, and is level later."""
    x, base = _base(rng)
    height, rate = rng.uniform(0.2, 0.7), rng.uniform(2.0, 10.0) / (x[-1] - x[0])
    other = _moved(base, lambda z: height * np.exp(-rate * (z - x[0])))
    return ShapedTruth(ladders=_ladders(rng, x, 2), log_error=(base, other))


def crossing(rng: np.random.Generator) -> ShapedTruth:
    """One shape better at small sizes, another at large ones."""
    x, base = _base(rng)
    height, sign = rng.uniform(0.1, 0.35), float(rng.choice([-1.0, 1.0]))
    at, width = rng.uniform(0.3, 0.7), rng.uniform(0.1, 0.4)
    middle, span = x[0] + at * (x[-1] - x[0]), width * (x[-1] - x[0])
    other = _moved(base, lambda z: sign * height * np.tanh((middle - z) / span))
    return ShapedTruth(ladders=_ladders(rng, x, 2), log_error=(base, other))


def own_laws(rng: np.random.Generator) -> ShapedTruth:
    """Each shape a power law with a floor of its own."""
    x, _ = _base(rng)
    low, span = float(x[0]), float(x[-1] - x[0])
    floor, alpha = 10.0 ** rng.uniform(-1.5, -0.8), rng.uniform(0.3, 0.9)
    made: list[LogError] = []
    for _ in range(2):
        e, a = floor * math.exp(0.12 * rng.standard_normal()), alpha * rng.uniform(0.8, 1.2)
        c = low + span * rng.uniform(0.25, 0.5)
        made.append(lambda z, e=e, a=a, c=c: math.log(e) + np.log1p(np.exp(-a * (z - c))))  # type: ignore[misc]
    return ShapedTruth(ladders=_ladders(rng, x, 2), log_error=tuple(made))


def from_a_size_on(rng: np.random.Generator) -> ShapedTruth:
    """The second shape is better by 10% to 30% from some size on, and level before."""
    x, base = _base(rng)
    height, at = rng.uniform(0.1, 0.35), x[0] + rng.uniform(0.3, 0.7) * (x[-1] - x[0])
    other = _moved(base, lambda z: -height / (1.0 + np.exp(-(z - at) / 0.4)))
    return ShapedTruth(ladders=_ladders(rng, x, 2), log_error=(base, other))


def best_depth_grows(rng: np.random.Generator) -> ShapedTruth:
    """Four depths; the best one grows with the size."""
    x, base = _base(rng)
    cost, start, slope = rng.uniform(0.1, 0.5), rng.uniform(0.0, 1.0), rng.uniform(0.5, 2.0)
    span = x[-1] - x[0]

    def deep(depth: int) -> LogError:
        return _moved(
            base,
            lambda z: cost * (math.log(depth) - (start + slope * ((z - x[0]) / span - 0.5))) ** 2,
        )

    return ShapedTruth(ladders=_ladders(rng, x, 4), log_error=tuple(deep(d) for d in (1, 2, 3, 4)))


def grids_apart(rng: np.random.Generator) -> ShapedTruth:
    """Ladders that overlap only in part, the second better by 0 to 30%, fading or not."""
    x, base = _base(rng)
    gain, rate = rng.uniform(-0.3, 0.3), rng.choice([0.0, 1.0]) / (x[-1] - x[0])
    other = _moved(base, lambda z: gain * np.exp(-rate * (z - x[0])))
    step = x[1] - x[0]
    ladders = (x[: len(x) - 1], x[1:] + 0.4 * step * rng.random())
    return ShapedTruth(ladders=ladders, log_error=(base, other))


SHAPED: Mapping[str, Callable[[np.random.Generator], ShapedTruth]] = MappingProxyType(
    {
        "level": level,
        "one worse by 5-40%": one_worse,
        "worse when small": worse_when_small,
        "crossing": crossing,
        "laws of their own": own_laws,
        "better from a size on": from_a_size_on,
        "best depth grows": best_depth_grows,
        "ladders apart": grids_apart,
    }
)
HELD_OUT = ("laws of their own", "better from a size on", "ladders apart")
"""Drawn by lot; ``docs/statistics.md`` says what was changed after they were first looked at."""
DEVELOPED = tuple(name for name in SHAPED if name not in HELD_OUT)


def simulate_shapes(truth: ShapedTruth, rng: np.random.Generator, noise: StudyNoise) -> TrialTable:
    """A study's trial table with a depth for each shape."""
    alike = rng.uniform(0.3, 0.8)
    difficulty = rng.standard_normal(noise.n_test)
    draws = noise.draw_spread * rng.standard_normal(int(noise.replicates.max()))
    lift = noise.seed_spread**2 + noise.draw_spread**2
    rows = []
    k = 0
    for j, (ladder, curve) in enumerate(zip(truth.ladders, truth.log_error, strict=True)):
        for width, (z, centre) in enumerate(zip(ladder, curve(ladder), strict=True)):
            tuned = float(centre) + noise.tuning_spread * rng.standard_normal()
            for r in range(int(noise.replicates[k])):
                luck = draws[r] + noise.seed_spread * rng.standard_normal()
                mean = math.exp(tuned + luck - 0.5 * lift)
                row: dict[str, object] = {
                    "n_parameters": round(math.exp(z)), "test_error": mean, "seed": r,
                    "n_examples": 1000, "depth": j + 1, "width": 2**width,
                }  # fmt: skip
                if noise.told:
                    row["draw"] = r
                if noise.n_test:
                    wrong = fails(min(mean, 0.995), difficulty, alike, rng)
                    row |= {"test_error": float(wrong.mean()), "n_test": noise.n_test}
                    if noise.with_bits:
                        row["test_correct"] = np.packbits(~wrong).tobytes()
                rows.append(row)
            k += 1
    return TrialTable.from_rows(rows)


@dataclass(kw_only=True)
class ShapeScore:
    """What came of the studies of one truth."""

    truth: str
    regime: str
    studies: int = 0
    choices: int = 0
    """Sizes at which a shape was taken."""
    right: int = 0
    """The shape taken is the best, or loses less than :data:`analysis.shapes.best.LEVEL`."""
    told: int = 0
    """A shape was said to be better than all others."""
    told_wrong: int = 0
    """And another is better by more than :data:`SAME`."""
    enough: int = 0
    enough_wrong: int = 0
    """Said to lose nothing, and loses more than :data:`analysis.shapes.best.LEVEL`."""
    ways: int = 0
    """Sizes at which the truth is clear-cut about the way to grow."""
    way_right: int = 0
    way_wrong: int = 0
    located: dict[str, int] = field(default_factory=dict)
    covered: dict[str, int] = field(default_factory=dict)
    verdicts: int = 0
    wrong: int = 0
    """Verdicts of the headline's rule that are confident and of the wrong kind."""

    def __add__(self, other: ShapeScore) -> ShapeScore:
        """The counts of both; names that differ are replaced by "all"."""
        joined: dict[str, object] = {}
        for one in fields(self):
            mine, its = getattr(self, one.name), getattr(other, one.name)
            if isinstance(mine, str):
                joined[one.name] = mine if mine == its else "all"
            elif isinstance(mine, dict):
                joined[one.name] = {k: mine.get(k, 0) + its.get(k, 0) for k in {**mine, **its}}
            else:
                joined[one.name] = mine + its
        return ShapeScore(**joined)  # type: ignore[arg-type]


def calibrate_shapes(
    studies: int,
    *,
    seed: int = 0,
    truths: Iterable[str] = tuple(SHAPED),
    regimes: Iterable[str] = NOISES,
    workers: int = 1,
) -> list[ShapeScore]:
    """Simulate studies of each truth, analyse each, and keep score for each regime."""
    tasks = [(name, studies, seed, tuple(regimes)) for name in truths]
    if workers == 1:
        return [score for task in tasks for score in _of_truth(*task)]
    with ProcessPoolExecutor(workers) as pool:
        done = [pool.submit(_of_truth, *task) for task in tasks]
        return [score for one in done for score in one.result()]


def _of_truth(name: str, studies: int, seed: int, regimes: tuple[str, ...]) -> list[ShapeScore]:
    held = {regime: ShapeScore(truth=name, regime=regime) for regime in regimes}
    settings = AnalysisSettings(resamples=1000)
    for study in range(studies):
        regime = regimes[study % len(regimes)]
        rng = np.random.default_rng(
            [seed, list(SHAPED).index(name), list(REGIMES).index(regime), study]
        )
        truth = SHAPED[name](rng)
        cells = sum(len(ladder) for ladder in truth.ladders)
        noise = REGIMES[regime](rng, cells)
        found = analyse(simulate_shapes(truth, rng, noise), settings)
        _count(held[regime], truth, found, settings)
    return list(held.values())


def _count(
    score: ShapeScore, truth: ShapedTruth, found: StudyAnalysis, s: AnalysisSettings
) -> None:
    score.studies += 1
    (fit,) = found.fits
    _count_payoffs(score, truth, fit.payoffs, s)
    if found.shapes:
        (study,) = found.shapes
        _count_choices(score, truth, study)
        _count_ways(score, truth, study, s)


def _count_payoffs(
    score: ShapeScore, truth: ShapedTruth, payoffs: Iterable[object], s: AnalysisSettings
) -> None:
    low, high = truth.span
    grid = np.linspace(low, high, FINE)
    for point in payoffs:
        applied = apply_rule(grid, truth.best(grid)[None, :], point.rule, s)  # type: ignore[attr-defined]
        kind = KINDS[OUTCOMES[int(applied.outcome[0])]]
        rule = point.rule  # type: ignore[attr-defined]
        if rule == s.rule:
            score.verdicts += 1
            score.wrong += int(point.confident and point.kind != kind)  # type: ignore[attr-defined]
        if kind not in ("pays_off_until", "hurts_beyond"):
            continue
        size = math.exp(float(applied.location[0]))
        holds = (point.low <= size or point.low_open) and (  # type: ignore[attr-defined]
            size <= point.high or point.high_open  # type: ignore[attr-defined]
        )
        score.located[rule] = score.located.get(rule, 0) + 1
        score.covered[rule] = score.covered.get(rule, 0) + int(holds)


def _number(shape: str) -> int:
    return int(shape.split()[-1]) - 1


def _count_choices(score: ShapeScore, truth: ShapedTruth, study: ShapeStudy) -> None:
    for choice in study.choices:
        z = np.array([math.log(choice.size)])
        rivals = [choice.shape, *(other.shape for other in choice.others)]
        errors = {name: float(truth.log_error[_number(name)](z)[0]) for name in rivals}
        loss = math.expm1(errors[choice.shape] - min(errors.values()))
        score.choices += 1
        score.right += int(loss <= LEVEL)
        score.told += int(choice.standing == "best")
        score.told_wrong += int(choice.standing == "best" and loss > SAME)
        score.enough += int(choice.standing == "enough")
        score.enough_wrong += int(choice.standing == "enough" and loss > LEVEL)


def _count_ways(
    score: ShapeScore, truth: ShapedTruth, study: ShapeStudy, s: AnalysisSettings
) -> None:
    gauge = Gauge.of_settings(s)
    grid = np.linspace(*truth.span, FINE)
    frontier = truth.best(grid)[None, :]
    for choice in study.choices:
        growth = next((g for g in study.growths if g.low <= choice.size <= g.high), None)
        if growth is None or not growth.other:
            continue
        z = math.log(choice.size)
        own = truth.log_error[_number(growth.shape)]
        before = own(np.array([[z]]))
        keep, change = (
            truth.log_error[_number(name)](np.array([[z + LN2]]))
            for name in (growth.shape, growth.other)
        )
        gains = [float(gauge.gain(frontier, before, after)[0, 0]) for after in (keep, change)]
        best = max(gains)
        apart = abs(float((keep - change)[0, 0]))
        if best <= s.marginal / 1.5:
            score.ways += 1
            score.way_right += int(growth.way == "neither")
            score.way_wrong += int(growth.way in ("keep", "change", "either"))
        elif best >= 1.5 * s.marginal and apart >= math.log1p(CLEAR):
            score.ways += 1
            named = "keep" if gains[0] > gains[1] else "change"
            score.way_right += int(growth.way == named)
            score.way_wrong += int(growth.way not in (named, "either", "open"))


def table(scores: Iterable[ShapeScore], level: float = 0.9) -> str:
    """The scores as a Markdown table."""
    rules = ("marginal", "plateau", "overfit")
    lines = [
        "| truth | noise | studies | shape right | told | told and wrong | loses nothing "
        "| and wrong | way clear-cut | right | wrong | "
        + " | ".join(f"{rule}: {level:.0%} holds" for rule in rules)
        + " | verdict wrong |",
        "| --- | --- |" + " ---: |" * 13,
    ]

    def share(n: int, of: int) -> str:
        return f"{n / of:.1%}" if of else ""

    for s in scores:
        cells = [
            s.truth, s.regime, str(s.studies), share(s.right, s.choices), share(s.told, s.choices),
            share(s.told_wrong, s.choices), share(s.enough, s.choices),
            share(s.enough_wrong, s.choices), str(s.ways), share(s.way_right, s.ways),
            share(s.way_wrong, s.ways),
            *(
                f"{share(s.covered.get(r, 0), s.located.get(r, 0))} of {s.located.get(r, 0)}"
                for r in rules
            ),
            share(s.wrong, s.verdicts),
        ]  # fmt: skip
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def pooled(scores: Iterable[ShapeScore], by: tuple[str, ...]) -> list[ShapeScore]:
    """Scores added up over all that is not named in ``by`` (truth, regime)."""
    sums: dict[tuple[object, ...], ShapeScore] = {}
    for score in scores:
        key = tuple(getattr(score, name) for name in by)
        sums[key] = sums[key] + score if key in sums else score
    return list(sums.values())
