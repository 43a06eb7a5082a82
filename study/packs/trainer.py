"""One pack's training: how many models at once, and going on with fewer when memory runs out."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache, partial

from torch import Tensor, nn

from study.models.family import Builder
from study.models.registry import build_model
from study.models.sizes import forward_flops
from study.packs.compiled import CompiledSteps, can_compile, working_bytes
from study.packs.functional import FunctionalProgram, NotBatchable, values_per_example
from study.packs.loop import PackRun
from study.packs.packing import (
    held_bytes,
    is_out_of_memory,
    model_bytes,
    most_at_once,
    pack_key,
    pack_sizes,
)
from study.packs.parameters import Layout, Stack
from study.packs.slots import slot_key
from study.packs.steps import Program, TorchSteps
from study.packs.written import passes_of
from study.training.reference import initial_model, snapshot, train_model
from study.training.settings import TrainJob, TrainResult

log = logging.getLogger(__name__)

PROBE_STEPS = 8
"""Steps of each timing of a pack size."""

PROBE_SHARE = 0.03
"""A probe may take this share of the time that the pack's training will."""

WORTH = 0.9
"""A step in a pack must take less than this share of the reference trainer's to be chosen."""

Probed = dict[Hashable, int]
"""Pack sizes found by probing, by kind of pack; 0 where the reference trainer is faster."""


@lru_cache(maxsize=1024)
def _forward_flops(
    family: str, width: int, depth: int, input_shape: tuple[int, ...], n_outputs: int
) -> int:
    model = build_model(
        family,
        width=width,
        depth=depth,
        dropout=0.0,
        input_shape=input_shape,
        n_outputs=n_outputs,
        seed=0,
    )
    return forward_flops(model, input_shape)


class Trainer:
    """Trains networks of a family whose passes are written by hand, as many at once as is fastest.

    :meth:`run` raises NotBatchable when they cannot be trained so, or not faster than alone.
    """

    def __init__(
        self,
        jobs: Sequence[TrainJob],
        memory_budget: int | None = None,
        custom_model: Builder | None = None,
        compiled: bool = True,
        probed: Probed | None = None,
    ) -> None:
        self.jobs = jobs
        self.family = jobs[0].settings.family
        self._largest = max(jobs, key=lambda job: job.settings.width)
        self.width = self._largest.settings.width
        self._budget = memory_budget
        self._custom_model = custom_model
        self._probed = {} if probed is None else probed
        self._compiled = compiled and all(map(can_compile, jobs))

    def run(self) -> Iterator[TrainResult]:
        """Yield the results in the order of the jobs."""
        size = self.size()
        if size == 0:
            raise NotBatchable("one after the other is faster")
        means = "compiled kernels" if self._compiled else "torch's operations"
        log.info("%d %s trainings in packs of %d, by %s", len(self.jobs), self.family, size, means)
        return in_groups(len(self.jobs), size, self._train)

    def _train(self, start: int, stop: int) -> list[TrainResult]:
        jobs = self.jobs[start:stop]
        run, initial = self.start(jobs)
        return [
            dataclasses.replace(result, initial_state=state)
            for result, state in zip(run.run(), initial, strict=True)
        ]

    def start(self, jobs: Sequence[TrainJob]) -> tuple[PackRun, list[dict[str, Tensor] | None]]:
        """Build the networks of some jobs, ready to train, and the initial states asked for."""
        models = [initial_model(job, self._custom_model) for job in jobs]
        initial = [
            snapshot(model) if job.keep_initial else None
            for model, job in zip(models, jobs, strict=True)
        ]
        flops = self._flops(jobs, models)
        steps = CompiledSteps if self._compiled else partial(TorchSteps, self._program(models))
        return PackRun(jobs, models, steps, flops), initial

    def _program(
        self, models: Sequence[nn.Module]
    ) -> Callable[[Sequence[TrainJob], Stack], Program]:
        return passes_of(self.family).program

    def _flops(self, jobs: Sequence[TrainJob], models: Sequence[nn.Module]) -> list[int]:
        """Return the FLOPs of training on one example, per job."""
        return [
            3
            * _forward_flops(
                self.family,
                job.settings.width,
                job.settings.depth,
                job.data.input_shape,
                job.data.n_outputs,
            )
            for job in jobs
        ]

    def _values_per_example(self, share: float) -> int:
        return passes_of(self.family).values_per_example(self._largest, self.width, share)

    def size(self) -> int:
        """Return the fastest number of models at once, probing where that can pay."""
        share = len({slot_key(job) for job in self.jobs}) / len(self.jobs)
        model = initial_model(self._largest, self._custom_model)
        n_parameters = sum(p.numel() for p in model.parameters())
        if self._compiled:
            working = working_bytes(self._largest, Layout.of([model]))
            held = held_bytes(self.jobs, n_parameters)
            return min(len(self.jobs), most_at_once(held, self._budget, working))
        step, held = model_bytes(self._largest, self._values_per_example(share), n_parameters)
        sizes = pack_sizes(step, held, self._budget)
        always = self._always_faster()
        if always and (len(self.jobs) <= min(sizes) or len(sizes) == 1):
            return min(sizes[0], len(self.jobs))
        key = (pack_key(self._largest), self.width, share < 1, self._budget, self._custom_model)
        if key not in self._probed:
            seconds = self._probe(sizes)
            best = min(seconds, key=lambda size: seconds[size])
            if not always and seconds[best] > WORTH * self._probe_alone():
                best = 0
            self._probed[key] = best
        return min(self._probed[key], len(self.jobs))

    def _always_faster(self) -> bool:
        return passes_of(self.family).always_faster

    def _probe_alone(self) -> float:
        """Seconds a step takes in the reference trainer."""
        n = PROBE_STEPS
        settings = dataclasses.replace(
            self.jobs[0].settings, steps=n, evaluate_every=n, select="last"
        )
        job = dataclasses.replace(self.jobs[0], settings=settings, masks=None, stage=0)
        started = time.perf_counter()
        train_model(initial_model(job, self._custom_model), job)
        return (time.perf_counter() - started) / n

    def _probe(self, sizes: Sequence[int]) -> dict[int, float]:
        """Seconds per model and step by pack size; the likeliest size alone if time is short."""
        seconds: dict[int, float] = {}
        steps = sum(job.settings.steps for job in self.jobs)
        for size in dict.fromkeys(min(size, len(self.jobs)) for size in sizes):
            started = time.perf_counter()
            try:
                run, _ = self.start(self.jobs[:size])
                run.advance(1)
                seconds[size] = min(run.advance(1) for _ in range(PROBE_STEPS)) / size
            except (MemoryError, RuntimeError) as error:
                if not is_out_of_memory(error):
                    raise
            spent = time.perf_counter() - started
            if spent * len(sizes) > PROBE_SHARE * steps * seconds.get(size, 0.0):
                break
        return seconds or {min(sizes): 0.0}


class MappedTrainer(Trainer):
    """Trains networks of any architecture through ``torch.func``, where that is faster."""

    def _always_faster(self) -> bool:
        return False

    def _program(
        self, models: Sequence[nn.Module]
    ) -> Callable[[Sequence[TrainJob], Stack], Program]:
        return partial(FunctionalProgram, models=models)

    def _flops(self, jobs: Sequence[TrainJob], models: Sequence[nn.Module]) -> list[int]:
        return [3 * forward_flops(models[0], jobs[0].data.input_shape)] * len(jobs)

    def _values_per_example(self, share: float) -> int:
        model = initial_model(self._largest, self._custom_model)
        return 3 * values_per_example(model, self._largest.data.x_train[:2])


def in_groups(
    n_jobs: int, size: int, train: Callable[[int, int], list[TrainResult]]
) -> Iterator[TrainResult]:
    """Yield the results of jobs trained ``size`` at a time, in groups as even as can be.

    When memory runs out the group is halved and training goes on with what is left.
    """
    start = 0
    while start < n_jobs:
        left = n_jobs - start
        stop = start + -(-left // -(-left // size))
        try:
            results = train(start, stop)
        except (MemoryError, RuntimeError) as error:
            if stop - start == 1 or not is_out_of_memory(error):
                raise
            size = (stop - start) // 2
            log.warning(
                "out of memory with a pack of %d models: going on with %d", stop - start, size
            )
            continue
        yield from results
        start = stop
