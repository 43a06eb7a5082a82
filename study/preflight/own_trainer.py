"""A trainer of the user's own, called once before the study: what it answers, and its axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from study.plan.design import relative_cost, slots
from study.record import Value
from study.spec.study_file import StudySpec
from study.trials.laboratory import Laboratory
from study.trials.own_trainer import Answer, called_once
from study.trials.task import Task


@dataclass(frozen=True, kw_only=True)
class OwnCall:
    """One call of a trainer, with the design's cheapest trial."""

    params: Mapping[str, Value]
    n_examples: int
    seconds: float
    answer: Answer


def cheapest(spec: StudySpec) -> Task:
    """Return the trial that goes first, alone: the smallest model with the fewest examples.

    Where Optuna's sampler will choose the nuisance hyperparameters, they are the middle of theirs.
    """
    every = list(slots(spec))
    searched = [slot for slot in every if slot.phase == "search"]
    slot = min(searched or every, key=lambda one: relative_cost(spec, one.cell))
    middle = spec.space.from_units([0.5] * len(spec.space.nuisance))
    return Task(slot=slot, params={**middle, **slot.params}, optuna_study="", number=0)


def call(spec: StudySpec, laboratory: Laboratory) -> OwnCall:
    """Call the trainer once; keep nothing.

    Raises
    ------
    BrokenAnswer
        If it raises, or its answer is not what was agreed.
    """
    task = cheapest(spec)
    answer, seconds = called_once(laboratory, task)
    return OwnCall(
        params=task.params, n_examples=task.slot.cell.n_examples, seconds=seconds, answer=answer
    )
