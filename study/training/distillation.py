"""The loss of a network that learns from another one's answers as well as from the targets.

======== =====================================================================
z, t     logits of the student and of its teacher for one example
T        temperature (``distill_temperature``)
a        mixing (``distill_mixing``), in [0, 1]
======== =====================================================================

Classification (Hinton, Vinyals, Dean 2015, section 2):

    a T^2 KL(softmax(t / T) || softmax(z / T)) + (1 - a) cross-entropy(z, label)

T^2 keeps the two gradients in proportion whatever the temperature: that of the first term falls
like 1 / T^2. The paper writes the cross-entropy between the softened answers where this has the
divergence; they differ by the entropy of the teacher's, which has no gradient. Labels may be
smoothed, the teacher's answers are as they are.

Regression: a (z - t)^2 + (1 - a) (z - target)^2, where t is the teacher's output; there is no
temperature.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    from study.data.dataset import Task
    from study.training.settings import TrainSettings


def distillation_loss(
    outputs: Tensor, teacher: Tensor, hard_loss: Tensor, task: Task, settings: TrainSettings
) -> Tensor:
    """Mean loss of a batch, from outputs of student and teacher, (batch, outputs).

    ``hard_loss`` is that by the targets alone.
    """
    mixing, temperature = settings.distill_mixing, settings.distill_temperature
    if task == "classification":
        soft = temperature**2 * functional.kl_div(
            torch.log_softmax(outputs / temperature, 1),
            torch.log_softmax(teacher / temperature, 1),
            log_target=True,
            reduction="batchmean",
        )
    else:
        soft = functional.mse_loss(outputs, teacher)
    return mixing * soft + (1 - mixing) * hard_loss
