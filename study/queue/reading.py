"""Reading a study's trials from Optuna's storage: how far it is, what came of it."""

from __future__ import annotations

import datetime
import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from study.errors import StorageAway, StorageError
from study.plan.design import Slot, best_of, relative_cost, slots
from study.queue.opening import is_away
from study.redaction import redact

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec

P = ParamSpec("P")
T = TypeVar("T")

DIGEST, SEMANTICS, VERSION = "payoff.digest", "payoff.study", "payoff.optuna_version"
FINGERPRINTS = "payoff.fingerprints"
TEACHERS = "payoff.best_of"
"""Attribute of an Optuna study with the capacities of whose networks the best teaches, from the
moment that there are students of it."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How far a study is."""

    total: int
    waiting: int
    running: int
    complete: int
    failed: int
    """Finished without a usable result: diverged or failed."""

    @property
    def finished(self) -> int:
        """Trials that will not run again."""
        return self.complete + self.failed


@dataclass(frozen=True, kw_only=True)
class StudyProgress:
    """How far a study is, in all that a person wants to see."""

    counts: Counts
    cells_done: int
    cells_total: int
    cost_done: float
    cost_total: float
    best_error: float | None
    """Lowest validation error so far, at the largest dataset size that has any."""
    best_size: int | None
    """That dataset size."""


def is_of_database(error: Exception) -> bool:
    """Tell whether an error came from a database or its driver, rather than from us."""
    internal = isinstance(error, optuna.exceptions.StorageInternalError)
    return internal or type(error).__module__.split(".")[0] in ("sqlalchemy", "grpc")


def explained(method: Callable[P, T]) -> Callable[P, T]:
    """Turn a database's errors into one line without its password."""

    @functools.wraps(method)
    def inner(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            if not is_of_database(error):
                raise
            text = redact(str(error.__cause__ or error).splitlines()[0])
            kind = StorageAway if is_away(error) else StorageError
            raise kind(
                f"storage.optuna: the database did not answer ({text}); "
                "see that it runs, then start the study again: nothing that was finished is lost"
            ) from None

    return inner


class StudyReader:
    """A study's trials in Optuna's storage, to be read."""

    def __init__(self, spec: StudySpec, storage: BaseStorage) -> None:
        self.spec = spec
        self.digest = spec.digest()
        self._storage = storage
        self._slots: dict[str, Slot] = {slot.name: slot for slot in slots(spec)}
        self._studies: dict[str, int] = {}
        self._cells = {slot.cell.name for slot in self._slots.values()}
        # A unit is one training, whatever is pruned from it: its cost is spread over its trials.
        sizes = Counter(slot.unit for slot in self._slots.values())
        self._costs: dict[str, float] = {
            slot.unit: relative_cost(spec, slot.cell) for slot in self._slots.values()
        }
        self._shares = {
            name: self._costs[slot.unit] / sizes[slot.unit] for name, slot in self._slots.items()
        }
        self._total_cost = sum(self._shares.values())

    def study_name(self, n_examples: int) -> str:
        """Return the name of the Optuna study of one dataset size."""
        return f"{self.spec.name}/n={n_examples}"

    @explained
    def is_started(self) -> bool:
        """Tell whether the storage holds any Optuna study of this one."""
        names = {study.study_name for study in self._storage.get_all_studies()}
        return any(self.study_name(n) in names for n in self.spec.sizes)

    @explained
    def check_unchanged(self, fingerprints: Mapping[str, str] | None = None) -> None:
        """Raise StorageError if the study in the storage is not the one in the file."""
        for study in self._storage.get_all_studies():
            stored = study.user_attrs.get(DIGEST)
            if stored is None or not study.study_name.startswith(f"{self.spec.name}/n="):
                continue
            written_by = str(study.user_attrs.get(VERSION, optuna.__version__))
            if written_by.split(".")[0] != optuna.__version__.split(".")[0]:
                raise StorageError(
                    f"{self.spec.name}: stored by Optuna {written_by}, this is "
                    f"{optuna.__version__}; install optuna=={written_by}, "
                    "or start afresh with --root"
                )
            if stored != self.digest:
                from study.spec.study_file import differences

                changed = differences(
                    json.loads(study.user_attrs[SEMANTICS]), self.spec.semantics()
                )
                raise StorageError(
                    f"study.name: {self.spec.name!r} was started with other settings "
                    f"({'; '.join(changed)}); undo the change, or give the study a new name"
                )
            self._check_teachers(study.user_attrs.get(TEACHERS, ()))
            if fingerprints is not None:
                self._check_fingerprints(study.user_attrs.get(FINGERPRINTS, {}), fingerprints)

    def _check_teachers(self, stored: Sequence[str]) -> None:
        """Raise StorageError if the best of other networks would teach than have taught."""
        found = best_of(self.spec)
        if stored and found and set(stored) != set(found):
            changed = [f"+{name}" for name in found if name not in stored]
            changed += [f"-{name}" for name in stored if name not in found]
            raise StorageError(
                f"study.name: {self.spec.name!r} has students of the best of its networks, and "
                f"the best of others would teach from now on ({', '.join(changed)}); undo the "
                "change, name capacities as distillation.teachers, or give the study a new name"
            )

    def _check_fingerprints(self, stored: Mapping[str, str], found: Mapping[str, str]) -> None:
        changed = [
            name
            for name in sorted({*stored, *found})
            if name in stored and stored[name] != found.get(name)
        ]
        if changed:
            raise StorageError(
                f"study.name: {self.spec.name!r} was started with other {', '.join(changed)} "
                "(the content differs); undo the change, or give the study a new name"
            )

    @explained
    def counts(self) -> Counts:
        """Count the trials by state."""
        return self._count(Counter(trial.state for _, trial in self._all_trials()))

    def _count(self, states: Counter[TrialState]) -> Counts:
        return Counts(
            total=len(self._slots),
            waiting=states[TrialState.WAITING],
            running=states[TrialState.RUNNING],
            complete=states[TrialState.COMPLETE],
            failed=states[TrialState.FAIL] + states[TrialState.PRUNED],
        )

    @explained
    def progress(self) -> StudyProgress:
        """Return counts, cells, cost and the best validation error."""
        trials = [trial for _, trial in self._all_trials()]
        states = Counter(trial.state for trial in trials)
        open_cells = {t.user_attrs["cell"] for t in trials if not t.state.is_finished()}
        done = [trial for trial in trials if trial.state.is_finished()]
        best: dict[int, float] = {}
        for trial in done:
            if trial.state == TrialState.COMPLETE and trial.value is not None:
                n_examples = self._slots[trial.user_attrs["slot"]].cell.n_examples
                best[n_examples] = min(trial.value, best.get(n_examples, trial.value))
        largest = max(best, default=None)
        return StudyProgress(
            counts=self._count(states),
            cells_done=len(self._cells - open_cells) if trials else 0,
            cells_total=len(self._cells),
            cost_done=sum(self._shares[trial.user_attrs["slot"]] for trial in done),
            cost_total=self._total_cost,
            best_error=None if largest is None else best[largest],
            best_size=largest,
        )

    @explained
    def records(self) -> tuple[dict[str, Any], ...]:
        """Return the record of every finished trial, in the order of the design."""
        found = {
            trial.user_attrs["slot"]: trial.user_attrs["record"]
            for _, trial in self._all_trials()
            if trial.state.is_finished() and "record" in trial.user_attrs
        }
        return tuple(found[name] for name in self._slots if name in found)

    @explained
    def failures(self) -> Counter[str]:
        """Count the trials that gave no usable result by what became of them."""
        return Counter(
            f"{record['status']}: {record['reason']}"
            for _, trial in self._all_trials()
            if trial.state in (TrialState.FAIL, TrialState.PRUNED)
            and (record := trial.user_attrs.get("record"))
        )

    @explained
    def n_unused(self) -> int:
        """Count finished trials that the study file no longer asks for: kept, but not read."""
        prefix = f"{self.spec.name}/n="
        return sum(
            trial.state.is_finished()
            and "slot" in trial.user_attrs
            and trial.user_attrs["slot"] not in self._slots
            for study in self._storage.get_all_studies()
            if study.study_name.startswith(prefix)
            for trial in self._storage.get_all_trials(study._study_id, deepcopy=False)
        )

    @explained
    def running(self) -> tuple[tuple[str, str, datetime.datetime | None], ...]:
        """Return (slot, worker, since when) of each running trial."""
        return tuple(
            (
                trial.user_attrs["slot"],
                trial.user_attrs.get("claim", {}).get("worker", ""),
                trial.datetime_start,
            )
            for _, trial in self._all_trials()
            if trial.state == TrialState.RUNNING
        )

    @explained
    def unfinished(self) -> dict[str, int]:
        """Return Optuna's internal trial id by slot, of trials without a result."""
        return {
            trial.user_attrs["slot"]: trial._trial_id
            for _, trial in self._all_trials()
            if not trial.state.is_finished()
        }

    def _all_trials(self) -> list[tuple[str, FrozenTrial]]:
        if len(self._studies) < len(self.spec.sizes):
            names = {study.study_name: study._study_id for study in self._storage.get_all_studies()}
            for n_examples in self.spec.sizes:
                name = self.study_name(n_examples)
                if name in names:
                    self._studies[name] = names[name]
        return [
            (name, trial)
            for name, study_id in self._studies.items()
            for trial in self._trials(study_id)
        ]

    def _trials(self, study_id: int) -> list[FrozenTrial]:
        """Return the trials of one Optuna study that belong to the design, one of each slot.

        Should a slot have been queued twice, the lowest number is its trial, for everybody.
        """
        found: dict[str, FrozenTrial] = {}
        for trial in self._storage.get_all_trials(study_id, deepcopy=False):
            slot = trial.user_attrs.get("slot")
            if slot in self._slots and (slot not in found or trial.number < found[slot].number):
                found[slot] = trial
        return list(found.values())
