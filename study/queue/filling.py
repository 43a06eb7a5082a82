"""Queueing the design: each slot of a study once, as a waiting trial that anybody may take."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.domains import Categorical, Domain, Int
from study.plan.design import Slot, fixed_params
from study.queue.identity import write_identity
from study.queue.names import optuna_study
from study.queue.trials import AGAIN, StoredTrials, study_of
from study.spec.study_file import StudySpec


@runtime_checkable
class TakesMany(Protocol):
    """A storage that is filled in bulk (:class:`study.queue.lean.LeanStorage`)."""

    def create_many(self, study_id: int, templates: Sequence[FrozenTrial]) -> int:
        """Queue trials, each whose slot is not there yet; return how many."""


def fill(trials: StoredTrials, fingerprints: Mapping[str, str]) -> int:
    """Create the Optuna studies and queue what is missing; return how many were queued."""
    wanted: dict[int, list[Slot]] = defaultdict(list)
    for slot in trials.slots.values():
        wanted[slot.cell.n_examples].append(slot)
    queued = 0
    for n_examples, expected in wanted.items():
        name = optuna_study(trials.spec.name, n_examples)
        study_id = study_of(trials.storage, name)
        write_identity(trials.storage, study_id, trials.spec, fingerprints)
        known = {one.slot for one in trials.of(name)}
        missing = [template(trials.spec, slot) for slot in expected if slot.name not in known]
        if isinstance(trials.storage, TakesMany):
            queued += trials.storage.create_many(study_id, missing)
        else:
            for one in missing:
                trials.storage.create_new_trial(study_id, one)
            queued += len(missing)
    return queued


def template(spec: StudySpec, slot: Slot, *, again: int = 0) -> FrozenTrial:
    """Return the trial of a slot, as it is queued for the first time or ``again``."""
    fixed = fixed_params(spec, slot.cell)
    params = {name: value for name, value in slot.params.items() if name not in fixed}
    return create_trial(
        state=TrialState.WAITING,
        params=params,
        distributions={name: distribution_of(spec, name) for name in params},
        user_attrs={
            "slot": slot.name,
            "unit": slot.unit,
            "cell": slot.cell.name,
            "phase": slot.phase,
            "draw": slot.draw,
            "seed": slot.seed,
            **({AGAIN: again} if again else {}),
        },
    )


def distribution(domain: Domain) -> BaseDistribution:
    """Return Optuna's distribution of a domain."""
    if isinstance(domain, Categorical):
        return CategoricalDistribution(tuple(domain.choices))
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step or 1)
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def distribution_of(spec: StudySpec, name: str) -> BaseDistribution:
    """Return Optuna's distribution of one of a study's axes."""
    for axis in (*spec.space.axes, *spec.distill_axes):
        if axis.name == name:
            return distribution(axis.domain)
    return CategoricalDistribution((0.0,))  # prune_ratio where the space has no such axis
