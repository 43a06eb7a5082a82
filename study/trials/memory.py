"""How much memory one training takes at its peak, counted rather than watched.

Counted are the tensors of the plain training loop at the end of a step's forward pass: parameters
and buffers, their gradients, the optimiser's state, the copy of the best weights, the batch, and
whatever the forward pass keeps for the backward one. Not counted: the data set, the libraries, and
what trains beside it. So the number is the same alone, in a pack, and on any machine.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from study.training.evaluation import training_loss
from study.trials.trainers import settings_of

if TYPE_CHECKING:
    from study.compression.teachers import Teacher
    from study.data.dataset import Task as DataTask
    from study.training.settings import TrainSettings
    from study.trials.laboratory import Laboratory
    from study.trials.task import Task

STATES = {"adamw": 2, "sgd": 1}
"""Values an optimiser keeps per parameter."""


class Peaks:
    """How much memory the trainings of one study take, each kind counted once."""

    def __init__(self, laboratory: Laboratory) -> None:
        self._laboratory = laboratory
        self._known: dict[object, int] = {}

    def of(self, task: Task | Teacher) -> int:
        """Return the peak of the trainings that led to a network: the largest of them."""
        settings = settings_of(self._laboratory.spec, task)
        capacity = task.slot.cell.capacity
        batch = min(settings.batch_size, task.slot.cell.n_examples)
        key = (tuple(capacity.items()), batch, settings.dropout > 0)
        if key not in self._known:
            data = self._laboratory.dataset
            model = self._laboratory.build(capacity, dropout=settings.dropout)
            self._known[key] = training_peak_bytes(
                model, data.input_shape, batch, settings, data.task
            )
        teacher = getattr(task, "teacher", None)
        return self._known[key] if teacher is None else max(self._known[key], self.of(teacher))


def training_peak_bytes(
    model: nn.Module,
    input_shape: tuple[int, ...],
    batch_size: int,
    settings: TrainSettings,
    task: DataTask = "classification",
) -> int:
    """Bytes of tensors that live at the peak of training ``model``, which is left as it is.

    ``input_shape`` is that of one example, ``batch_size`` what a step really sees.
    """
    model = copy.deepcopy(model).cpu().train()
    parameters = sum(p.numel() * p.element_size() for p in model.parameters())
    buffers = sum(b.numel() * b.element_size() for b in model.buffers())
    copies = 2 + STATES[settings.optimizer] + (settings.select == "best")
    own = {p.untyped_storage().data_ptr() for p in (*model.parameters(), *model.buffers())}
    kept: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    batch = torch.randn(batch_size, *input_shape, generator=torch.Generator().manual_seed(0))
    with (
        torch.random.fork_rng(devices=[]),  # dropout draws
        torch.enable_grad(),
        torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor),
    ):
        outputs = model(batch)
        labels = torch.zeros(batch_size, dtype=torch.int64)
        targets = labels if task == "classification" else labels.float()
        loss = training_loss(outputs, targets, task, settings.label_smoothing)
    for tensor in (batch, outputs, targets, loss):
        note(tensor)
    return copies * parameters + buffers * (1 + (settings.select == "best")) + sum(kept.values())
