"""What one training of a pack has found so far: curve, best weights, patience, divergence.

The reference trainer keeps books of its own, so that each can be checked against the other.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from study.training.convergence import divergence, still_improving
from study.training.evaluation import chance_loss
from study.training.settings import CurvePoint, Scores, TrainJob, TrainResult

if TYPE_CHECKING:
    from torch import nn


class Progress:
    """The bookkeeping of a pack's trainings, without the network."""

    def __init__(self, job: TrainJob, index: int = 0) -> None:
        self.job = job
        self.index = index
        """Place of the job in the caller's sequence."""
        self.curve: list[CurvePoint] = []
        self.diverged = ""
        self.stopped_early = False
        self.best_step = 0
        self.wall_seconds = 0.0
        self._best_loss = math.inf
        self._since_best = 0
        self._chance_loss = chance_loss(job.data)

    def next_evaluation(self, step: int) -> int:
        """Steps after which this training, now after ``step``, evaluates next."""
        every = self.job.settings.evaluate_every
        return min((step // every + 1) * every, self.job.settings.steps)

    @property
    def steps_done(self) -> int:
        """Steps up to the last evaluation."""
        return self.curve[-1].step if self.curve else 0

    def add(self, step: int, train_loss_sum: float, val_loss: float, val_error: float) -> bool:
        """Add a point to the curve; return whether its weights are to be kept as the best."""
        settings = self.job.settings
        point = CurvePoint(
            step=step,
            train_loss=train_loss_sum / (step - self.steps_done),
            val_loss=val_loss,
            val_error=val_error,
        )
        self.curve.append(point)
        self._since_best += 1
        self.diverged = divergence(point, self._chance_loss)
        better = point.val_loss < self._best_loss
        if better:
            self._best_loss, self.best_step, self._since_best = point.val_loss, step, 0
        out_of_patience = 0 < settings.patience <= self._since_best
        self.stopped_early = out_of_patience and step < settings.steps
        return better and settings.select == "best"

    @property
    def finished(self) -> bool:
        """Whether this training takes no further step."""
        at_end = self.steps_done == self.job.settings.steps
        return bool(self.diverged) or self.stopped_early or at_end

    @property
    def scores_best(self) -> bool:
        """Whether the weights of the best step are scored, rather than the last."""
        return self.job.settings.select == "best" and self.best_step > 0

    @property
    def scored_point(self) -> CurvePoint:
        """The evaluation of the weights that are scored."""
        step = self.best_step if self.scores_best else self.steps_done
        return next(point for point in self.curve if point.step == step)

    def result(self, scores: Scores, flops_of_example: int, model: nn.Module) -> TrainResult:
        """Return the finished training's result."""
        ended = bool(self.diverged) or self.stopped_early
        return TrainResult(
            status="diverged" if self.diverged else "complete",
            reason=self.diverged,
            scores=scores,
            curve=tuple(self.curve),
            steps_done=self.steps_done,
            best_step=self.best_step if self.job.settings.select == "best" else self.steps_done,
            stopped_early=self.stopped_early,
            still_improving=not ended and still_improving(self.curve),
            train_flops=float(flops_of_example * self.steps_done * self.job.batch_size),
            wall_seconds=self.wall_seconds,
            model=None if self.diverged else model,
        )
