"""Units trained together: dense parents first, then what is pruned from them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, cast

from study.compression.packs import PruneJob, prune_pack
from study.record import TrialRecord
from study.spec.routes import capacity_name
from study.trials.networks import Network, network_record
from study.trials.task import Task
from study.trials.trainers import Trainer, one_by_one, settings_of

if TYPE_CHECKING:
    from study.training.settings import TrainResult
    from study.trials.laboratory import Laboratory


class PackFailed(Exception):
    """A pack raised; carries the tasks that have no record yet."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__("a pack failed")
        self.tasks = tuple(tasks)


def run_units(
    laboratory: Laboratory, units: Sequence[Sequence[Task]], train: Trainer
) -> Iterator[tuple[Task, TrialRecord]]:
    """Yield each task of the units with its record; PackFailed if anything raised on the way."""
    started = time.time()
    if laboratory.meter is not None:
        train = laboratory.meter.metered(train)
    left = [task for unit in units for task in unit]

    def attempt(action: Callable[..., Any], *arguments: Any) -> Any:
        try:
            return action(*arguments)
        except Exception as error:
            raise PackFailed(left) from error

    def record_of(network: Network) -> tuple[Task, TrialRecord]:
        record = attempt(network_record, laboratory, network, started)
        left.remove(network.task)
        return network.task, record

    attempt(_ask_teachers, laboratory, [unit[0] for unit in units], train)
    parents = attempt(lambda: train([laboratory.job(unit[0]) for unit in units]))
    to_prune: list[tuple[Task, TrainResult]] = []
    for unit, parent in zip(units, parents, strict=True):
        if "distill" in laboratory.spec.study.routes and not unit[0].slot.cell.teacher:
            attempt(_offer, laboratory, unit[0], parent)
        for task in unit:
            if task.slot.prune_ratio > 0:
                to_prune.append((task, parent))
            else:
                yield record_of(Network(task=task, result=parent))
    started = time.time()
    pruned = attempt(_prune, laboratory, to_prune, train)
    for (task, parent), result in zip(to_prune, pruned, strict=True):
        yield record_of(Network(task=task, result=result, parent=parent))


def run_alone(laboratory: Laboratory, task: Task) -> TrialRecord:
    """Return the record of one task, trained by the reference trainer."""
    try:
        ((_, record),) = run_units(laboratory, [[task]], one_by_one(laboratory.own_model))
    except PackFailed as failure:
        raise failure.__cause__ or failure from None
    return record


def _offer(laboratory: Laboratory, task: Task, result: TrainResult) -> None:
    """Keep a trained network's answers, if it may become a teacher."""
    named = capacity_name(task.slot.cell.capacity) in laboratory.spec.distillation.teachers
    laboratory.answers.offer(task.slot, result, laboratory.split(task.slot), keep=named)


def _ask_teachers(laboratory: Laboratory, tasks: Sequence[Task], train: Trainer) -> None:
    """Have the answers of all teachers at hand; train again those that answered elsewhere."""
    wanted = {task.teacher.slot.name: task.teacher for task in tasks if task.teacher}
    absent = [
        teacher
        for teacher in wanted.values()
        if not laboratory.answers.has(teacher.slot, laboratory.split(teacher.slot))
    ]
    if absent:
        jobs = [laboratory.job(teacher) for teacher in absent]
        for teacher, job, result in zip(absent, jobs, train(jobs), strict=True):
            laboratory.answers.offer(teacher.slot, result, job.data, keep=True)


def _prune(
    laboratory: Laboratory, pairs: Sequence[tuple[Task, TrainResult]], train: Trainer
) -> list[TrainResult]:
    """Prune each parent to its task's ratio and fine-tune; all of them together."""
    pruning = laboratory.spec.pruning
    jobs = []
    for task, parent in pairs:
        settings = settings_of(laboratory.spec, task)
        method, _, scope = task.slot.method.rpartition("-")
        jobs.append(
            PruneJob(
                parent=parent,
                settings=settings,
                data=laboratory.split(task.slot),
                ratio=task.slot.prune_ratio,
                method=cast(Any, method),
                scope=cast(Any, scope),
                level_ratio=pruning.level_ratio,
                fine_tune_steps=round(settings.steps * pruning.fine_tune_fraction),
                learning_rate_factor=pruning.learning_rate_factor,
            )
        )
    return prune_pack(jobs, train=train)
