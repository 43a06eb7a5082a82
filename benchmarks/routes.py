"""What the routes to a small model are worth: students against trained networks, and latency.

- distillation: students of several widths against networks trained alone, with the same data, seeds
  and hyperparameters, on digits (320 and 1,280 examples) and MNIST-1D (4,000): mean difference of
  the test errors and its standard error over the draws;
- structured pruning: a perceptron 784-1024-1024-10 with 75% of its units masked, against the
  smaller dense network of the units that are left: bytes, and median latency at batch 1 and 128,
  taken in turns.

Measured on two virtual cores (AMD EPYC), Python 3.11, torch 2.14, one thread:

    OMP_NUM_THREADS=1 python -m benchmarks.routes
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch

from study.compression.pruning import apply_masks
from study.compression.structured import smaller, unit_masks
from study.compression.teachers import answers_of
from study.data.registry import load_dataset
from study.data.subsets import draw_split
from study.models.mlp import perceptron
from study.models.sizes import measure, measure_latency
from study.packs.fused import train_pack
from study.spec.study_file import parse_spec
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit

DIGITS = TrainSettings(
    family="mlp", width=8, depth=1, learning_rate=1e-2, weight_decay=0.01, batch_size=64,
    steps=600, evaluate_every=40,
)  # fmt: skip
SIGNALS = dataclasses.replace(
    DIGITS, depth=2, batch_size=100, steps=1200, evaluate_every=80, learning_rate=5e-3
)


def distillation(
    data: dict[str, Any],
    n: int,
    settings: TrainSettings,
    widths: list[int],
    teacher: int,
    n_draws: int,
) -> None:
    """Print the gain of each width for several temperatures and mixings."""
    spec = parse_spec({"data": {**data, "sizes": [n]}}, base=Path.cwd())
    dataset = load_dataset(spec.data, base=Path.cwd())
    splits = [
        TensorSplit.from_split(draw_split(dataset, n, 1 + draw, 0), "cpu")
        for draw in range(n_draws)
    ]

    def errors(width: int, **changes: Any) -> np.ndarray:
        answers = changes.pop("answers", [None] * n_draws)
        jobs = [
            TrainJob(
                settings=dataclasses.replace(settings, width=width, seed=seed, **changes),
                data=split,
                teacher=answer,
            )
            for seed, (split, answer) in enumerate(zip(splits, answers, strict=True))
        ]
        return np.array([result.scores.test_error for result in train_pack(jobs)])

    large = dataclasses.replace(settings, width=teacher, weight_decay=0.3)
    teachers = train_pack(
        [
            TrainJob(settings=dataclasses.replace(large, seed=100 + place), data=split)
            for place, split in enumerate(splits)
        ]
    )
    answers = [answers_of(result, split) for result, split in zip(teachers, splits, strict=True)]
    error = np.mean([result.scores.test_error for result in teachers])
    print(
        f"{spec.data.name}, {n:,} examples, {n_draws} draws; teacher: width {teacher}, {error:.4f}"
    )
    for width in widths:
        alone = errors(width)
        line = f"  width {width:>3}: trained {alone.mean():.4f}; student better by"
        for temperature in (2.0, 4.0):
            for mixing in (0.5, 0.9):
                how = {"distill_temperature": temperature, "distill_mixing": mixing}
                gain = alone - errors(width, answers=answers, **how)
                spread = gain.std(ddof=1) / np.sqrt(n_draws)
                line += f"  {gain.mean():+.4f} +- {spread:.4f} (T {temperature:g}, a {mixing:g})"
        print(line, flush=True)


def structured(repeats: int) -> None:
    """Print bytes and latency of a masked network and of the smaller one that answers the same."""
    masked = perceptron([1024, 1024], 0.0, 784, 10).eval()
    masks = unit_masks(masked, 0.75, "layerwise")
    masked = copy.deepcopy(masked)
    apply_masks(masked, masks)
    small = smaller(masked, masks)
    sizes = [measure(model, (784,)) for model in (masked, small)]
    print(
        f"structured, 75% of the units: {sizes[0].model_bytes:,} -> {sizes[1].model_bytes:,} bytes "
        f"({sizes[0].sparse_bytes:,} with the zeros of the masked one left out)"
    )
    for batch in (1, 128):
        times: list[list[float]] = [[], []]
        for _ in range(repeats):
            for place, model in enumerate((masked, small)):
                taken = measure_latency(model, (784,), batch_size=batch, repeats=100)
                times[place].append(taken.median_seconds)
        one, other = (1e6 * statistics.median(each) for each in times)
        print(
            f"  batch {batch:>3}: masked {one:.0f} us, smaller {other:.0f} us: {one / other:.1f}x"
        )


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    structured(args.repeats)
    widths = [4, 6, 8, 12, 16, 32]
    for n in (320, 1280):
        distillation({"name": "digits"}, n, DIGITS, widths, 128, args.draws)
    signals = {"name": "mnist1d", "n_examples": 10_000, "test": 5000, "validation": 500}
    distillation(signals, 4000, SIGNALS, [8, 16, 32, 64], 200, args.draws)


if __name__ == "__main__":
    main()
