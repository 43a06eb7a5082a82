"""Winners by the luckiest score of a cell, or by a model of all search trials of the study.

    OMP_NUM_THREADS=1 python -m benchmarks.search [--cases digits,signals,images] [--searches 3]

Search trials of a whole study are trained, with their full Halton points. Then each rule chooses
the hyperparameters of each cell from the first points of each cell, and the choices are trained
again on draws and with seeds of their own, the same for all rules:

- best k: the trial of the cell with the lowest validation error of k;
- pooled k: where the model of all trials of the study has the lowest error for the cell;
- tried k: that one of the cell's own k trials for which the model has the lowest error.

What is printed: mean test error over cells over that of the best of five (geometric mean of the
ratios), with a 95% interval over cells of all searches (bootstrap; ratios of a cell's mean error
over its retrainings).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from study.plan.design import Cell, Slot, cells, fixed_params, seed_of, slots
from study.record import Value
from study.spec.study_file import StudySpec, parse_spec
from study.trials.laboratory import Laboratory
from study.trials.task import Task

SIGNALS = {"name": "mnist1d", "n_examples": 16_500, "test": 12_000, "validation": 500}
GRID = {"prune_ratio": [0.0]}

CASES: dict[str, dict[str, Any]] = {
    "digits": {
        "data": {"sizes": [80, 320, 1280]},
        "space": {**GRID, "width": [4, 8, 16, 32, 64, 256], "depth": [1, 2]},
    },
    "signals": {
        "data": {**SIGNALS, "sizes": [500, 2000]},
        "space": {**GRID, "width": [8, 16, 32, 64, 128], "depth": [1, 2]},
        "training": {"batch_size": 100, "epochs": 30, "min_steps": 800},
    },
    "images": {
        "model": {"family": "cnn"},
        "data": {"sizes": [80, 320, 1280]},
        "space": {**GRID, "width": [2, 4, 8, 16], "depth": [1, 2]},
    },
}
POINTS = 10
REFERENCE = "best 5"

Scores = dict[str, float]


class Bench:
    """Trains and remembers."""

    def __init__(self, case: str, seed: int, cache: Path | None) -> None:
        raw = {**CASES[case], "study": {"seed": seed, "routes": ["train"]}}
        raw["search"] = {"trials": POINTS}
        self.spec: StudySpec = parse_spec(raw, base=Path.cwd())
        self.laboratory = Laboratory(self.spec, cache=cache)
        self.file = None if cache is None else cache / f"{case}-{seed}.json"
        self.known: dict[str, Scores] = {}
        if self.file is not None and self.file.exists():
            self.known = json.loads(self.file.read_text())
        self.seconds = 0.0

    def scores(self, tasks: Sequence[Task]) -> list[Scores]:
        """Scores of trainings, each trained once."""
        keys = [_key(task) for task in tasks]
        left = {k: task for k, task in zip(keys, tasks, strict=True) if k not in self.known}
        groups: dict[Any, list[tuple[str, Task]]] = {}
        for key, task in left.items():
            cell = task.slot.cell
            groups.setdefault((cell.n_examples, *cell.capacity.values()), []).append((key, task))
        began = time.perf_counter()
        for group in groups.values():
            results = self.laboratory.train([self.laboratory.job(task) for _, task in group])
            for (key, _), result in zip(group, results, strict=True):
                scores = result.scores
                self.known[key] = {
                    "val_error": scores.val_error,
                    "val_loss": scores.val_loss,
                    "test_error": scores.test_error,
                }
        self.seconds += time.perf_counter() - began
        if self.file is not None:
            self.file.write_text(json.dumps(self.known))
        return [self.known[key] for key in keys]

    def search(self) -> dict[str, list[tuple[dict[str, Value], Scores]]]:
        """Search trials of each cell: nuisance values and scores."""
        every = [slot for slot in slots(self.spec) if slot.phase == "search"]
        found: dict[str, list[tuple[dict[str, Value], Scores]]] = {}
        scored = self.scores([_task(slot, slot.params) for slot in every])
        names = [axis.name for axis in self.spec.space.nuisance]
        for slot, scores in zip(every, scored, strict=True):
            values = {name: slot.params[name] for name in names}
            found.setdefault(slot.cell.name, []).append((values, scores))
        return found

    def retrain(self, chosen: Mapping[str, Mapping[str, Value]], times: int) -> np.ndarray:
        """Test errors (cells, times)."""
        tasks = []
        for cell in cells(self.spec):
            for index in range(times):
                name = f"{cell.name}-again{index}"
                params = {**cell.capacity, "prune_ratio": 0.0, **fixed_params(self.spec, cell)}
                slot = Slot(
                    name=name, unit=name, cell=cell, phase="replicate", index=index,
                    draw=1 + index, seed=seed_of(self.spec.study.seed, name), prune_ratio=0.0,
                    params=params,
                )  # fmt: skip
                tasks.append(_task(slot, {**params, **chosen[cell.name]}))
        errors = [scores["test_error"] for scores in self.scores(tasks)]
        return np.nan_to_num(np.array(errors), nan=0.9).reshape(-1, times)


def _task(slot: Slot, params: Mapping[str, Value]) -> Task:
    return Task(slot=slot, params=dict(params), optuna_study="", number=0)


def _key(task: Task) -> str:
    return f"{task.slot.name} {json.dumps(dict(task.params), sort_keys=True)}"
