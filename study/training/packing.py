"""Which trainings may share a pack, how many at a time, and how much memory that takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from study.training.settings import TrainSettings

if TYPE_CHECKING:
    from torch import Tensor

    from study.training.tensors import TensorSplit


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """One training of a pack."""

    settings: TrainSettings
    data: TensorSplit
    masks: Mapping[str, Tensor] | None = None
    """Per parameter name zeros and ones that it is multiplied by after every step."""
    start: Mapping[str, Tensor] | None = None
    """State to start from, as of ``Module.state_dict``; None draws initial weights from the seed.
    """
    stage: int = 0
    """0 for a training from scratch, 1 for a fine-tuning: each has random streams of its own."""
    keep_initial: bool = False
    """Whether the result has the weights from before the first step."""

    @property
    def batch_size(self) -> int:
        """Examples that a step really sees."""
        return min(self.settings.batch_size, self.data.n_examples)
