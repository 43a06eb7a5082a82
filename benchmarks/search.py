"""Winners by the luckiest score of a cell, or by a model of all search trials of the study.

    OMP_NUM_THREADS=1 python -m benchmarks.search [--searches 3] [--rivals] [--chosen] [--points 5]

Search trials of a whole study are trained, with their full Halton points. Then each rule chooses
the hyperparameters of each cell from the first points of each cell, and the choices are trained
again on draws and with seeds of their own, the same for all rules:

- best of k: the trial of the cell with the lowest validation error of k;
- pooled k: where the model of all trials of the study has the lowest error for the cell, of k
  trials in each cell (`search.winner = "pooled"`); where it cannot tell, the best of k;
- chosen k: pooled, of k - 1 Halton points in each cell and then one that the model of all these
  chose, for all cells at once, by the knowledge gradient of the cell's winner; expected k: likewise
  by expected improvement (:mod:`analysis.tuning.next_points`);
- tpe, gp: the best of k trials of the cell that one of Optuna's adaptive samplers chose; of a
  cell's trainings all take as many steps, so that equal trials are equal FLOPs.

What is printed: the mean test error over cells, and the geometric mean of its ratios to that of
the best of five, with a 95% interval (bootstrap over the cells of all searches); of chosen and
expected k also that to pooled k. A diverged training counts as an error of 0.9.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from analysis.table.columns import Phase
from analysis.tuning.next_points import Worth, gradient, improvement, next_points
from search_spaces.space import SearchSpace
from study.plan.design import Cell, Slot, cells, fixed_params, seed_of, slots
from study.plan.winners import Tried, pooled_winners, searched, values_at
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
TRIALS = (5, 1, 2, 3, 10)
"""Trials a cell that rules choose from, where there are so many points."""
REFERENCE = "best of 5"
NEXT: dict[str, Worth] = {"chosen": gradient, "expected": improvement}
"""How the last point of each cell is chosen, by the name of the rule."""

Scores = dict[str, float]
Searched = dict[str, list[tuple[dict[str, Value], Scores]]]
"""Search trials of each cell: values and scores."""


class Bench:
    """Trains and remembers."""

    def __init__(self, case: str, seed: int, cache: Path, points: int = POINTS) -> None:
        raw = {**CASES[case], "study": {"seed": seed, "routes": ["train"]}}
        raw["search"] = {"trials": points}
        self.spec: StudySpec = parse_spec(raw, base=Path.cwd())
        self.laboratory = Laboratory(self.spec, cache=cache)
        self.file = cache / f"{case}-{seed}.json"
        self.known: dict[str, Scores] = {}
        if self.file.exists():
            self.known = json.loads(self.file.read_text())

    def scores(self, tasks: Sequence[Task]) -> list[Scores]:
        """Scores of trainings, each trained once."""
        keys = [_key(task) for task in tasks]
        left = {k: task for k, task in zip(keys, tasks, strict=True) if k not in self.known}
        groups: dict[Any, list[tuple[str, Task]]] = {}
        for key, task in left.items():
            cell = task.slot.cell
            groups.setdefault((cell.n_examples, *cell.capacity.values()), []).append((key, task))
        for group in groups.values():
            results = self.laboratory.train([self.laboratory.job(task) for _, task in group])
            for (key, _), result in zip(group, results, strict=True):
                scores = result.scores
                self.known[key] = {
                    "val_error": scores.val_error,
                    "val_loss": scores.val_loss,
                    "test_error": scores.test_error,
                }
        self.file.write_text(json.dumps(self.known))
        return [self.known[key] for key in keys]

    def search(self) -> Searched:
        """Search trials of each cell."""
        every = [slot for slot in slots(self.spec) if slot.phase == "search"]
        found: Searched = {}
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
                slot = _slot(self.spec, cell, name, "replicate", index, 1 + index, params)
                tasks.append(_task(slot, {**params, **chosen[cell.name]}))
        errors = [scores["test_error"] for scores in self.scores(tasks)]
        return np.nan_to_num(np.array(errors), nan=0.9).reshape(-1, times)


def by_score(found: Searched, k: int) -> dict[str, dict[str, Value]]:
    """Values of the trial with the lowest validation error of the first k, of each cell."""
    return {
        cell: min(trials[:k], key=lambda one: (_error(one[1]), one[1]["val_loss"]))[0]
        for cell, trials in found.items()
    }


def by_model(bench: Bench, found: Searched, k: int) -> dict[str, dict[str, Value]]:
    """Values that the model of the first k of all cells finds best."""
    tried = _tried(bench, {cell: trials[:k] for cell, trials in found.items()})
    return {**by_score(found, k), **pooled_winners(bench.spec.space.nuisance, tried)}


def by_next(bench: Bench, found: Searched, k: int, worth: Worth) -> dict[str, dict[str, Value]]:
    """Values that the model finds best, where the last of k points of each cell is its own too."""
    axes = bench.spec.space.nuisance
    known = {cell: trials[: k - 1] for cell, trials in found.items()}
    # Where the model cannot tell, the Halton point is taken.
    values = {cell: trials[k - 1][0] for cell, trials in found.items()}
    read = searched(axes, _tried(bench, known))
    if read is not None:
        names, trials = read
        points = next_points(trials, worth, seed_of(bench.spec.study.seed, "next", str(k - 1)))
        if points is not None:
            rows = zip(names, points, strict=True)
            values |= {name: values_at(axes, row) for name, row in rows}
    # The draw and the seed are those of the Halton point that it stands for.
    places = [one for one in slots(bench.spec) if one.phase == "search" and one.index == k - 1]
    tasks = [_task(slot, {**slot.params, **values[slot.cell.name]}) for slot in places]
    for slot, scores in zip(places, bench.scores(tasks), strict=True):
        cell = slot.cell.name
        known[cell] = [*known[cell], (values[cell], scores)]
    return by_model(bench, known, k)


def by_sampler(bench: Bench, k: int, name: str) -> dict[str, dict[str, Value]]:
    """Values that an adaptive sampler of Optuna finds in each cell with k trials of its own."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    every = cells(bench.spec)
    studies = {}
    for cell in every:
        seed = seed_of(bench.spec.study.seed, cell.name, name)
        sampler: optuna.samplers.BaseSampler = (
            optuna.samplers.TPESampler(seed=seed, n_startup_trials=2)
            if name == "tpe"
            else optuna.samplers.GPSampler(seed=seed, n_startup_trials=2)
        )
        studies[cell.name] = optuna.create_study(sampler=sampler)
    axes = SearchSpace(bench.spec.space.nuisance)
    for index in range(k):
        tasks, trials = [], []
        for cell in every:
            trial = studies[cell.name].ask()
            params = {**cell.capacity, "prune_ratio": 0.0, **fixed_params(bench.spec, cell)}
            slot_name = f"{cell.name}-{name}{index}"
            slot = _slot(bench.spec, cell, slot_name, "search", index, 0, params)
            tasks.append(_task(slot, {**params, **axes.suggest(trial)}))
            trials.append(trial)
        for task, trial, scores in zip(tasks, trials, bench.scores(tasks), strict=True):
            studies[task.slot.cell.name].tell(trial, min(_error(scores), 1.0))
    return {cell: dict(study.best_params) for cell, study in studies.items()}


def compare(case: str, searches: Sequence[int], args: argparse.Namespace, cache: Path) -> None:
    """Print the rules of one case."""
    errors: dict[str, list[np.ndarray]] = {}
    for seed in searches:
        bench = Bench(case, seed, cache, args.points)
        found = bench.search()
        few = [k for k in TRIALS if k <= args.points]
        chosen = {f"best of {k}": by_score(found, k) for k in few}
        chosen |= {f"pooled {k}": by_model(bench, found, k) for k in few}
        if args.chosen:
            chosen |= {
                f"{name} {k}": by_next(bench, found, k, worth)
                for name, worth in NEXT.items()
                for k in few
                if k > 1
            }
        if args.rivals:
            chosen |= {
                f"{name} {k}": by_sampler(bench, k, name) for name in ("tpe", "gp") for k in (5,)
            }
        for rule, values in chosen.items():
            errors.setdefault(rule, []).append(bench.retrain(values, args.retrainings).mean(axis=1))
    count = sum(map(len, errors[REFERENCE]))
    print(
        f"{case}: {count} cells, {len(searches)} searches, {args.retrainings} retrainings of each"
    )
    for rule, parts in errors.items():
        name, k = rule.rsplit(" ", 1)
        beside = f"; over pooled {k} {_ratio(parts, errors[f'pooled {k}'])}" if name in NEXT else ""
        print(
            f"  {rule:<12} error {np.concatenate(parts).mean():.4f}, ratio "
            f"{_ratio(parts, errors[REFERENCE])}{beside}",
            flush=True,
        )


def _ratio(parts: Sequence[np.ndarray], others: Sequence[np.ndarray]) -> str:
    """Say the geometric mean of ratios of errors, with its interval, and that of each search."""
    logs = [np.log(p / q) for p, q in zip(parts, others, strict=True)]
    every = np.concatenate(logs)
    drawn = np.random.default_rng(0).choice(every, (4000, len(every))).mean(axis=1)
    low, high = np.exp(np.quantile(drawn, [0.025, 0.975]))
    each = " ".join(f"{np.exp(one.mean()):.3f}" for one in logs)
    return f"{np.exp(every.mean()):.3f} ({low:.3f} to {high:.3f}); by search {each}"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--searches", type=int, default=3, help="searches with seeds of their own")
    parser.add_argument("--first", type=int, default=0, help="seed of the first search")
    parser.add_argument("--points", type=int, default=POINTS, help="trials a cell, 5 or more")
    parser.add_argument("--retrainings", type=int, default=5)
    parser.add_argument("--rivals", action="store_true", help="Optuna's samplers too")
    parser.add_argument("--chosen", action="store_true", help="points that the model chose too")
    parser.add_argument("--cache", type=Path, help="folder that keeps what was trained")
    args = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "optuna"))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {packages}")
    with tempfile.TemporaryDirectory() as folder:
        for case in args.cases.split(","):
            cache = args.cache or Path(folder)
            seeds = range(args.first, args.first + args.searches)
            compare(case, seeds, args, cache)


def _tried(bench: Bench, found: Searched) -> list[Tried]:
    return [
        Tried(cell=cell, values=values, error=_error(scores))
        for cell in cells(bench.spec)
        for values, scores in found[cell.name]
    ]


def _error(scores: Scores) -> float:
    return scores["val_error"] if math.isfinite(scores["val_error"]) else math.inf


def _slot(
    spec: StudySpec, cell: Cell, name: str, phase: Phase, index: int, draw: int,
    params: Mapping[str, Value],
) -> Slot:  # fmt: skip
    return Slot(
        name=name, unit=name, cell=cell, phase=phase, index=index, draw=draw,
        seed=seed_of(spec.study.seed, name), prune_ratio=0.0, params=params,
    )  # fmt: skip


def _task(slot: Slot, params: Mapping[str, Value]) -> Task:
    return Task(slot=slot, params=dict(params), optuna_study="", number=0)


def _key(task: Task) -> str:
    return f"{task.slot.name} {json.dumps(dict(task.params), sort_keys=True)}"


if __name__ == "__main__":
    main()
