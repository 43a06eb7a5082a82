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

if TYPE_CHECKING:
    from study.data.dataset import Task
    from study.training.settings import TrainSettings

STATES = {"adamw": 2, "sgd": 1}
"""Values an optimiser keeps per parameter."""


def training_peak_bytes(
    model: nn.Module,
    input_shape: tuple[int, ...],
    batch_size: int,
    settings: TrainSettings,
    task: Task = "classification",
) -> int:
    """Bytes of tensors that live at the peak of training ``model``; the model is left as it is.

    Parameters
    ----------
    model
        The network.
    input_shape
        Of one example.
    batch_size
        Examples that a step really sees.
    settings
        How it is trained.
    task
        What its outputs are.
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
