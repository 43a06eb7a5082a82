"""How fast a worker trains: short packs of one capacity, timed as differences.

What is done once a training (building, final scores, measuring) and what is done at every step and
every evaluation are told apart by packs that differ in nothing else, after a warm-up. The clock is
the process's CPU time where one CPU thread trains, so that other work on the machine counts little.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass

from study.plan.design import n_search, slots
from study.record import Value
from study.trials.laboratory import Laboratory
from study.trials.task import Task
from study.trials.trainers import settings_of

PROBE_SECONDS = 1.0
"""What timing one capacity may take, about, where a single step does not take longer."""

MOST_STEPS = 16
"""Steps of the shortest pack that is timed; the longest has twice as many."""

ROUNDS = 3
"""How often each pack is timed."""

EVALUATIONS = 8
"""Evaluations by which two timed packs differ."""


@dataclass(frozen=True)
class Pace:
    """What one training costs a worker; its share of a full pack's time, in seconds."""

    once: float
    """Whatever its length: building, final scores, measuring."""
    step: float
    evaluation: float

    def seconds(self, steps: float, evaluations: float) -> float:
        """Return the time of one training."""
        return self.once + self.step * steps + self.evaluation * evaluations


def measure_pace(laboratory: Laboratory, capacity: Mapping[str, Value]) -> Pace:
    """Time packs of one capacity such as a worker takes, or smaller ones where those are too dear.

    A difference lost in the noise counts as nothing.
    """
    from study.training.settings import TrainJob

    run = laboratory.spec.run
    own_clock = run.device == "cpu" and run.threads == 1
    clock = time.process_time if own_clock else time.perf_counter
    tasks = _tasks(laboratory, capacity)

    def timed(size: int, steps: int, every: int) -> float:
        pack = []
        for task in tasks[:size]:
            settings = settings_of(laboratory.spec, task)
            settings = dataclasses.replace(settings, steps=steps, evaluate_every=every, patience=0)
            pack.append(TrainJob(settings=settings, data=laboratory.split(task.slot)))
        began = clock()
        laboratory.train(pack)
        return clock() - began

    timed(1, 1, 1)  # imports, thread pools, caches
    alone = timed(1, 1, 1)
    size = max(1, min(len(tasks), int(PROBE_SECONDS / max(alone, 1e-6))))
    timed(size, 1, 1)  # finds how many to train at once, once a process
    one = timed(size, 1, 1)
    step = max((timed(size, 4, 4) - one) / 3, one / 100)
    # Packs of n, 2n and 2n steps; of each the shortest time, the one least disturbed.
    n = round(max(1.0, min(MOST_STEPS, (PROBE_SECONDS - 3 * one) / (5 * ROUNDS * step))))
    every = max(1, 2 * n // (EVALUATIONS + 1))
    more = -(-2 * n // every) - 1
    rounds = ROUNDS if one < PROBE_SECONDS else 1
    packs = ((n, n), (2 * n, 2 * n), (2 * n, every))
    seconds = [[timed(size, *pack) for pack in packs] for _ in range(rounds)]
    short, long, often = (min(column) for column in zip(*seconds, strict=True))
    step = max(long - short, 0.0) / n
    evaluation = max(often - long, 0.0) / more
    once = max(short - n * step - evaluation, 0.0)
    return Pace(once=once / size, step=step / size, evaluation=evaluation / size)


def _tasks(laboratory: Laboratory, capacity: Mapping[str, Value]) -> list[Task]:
    """Return trials of a capacity that wait at one time, at most as many as a worker takes.

    What a search would choose lies in the middle of its range.
    """
    spec = laboratory.spec
    middle = spec.space.from_units([0.5] * spec.space.n_nuisance)
    phase = "search" if n_search(spec) > spec.replicates.total else "replicate"
    mine = [
        Task(slot=slot, params={**middle, **slot.params}, optuna_study="", number=0)
        for slot in slots(spec)
        if slot.phase == phase
        and slot.prune_ratio == 0
        and slot.cell.capacity == capacity
        and not slot.cell.teacher
    ]
    return mine[::-1][: laboratory.most_units]
