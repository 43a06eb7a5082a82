"""The plain training loop: one network at a time, readable from top to bottom.

Every other trainer must give what this one gives. The order of a step: batch, dropout, loss,
gradients, optimiser, masks.
"""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from study.models.dropout import attach
from study.models.family import Builder
from study.models.registry import build_model
from study.models.sizes import forward_flops
from study.models.weights import weights_of
from study.streams import BatchStream, DropoutStream, Stream, private_generators, torch_seed
from study.training.convergence import divergence, still_improving
from study.training.distillation import distillation_loss
from study.training.evaluation import chance_loss, evaluate, no_scores, score, training_loss
from study.training.optimizers import learning_rates, make_optimizer, penalty
from study.training.settings import CurvePoint, TrainJob, TrainResult


def train(job: TrainJob, custom_model: Builder | None = None) -> TrainResult:
    """Build the network that a job describes, or the user's, and train it.

    The numbers are the same for the same job on the same device (bit for bit with one CPU thread).
    A run that diverges is a result with its reason; it raises nothing.
    """
    model = initial_model(job, custom_model)
    initial = snapshot(model) if job.keep_initial else None
    return dataclasses.replace(train_model(model, job), initial_state=initial)


def initial_model(job: TrainJob, custom_model: Builder | None = None) -> nn.Module:
    """Build the job's network with its initial weights, on the device of its data."""
    settings, data = job.settings, job.data
    model = build_model(
        settings.family,
        width=settings.width,
        depth=settings.depth,
        dropout=settings.dropout,
        input_shape=data.input_shape,
        n_outputs=data.n_outputs,
        custom=custom_model,
        seed=settings.seed,
    )
    if job.start is not None:
        model.load_state_dict(dict(job.start))
    return model.to(data.device)


def snapshot(model: nn.Module) -> dict[str, Tensor]:
    """Copy the state of a network."""
    return {name: value.clone() for name, value in model.state_dict().items()}


def train_model(model: nn.Module, job: TrainJob) -> TrainResult:
    """Train ``model``, on the device of the job's data, in place and from the weights it has.

    Family, width, depth and dropout of the settings are not looked at.
    """
    started = time.perf_counter()
    seed, device, stage = job.settings.seed, job.data.device, job.stage
    flops_of_example = 3 * forward_flops(model, job.data.input_shape)
    with private_generators(torch_seed(seed, Stream.MODULES, stage), device):
        attach(model, DropoutStream(seed, device, stage))
        course = _take_steps(model, job)
        attach(model, None)
    model.eval()
    model.zero_grad(set_to_none=True)
    steps_done = course.curve[-1].step if course.curve else 0
    ended = bool(course.diverged) or course.stopped_early
    return TrainResult(
        status="diverged" if course.diverged else "complete",
        reason=course.diverged,
        scores=no_scores() if course.diverged else score(model, job.data),
        curve=tuple(course.curve),
        steps_done=steps_done,
        best_step=course.best_step if job.settings.select == "best" else steps_done,
        stopped_early=course.stopped_early,
        still_improving=not ended and still_improving(course.curve),
        train_flops=float(flops_of_example * steps_done * job.batch_size),
        wall_seconds=time.perf_counter() - started,
        model=None if course.diverged else model,
    )


@dataclass(kw_only=True)
class _Course:
    """How a training went."""

    curve: list[CurvePoint] = field(default_factory=list)
    best_step: int = 0
    diverged: str = ""
    """Why it diverged; empty if it did not."""
    stopped_early: bool = False


def _take_steps(model: nn.Module, job: TrainJob) -> _Course:
    """Take all steps, or stop before; leave the weights to be scored in the model."""
    settings, data, masks = job.settings, job.data, job.masks or {}
    course = _Course()
    best_loss, best_evaluation, last_step = math.inf, 0, 0
    chance = chance_loss(data)
    parameters = list(model.parameters())
    weights = list(weights_of(model).values())
    masked: list[Tensor] = [model.get_parameter(name) for name in masks]
    zeros_and_ones = list(masks.values())
    state = list(model.state_dict().values())  # the live tensors, not copies
    best: list[Tensor] = []
    loss_sum = torch.zeros((), dtype=torch.float64, device=data.device)
    batches = iter(BatchStream(data.n_examples, settings.batch_size, settings.seed, job.stage))
    optimizer = make_optimizer(model, settings)
    model.train()
    for step, rate in enumerate(learning_rates(settings), start=1):
        rows = torch.from_numpy(next(batches)).to(data.device)
        outputs = model(data.x_train[rows])
        loss = training_loss(outputs, data.y_train[rows], data.task, settings.label_smoothing)
        if job.teacher is not None:
            loss = distillation_loss(outputs, job.teacher[rows], loss, data.task, settings)
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
        loss_sum += loss.detach()
        if step % settings.evaluate_every == 0 or step == settings.steps:
            model.eval()
            validation = evaluate(model, data.x_validation, data.y_validation, data)
            model.train()
            numbers = torch.stack([loss_sum, validation.loss, validation.error]).tolist()
            train_loss, val_loss, val_error = numbers
            point = CurvePoint(
                step=step,
                train_loss=train_loss / (step - last_step),
                val_loss=val_loss,
                val_error=val_error,
            )
            loss_sum.zero_()
            last_step = step
            course.curve.append(point)
            course.diverged = divergence(point, chance)
            if point.val_loss < best_loss:
                best_loss, best_evaluation = point.val_loss, len(course.curve)
                course.best_step = step
                if settings.select == "best":
                    best = [tensor.clone() for tensor in state]
            without_gain = len(course.curve) - best_evaluation
            out_of_patience = 0 < settings.patience <= without_gain
            course.stopped_early = out_of_patience and step < settings.steps
            if course.diverged or course.stopped_early:
                break
    if best:
        with torch.no_grad():
            torch._foreach_copy_(state, best)
    return course
