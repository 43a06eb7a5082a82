"""The loop that trains a pack: step, evaluate who is due, let go who is done."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from study.packs.parameters import Layout, Stack
from study.packs.progress import Progress
from study.packs.steps import Steps
from study.training.evaluation import no_scores, scores_of
from study.training.settings import Scores, TrainJob, TrainResult

Part = Literal["train", "validation", "test"]


class PackRun:
    """Trains models that share a program, from the weights in ``models``, to their end."""

    def __init__(
        self,
        jobs: Sequence[TrainJob],
        models: Sequence[nn.Module],
        steps: Callable[[Sequence[TrainJob], Stack, Stack | None], Steps],
        flops_of_example: Sequence[int],
    ) -> None:
        device = jobs[0].data.device
        self._jobs = list(jobs)
        self._models = list(models)
        self._flops = list(flops_of_example)
        self._progress = [Progress(job, index) for index, job in enumerate(jobs)]
        layout = Layout.of(models)
        self._device = device
        self._parameters = Stack(layout, len(jobs), device)
        for row, model in enumerate(models):
            self._parameters.put(row, dict(model.named_parameters()))
        self._best = Stack(layout, len(jobs), device)
        self._parameters.stack_buffers(models)
        self._best.stack_buffers(models)
        self._steps = steps(jobs, self._parameters, self._masks(layout))
        self._train_loss = torch.zeros(len(jobs), dtype=torch.float64, device=device)
        self._results: dict[int, TrainResult] = {}
        self._shortest = min(job.settings.steps for job in jobs)
        self._advanced = 0
        self._since = 0.0

    def _masks(self, layout: Layout) -> Stack | None:
        if all(job.masks is None for job in self._jobs):
            return None
        masks = Stack(layout, len(self._jobs), self._device)
        for row, job in enumerate(self._jobs):
            masks.put(row, job.masks or {}, fill=1.0)
        return masks

    @torch.no_grad()
    def run(self) -> list[TrainResult]:
        """Train all; return the results in the order of the jobs."""
        self._since = time.perf_counter()
        step = 0
        while self._progress:
            evaluations = [each.next_evaluation(step) for each in self._progress]
            soonest = min(evaluations)
            self._steps.advance(step, soonest - step)
            step = soonest
            self._evaluate([row for row, at in enumerate(evaluations) if at == step], step)
        return [self._results[index] for index in range(len(self._results))]

    @torch.no_grad()
    def advance(self, n_steps: int) -> float:
        """Take steps without evaluating; return the CPU seconds (wall seconds on a GPU).

        For probes and benchmarks: it never stops, and no results come of it.
        """
        clock = time.perf_counter if self._device.type == "cuda" else time.process_time
        started = clock()
        while n_steps:
            at = self._advanced % self._shortest
            some = min(n_steps, self._shortest - at)
            self._steps.advance(at, some)
            self._advanced += some
            n_steps -= some
        self._parameters.flat[:1].tolist()  # waits for a GPU
        return clock() - started

    def _evaluate(self, due: Sequence[int], step: int) -> None:
        self._train_loss += self._steps.losses()
        rows = torch.tensor(due, device=self._device)
        everyone = len(due) == len(self._progress)
        parameters = self._parameters if everyone else self._parameters.select(rows)
        loss, error, _ = self._measure(parameters, due, "validation")
        sums = self._train_loss.index_select(0, rows)
        self._train_loss.index_fill_(0, rows, 0.0)
        better = []
        for row, *numbers in zip(due, *torch.stack([sums, loss, error]).tolist(), strict=True):
            if self._progress[row].add(step, *numbers):
                better.append(row)
        if better:
            self._best.copy_rows(torch.tensor(better, device=self._device), self._parameters)
        self._share_time()
        finished = [row for row in due if self._progress[row].finished]
        if finished:
            self._finish(finished)

    def _share_time(self) -> None:
        now = time.perf_counter()
        share = (now - self._since) / len(self._progress)
        for each in self._progress:
            each.wall_seconds += share
        self._since = now

    def _finish(self, rows: Sequence[int]) -> None:
        """Score the models of ``rows`` and let them go."""
        complete = [row for row in rows if not self._progress[row].diverged]
        scores = dict(zip(complete, self._score(complete), strict=True)) if complete else {}
        now = time.perf_counter()
        for row in rows:
            progress, model = self._progress[row], self._models[row]
            progress.wall_seconds += (now - self._since) / len(rows)
            if row in scores:
                stack = self._best if progress.scores_best else self._parameters
                stack.take(row, model)
                model.eval()
            self._results[progress.index] = progress.result(
                scores.get(row, no_scores()), self._flops[row], model
            )
        self._since = now
        left = [row for row in range(len(self._progress)) if row not in set(rows)]
        self._progress = [self._progress[row] for row in left]
        self._jobs = [self._jobs[row] for row in left]
        self._models = [self._models[row] for row in left]
        self._flops = [self._flops[row] for row in left]
        if left:
            self._compact(torch.tensor(left, device=self._device))

    def _compact(self, rows: Tensor) -> None:
        self._parameters = self._parameters.select(rows)
        self._best = self._best.select(rows)
        self._train_loss = self._train_loss.index_select(0, rows)
        self._steps.keep(self._parameters, rows)

    def _score(self, rows: Sequence[int]) -> list[Scores]:
        """Final scores of the models of ``rows``, with the weights each is judged by."""
        best = [row for row in rows if self._progress[row].scores_best]
        last = [row for row in rows if not self._progress[row].scores_best]
        scores: dict[int, Scores] = {}
        for group, stack in ((best, self._best), (last, self._parameters)):
            if group:
                chosen = stack.select(torch.tensor(group, device=self._device))
                scores.update(zip(group, self._score_stack(chosen, group), strict=True))
        return [scores[row] for row in rows]

    def _score_stack(self, stack: Stack, rows: Sequence[int]) -> list[Scores]:
        test_loss, test_error, correct = self._measure(stack, rows, "test")
        train_loss = torch.empty_like(test_loss)
        train_error = torch.empty_like(test_loss)
        by_size: dict[int, list[int]] = {}
        for place, row in enumerate(rows):
            by_size.setdefault(self._jobs[row].data.n_examples, []).append(place)
        for places in by_size.values():
            index = torch.tensor(places, device=self._device)
            part = stack if len(places) == len(rows) else stack.select(index)
            loss, error, _ = self._measure(part, [rows[place] for place in places], "train")
            train_loss[index], train_error[index] = loss, error
        numbers = torch.stack([train_loss, train_error, test_loss, test_error]).T.tolist()
        bits = None if correct is None else correct.cpu().numpy()
        scores = []
        for place, row in enumerate(rows):
            point = self._progress[row].scored_point
            validation = [point.val_loss, point.val_error]
            own = None if bits is None else bits[place].copy()
            scores.append(scores_of([*numbers[place][:2], *validation, *numbers[place][2:]], own))
        return scores

    def _measure(
        self, stack: Stack, rows: Sequence[int], part: Part
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Losses and errors (float64) of the models in ``stack``, and who is right where."""
        datas = [self._jobs[row].data for row in rows]
        x = _Stacked([getattr(data, f"x_{part}") for data in datas])
        y = _Stacked([getattr(data, f"y_{part}") for data in datas])
        at_once = self._steps.rows_at_once(x.values_per_example, stack)
        losses: list[Tensor] = []
        rights: list[Tensor] = []
        for start in range(0, x.n_examples, at_once):
            piece = slice(start, start + at_once)
            outputs = self._steps.predict(stack, x.rows(piece))
            targets = y.rows(piece).expand(len(rows), -1)
            if datas[0].task == "classification":
                rights.append(outputs.argmax(dim=1) == targets)
                losses.append(
                    functional.cross_entropy(outputs.double(), targets, reduction="none").sum(1)
                )
            else:
                losses.append((outputs[:, 0].double() - targets.double()).square().sum(1))
        loss = torch.stack(losses).sum(0) / x.n_examples
        if rights:
            right = rights[0] if len(rights) == 1 else torch.cat(rights, dim=1)
            return loss, 1 - right.double().mean(1), right
        scale = torch.tensor([data.target_scale for data in datas], device=loss.device)
        return loss, loss.sqrt() / scale.double(), None


class _Stacked:
    """The same rows of several arrays of one shape; of one array, if they are all the same."""

    def __init__(self, arrays: Sequence[Tensor]) -> None:
        same = all(array is arrays[0] for array in arrays)
        self._arrays = arrays[:1] if same else arrays
        self.n_examples = len(arrays[0])
        self.values_per_example = arrays[0][0].numel()

    def rows(self, piece: slice) -> Tensor:
        """(models or 1, rows, ...)."""
        if len(self._arrays) == 1:
            return self._arrays[0][piece].unsqueeze(0)
        return torch.stack([array[piece] for array in self._arrays])
