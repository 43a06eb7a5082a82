"""Who teaches a student, and what the teacher answers for the examples it was trained on.

Answers are computed once per teacher and kept: in memory, and in a file below the study's cache. A
worker that finds no file (it runs elsewhere, or the cache was emptied) trains the teacher again
from its record, which gives the same network to rounding.
"""

from __future__ import annotations

import os
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from search_spaces.errors import PayoffError
from study.record import Value

if TYPE_CHECKING:
    from torch import Tensor

    from study.plan.design import Slot
    from study.training.settings import TrainResult
    from study.training.tensors import TensorSplit

KEPT = 64
"""Teachers whose answers are held in memory."""


@dataclass(frozen=True, kw_only=True)
class Teacher:
    """A finished trial that a student learns from."""

    slot: Slot
    params: Mapping[str, Value]
    """Every hyperparameter that it was trained with."""
    metrics: Mapping[str, float]
    sizes: Mapping[str, float]


class Answers:
    """The teachers' outputs for their training examples; without a folder none are kept on disk."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._held: OrderedDict[str, Tensor] = OrderedDict()
        self._best: dict[tuple[int, str, int], tuple[float, float]] = {}

    def of(self, slot: Slot) -> Tensor:
        """Return a teacher's answers, once :meth:`has` or :meth:`offer` put them here."""
        return self._held[slot.name]

    def has(self, slot: Slot, data: TensorSplit) -> bool:
        """Tell whether a teacher's answers for ``data`` are at hand, after looking for its file."""
        import torch

        if slot.name not in self._held and self._folder is not None:
            found = read_answers(self._folder / f"{slot.name}.npz")
            if found is not None:
                if found.shape != (data.n_examples, data.n_outputs):
                    raise PayoffError(
                        f"teacher {slot.name}: must have answered {data.n_examples} examples with "
                        f"{data.n_outputs} outputs each, got {found.shape}; it learnt from another "
                        "data set, or other classes"
                    )
                self._hold(slot.name, torch.from_numpy(found).to(data.device))
        if slot.name not in self._held:
            return False
        self._held.move_to_end(slot.name)
        return True

    def offer(self, slot: Slot, result: TrainResult, data: TensorSplit, *, keep: bool) -> None:
        """Keep a trained network's answers if it was asked for, or may be the best of its draw.

        Of the networks that one process trains on a draw only each that betters those before it may
        be the best of all, so that few files are written.
        """
        if result.model is None:
            return
        key = (slot.cell.n_examples, slot.phase, slot.draw)
        rank = (result.scores.val_error, result.scores.val_loss)
        if not keep and rank > self._best.get(key, rank):
            return
        self._best[key] = min(rank, self._best.get(key, rank))
        found = answers_of(result, data)
        self._hold(slot.name, found)
        if self._folder is not None:
            write_answers(self._folder / f"{slot.name}.npz", found.cpu().numpy())

    def _hold(self, name: str, found: Tensor) -> None:
        self._held[name] = found
        while len(self._held) > KEPT:
            self._held.popitem(last=False)


def answers_of(result: TrainResult, data: TensorSplit) -> Tensor:
    """Return the outputs of a trained network for the training examples: (examples, outputs)."""
    import torch

    from study.training.evaluation import ROWS_AT_ONCE

    assert result.model is not None
    model = result.model.eval()
    with torch.no_grad():
        return torch.cat([model(rows) for rows in torch.split(data.x_train, ROWS_AT_ONCE)])


def write_answers(path: Path, found: np.ndarray) -> None:
    """Write answers to a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".writing")
    with os.fdopen(handle, "wb") as file:
        np.savez(file, answers=found)
    os.replace(name, path)


def read_answers(path: Path) -> np.ndarray | None:
    """Read answers from a file; None if there is none that can be read."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return np.asarray(file["answers"], dtype=np.float32)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
