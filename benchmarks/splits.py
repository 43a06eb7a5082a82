"""Does a study whose test sets rotate read the same level as many random splits of the data?

    OMP_NUM_THREADS=1 python -m benchmarks.splits [--studies 20] [--splits 40]

Digits, the widths and depths of the default study, 320 and 1,280 training examples, with one set of
hyperparameters, so that nothing but the examples differs. The truth: the mean test error over
random splits of a script of its own, each stratified by class, each with training, validation and
test examples of its own. Against it stand studies of five draws, each with another seed: their
fitted curves at three networks with the 90% band of the mean, once with test sets that rotate and
once with one fixed test set for all draws.

What is printed, for each network and in all: the truth with its standard error, the median of the
studies, how far one study lies off (root mean square of the log ratio), the median width of the
band as a factor, and in how many studies it holds the truth.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import os
import platform
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from analysis.fitted import CurveFit
from analysis.study import analyse
from study.data.dataset import Dataset, Split
from study.handover.results import table_of
from study.plan.design import Slot, slots
from study.spec.study_file import StudySpec, parse_spec
from study.training.settings import TrainJob
from study.training.tensors import TensorSplit
from study.trials.laboratory import Laboratory
from study.trials.task import Task
from study.trials.trainers import settings_of

SIZES = (320, 1280)
NETWORKS = ("width8-depth1", "width32-depth1", "width256-depth1")
VALUES = {"learning_rate": 0.02, "weight_decay": 0.1, "dropout": 0.1}


def spec_of(seed: int, test_sets: str) -> StudySpec:
    """The default study at two dataset sizes, with nothing to search."""
    raw: dict[str, Any] = {
        "study": {"seed": seed, "routes": ["train"]},
        "data": {"sizes": list(SIZES), "test_sets": test_sets},
        "space": {**VALUES, "prune_ratio": [0.0]},
    }
    return parse_spec(raw, base=Path.cwd())


def task_of(slot: Slot) -> Task:
    """A trial with all its hyperparameters."""
    return Task(slot=slot, params=slot.params, optuna_study="", number=0)


def studied(seed: int, test_sets: str) -> dict[int, CurveFit]:
    """The fitted curve of each dataset size, by a study."""
    spec = spec_of(seed, test_sets)
    laboratory = Laboratory(spec)
    groups: dict[tuple[object, ...], list[Task]] = {}
    for slot in slots(spec):
        key = (slot.cell.n_examples, *slot.cell.capacity.values())
        groups.setdefault(key, []).append(task_of(slot))
    records = [record for group in groups.values() for _, record in laboratory.run(group)]
    fits = analyse(table_of(records), spec.analysis).fits
    return {int(fit.curve.n_examples): fit for fit in fits}


def random_split(data: Dataset, n_train: int, n_validation: int, rng: np.random.Generator) -> Split:
    """Training, validation and test examples, by class in the proportions of all."""
    x, y = data.x_development, data.y_development
    rank = np.empty(len(y))
    for label in np.unique(y):
        mine = np.flatnonzero(y == label)
        rank[mine] = (rng.permutation(len(mine)) + rng.random()) / len(mine)
    order = np.argsort(rank, kind="stable")  # any stretch of it holds the classes evenly
    train, validation, test = np.split(order, [n_train, n_train + n_validation])
    # By channel, as in a study: standardised by pixel, wide networks do worse by a fifth.
    axes = (0, *range(2, x.ndim))
    centre, spread = (f(x[train], axis=axes, keepdims=True) for f in (np.mean, np.std))
    x = ((x - centre) / spread).astype(np.float32)
    return Split(
        x_train=x[train], y_train=y[train], x_validation=x[validation],
        y_validation=y[validation], x_test=x[test], y_test=y[test], task=data.task,
        n_outputs=data.n_outputs, draw=0, target_center=0.0, target_scale=1.0,
    )  # fmt: skip


def truths(n_splits: int) -> dict[tuple[int, str], np.ndarray]:
    """(splits,) test errors of each dataset size and network."""
    spec = spec_of(0, "rotate")
    laboratory = Laboratory(spec)
    data = laboratory.dataset
    rng = np.random.default_rng(20_261_128)
    found: dict[tuple[int, str], np.ndarray] = {}
    first = {slot.cell.name: slot for slot in slots(spec) if slot.index == 0}
    for size in SIZES:
        splits = [random_split(data, size, data.n_validation, rng) for _ in range(n_splits)]
        tensors = [TensorSplit.from_split(split, "cpu") for split in splits]
        for network in NETWORKS:
            settings = settings_of(spec, task_of(first[f"n{size}-{network}"]))
            jobs = [
                TrainJob(settings=dataclasses.replace(settings, seed=10_000 + k), data=one)
                for k, one in enumerate(tensors)
            ]
            results = laboratory.train(jobs)
            found[size, network] = np.array([one.scores.test_error for one in results])
    return found


def read(fit: CurveFit, cell: str) -> tuple[float, float, float]:
    """The fitted error of a cell's network and the 90% band of the mean."""
    k = fit.curve.cell.index(cell)
    assert fit.ladders is not None
    j = fit.ladders.shapes.index(fit.curve.shapes[int(fit.curve.shape[k])])
    logs = fit.ladders.at(np.log(fit.curve.size[k : k + 1]))[:, j, 0]
    low, middle, high = np.exp(np.quantile(logs, [0.05, 0.5, 0.95]))
    return float(middle), float(low), float(high)


def lines(
    truth: dict[tuple[int, str], np.ndarray], studies: Sequence[dict[int, CurveFit]]
) -> Iterator[str]:
    """One line for each network, and one for all."""
    every: list[tuple[float, float, bool]] = []
    for (size, network), errors in truth.items():
        mean = float(errors.mean())
        rows = [read(fits[size], f"n{size}-{network}") for fits in studies]
        these = [
            (math.log(middle / mean), high / low, low <= mean <= high) for middle, low, high in rows
        ]
        every += these
        error = float(errors.std(ddof=1)) / math.sqrt(len(errors))
        middles = np.median([row[0] for row in rows])
        yield f"  {size:>5,} {network:<16} {mean:.4f} +- {error:.4f}  {middles:.4f}  {_sum(these)}"
    yield f"  {'all':<39}{_sum(every)}"


def _sum(rows: Sequence[tuple[float, float, bool]]) -> str:
    off, width, holds = (np.array(column) for column in zip(*rows, strict=True))
    far = math.sqrt(float((off**2).mean()))
    return f"{far:.3f}  {np.median(width):.2f}  {holds.sum()} of {len(holds)}"


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--studies", type=int, default=20, help="studies with seeds of their own")
    parser.add_argument("--splits", type=int, default=40, help="random splits that give the truth")
    args = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} cores; torch {version('torch')}; "
        f"{args.studies} studies of each kind, {args.splits} random splits"
    )
    began = time.process_time()
    truth = truths(args.splits)
    for test_sets in ("rotate", "fixed"):
        print(f"{test_sets}: examples, network, truth, studies, off, width, band holds the truth")
        studies = [studied(1 + seed, test_sets) for seed in range(args.studies)]
        for line in lines(truth, studies):
            print(line, flush=True)
    print(f"{time.process_time() - began:.0f} s of processor time")


if __name__ == "__main__":
    main()
