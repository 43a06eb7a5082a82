"""What the losses of packs have in common: they are noted step by step, and summed block by block.

======== ==================================================================
Z        outputs, (M, C, B): models, classes (1 for regression), batch
K        steps of a block
======== ==================================================================
"""

from __future__ import annotations

import torch
from torch import Tensor

from study.packs.slots import BLOCK_STEPS


class PackLoss:
    """Training losses of many models, with their gradients by hand."""

    logit_scale = 1.0
    """The outputs must come multiplied by this."""

    def __init__(self, n_models: int, device: torch.device) -> None:
        self._device = device
        self._drained, self._begun = 0, False
        self._allocate(n_models)

    def _allocate(self, n_models: int) -> None:
        """Make room for the losses of a block."""
        self._losses = torch.empty(BLOCK_STEPS, n_models, device=self._device)
        self._carried = torch.zeros(n_models, dtype=torch.float64, device=self._device)

    def begin(self, targets: Tensor) -> None:
        """Start a block whose targets are (K, M, B); the one before has run to its end."""
        self._carried = self.drain(BLOCK_STEPS) if self._begun else self._carried
        self._begun, self._drained = True, 0
        self._aim(targets)

    def _aim(self, targets: Tensor) -> None:
        """Take the targets of a block."""
        self._targets = targets

    def gradient_(self, outputs: Tensor, at: int) -> None:
        """Note the loss of step ``at`` of the block; turn outputs into B x dloss/doutputs."""
        raise NotImplementedError

    def drain(self, until: int) -> Tensor:
        """Losses noted since the last drain, up to step ``until`` of this block: (M,), float64."""
        total = self._total(slice(self._drained, until)).add_(self._carried)
        self._drained = until
        self._carried.zero_()
        return total

    def _total(self, steps: slice) -> Tensor:
        """Sum of the losses of some steps of the block: (M,), float64."""
        return self._losses[steps].double().sum(0)

    def keep(self, rows: Tensor, targets: Tensor) -> None:
        """Drop all models but ``rows``, after a drain; ``targets`` is what is left of the block."""
        self._select(rows)
        self._allocate(len(rows))
        self._aim(targets)

    def _select(self, rows: Tensor) -> None:
        """Drop what else is told of all models but ``rows``."""
