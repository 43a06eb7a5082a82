"""Of a curve that clearly falls it is never said that its smallest size is enough."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.fitted import fit_curve
from analysis.metric import metric_of
from analysis.settings import AnalysisSettings
from analysis.table.fields import FloatArray

KINDS = ("error", "score", "nats", "bits", "perplexity", "own")
CLEARLY = 12.0
"""Standard errors of a size's mean by which the curve falls in all."""


def falling(kind: str, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """Sizes and values of runs of a random power law with a floor, turned for what rises."""
    sizes = int(rng.integers(5, 11))
    replicates = int(rng.integers(2, 6))
    first = 10 ** rng.uniform(2, 8)
    size = first * 2.0 ** (np.arange(sizes) * rng.uniform(0.7, 2.0))
    exponent = 10 ** rng.uniform(-1.3, 0.0)
    # How much of the first value lies above the floor: from nearly nothing to nearly all.
    share = 10 ** rng.uniform(-1.3, -0.05)
    curve = (1.0 - share) + share * (size / size[0]) ** -exponent
    noise = (curve[0] - curve[-1]) * np.sqrt(replicates) / CLEARLY
    value = np.repeat(curve, replicates) + noise * rng.standard_normal(sizes * replicates)
    n = np.repeat(size, replicates)
    if kind == "error":
        return n, 0.4 * value
    if kind == "score":
        return n, 100.0 - 60.0 * value
    if kind in ("nats", "bits"):
        return n, 4.0 * value - rng.choice([0.0, 3.5])
    if kind == "perplexity":
        return n, np.exp(3.0 * value)
    return n, 300.0 - 900.0 * value


def verdicts(kind: str, n: FloatArray, value: FloatArray) -> dict[str, str]:
    settings = AnalysisSettings(resamples=200)
    higher = kind in ("score", "own")
    if kind == "score":
        error = 100.0 - value
    else:
        metric = metric_of(kind, value, better="higher" if higher else "lower", name="m")
        settings, error = settings.measuring(metric), metric.to_error(value)
    return {point.rule: point.kind for point in fit_curve(n, error, settings=settings).payoffs}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seeds", [range(2), pytest.param(range(2, 40), marks=pytest.mark.slow)])
def test_no_falling_curve_is_called_flat(kind: str, seeds: range) -> None:
    said = []
    for seed in seeds:
        n, value = falling(kind, np.random.default_rng([seed, KINDS.index(kind)]))
        found = verdicts(kind, n, value)
        assert "flat" not in (found["marginal"], found["plateau"]), (seed, found)
        said.append(found["marginal"])
    # The guard is not all there is; but of a plain error that is mostly floor no doubling ever
    # lowers a tenth.
    if len(seeds) > 10 and kind != "error":
        assert set(said) & {"pays_off_until", "still_paying"}


def test_chinchilla_s_law_is_still_paying_at_16_billion() -> None:
    n = np.repeat(np.geomspace(70e6, 16e9, 10), 3)
    rng = np.random.default_rng(0)
    loss = (1.69 + 406.4 / n**0.34) * (1.0 + 0.002 * rng.standard_normal(len(n)))
    fit = fit_curve(n, loss, metric="nats")
    assert fit.verdict.kind == "still_paying"
    assert fit.predict(n[0]) == pytest.approx(1.69 + 406.4 / n[0] ** 0.34, rel=0.005)
    whole = fit_curve(n, loss)  # a tenth of the whole loss: no doubling ever gains it
    assert whole.verdict.kind == "cannot_tell"
    assert whole.verdict.why is not None and whole.verdict.why.kind == "falls_slowly"
    step = whole.verdict.next_step
    assert step is not None and step.low is not None
    assert whole.payoff("marginal", marginal=step.low).kind in ("pays_off_until", "still_paying")


@pytest.mark.slow
def test_a_flat_curve_is_flat_in_every_metric() -> None:
    n = np.repeat(300.0 * 2.0 ** np.arange(9), 4)
    for kind in KINDS:
        flat = []
        for seed in range(6):
            value = 2.0 + 0.01 * np.random.default_rng(seed).standard_normal(len(n))
            value = {"score": 100.0 - 20.0 * value, "perplexity": np.exp(value)}.get(kind, value)
            found = verdicts(kind, n, value)
            assert found["marginal"] not in ("still_paying", "pays_off_until"), (kind, seed, found)
            flat.append(found["marginal"] == "flat")
        assert any(flat) or kind == "own", kind
