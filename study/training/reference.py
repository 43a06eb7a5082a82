"""The plain training loop: one network at a time, readable from top to bottom.

Every other trainer must give what this one gives. The order of a step: batch, dropout, loss,
gradients, optimiser, masks.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from study.models.dropout import attach
from study.models.family import Builder
from study.models.registry import build_model
from study.models.sizes import forward_flops
from study.models.weights import weights_of
from study.streams import (
    BatchStream,
    DropoutStream,
    Stream,
    private_generators,
    torch_seed,
)
from study.training.convergence import divergence, still_improving
from study.training.distillation import distillation_loss
from study.training.evaluation import chance_loss, evaluate, no_scores, score, training_loss
from study.training.optimizers import make_optimizer, penalty
from study.training.schedule import learning_rates
from study.training.settings import CurvePoint, TrainResult, TrainSettings
from study.training.tensors import TensorSplit


def train(
    settings: TrainSettings,
    data: TensorSplit,
    *,
    device: torch.device | str | None = None,
    custom_model: Builder | None = None,
    keep_initial: bool = False,
) -> TrainResult:
    """Build the network that ``settings`` describe and train it on ``data``.

    Parameters
    ----------
    settings
        What to train and how.
    data
        The examples.
    device
        Where to train; the device of ``data`` by default.
    custom_model
        The user's builder, for family ``"custom"``.
    keep_initial
        Whether the result has the weights from before the first step.

    Returns
    -------
    TrainResult
        The same numbers for the same settings, data and device (bit for bit with one CPU thread).
        A run that diverges is a result with its reason; it raises nothing.
    """
    if device is not None:
        data = data.to(device)
    model = build_model(
        settings.family,
        width=settings.width,
        depth=settings.depth,
        dropout=settings.dropout,
        input_shape=data.input_shape,
        n_outputs=data.n_outputs,
        custom=custom_model,
        seed=settings.seed,
    ).to(data.device)
    initial = {k: v.clone() for k, v in model.state_dict().items()} if keep_initial else None
    return dataclasses.replace(train_model(model, settings, data), initial_state=initial)


def train_model(
    model: nn.Module,
    settings: TrainSettings,
    data: TensorSplit,
    *,
    masks: Mapping[str, Tensor] | None = None,
    stage: int = 0,
    teacher: Tensor | None = None,
) -> TrainResult:
    """Train ``model`` in place, from the weights it has.

    Parameters
    ----------
    model
        The network, on the device of ``data``.
    settings
        How to train; family, width, depth and dropout are not looked at.
    data
        The examples.
    masks
        Per parameter name a tensor of zeros and ones that the parameter is multiplied by after
        every step: what is zero stays exactly zero.
    stage
        0 for a training from scratch, 1 and more for what follows: each has random streams of its
        own.
    teacher
        The outputs of a trained network for the training examples, to learn from beside the
        targets: (examples, outputs). None: the targets alone.
    """
    started = time.perf_counter()
    flops_of_example = 3 * forward_flops(model, data.input_shape)
    with private_generators(torch_seed(settings.seed, Stream.MODULES, stage), data.device):
        attach(model, DropoutStream(settings.seed, data.device, stage))
        run = _Run(model, settings, data)
        run.train(masks or {}, stage, teacher)
        attach(model, None)
    model.eval()
    model.zero_grad(set_to_none=True)
    examples_seen = run.steps_done * min(settings.batch_size, data.n_examples)
    return TrainResult(
        status="diverged" if run.diverged else "complete",
        reason=run.diverged,
        scores=no_scores() if run.diverged else score(model, data),
        curve=tuple(run.curve),
        steps_done=run.steps_done,
        best_step=run.best_step if settings.select == "best" else run.steps_done,
        stopped_early=run.stopped_early,
        still_improving=not (run.diverged or run.stopped_early) and still_improving(run.curve),
        train_flops=float(flops_of_example * examples_seen),
        wall_seconds=time.perf_counter() - started,
        model=None if run.diverged else model,
    )


class _Run:
    """One training under way: the loop, and what it has found so far."""

    def __init__(self, model: nn.Module, settings: TrainSettings, data: TensorSplit) -> None:
        self.model = model
        self.settings = settings
        self.data = data
        self.curve: list[CurvePoint] = []
        self.steps_done = 0
        self.diverged = ""
        self.stopped_early = False
        self.best_step = 0
        self._best_loss = math.inf
        self._since_best = 0
        self._state = list(model.state_dict().values())  # the live tensors, not copies
        self._best_state: list[Tensor] = []
        self._loss_sum = torch.zeros((), dtype=torch.float64, device=data.device)

    def train(self, masks: Mapping[str, Tensor], stage: int, teacher: Tensor | None) -> None:
        """Take all steps, or stop before; leave the weights to be scored in the model."""
        model, settings, data = self.model, self.settings, self.data
        parameters = list(model.parameters())
        weights = list(weights_of(model).values())
        masked: list[Tensor] = [model.get_parameter(name) for name in masks]
        zeros_and_ones = list(masks.values())
        batches = iter(BatchStream(data.n_examples, settings.batch_size, settings.seed, stage))
        optimizer = make_optimizer(model, settings)
        model.train()
        for step, rate in enumerate(learning_rates(settings), start=1):
            rows = torch.from_numpy(next(batches)).to(data.device)
            outputs = model(data.x_train[rows])
            loss = training_loss(outputs, data.y_train[rows], data.task, settings.label_smoothing)
            if teacher is not None:
                loss = distillation_loss(outputs, teacher[rows], loss, data.task, settings)
            penalised = loss + penalty(weights, settings)
            for parameter in parameters:
                parameter.grad = None
            torch.autograd.backward(penalised)
            for group in optimizer.param_groups:
                group["lr"] = rate
            optimizer.step()
            if masked:
                with torch.no_grad():
                    torch._foreach_mul_(masked, zeros_and_ones)
            self._loss_sum += loss.detach()
            self.steps_done = step
            if step % settings.evaluate_every == 0 or step == settings.steps:
                self._evaluate()
                if self.diverged or self.stopped_early:
                    break
        if self._best_state:
            with torch.no_grad():
                torch._foreach_copy_(self._state, self._best_state)

    def _evaluate(self) -> None:
        """Add a point to the curve; note divergence, new best weights, and lost patience."""
        data, settings = self.data, self.settings
        self.model.eval()
        validation = evaluate(self.model, data.x_validation, data.y_validation, data)
        self.model.train()
        numbers = torch.stack([self._loss_sum, validation.loss, validation.error]).tolist()
        last = self.curve[-1].step if self.curve else 0
        point = CurvePoint(
            step=self.steps_done,
            train_loss=numbers[0] / (self.steps_done - last),
            val_loss=numbers[1],
            val_error=numbers[2],
        )
        self.curve.append(point)
        self._loss_sum.zero_()
        self._since_best += 1
        self.diverged = divergence(point, chance_loss(data))
        if point.val_loss < self._best_loss:
            self._best_loss, self.best_step, self._since_best = point.val_loss, point.step, 0
            if settings.select == "best":
                self._keep_best()
        out_of_patience = 0 < settings.patience <= self._since_best
        self.stopped_early = out_of_patience and point.step < settings.steps

    @torch.no_grad()
    def _keep_best(self) -> None:
        if self._best_state:
            torch._foreach_copy_(self._best_state, self._state)
        else:
            self._best_state = [tensor.clone() for tensor in self._state]
