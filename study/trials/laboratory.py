"""From claimed trials to their records, with the data and the models of one study at hand.

Pure of storage and tracking: what it needs is in the spec and the claim, what it yields is a
:class:`~study.record.TrialRecord` for each trial.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from study.compression.teachers import Answers, Teacher
from study.data.registry import load_dataset
from study.plan.design import Slot, space_of
from study.record import TrialRecord, Value
from study.trials.own_trainer import own_record
from study.trials.splits import Splits
from study.trials.task import Task, describe, failed
from study.trials.trainers import Trainer, settings_of, trainer_of
from study.user_code import load_function

if TYPE_CHECKING:
    from torch import nn

    from study.data.dataset import Dataset
    from study.spec.study_file import StudySpec
    from study.training.settings import TrainJob
    from study.training.tensors import TensorSplit
    from study.trials.energy import EnergyMeter
    from study.trials.memory import Peaks

MOST_UNITS = 48
"""Trainings that a worker takes at a time, at most: enough for full packs, and little enough that
a crash costs seconds."""


class Laboratory:
    """Runs trials of one study on one device, with its data and models kept ready."""

    def __init__(self, spec: StudySpec, *, worker: str = "", cache: Path | None = None) -> None:
        self.spec = spec
        self.cache = cache
        """Folder for data that is slow to generate; None keeps nothing."""
        self.worker = worker
        self.notes: list[str] = []
        """What the user should know of the trials run so far, each once."""
        self.forward_flops: dict[Hashable, int] = {}
        """Of the architectures counted so far."""

    @cached_property
    def dataset(self) -> Dataset:
        """The study's data set, loaded on first use."""
        return load_dataset(self.spec.data, base=self.spec.base, cache=self.cache)

    @cached_property
    def _splits(self) -> Splits:
        return Splits(self.dataset, self.spec.study.seed, self.spec.run.device)

    @cached_property
    def answers(self) -> Answers:
        """What the teachers of this study answer."""
        if self.cache is None:
            return Answers(None)
        key = f"{self.spec.digest()[:16]}-{self.dataset.digest[:8]}"
        return Answers(self.cache / "teachers" / key)

    @cached_property
    def peaks(self) -> Peaks:
        """How much memory the trainings of this study take."""
        from study.trials.memory import Peaks

        return Peaks(self)

    @cached_property
    def meter(self) -> EnergyMeter | None:
        """What tells the energy of a training, if the study asks for it."""
        from study.trials.energy import EnergyMeter

        return EnergyMeter() if self.spec.run.energy else None

    @cached_property
    def own_trainer(self) -> Callable[..., Mapping[str, Any]] | None:
        """The user's own trainer, if the study file names one."""
        reference = self.spec.training.function
        return load_function(reference, "training.function", self.spec.base) if reference else None

    @cached_property
    def own_model(self) -> Callable[..., Any] | None:
        """The user's own model, if the study file names one."""
        reference = self.spec.model.function
        return load_function(reference, "model.function", self.spec.base) if reference else None

    @cached_property
    def train(self) -> Trainer:
        """What trains jobs as the study file says."""
        return trainer_of(self.spec, self.own_model)

    @property
    def most_units(self) -> int:
        """How many trainings are worth taking at a time."""
        if self.spec.training.function:
            return 1
        # Each training of a pack may need a subset of its own.
        return min(MOST_UNITS, self._splits.at_once(self.spec.sizes[-1]))

    def split(self, slot: Slot) -> TensorSplit:
        """Return the tensors of the subset that a trial is trained on."""
        return self._splits.of(slot.cell.n_examples, slot.draw)

    def build(self, capacity: Mapping[str, Value], *, dropout: float = 0.0) -> nn.Module:
        """Return an untrained model of one capacity."""
        from study.models.registry import build_model

        return build_model(
            self.spec.model.family,
            width=int(capacity["width"]),
            depth=int(capacity["depth"]),
            dropout=dropout,
            input_shape=self.dataset.input_shape,
            n_outputs=self.dataset.n_outputs,
            custom=self.own_model,
            seed=0,
        )

    def job(self, task: Task | Teacher) -> TrainJob:
        """Return the training of the dense network of a trial."""
        from study.training.settings import TrainJob

        taught_by = task.teacher if isinstance(task, Task) else None
        return TrainJob(
            settings=settings_of(self.spec, task),
            data=self.split(task.slot),
            keep_initial=isinstance(task, Task) and "rewind-weights" in self.spec.pruning.methods,
            teacher=None if taught_by is None else self.answers.of(taught_by.slot),
        )

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, TrialRecord]]:
        """Yield each task with its record; an exception becomes a failed record.

        Tasks of one unit share the dense parent, which is trained once. Units that one program can
        train together are trained together; what a trial returns does not depend on that.
        """
        units: dict[str, list[Task]] = {}
        for task in tasks:
            if reason := self._lacks(task):
                yield task, failed(self.spec, task, reason, worker=self.worker)
            else:
                units.setdefault(task.slot.unit, []).append(task)
        if self.own_trainer is not None:
            for task in (task for unit in units.values() for task in unit):
                yield task, self._guarded(task, own_record)
            return
        from study.trials.units import PackFailed, run_alone, run_units

        try:
            yield from run_units(self, list(units.values()), self.train)
        except PackFailed as failure:
            # One of the pack is at fault; alone each shows its own reason.
            for task in failure.tasks:
                yield task, self._guarded(task, run_alone)

    def _lacks(self, task: Task) -> str:
        """Say what a trial would need and does not have; empty if it can be run."""
        tuned = {axis.name for axis in space_of(self.spec, task.slot.cell).nuisance}
        if task.slot.phase != "search" and not tuned <= task.params.keys():
            return "every search trial of its cell failed"
        if task.slot.cell.teacher and task.teacher is None:
            return "every network that could have been its teacher failed"
        return ""

    def _guarded(self, task: Task, run: Callable[[Laboratory, Task], TrialRecord]) -> TrialRecord:
        started = time.time()
        try:
            return run(self, task)
        except Exception as error:
            reason = describe(error)
            return failed(self.spec, task, reason, worker=self.worker, started=started)
