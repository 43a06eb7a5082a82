"""What the export says of a study's design, read off its study file and its trials."""

from __future__ import annotations

import dataclasses
import platform
from collections import defaultdict
from collections.abc import Iterable

from analysis.export.facts import AxisFacts, StudyFacts
from search_spaces.domains import Categorical
from search_spaces.space import Axis
from study.data.loaders import loader
from study.handover.report_source import installed
from study.models.registry import family_named
from study.plan.design import n_search, prune_ratios
from study.record import TrialRecord
from study.redaction import redact
from study.spec.study_file import StudySpec

PROGRAMS = ("payoff", "torch", "optuna", "mlflow", "numpy", "scipy", "matplotlib")

TRAINING = (
    "optimizer", "batch_size", "epochs", "min_steps", "warmup_fraction", "schedule", "select"
)  # fmt: skip
"""Settings that the methods paragraph tells."""


def facts_of(
    spec: StudySpec, records: Iterable[TrialRecord], commands: tuple[str, ...]
) -> StudyFacts:
    """Gather the facts; ``commands`` are what was typed to get here."""
    own = bool(spec.training.function)
    rows = list(records)
    data, family = loader(spec.data.name), family_named(spec.model.family)
    pruned = any(ratio > 0.0 for ratio in prune_ratios(spec)) and not own
    pruning = dataclasses.asdict(spec.pruning) if pruned else {}
    return StudyFacts(
        name=spec.name,
        digest=spec.digest(),
        description=redact(spec.study.description),
        seed=spec.study.seed,
        data="the authors' own data" if own else data.phrase(spec.data),
        references={} if own else data.references(spec.data),
        model="the authors' own" if own else family.phrase or spec.model.function,
        own_trainer=own,
        sizes=spec.sizes,
        axes=tuple(_axis(axis, rows) for axis in spec.space.axes),
        search_trials=n_search(spec),
        sampler=spec.search.sampler,
        winner=spec.search.winner,
        draws=spec.replicates.draws,
        most_draws=_most_draws(spec, rows),
        seeds_per_draw=spec.replicates.seeds_per_draw,
        training={} if own else {name: getattr(spec.training, name) for name in TRAINING},
        pruning={
            name: ", ".join(value) if isinstance(value, tuple) else value
            for name, value in pruning.items()
        },
        teachers=spec.distillation.teachers if "distill" in spec.study.routes and not own else (),
        student_axes=tuple(_axis(axis, rows) for axis in spec.distill_axes) if not own else (),
        data_digests=_distinct(record.data_digest for record in rows),
        code_versions=_distinct(record.code_version for record in rows),
        versions={"python": platform.python_version()} | installed(PROGRAMS),
        commands=commands,
    )


def _most_draws(spec: StudySpec, rows: Iterable[TrialRecord]) -> int:
    """Return the draws of the cell that has most, if the study's rounds gave it more; else 0."""
    draws: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        if row.phase == "replicate":
            draws[row.cell].add(row.draw)
    most = max(map(len, draws.values()), default=0)
    return most if most > spec.replicates.draws else 0


def _axis(axis: Axis, rows: Iterable[TrialRecord]) -> AxisFacts:
    if axis.between is not None:  # the study chose its values
        tried = {row.params[axis.name] for row in rows if axis.name in row.params}
        return AxisFacts(name=axis.name, role="scientific", values=tuple(sorted(tried)))
    if axis.role == "fixed":
        return AxisFacts(name=axis.name, role="fixed", values=(axis.value,))
    if axis.role == "scientific":
        return AxisFacts(name=axis.name, role="scientific", values=tuple(axis.values))
    domain = axis.domain
    if isinstance(domain, Categorical):
        return AxisFacts(name=axis.name, role="nuisance", values=tuple(domain.choices))
    return AxisFacts(
        name=axis.name, role="nuisance", low=domain.low, high=domain.high, log=domain.log
    )


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({value for value in values if value}))
