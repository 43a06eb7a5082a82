"""Whose hyperparameters a replicate takes, and who teaches a student: the best on validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property

from optuna.trial import FrozenTrial, TrialState

from study.compression.teachers import Teacher
from study.plan.design import Slot, teachers
from study.queue.picture import Picture
from study.queue.trials import StoredTrials


class Winners:
    """Finds the best among finished trials of a study."""

    def __init__(self, trials: StoredTrials, picture: Picture) -> None:
        self._slots, self._picture = trials.slots, picture

    def of_search(self, cell: str) -> FrozenTrial | None:
        """Return the winner of a cell's search; None if no trial of it gave a result."""
        return best_of_search(self._picture.finished(self._searches[cell]))

    def teacher(self, slot: Slot) -> Teacher | None:
        """Return the best of those that may teach a student; None for whom is no student."""
        if not slot.cell.teacher:
            return None
        best = best_of_search(self._picture.finished(self._teachers[slot.unit]))
        if best is None:
            return None
        record = best.user_attrs["record"]
        return Teacher(
            slot=self._slots[best.user_attrs["slot"]],
            params=record["params"],
            metrics=record["metrics"],
            sizes=record["sizes"],
        )

    @cached_property
    def _searches(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = defaultdict(list)
        for slot in self._slots.values():
            if slot.phase == "search":
                found[slot.cell.name].append(slot.name)
        return found

    @cached_property
    def _teachers(self) -> dict[str, tuple[str, ...]]:
        return teachers(self._slots.values())


def best_of_search(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the search trial with the lowest validation error, then loss, then number.

    Validation sets are small, so that ties in error are common; the loss decides them.
    """
    found = [trial for trial in trials if trial.state == TrialState.COMPLETE]

    def rank(trial: FrozenTrial) -> tuple[float, float, int]:
        metrics = trial.user_attrs["record"]["metrics"]
        return metrics["val_error"], metrics.get("val_loss", float("inf")), trial.number

    return min(found, key=rank, default=None)
