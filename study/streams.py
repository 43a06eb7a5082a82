"""Where a training's randomness comes from: one seed, and from it one independent stream a purpose.

Nothing here reads or moves a global generator, so a trial draws the same numbers alone, beside
others in one process, or in another process. What each stream yields is stated exactly, for a
trainer that trains many models at once must yield the same:

======== ======================================================================================
stream   what is drawn from it
======== ======================================================================================
weights  seeds torch's CPU generator while the network is built, on the CPU whatever the device
batches  one permutation of the training examples per epoch (:class:`BatchStream`)
dropout  16-bit draws for the masks (:class:`DropoutStream`)
modules  seeds torch's generators during training, for users' modules that draw from them
======== ======================================================================================

The streams of batches and dropout are NumPy's SFC64: it is the cheapest generator at hand (2 ns a
64-bit word here; torch's CPU generator takes 4, and Bernoulli draws 15 ns an element), and it
draws on the host, so that a GPU trains on the same masks as a CPU.
"""

from __future__ import annotations

import contextlib
import enum
import math
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

DROPOUT_LEVELS = 2**16
"""Dropout probabilities are rounded to a multiple of one part in this many."""

_BLOCK_WORDS = 4096
"""Words drawn at once for dropout. Affects speed only: blocks are read end to end."""


class Stream(enum.IntEnum):
    """The purposes that randomness serves; the values are part of what a seed means."""

    WEIGHTS = 0
    BATCHES = 1
    DROPOUT = 2
    MODULES = 3


def sequence(seed: int, stream: Stream, stage: int = 0) -> np.random.SeedSequence:
    """Seed sequence of one stream of one trial, whose seed is at least 0.

    The stage is 0 for the training from scratch and 1 for the fine-tuning that follows pruning: a
    later stage must not see the batches and masks of the first again.
    """
    return np.random.SeedSequence(entropy=seed, spawn_key=(stage, int(stream)))


def torch_seed(seed: int, stream: Stream, stage: int = 0) -> int:
    """Seed for a ``torch.Generator``: the first 64-bit word of the stream's seed sequence."""
    return int(sequence(seed, stream, stage).generate_state(1, np.uint64)[0])


@contextlib.contextmanager
def private_generators(seed: int, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch's own generators inside, and put them back as they were afterwards.

    The CPU generator always; with a CUDA ``device`` that device's generator as well.
    """
    devices = [device] if device is not None and device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.default_generator.manual_seed(seed)
        for each in devices:
            with torch.cuda.device(each):
                torch.cuda.manual_seed(seed)
        yield


class BatchStream:
    """Batches of example indices without end, epoch after epoch.

    Each epoch is a fresh permutation of the training examples, cut into whole batches; the tail
    that does not fill a batch is left out of that epoch, so every step sees equally many examples
    (as ``drop_last=True`` does in a ``DataLoader``). With no more examples than ``batch_size``,
    every batch is all examples in their stored order, and nothing is drawn. Both are at least 1.
    """

    def __init__(self, n_examples: int, batch_size: int, seed: int, stage: int = 0) -> None:
        self.n_examples = n_examples
        self.batch_size = min(batch_size, n_examples)
        self.batches_per_epoch = n_examples // self.batch_size
        self._generator = np.random.Generator(
            np.random.SFC64(sequence(seed, Stream.BATCHES, stage))
        )

    def epoch(self) -> npt.NDArray[np.int64]:
        """Next epoch's indices, shape ``(batches_per_epoch, batch_size)``."""
        if self.batch_size == self.n_examples:
            return np.arange(self.n_examples)[None]
        order = self._generator.permutation(self.n_examples)
        return order[: self.batches_per_epoch * self.batch_size].reshape(-1, self.batch_size)

    def __iter__(self) -> Iterator[npt.NDArray[np.int64]]:
        while True:
            yield from self.epoch()


class DropoutStream:
    """The uniform 16-bit draws that a trial's dropout masks are made from.

    The stream is a sequence of 64-bit words from SFC64. A request for n draws takes the next
    ceil(n / 4) words, reads them as little-endian 16-bit integers and uses the first n, in C order
    of the activation that is masked. Requests come in the order in which the network's dropout
    layers run, step after step. An element is zeroed where its draw, as a signed integer, is below
    :func:`threshold` of p. The draws are made on the host and moved to the device.
    """

    def __init__(self, seed: int, device: torch.device | str = "cpu", stage: int = 0) -> None:
        self._bits = np.random.SFC64(sequence(seed, Stream.DROPOUT, stage))
        self._device = torch.device(device)
        self._words = np.empty(0, dtype=np.uint64)
        self._next = 0

    def words(self, n_words: int) -> npt.NDArray[np.uint64]:
        """Return the next ``n_words`` words of the stream."""
        if self._next + n_words > len(self._words):
            left = self._words[self._next :]
            fresh = self._bits.random_raw(max(n_words - len(left), _BLOCK_WORDS))
            self._words = np.concatenate([left, fresh]) if len(left) else fresh
            self._next = 0
        taken = self._words[self._next : self._next + n_words]
        self._next += n_words
        return taken

    def draws(self, shape: tuple[int, ...]) -> Tensor:
        """Return the next draws in the given shape: int16, uniform over all 65,536 values."""
        n = math.prod(shape)
        bits = self.words(-(-n // 4)).view("<i2")
        return torch.from_numpy(bits)[:n].view(shape).to(self._device)


def threshold(p: float) -> int:
    """Signed 16-bit threshold below which a draw means "zeroed", for probability ``p`` in [0, 1).

    Examples
    --------
    >>> threshold(0.0), threshold(0.5), threshold(0.25)
    (-32768, 0, -16384)
    """
    return _level(p) - DROPOUT_LEVELS // 2


def keep_scale(p: float) -> float:
    """One over the probability, after rounding, that an element is kept."""
    return DROPOUT_LEVELS / (DROPOUT_LEVELS - _level(p))


def _level(p: float) -> int:
    return min(round(p * DROPOUT_LEVELS), DROPOUT_LEVELS - 1)
