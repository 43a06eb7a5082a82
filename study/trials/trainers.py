"""How a study's trials are trained: the settings of each, and by which trainer."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from study.compression.teachers import Teacher
    from study.spec.study_file import StudySpec
    from study.training.settings import TrainJob, TrainResult, TrainSettings
    from study.trials.task import Task

Trainer = Callable[[Sequence["TrainJob"]], list["TrainResult"]]
"""What trains jobs, on the device of their data."""


def settings_of(spec: StudySpec, task: Task | Teacher) -> TrainSettings:
    """Return what the trainer is told for one trial."""
    from study.training.settings import TrainSettings

    training = spec.training
    steps = training.steps(task.slot.cell.n_examples) * task.slot.length
    params = {"patience": training.patience, **task.params}
    del params["prune_ratio"]
    return TrainSettings(
        family=spec.model.family,
        optimizer=training.optimizer,
        batch_size=training.batch_size,
        steps=steps,
        warmup_fraction=training.warmup_fraction,
        schedule=training.schedule,
        evaluate_every=max(1, steps // training.evaluations),
        select=training.select,
        seed=task.slot.seed,
        **params,  # type: ignore[arg-type]
    )


def trainer_of(spec: StudySpec, own_model: Callable[..., Any] | None) -> Trainer:
    """Return the trainer that the study file asks for by ``run.trainer`` and ``run.memory_gib``."""
    if spec.run.trainer == "reference":
        return one_by_one(own_model)

    probed: dict[Hashable, int] = {}  # what one pack found out serves the next

    def together(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        from study.packs.fused import train_pack

        return train_pack(
            jobs,
            custom_model=own_model,
            memory_budget=round(spec.run.memory_gib * 2**30) or None,
            compiled=spec.run.trainer != "torch-packs",
            probed=probed,
        )

    return together


def one_by_one(own_model: Callable[..., Any] | None) -> Trainer:
    """Return what trains one job after the other by the reference trainer."""

    def each(jobs: Sequence[TrainJob]) -> list[TrainResult]:
        from study.training.reference import train

        return [train(job, own_model) for job in jobs]

    return each
