"""What one training is told and what it answers: the contract of every trainer."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

import numpy as np
import numpy.typing as npt

from search_spaces.errors import PayoffError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from study.training.tensors import TensorSplit

Optimizer = Literal["adamw", "sgd"]
Schedule = Literal["constant", "cosine"]
Status = Literal["complete", "diverged"]

_RULES: Final[dict[str, tuple[Callable[[Any], bool], str]]] = {
    "width": (lambda v: v >= 1, "at least 1"),
    "depth": (lambda v: v >= 0, "at least 0"),
    "dropout": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "optimizer": (lambda v: v in get_args(Optimizer), "adamw or sgd"),
    "learning_rate": (lambda v: 0 < v < math.inf, "above 0 and finite"),
    "momentum": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "weight_decay": (lambda v: 0 <= v < math.inf, "at least 0 and finite"),
    "l1": (lambda v: 0 <= v < math.inf, "at least 0 and finite"),
    "l2": (lambda v: 0 <= v < math.inf, "at least 0 and finite"),
    "label_smoothing": (lambda v: 0 <= v < 1, "at least 0 and below 1"),
    "distill_temperature": (lambda v: 0 < v < math.inf, "above 0 and finite"),
    "distill_mixing": (lambda v: 0 <= v <= 1, "between 0 and 1"),
    "batch_size": (lambda v: v >= 1, "at least 1"),
    "steps": (lambda v: v >= 0, "at least 0"),
    "warmup_fraction": (lambda v: 0 <= v <= 1, "between 0 and 1"),
    "schedule": (lambda v: v in get_args(Schedule), "constant or cosine"),
    "evaluate_every": (lambda v: v >= 1, "at least 1"),
    "patience": (lambda v: v >= 0, "at least 0"),
    "select": (lambda v: v in ("best", "last"), "best or last"),
    "seed": (lambda v: v >= 0, "at least 0"),
}
"""Per field of the settings, what must hold of it, in code and in words."""


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """One training, whole: the same settings and seed give the same result on the same device."""

    family: str
    """Name in the registry of model families, or ``"custom"``."""
    width: int
    depth: int
    dropout: float = 0.0
    """Probability that a hidden activation is zeroed, in [0, 1)."""
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    momentum: float = 0.9
    """SGD only."""
    weight_decay: float = 0.0
    """Decoupled with AdamW; with SGD an L2 term of the gradient. Weights only, never biases."""
    l1: float = 0.0
    """Factor of the sum of absolute weights in the training loss (biases left out)."""
    l2: float = 0.0
    """Factor of half the sum of squared weights in the training loss: an L2 term of the gradient,
    whatever the optimiser, where ``weight_decay`` of AdamW is decoupled from it."""
    label_smoothing: float = 0.0
    distill_temperature: float = 1.0
    """What the logits of student and teacher are divided by; read where there is a teacher."""
    distill_mixing: float = 1.0
    """Share of the teacher's answers in the loss, the labels have the rest; read where there is a
    teacher."""
    batch_size: int = 64
    """Examples a step; a subset smaller than it trains in one full batch."""
    steps: int = 400
    """Optimiser steps, at most."""
    warmup_fraction: float = 0.05
    """Fraction of the steps with a linearly rising learning rate."""
    schedule: Schedule = "cosine"
    evaluate_every: int = 20
    """Steps between evaluations on the validation set."""
    patience: int = 0
    """Evaluations without a better validation loss before stopping; 0 never stops early."""
    select: Literal["best", "last"] = "best"
    """Which weights are scored: those of the best validation loss, or the last."""
    seed: int = 0
    """Seeds initial weights, batch order and dropout, each by a stream of its own."""

    def __post_init__(self) -> None:
        for name, (holds, rule) in _RULES.items():
            value = getattr(self, name)
            if not holds(value):
                raise PayoffError(f"{name}: must be {rule}, got {value!r}; change it")


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """One training."""

    settings: TrainSettings
    data: TensorSplit
    masks: Mapping[str, Tensor] | None = None
    """Per parameter name zeros and ones that it is multiplied by after every step."""
    start: Mapping[str, Tensor] | None = None
    """State to start from, as of ``Module.state_dict``; None: initial weights from the seed."""
    stage: int = 0
    """0 for a training from scratch, 1 and more for what follows: each has random streams of its
    own."""
    teacher: Tensor | None = None
    """Outputs of a trained network for the training examples, to learn from: (examples, outputs).
    Jobs that have the same teacher should share the tensor."""
    keep_initial: bool = False
    """Whether the result has the weights from before the first step."""

    @property
    def batch_size(self) -> int:
        """Examples that a step really sees."""
        return min(self.settings.batch_size, self.data.n_examples)


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """One evaluation during training."""

    step: int
    train_loss: float
    """Mean training loss (without L1) of the steps since the last evaluation."""
    val_loss: float
    val_error: float


@dataclass(frozen=True, kw_only=True)
class Scores:
    """How one trained model does. Error: fraction misclassified, or for regression the root mean
    squared error over the standard deviation of the training targets."""

    train_error: float
    train_loss: float
    val_error: float
    val_loss: float
    test_error: float
    test_loss: float
    test_correct: npt.NDArray[np.bool_] | None
    """Per test example: classified rightly; None for regression."""


@dataclass(frozen=True, kw_only=True)
class TrainResult:
    """What a trainer answers. Diverged runs have a reason and NaN scores."""

    status: Status
    reason: str
    """Empty unless the run diverged."""
    scores: Scores
    curve: tuple[CurvePoint, ...]
    steps_done: int
    best_step: int
    """Step whose weights were scored."""
    stopped_early: bool
    still_improving: bool
    """The validation loss was still falling at the last step: more steps might have helped."""
    train_flops: float
    """3 x forward FLOPs x examples seen."""
    wall_seconds: float
    model: nn.Module | None
    """The scored network, in evaluation mode; None if the run diverged."""
    initial_state: Mapping[str, Tensor] | None = None
    """Weights before the first step (rewinding needs them); None unless asked for."""
    emptied_layers: tuple[str, ...] = ()
    """Names of the weights that pruning left nothing of."""
    energy_joules: float = math.nan
    """Estimated; NaN unless asked for."""
