"""Hostile inputs: nothing may crash, and no verdict may be confident and wrong.

Each input is broken in one way that real tables are. Where the truth behind it is known, a verdict
that contradicts it counts as wrong; where the input carries no answer at all (one size, two
points), any verdict does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError
from analysis.findings import VerdictKind
from analysis.fitted import fit_curve
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray

Sample = tuple[list[float], list[float], frozenset[VerdictKind]]
"""Sizes, errors, and the headline verdicts that would not be wrong (besides "cannot tell")."""

NOTHING: frozenset[VerdictKind] = frozenset()
FLAT: frozenset[VerdictKind] = frozenset({"flat"})
STILL: frozenset[VerdictKind] = frozenset({"still_paying"})
INSIDE: frozenset[VerdictKind] = frozenset({"pays_off_until"})


@dataclass(frozen=True, kw_only=True)
class HostileReport:
    """What came of the hostile inputs."""

    inputs: int
    crashes: tuple[str, ...]
    """Kind of input and the error, for each input that raised anything but AnalysisError."""
    refused: int
    """Inputs refused with an error that names the rule."""
    cannot_tell: int
    wrong: tuple[str, ...]
    """Kind of input and the verdict, for each verdict that is confident and wrong."""


def _sizes(rng: np.random.Generator, k: int) -> FloatArray:
    sizes: FloatArray = 10.0 ** rng.uniform(1, 6) * 2.0 ** (rng.uniform(0.8, 2.0) * np.arange(k))
    return sizes


def _falling(rng: np.random.Generator, replicates: int = 3) -> tuple[list[float], list[float]]:
    """Runs of a clean power law that falls 16-30% with each doubling."""
    m = np.repeat(_sizes(rng, int(rng.integers(6, 11))), replicates)
    alpha = min(rng.uniform(0.25, 0.5), 4.0 / np.log(m[-1] / m[0]))
    e = 0.8 * (m / m[0]) ** -alpha * np.exp(0.03 * rng.standard_normal(len(m)))
    return m.tolist(), e.tolist()


def _few_points(rng: np.random.Generator) -> Sample:
    k = int(rng.integers(1, 4))
    return _sizes(rng, k).tolist(), rng.uniform(0.01, 0.9, k).tolist(), NOTHING


def _one_size(rng: np.random.Generator) -> Sample:
    n = int(rng.integers(2, 30))
    return [1000.0] * n, rng.uniform(0.1, 0.5, n).tolist(), NOTHING


def _all_equal(rng: np.random.Generator) -> Sample:
    k = int(rng.integers(4, 12))
    return np.repeat(_sizes(rng, k), 3).tolist(), [float(rng.uniform(0.05, 0.9))] * (3 * k), FLAT


def _rising(rng: np.random.Generator) -> Sample:
    m = np.repeat(_sizes(rng, int(rng.integers(5, 11))), 3)
    e = 0.1 * (m / m[0]) ** rng.uniform(0.05, 0.3) * np.exp(0.03 * rng.standard_normal(len(m)))
    return m.tolist(), e.tolist(), FLAT


def _pure_noise(rng: np.random.Generator) -> Sample:
    m = np.repeat(_sizes(rng, int(rng.integers(5, 12))), int(rng.integers(1, 4)))
    e = 0.2 * np.exp(rng.uniform(0.05, 0.6) * rng.standard_normal(len(m)))
    return m.tolist(), e.tolist(), FLAT


def _heavy_tails(rng: np.random.Generator) -> Sample:
    m = np.repeat(_sizes(rng, int(rng.integers(5, 12))), 3)
    e = 0.2 * np.exp(np.clip(0.1 * rng.standard_t(1.5, len(m)), -3, 3))
    return m.tolist(), e.tolist(), FLAT


def _not_finite(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng)
    for k in rng.integers(0, len(e), max(len(e) // 5, 1)):
        e[int(k)] = float(rng.choice([np.nan, np.inf, -np.inf, -0.1]))
    return m, e, STILL


def _zeros(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng)
    k = int(rng.integers(1, 4))
    return m, [*e[:-k], *[0.0] * k], STILL


def _above_one(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng)
    scale = 10.0 ** rng.uniform(0.5, 4)
    return m, [scale * value for value in e], STILL


def _one_seed(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng, replicates=1)
    return m, e, STILL


def _outlier(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng)
    e[int(rng.integers(len(e)))] *= 10.0
    return m, e, STILL


def _undertrained(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng, replicates=4)
    late = rng.random(len(e)) < 0.4
    lifted = [v * (rng.uniform(1.1, 1.6) if late[k] else 1.0) for k, v in enumerate(e)]
    return m, lifted, STILL


def _rounded(rng: np.random.Generator) -> Sample:
    m, e = _falling(rng)
    return m, [round(value, 2) for value in e], STILL


def _tiny_steps(rng: np.random.Generator) -> Sample:
    k = int(rng.integers(5, 20))
    m = 1e4 * 1.01 ** np.arange(k)
    return m.tolist(), (0.2 * np.exp(0.05 * rng.standard_normal(k))).tolist(), NOTHING


KINDS: dict[str, Callable[[np.random.Generator], Sample]] = {
    "one to three points": _few_points,
    "one size": _one_size,
    "all equal": _all_equal,
    "rising": _rising,
    "pure noise": _pure_noise,
    "heavy tails": _heavy_tails,
    "NaN, infinite and negative errors": _not_finite,
    "errors of zero": _zeros,
    "errors above one": _above_one,
    "one seed": _one_seed,
    "one outlier of 10x": _outlier,
    "40% undertrained": _undertrained,
    "rounded errors": _rounded,
    "sizes within a doubling": _tiny_steps,
}


def run_hostile(
    inputs: int, *, seed: int = 0, settings: AnalysisSettings | None = None
) -> HostileReport:
    """Analyse hostile inputs, each kind in turn, and count what goes wrong."""
    settings = settings or AnalysisSettings(resamples=500)
    names = list(KINDS)
    crashes, wrong = [], []
    refused = cannot_tell = 0
    for index in range(inputs):
        name = names[index % len(names)]
        rng = np.random.default_rng([seed, index])
        size, error, allowed = KINDS[name](rng)
        try:
            verdict = fit_curve(size, error, settings=settings).verdict
        except AnalysisError:
            refused += 1
            continue
        except Exception as problem:  # every crash is a finding, whatever it is
            crashes.append(f"{name} ({index}): {problem!r}")
            continue
        if not verdict.confident:
            cannot_tell += 1
        elif verdict.kind not in allowed:
            wrong.append(f"{name} ({index}): {verdict.kind}")
    return HostileReport(
        inputs=inputs,
        crashes=tuple(crashes),
        refused=refused,
        cannot_tell=cannot_tell,
        wrong=tuple(wrong),
    )
