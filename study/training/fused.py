"""Train many networks at once, each as if it were alone.

:func:`train_pack` takes any trainings, forms packs of those that one program can train together,
and falls back to the reference trainer for those that none can. What comes out for a training
depends on its own settings, data and seed, to float32 rounding, and never on its packmates.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import torch
from torch import Tensor, nn

from study.measure import forward_flops
from study.models.registry import Builder, build_model
from study.training.pack_batches import slot_key
from study.training.pack_cnn import CnnProgram
from study.training.pack_loop import PackRun
from study.training.pack_mlp import MlpProgram
from study.training.packing import (
    Pack,
    TrainJob,
    form_packs,
    model_bytes,
    pack_key,
    pack_sizes,
)
from study.training.reference import train_model
from study.training.settings import TrainResult

if TYPE_CHECKING:
    from study.training.tensors import TensorSplit

__all__ = ["TrainJob", "train_pack"]

log = logging.getLogger(__name__)

PROBE_STEPS = 8
"""Steps of each timing of a pack size."""

PROBE_SHARE = 0.03
"""A probe may take this share of the time that the pack's training will."""

PROGRAMS: Final[dict[str, type[MlpProgram] | type[CnnProgram]]] = {
    "mlp": MlpProgram,
    "cnn": CnnProgram,
}
"""Families whose batched passes are written by hand."""

_chosen_sizes: dict[Hashable, int] = {}
"""Pack sizes found by probing in this process."""


def train_pack(
    jobs: Sequence[TrainJob],
    *,
    device: torch.device | str | None = None,
    custom_model: Builder | None = None,
    memory_budget: int | None = None,
) -> list[TrainResult]:
    """Train every job; jobs that fit together are trained as one batched program.

    Parameters
    ----------
    jobs
        Any trainings. Those of one family, depth, optimiser, batch size and shape of data share a
        program; all else may differ between them.
    device
        Where to train; the device of each job's data by default.
    custom_model
        The user's builder, for family ``"custom"``.
    memory_budget
        Bytes that training may take at any time, besides the data and the results; None for no
        bound. One network is trained whatever it needs.

    Returns
    -------
    list of TrainResult
        In the order of the jobs; each is what :func:`study.training.reference.train_model` gives,
        to float32 rounding. ``wall_seconds`` is the job's share of its pack's time.
    """
    if device is not None:
        moved: dict[int, TensorSplit] = {id(job.data): job.data.to(device) for job in jobs}
        jobs = [dataclasses.replace(job, data=moved[id(job.data)]) for job in jobs]
    results: dict[int, TrainResult] = {}
    for pack in form_packs(jobs):
        mine = [jobs[place] for place in pack.places]
        if pack.family not in PROGRAMS or mine[0].settings.steps == 0:
            for place in pack.places:
                results[place] = train_alone(jobs[place], custom_model)
            continue
        trainer = Trainer(mine, pack, memory_budget)
        for place, result in zip(pack.places, trainer.run(), strict=True):
            results[place] = result
    return [results[place] for place in range(len(jobs))]


def train_alone(job: TrainJob, custom_model: Builder | None = None) -> TrainResult:
    """Train one job by the reference trainer."""
    model = initial_model(job, custom_model)
    initial = snapshot(model) if job.keep_initial else None
    result = train_model(model, job.settings, job.data, masks=job.masks, stage=job.stage)
    return dataclasses.replace(result, initial_state=initial)


def initial_model(job: TrainJob, custom_model: Builder | None = None) -> nn.Module:
    """Build the job's network with its initial weights, on the device of its data."""
    settings, data = job.settings, job.data
    model = build_model(
        settings.family,
        width=settings.width,
        depth=settings.depth,
        dropout=settings.dropout,
        input_shape=data.input_shape,
        n_outputs=data.n_outputs,
        custom=custom_model,
        seed=settings.seed,
    )
    if job.start is not None:
        model.load_state_dict(dict(job.start))
    return model.to(data.device)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Copy the state of a network."""
    return {name: value.clone() for name, value in model.state_dict().items()}


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


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that an allocation failed, on the host or on a GPU."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )


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


class Trainer:
    """Trains the networks of one pack, as many at once as is fastest."""

    def __init__(self, jobs: Sequence[TrainJob], pack: Pack, memory_budget: int | None) -> None:
        self._jobs = jobs
        self._pack = pack
        self._program = PROGRAMS[pack.family]
        self._budget = memory_budget

    def run(self) -> Iterator[TrainResult]:
        """Yield the results in the order of the jobs."""
        size = self.size()
        log.info(
            "%d %s trainings of width up to %d, %d at once",
            len(self._jobs),
            self._pack.family,
            self._pack.width,
            size,
        )
        return in_groups(len(self._jobs), size, self._train)

    def _train(self, start: int, stop: int) -> list[TrainResult]:
        jobs = self._jobs[start:stop]
        run, initial = self.start(jobs)
        return [
            dataclasses.replace(result, initial_state=state)
            for result, state in zip(run.run(), initial, strict=True)
        ]

    def start(self, jobs: Sequence[TrainJob]) -> tuple[PackRun, list[dict[str, Tensor] | None]]:
        """Build the networks of some jobs, ready to train, and the initial states asked for."""
        models = [initial_model(job) for job in jobs]
        initial = [
            snapshot(model) if job.keep_initial else None
            for model, job in zip(models, jobs, strict=True)
        ]
        flops = [
            3
            * _forward_flops(
                self._pack.family,
                job.settings.width,
                job.settings.depth,
                job.data.input_shape,
                job.data.n_outputs,
            )
            for job in jobs
        ]
        return PackRun(jobs, models, self._program, flops), initial

    def size(self) -> int:
        """Return the fastest number of models at once, probing where that can pay."""
        jobs, width = self._jobs, self._pack.width
        job = max(jobs, key=lambda j: j.settings.width)
        n_parameters = sum(p.numel() for p in initial_model(job).parameters())
        share = len({slot_key(j) for j in jobs}) / len(jobs)
        values = self._program.values_per_example(job, width, share)
        step, held = model_bytes(job, values, n_parameters)
        sizes = pack_sizes(step, held, self._budget)
        if len(jobs) <= min(sizes) or len(sizes) == 1:
            return sizes[0]
        key = (pack_key(job), width, share < 1, self._budget)
        if key not in _chosen_sizes:
            seconds = {}
            for size in sizes:
                size = min(size, len(jobs))
                seconds[size], spent = self._probe(size)
                expected = seconds[size] * sum(j.settings.steps for j in jobs)
                if spent * len(sizes) > PROBE_SHARE * expected:
                    seconds = {sizes[0]: 0.0}  # not worth more probing
                    break
            _chosen_sizes[key] = min(seconds, key=lambda size: seconds[size])
        return _chosen_sizes[key]

    def _probe(self, size: int) -> tuple[float, float]:
        """Time a few steps of some models; return seconds per model and step, and those spent."""
        started = time.perf_counter()
        run, _ = self.start(self._jobs[:size])
        run.advance(1)
        seconds = min(run.advance(1) for _ in range(PROBE_STEPS))
        return seconds / size, time.perf_counter() - started
