"""What a metric is called, and what a rule says of it, in words that fit it."""

from __future__ import annotations

import math

from analysis.verdicts.decide import PayoffPoint
from analysis.verdicts.gains import Gauge


def past_clause(point: PayoffPoint, error: str, gauge: Gauge | None, *, absolute: bool) -> str:
    """What a rule says about sizes past its payoff point; ``error`` is what it calls the metric."""
    number = point.parameter
    share = f"{100 * number:.3g}%"
    if point.rule == "economic":
        saved = f"the {error} saved" if not _rises(gauge) else f"what {error} gains"
        return f"past that, the price of size outweighs {saved}"
    if point.rule == "plateau":
        return _plateau(share, error, gauge)
    if absolute:
        name = error if gauge and gauge.metric.additive else f"the {error}"
        return f"past that, doubling the size {_moves(gauge)} {name} by less than {number:g}"
    return f"past that, doubling the size {_gains(number, share, error, gauge)}"


def _gains(number: float, share: str, error: str, gauge: Gauge | None) -> str:
    if gauge is None:
        return f"lowers the {error} by less than {share}"
    metric = gauge.metric
    if gauge.of == "reducible":
        if _rises(gauge):
            return f"brings {error} less than {share} of the way that is left to its ceiling"
        return f"lowers what of the {error} lies above its floor by less than {share}"
    if gauge.of == "span":
        return f"{_moves(gauge)} {error} by less than {share} of what it gains over the sizes tried"
    if gauge.of == "perplexity" and metric.kind != "perplexity":
        step = -math.log1p(-number) / metric.per_unit if number < 1.0 else math.inf
        step_words = f"{error} {'up' if _rises(gauge) else 'down'} by less than {step:.3g}"
        unit = f" {metric.unit}" if metric.unit in ("nats", "bits") else ""
        return f"lowers perplexity by less than {share} (brings {step_words}{unit})"
    return f"{_moves(gauge)} {error} by less than {share}"


def _plateau(share: str, error: str, gauge: Gauge | None) -> str:
    if gauge is None:
        return f"its {error} is within {share} of the best in the range"
    if gauge.of == "reducible":
        return (
            f"its {error} is within {share} of all that there is to gain of the best in the range"
        )
    if gauge.of == "span":
        return f"its {error} is within {share} of all that is gained of the best in the range"
    if gauge.of == "perplexity" and gauge.metric.kind != "perplexity":
        return f"its perplexity is within {share} of the best in the range"
    return f"its {error} is within {share} of the best in the range"


def share_words(error: str, gauge: Gauge | None) -> str:
    """What a gain is a share of, as an axis begins."""
    if gauge is None or gauge.of == "whole":
        return f"Saved of the {error}"
    if gauge.of == "perplexity":
        return "Saved of the perplexity"
    if gauge.of == "span":
        return f"Gained of what {error} spans"
    return f"Saved of the reducible {error}"


def turn(gauge: Gauge | None) -> str:
    """Where it gets worse again: errors turn up, scores down."""
    return "down" if _rises(gauge) else "up"


def _rises(gauge: Gauge | None) -> bool:
    return gauge is not None and gauge.metric.shown_better == "higher"


def _moves(gauge: Gauge | None) -> str:
    return "raises" if _rises(gauge) else "lowers"
