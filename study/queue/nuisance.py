"""What a trial gets when it is taken: its teacher, and nuisance values of a winner or a sampler.

All else stands in the design. The storage is told, so that Optuna's dashboard shows them too.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import optuna
from optuna.samplers import BaseSampler

from search_spaces.space import SearchSpace
from study.compression.teachers import Teacher
from study.plan.design import Slot, is_chosen, n_search, space_of, teachers
from study.queue.filling import distribution_of
from study.queue.snapshot import Snapshot
from study.queue.trials import Stored, StoredTrials, record_of
from study.queue.upstream import Unlike, expect_arguments, go_public
from study.queue.winners import Winners, best_of_search
from study.record import Value


class Nuisance:
    """Gives taken trials their values and their teachers, from the trials that have finished."""

    def __init__(self, trials: StoredTrials, snapshot: Snapshot) -> None:
        self._trials, self._snapshot = trials, snapshot
        self._winners = Winners(trials, snapshot)
        self._teachers = teachers(trials.slots.values())

    def teacher(self, slot: Slot) -> Teacher | None:
        """Return the best of those that may teach a student; None for whom is no student."""
        if not slot.cell.teacher:
            return None
        best = best_of_search(self._snapshot.finished(self._teachers[slot.unit]))
        record = None if best is None else record_of(best)
        if record is None:
            return None
        return Teacher(
            slot=self._trials.slots[record.slot],
            params=record.params,
            metrics=record.metrics,
            sizes=record.sizes,
        )

    def of(self, taken: Stored, slot: Slot) -> dict[str, Value]:
        """Return the values of a trial by name; empty where the design has them."""
        spec = self._trials.spec
        space = space_of(spec, slot.cell)
        if slot.phase != "search" and n_search(spec, slot.cell):
            found = _nuisance(space, self._winners.of(slot))
            self._tell(taken, found)
            return found
        if is_chosen(spec, slot):
            if {axis.name for axis in space.nuisance} <= taken.trial.params.keys():
                return _nuisance(
                    space, taken.trial.params
                )  # as it was given before its worker died
            found = _nuisance(space, self._winners.next_point(slot))
            self._tell(taken, found)
            return found
        if slot.phase == "search" and spec.search.sampler == "tpe":
            return self._suggest(taken, slot, space)
        return {}

    def _tell(self, taken: Stored, values: Mapping[str, Value]) -> None:
        for name, value in values.items():
            if name not in taken.trial.params:
                shape = distribution_of(self._trials.spec, name)
                internal = shape.to_internal_repr(value)
                self._trials.storage.set_trial_param(taken.id, name, internal, shape)

    def _suggest(self, taken: Stored, slot: Slot, space: SearchSpace) -> dict[str, Value]:
        """Ask Optuna's sampler for values, from what the study's other trials returned."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=slot.seed, constant_liar=True)
            try:
                # Optuna gives out trials as it queued them, not the one in hand.
                expect_arguments(optuna.trial.Trial, "__init__", "self", "study", "trial_id")
            except Unlike as reason:
                go_public("the sampler is asked in a copy of the study", str(reason))
                found = _nuisance(space, space.suggest(self._copied(taken, sampler)))
                self._tell(taken, found)
                return found
            study = optuna.load_study(
                study_name=taken.study, storage=self._trials.storage, sampler=sampler
            )
            return _nuisance(space, space.suggest(optuna.trial.Trial(study, taken.id)))

    def _copied(self, taken: Stored, sampler: BaseSampler) -> optuna.trial.Trial:
        """Return a trial like the one in hand, of a study in memory with the same results."""
        storage, study_id = self._trials.storage, self._trials.studies()[taken.study]
        copy = optuna.create_study(sampler=sampler)
        trials = storage.get_all_trials(study_id, deepcopy=False)
        copy.add_trials(trial for trial in trials if trial.state.is_finished())
        copy.enqueue_trial(storage.get_trial(taken.id).params)
        return copy.ask()


def _nuisance(space: SearchSpace, values: Mapping[str, Value]) -> dict[str, Value]:
    return {axis.name: values[axis.name] for axis in space.nuisance if axis.name in values}
