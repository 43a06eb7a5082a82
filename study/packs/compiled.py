"""Packs trained by the C kernels of ``kernels/``: many steps of all models in one call.

Each model takes its steps by itself, on working memory that serves one after the other and stays
in the cache; what models share is the gathered batch of their slot. So no bit of what a model
computes depends on its packmates.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from study.packs.compiling import Network, Pack, kernels
from study.packs.optimizer import Rates
from study.packs.packing import LARGEST
from study.packs.parameters import Layout, Stack
from study.packs.slots import BLOCK_STEPS, Slots
from study.packs.steps import EVALUATION_VALUES
from study.packs.written import WRITTEN, passes_of
from study.streams import Stream, keep_scale, sequence, threshold
from study.training.settings import TrainJob

MOST_LAYERS = 63
"""Hidden layers, at most: as in ``kernels/networks.h``, the last layer included there."""

ASKED_AT_ONCE = 64
"""Examples of one forward pass outside training."""

MOST_EXAMPLES = 1024
"""Largest batch. Beyond it a model's activations leave the cache: with 1,024 examples the kernels
take .95 to 2.5 times as many steps as torch's operations, with 4,096 .55 to 1.5 times (perceptrons
of width 16 to 256, 64 and 784 inputs, a Xeon with 2 MiB of second-level cache)."""

LOSSES = {
    ("classification", False): 0,
    ("regression", False): 1,
    ("classification", True): 2,
    ("regression", True): 3,
}
"""By task and whether there is a teacher: ``enum Loss`` of ``kernels/pack.h``."""


class Told:
    """What the kernels are pointed to, kept alive."""

    def __init__(self) -> None:
        self._kept: list[Any] = []

    def array(self, values: npt.NDArray[Any]) -> int:
        """Address of an array as it is."""
        self._kept.append(values)
        return int(values.ctypes.data)

    def integers(self, values: Any) -> int:
        """Address of 64-bit integers."""
        return self.array(np.ascontiguousarray(values, dtype=np.int64))

    def floats(self, values: Sequence[float]) -> int:
        """Address of 32-bit floats."""
        return self.array(np.array(values, dtype=np.float32))

    def tensor(self, values: Tensor) -> int:
        """Address of a tensor's values, end to end."""
        values = values.contiguous()
        self._kept.append(values)
        return values.data_ptr()

    def tensors(self, values: Iterable[Tensor]) -> int:
        """Address of the addresses of some tensors."""
        return self.integers([self.tensor(each) for each in values])


def can_compile(job: TrainJob) -> bool:
    """Whether networks as the job's can be trained by the kernels, on this machine."""
    return (
        job.settings.family in WRITTEN
        and job.settings.depth <= MOST_LAYERS
        and job.batch_size <= MOST_EXAMPLES
        and job.data.device.type == "cpu"
        and _is_plain(job)
        and kernels() is not None
    )


def _is_plain(job: TrainJob) -> bool:
    """Whether the job's tensors are of the types and shapes that the kernels take on trust."""
    data, teacher = job.data, job.teacher
    numbers = torch.int64 if data.task == "classification" else torch.float32
    return (
        data.x_train.dtype == torch.float32
        and data.y_train.dtype == numbers
        and len(data.y_train) == data.n_examples
        and (teacher is None or tuple(teacher.shape) == (data.n_examples, data.n_outputs))
    )


def working_bytes(job: TrainJob, layout: Layout) -> int:
    """Bytes of working memory that a pack takes, however many models: one after the other uses it.

    ``job`` is the widest of the pack, ``layout`` that of its parameters.
    """
    threads = torch.get_num_threads()
    asking = _block_bytes(job, layout, ASKED_AT_ONCE)
    return threads * _block_bytes(job, layout, job.batch_size) + asking


def _block_bytes(job: TrainJob, layout: Layout, batch: int) -> int:
    told, pack = Told(), Pack()
    _describe(told, pack, job, layout, batch)
    net = _network(told, job, [job.settings.width])
    return int(_library().working_bytes(ctypes.byref(pack), ctypes.byref(net)))


def _library() -> ctypes.CDLL:
    library = kernels()
    assert library is not None
    return library


def _describe(told: Told, pack: Pack, job: TrainJob, layout: Layout, batch: int) -> None:
    """Fill in the shapes."""
    pack.n_tensors, pack.sizes = len(layout.names), told.integers(layout.sizes)
    pack.batch = batch
    pack.n_inputs, pack.n_outputs = math.prod(job.data.input_shape), job.data.n_outputs


def _network(told: Told, widest: TrainJob, widths: Sequence[int]) -> Network:
    settings = widest.settings
    layers = passes_of(settings.family).layers(widest)
    if layers:
        return Network(settings.depth, settings.width, None, told.integers(layers))
    return Network(settings.depth, settings.width, told.integers(widths))


class CompiledSteps:
    """Trains the models of a pack by compiled kernels (a :class:`~.pack_loop.Steps`).

    The parameters are trained in place. Jobs that read the same rows stand side by side.
    """

    def __init__(self, jobs: Sequence[TrainJob], parameters: Stack, masks: Stack | None) -> None:
        self._jobs = list(jobs)
        self._widest = max(jobs, key=lambda job: job.settings.width)
        self._slots = Slots(jobs)
        self._masks = masks
        self._adam = jobs[0].settings.optimizer == "adamw"
        self._rates = Rates([job.settings for job in jobs], parameters.flat.device)
        self._moments = [
            Stack(parameters.layout, len(jobs), parameters.flat.device)
            for _ in range(2 if self._adam else 1)
        ]
        self._streams = np.stack([_dropout_state(job) for job in jobs])
        self._sums = np.zeros(len(jobs))
        self._at = BLOCK_STEPS
        self._blocks = [
            torch.zeros(
                _block_bytes(self._widest, parameters.layout, self._slots.size), dtype=torch.uint8
            )
            for _ in range(min(torch.get_num_threads(), len(jobs)))
        ]
        self._asking = torch.zeros(
            _block_bytes(self._widest, parameters.layout, ASKED_AT_ONCE), dtype=torch.uint8
        )
        self._bind(parameters)

    def _bind(self, parameters: Stack) -> None:
        """Lay out what the kernels are told, for the models that are left."""
        self._told = told = Told()
        pack, jobs, layout = Pack(), self._jobs, parameters.layout
        settings = [job.settings for job in jobs]
        _describe(told, pack, self._widest, layout, self._slots.size)
        pack.n_models, pack.n_slots = len(jobs), len(self._slots.counts)
        pack.slot_ends = told.integers(np.cumsum(self._slots.counts))
        pack.inputs = told.tensors(job.data.x_train for job in self._slots.first)
        pack.targets = told.tensors(job.data.y_train for job in self._slots.first)
        pack.same_rows = self._slots.static
        teachers = [job.teacher.float() for job in jobs if job.teacher is not None]
        pack.loss = LOSSES[jobs[0].data.task, bool(teachers)]
        if teachers:
            pack.teachers = told.tensors(teachers)
        pack.smoothing = told.floats([s.label_smoothing for s in settings])
        pack.mixing = told.floats([s.distill_mixing for s in settings])
        pack.temperature = told.floats([s.distill_temperature for s in settings])
        pack.loss_sums = told.array(self._sums)
        pack.streams = told.array(self._streams)
        pack.thresholds = told.integers([threshold(s.dropout) for s in settings])
        pack.keep_scale = told.floats([keep_scale(s.dropout) for s in settings])
        self._bind_optimizer(told, pack, parameters)
        self._pack, self._net = pack, _network(told, self._widest, [s.width for s in settings])

    def _bind_optimizer(self, told: Told, pack: Pack, parameters: Stack) -> None:
        settings, layout = [job.settings for job in self._jobs], parameters.layout
        pack.adam = self._adam
        pack.parameters = told.tensors(parameters.rows)
        pack.first = told.tensors(self._moments[0].rows)
        if self._adam:
            pack.second = told.tensors(self._moments[1].rows)
        if self._masks is not None:
            pack.masks = told.tensors(self._masks.rows)
        pack.decays = told.integers([name in layout.weights for name in layout.names])
        pack.rates = told.tensor(self._rates.rate)
        if self._rates.kept is not None:
            pack.kept = told.tensor(self._rates.kept)
        pack.weight_decay = told.floats([s.weight_decay for s in settings])
        pack.l1 = told.floats([s.l1 for s in settings])
        pack.l2 = told.floats([s.l2 for s in settings])
        pack.momentum = told.floats([s.momentum for s in settings])

    def advance(self, step: int, n_steps: int) -> None:
        """Take ``n_steps`` steps, the first of index ``step``."""
        while n_steps:
            if self._at == BLOCK_STEPS:
                self._slots.refill()
                self._at = 0
            some = min(n_steps, BLOCK_STEPS - self._at)
            self._pack.rows = self._slots.raw.ctypes.data
            self._step_all(step, some)
            self._at += some
            step += some
            n_steps -= some

    def _step_all(self, step: int, n_steps: int) -> None:
        """Take some steps of the block; each arithmetic thread has its share of the models."""
        n_models = len(self._jobs)
        n_threads = min(len(self._blocks), n_models)

        def train(thread: int) -> None:
            _library().take_steps(
                ctypes.byref(self._pack),
                ctypes.byref(self._net),
                self._blocks[thread].data_ptr(),
                step,
                n_steps,
                self._at,
                n_models * thread // n_threads,
                n_models * (thread + 1) // n_threads,
            )

        if n_threads == 1:
            train(0)
            return
        with ThreadPoolExecutor(n_threads) as pool:  # the kernels let go of Python's lock
            list(pool.map(train, range(n_threads)))

    def losses(self) -> Tensor:
        """Sum of each model's training losses since the last call: (models,), float64."""
        sums = torch.from_numpy(self._sums.copy())
        self._sums[:] = 0
        return sums

    def keep(self, parameters: Stack, rows: Tensor) -> None:
        """Drop all models but ``rows``; ``parameters`` is what is left of them."""
        chosen = rows.tolist()
        self._jobs = [self._jobs[row] for row in chosen]
        self._slots.keep(chosen)
        self._masks = None if self._masks is None else self._masks.select(rows)
        self._rates.keep(rows)
        self._moments = [moment.select(rows) for moment in self._moments]
        self._streams = np.ascontiguousarray(self._streams[chosen])
        self._sums = np.ascontiguousarray(self._sums[chosen])
        self._bind(parameters)

    def rows_at_once(self, values: int, parameters: Stack) -> int:
        """See :class:`~.pack_steps.Steps`; the same whatever the pack, so that sums round alike."""
        rows = EVALUATION_VALUES // (LARGEST * (values + self._jobs[0].data.n_outputs))
        return max(1, rows // ASKED_AT_ONCE) * ASKED_AT_ONCE

    def predict(self, parameters: Stack, x: Tensor) -> Tensor:
        """Outputs for ``x`` (models or 1, examples, ...): (models, outputs, examples)."""
        told, pack, n_models = Told(), Pack(), parameters.n_models
        _describe(told, pack, self._widest, parameters.layout, ASKED_AT_ONCE)
        pack.n_models, pack.parameters = n_models, told.tensors(parameters.rows)
        # What is padded is zero, so every model may be taken for one of the widest.
        net = _network(told, self._widest, [self._widest.settings.width] * n_models)
        out = torch.empty(n_models, pack.n_outputs, x.shape[1])
        _library().predict(
            ctypes.byref(pack),
            ctypes.byref(net),
            self._asking.data_ptr(),
            told.tensors(x),
            len(x) == 1,
            x.shape[1],
            out.data_ptr(),
        )
        return out


def _dropout_state(job: TrainJob) -> npt.NDArray[np.uint64]:
    """State of the training's dropout stream before its first draw: (4,)."""
    bits = np.random.SFC64(sequence(job.settings.seed, Stream.DROPOUT, job.stage))
    state: npt.NDArray[np.uint64] = bits.state["state"]["state"]
    return state
