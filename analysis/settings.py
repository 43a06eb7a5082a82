"""What an analysis is told: every number that a verdict depends on, each with its reason."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Annotated, Any, Literal, Self

from analysis.errors import AnalysisError
from analysis.metric import MEASURABLE, METRIC_KINDS, OFS, Metric, MetricKind, Of, usual_thresholds

Rule = Literal["marginal", "plateau", "overfit", "economic"]
RULES: tuple[Rule, ...] = ("marginal", "plateau", "overfit", "economic")

CostName = Annotated[str, "cost"]
"""A field of the trial table that a model may be counted by; any of them can be the x axis."""


MOST_RESAMPLES = 100_000
"""Half a gigabyte for each curve; by then quantiles are known to a tenth of a percent."""


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A setting that breaks a rule."""

    name: str
    rule: str
    value: object
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.name}: {self.rule}, got {self.value!r}{remedy}"


@dataclass(frozen=True, kw_only=True)
class AnalysisSettings:
    """How the trials are read. Errors and gains are relative unless said otherwise.

    A study file may say some of them (``study.spec.sections.ANALYSIS``), in the same words.
    """

    size: CostName = "n_parameters"
    """What the size axis counts: n_parameters, n_nonzero, flops_per_example, model_bytes or any
    other cost that was measured."""
    route_size: Annotated[CostName, ""] = ""
    """What the comparison of the routes counts, likewise; empty: size, or n_nonzero where pruned
    networks keep their zeros and size does not see them."""
    size_label: str = ""
    """What to call the size in words and figures; empty takes the name of the column."""
    error: str = "test_error"
    """Column of the error. Never one that anything was chosen on."""
    error_label: str = ""
    """What to call the error; empty takes the name of the column."""
    shape: tuple[str, ...] = ()
    """Columns that say how a size is made, such as depth; none: the axes that a study swept beside
    the one by which its networks grow."""
    metric: MetricKind = "error"
    """What the error is: error (a rate, RMSE: a fraction of it means something), nats or bits (a
    loss or log-likelihood), perplexity, own (its own unit, such as PSNR)."""
    measured: Metric | None = None
    """All of the metric, where it was read off a table; None: what ``metric`` says is all."""
    rule: Rule = "marginal"
    """The rule whose payoff point comes first: marginal, plateau, overfit or economic.
    The others are reported beside it."""
    # A tenth is about twice the seed-to-seed spread of one small model (2-5%): smaller gains are
    # hard to see in a single new run.
    marginal: float = 0.10
    """marginal: size pays while doubling it lowers the error by at least this fraction. Where it is
    not said: 0.1 of errors, 0.02 of perplexities (metric nats, bits or perplexity), 0.05 of what a
    metric in its own unit moves over the sizes tried."""
    marginal_is_absolute: bool = False
    """Read ``marginal`` in units of the error (0.005 = half a point) instead of as a fraction."""
    of: Literal["", "whole", "reducible", "perplexity"] = ""
    """What the fractions of marginal and plateau are of: whole (the error itself), reducible (what
    of it lies above its floor), perplexity (of a loss in nats); empty: what fits the metric, whole
    for errors."""
    plateau: float = 0.10
    """plateau: the smallest size whose error is at most this fraction above the best in range.
    Where it is not said: 0.1 of errors, 0.05 of other metrics."""
    upturn: float = 0.05
    """overfit: the error turns up when it rises from a minimum by at least this fraction."""
    # In Python None leaves it out.
    price: float | None = None
    """economic: error that one more unit of size must save to be worth it; 0 leaves it out."""
    level: float = 0.9
    """Coverage that every interval aims at."""
    confidence: float = 0.8
    """A verdict is given when its probability is at least this; else it is "cannot tell"."""
    resamples: int = 2000
    """Curves drawn from all that the data leave possible."""
    seed: int = 0
    """Of those draws: the same table and settings give the same answer, digit for digit."""
    law: str = "auto"
    """``"auto"`` averages over laws and smooth departures from them; a name from
    ``analysis.laws.LAWS`` fits that law alone to bootstrap resamples."""
    chance_error: float | None = None
    """Error of guessing, where known (0.9 for ten balanced classes)."""
    include_pruned: bool = False
    """Let pruned models draw the curve too; only with a size that pruning changes (n_nonzero)."""
    undertrained: Literal["keep", "drop"] = "keep"
    """What to do with runs that were still improving at their last step; always counted."""
    prune_cost: float = 0.05
    """A prune ratio is free when it raises the error by at most this fraction."""

    def __post_init__(self) -> None:
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        for one in mistakes(given):
            raise AnalysisError(str(one))

    @property
    def scale(self) -> Metric:
        """All of the metric."""
        return self.measured or Metric(kind=self.metric, name=self.error_name)

    @property
    def fraction_of(self) -> Of:
        """What the fractions of the rules are of."""
        return self.of or self.scale.default_of

    def measuring(self, metric: Metric, *given: str, of: str = "") -> Self:
        """These settings for a metric; its own numbers for the rules that are not ``given``.

        ``of`` is what their fractions are of, if not what fits the metric.
        """
        of = of or self.of
        own = usual_thresholds(metric.kind, of)
        changes: dict[str, Any] = {"metric": metric.kind, "measured": metric, "of": of}
        kept = (*given, "marginal") if self.marginal_is_absolute else given
        for name, usual in usual_thresholds(self.metric, self.of).items():
            if name not in kept and getattr(self, name) == usual:
                changes[name] = own[name]
        return replace(self, **changes)

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that this analysis reports, the headline first."""
        known = [rule for rule in RULES if rule != "economic" or self.price is not None]
        return (self.rule, *(rule for rule in known if rule != self.rule))

    @property
    def size_name(self) -> str:
        """What to call the size."""
        return self.size_label or self.size

    @property
    def error_name(self) -> str:
        """What to call the error; of a score, what it lacks."""
        name = self.error_label or self.error
        return (
            f"error ({self.measured.formula})" if self.measured and self.measured.formula else name
        )

    def as_dict(self) -> dict[str, object]:
        """Every setting by name; those of the metric only where it is no plain error."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        metric = values.pop("measured")
        if not self.shape:
            del values["shape"]
        if self.metric == "error" and not (metric and metric.formula):
            del values["metric"]
            return {name: value for name, value in values.items() if name != "of" or value}
        return values | {"of": self.fraction_of, "measured": asdict(self.scale)}


def mistakes(given: Mapping[str, Any]) -> Iterator[Mistake]:
    """Find every rule that settings break; those that are not given have their defaults."""
    s: dict[str, Any] = {f.name: f.default for f in fields(AnalysisSettings)}
    s.update(given)

    def unless(holds: bool, name: str, rule: str, remedy: str = "") -> Iterator[Mistake]:
        if not holds:
            yield Mistake(name=name, rule=rule, value=s[name], remedy=remedy)

    yield from unless(s["rule"] in RULES, "rule", f"must be one of {', '.join(RULES)}")
    yield from unless(
        s["metric"] in METRIC_KINDS, "metric", f"must be one of {', '.join(METRIC_KINDS)}"
    )
    yield from unless(s["of"] in ("", *OFS), "of", f"must be one of {', '.join(OFS)}")
    yield from unless(
        s["of"] != "perplexity" or s["metric"] not in ("error", "own"),
        "of",
        "perplexity is that of a loss in nats or bits",
        "say that it is one (metric: nats or bits), or take whole or reducible",
    )
    for name in ("marginal", "plateau", "upturn", "prune_cost"):
        yield from unless(0.0 < s[name] < math.inf, name, "must be positive and finite")
    yield from unless(
        s["marginal_is_absolute"] or not 1.0 <= s["marginal"] < math.inf,
        "marginal",
        "a fraction of the error must be below 1",
        "set marginal_is_absolute for units of the error",
    )
    for name in ("level", "confidence"):
        yield from unless(0.5 <= s[name] < 1.0, name, "must be at least 0.5 and below 1")
    priced = s["price"] is not None
    yield from unless(
        not priced or 0.0 < s["price"] < math.inf, "price", "must be positive and finite"
    )
    for name in ("marginal", "plateau", "upturn", "prune_cost", *(["price"] if priced else [])):
        some = not 0.0 < s[name] < math.inf or MEASURABLE[0] <= s[name] <= MEASURABLE[1]
        yield from unless(some, name, f"must lie between {MEASURABLE[0]:g} and {MEASURABLE[1]:g}")
    yield from unless(
        priced or s["rule"] != "economic",
        "price",
        "the economic rule needs one, the error a unit must save",
    )
    yield from unless(s["seed"] >= 0, "seed", "must be at least 0")
    yield from unless(s["resamples"] >= 100, "resamples", "must be at least 100")
    most = f"must be at most {MOST_RESAMPLES:,}"
    yield from unless(s["resamples"] <= MOST_RESAMPLES, "resamples", most)
    chance = s["chance_error"]
    yield from unless(chance is None or chance > 0.0, "chance_error", "must be positive")
