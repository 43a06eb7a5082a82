"""Which trainings may share a pack, in what order, and how much memory each takes."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import torch

from study.models.registry import family_named
from study.packs.slots import BLOCK_STEPS
from study.training.settings import TrainJob

LARGEST = 64
"""Models trained at once, at most: beyond some 32 the share of each in a call's fixed cost is
small, while all wait for the slowest."""

WORKING_SET_BYTES = 6 * 2**20
"""What one step of a pack may touch. Larger packs fall out of the cache and get slower per model:
on an EPYC with 1 MiB of second-level cache and 32 MiB of third, packs of 4 to 8 MiB were the
fastest at every width from 4 to 256 and 64 or 784 inputs."""

HELD_COPIES = 13
"""Values held per parameter: it, its gradient, two moments and the update; the best weights, masks,
copies while the pack is compacted, the module and its state."""

_FIXED_BYTES = 96 * 2**20
"""Buffers of a pack that don't grow with the number of models: merged training sets, evaluation,
dropout draws, and the libraries' own workspace."""


def pack_key(job: TrainJob) -> Hashable:
    """What may not differ inside a pack, width apart."""
    settings, data = job.settings, job.data
    return (
        settings.family,
        settings.depth,
        settings.optimizer,
        settings.steps > 0,
        job.teacher is not None,
        job.batch_size,
        data.task,
        data.n_outputs,
        data.input_shape,
        len(data.x_validation),
        len(data.x_test),
        str(data.device),
    )


def form_packs(jobs: Sequence[TrainJob]) -> list[tuple[int, ...]]:
    """Split jobs into packs; each is the places of its jobs in the sequence, in training order.

    Jobs that read the same batches stand together, so that one gathered batch serves them. Narrow
    networks of different width share a pack, padded with zeros, where the family allows it and a
    width alone would give few.
    """
    groups: dict[tuple[Hashable, int], list[int]] = {}
    for place, job in enumerate(jobs):
        groups.setdefault((pack_key(job), job.settings.width), []).append(place)
    merged: dict[Hashable, list[list[int]]] = {}
    for (key, width), places in sorted(groups.items(), key=lambda item: item[0][1]):
        packs = merged.setdefault(key, [])
        narrow = width <= family_named(jobs[places[0]].settings.family).padded_width
        if packs and narrow and len(packs[-1]) < LARGEST // 4:
            packs[-1] += places
        else:
            packs.append(list(places))
    order = {tensors: rank for rank, tensors in enumerate(dict.fromkeys(map(_tensors, jobs)))}

    def reading(place: int) -> tuple[int, int, int, int]:
        job = jobs[place]
        return order[_tensors(job)], job.settings.seed, job.stage, place

    return [tuple(sorted(places, key=reading)) for packs in merged.values() for places in packs]


def _tensors(job: TrainJob) -> tuple[int, int]:
    return id(job.data.x_train), id(job.data.y_train)


def model_bytes(job: TrainJob, values_per_example: int, n_parameters: int) -> tuple[int, int]:
    """Bytes one model adds to what a step touches, and to what a pack holds.

    ``values_per_example`` counts inputs, activations and whatever else a step writes per example.
    """
    batch = job.batch_size
    step = 4 * batch * (values_per_example + 2 * job.data.n_outputs) + 4 * 5 * n_parameters
    # Held besides: the best weights, masks, copies while the pack is compacted, the module and its
    # state, the activations of an evaluation, and indices and losses of a block of steps.
    held = (
        step
        + 4 * (HELD_COPIES - 5) * n_parameters
        + 4 * batch * values_per_example
        + 32 * batch * 48
    )
    return step, held


def held_bytes(jobs: Sequence[TrainJob], n_parameters: int) -> int:
    """Bytes that each model adds to a pack whose models take their steps one after the other.

    Its parameters, and of its batches the rows of a block of steps (twice while the pack is
    compacted), their epoch's order and what of it is left.
    """
    rows = 2 * BLOCK_STEPS * jobs[0].batch_size + 2 * max(job.data.n_examples for job in jobs)
    return 4 * HELD_COPIES * n_parameters + 8 * rows


def most_at_once(held_bytes: int, memory_budget: int | None, working_bytes: int = 0) -> int:
    """Most models that a pack may hold: at least one, whatever the budget.

    ``held_bytes`` is what each adds, ``working_bytes`` what they take in turns.
    """
    if memory_budget is None:
        return LARGEST
    left = memory_budget - _FIXED_BYTES - working_bytes
    return max(1, min(LARGEST, left // max(held_bytes, 1)))


def pack_sizes(step_bytes: int, held_bytes: int, memory_budget: int | None) -> list[int]:
    """Numbers of models at once that are worth a probe, the likeliest first."""
    likely = max(1, min(LARGEST, WORKING_SET_BYTES // max(step_bytes, 1)))
    bound = most_at_once(held_bytes, memory_budget)
    sizes = [likely, likely // 2, likely * 2]
    return list(dict.fromkeys(max(1, min(size, bound, LARGEST)) for size in sizes))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that an allocation failed, on the host or on a GPU."""
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or (
        isinstance(error, RuntimeError) and "DefaultCPUAllocator" in str(error)
    )
