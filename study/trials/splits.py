"""Subsets of the data as tensors, those used last kept ready within a bound."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from study.data.subsets import draw_split

if TYPE_CHECKING:
    from study.data.dataset import Dataset
    from study.training.tensors import TensorSplit

MOST_BYTES = 2 * 2**30
"""Bytes of data subsets that a worker holds ready, at most (one is held whatever it takes)."""


class Splits:
    """The subsets of one data set, on the device that trains."""

    def __init__(self, dataset: Dataset, seed: int, device: str) -> None:
        self._dataset, self._seed, self._device = dataset, seed, device
        self._held: dict[tuple[int, int], TensorSplit] = {}

    def of(self, n_examples: int, draw: int) -> TensorSplit:
        """Return the tensors of one subset."""
        from study.training.tensors import TensorSplit

        key = (n_examples, draw)
        found = self._held.pop(key, None)
        if found is None:
            split = draw_split(self._dataset, n_examples, draw, self._seed)
            found = TensorSplit.from_split(split, self._device)
        self._held[key] = found  # a dict keeps its order: the last is the latest used
        while len(self._held) > 1 and self._bytes(n for n, _ in self._held) > MOST_BYTES:
            del self._held[next(iter(self._held))]
        return found

    def at_once(self, n_examples: int) -> int:
        """Return how many subsets of a size may be held together, at least one."""
        return max(1, MOST_BYTES // max(1, self._bytes([n_examples])))

    def _bytes(self, sizes: Iterable[int]) -> int:
        """Return the bytes of the inputs of subsets of these sizes."""
        inputs = self._dataset.x_test
        each = inputs.nbytes // max(1, len(inputs))
        data = self._dataset
        return sum((n + data.n_test_at(n) + data.n_validation) * each for n in sizes)
