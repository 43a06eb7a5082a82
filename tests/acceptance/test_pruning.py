"""Ten times fewer weights at no loss, on 4,000 training examples."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from study.compression.packs import PruneJob, prune_pack
from study.data.registry import load_dataset
from study.data.subsets import draw_split
from study.models.weights import weights_of
from study.packs.fused import train_pack
from study.spec.routes import Method
from study.spec.study_file import parse_spec
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit

N_SEEDS = 5
SETTINGS = TrainSettings(
    family="mlp",
    width=200,
    depth=2,
    learning_rate=3e-3,
    weight_decay=0.3,
    batch_size=100,
    steps=1000,
    evaluate_every=100,
)


@pytest.mark.slow
def test_iterative_pruning_to_a_tenth_costs_nothing_and_one_cut_does() -> None:
    raw = {"name": "mnist1d", "n_examples": 7000, "test": 2500, "validation": 500}
    spec = parse_spec({"data": {**raw, "sizes": [4000]}}, base=Path.cwd())
    dataset = load_dataset(spec.data, base=Path.cwd())
    jobs = [
        TrainJob(
            settings=dataclasses.replace(SETTINGS, seed=seed),
            data=TensorSplit.from_split(draw_split(dataset, 4000, 1 + seed, 0), "cpu"),
        )
        for seed in range(N_SEEDS)
    ]
    parents = train_pack(jobs)

    def pruned(method: Method) -> list[float]:
        results = prune_pack(
            [
                PruneJob(
                    parent=parent, settings=job.settings, data=job.data, ratio=0.9,
                    fine_tune_steps=400, method=method,
                )
                for job, parent in zip(jobs, parents, strict=True)
            ],
            train=train_pack,
        )  # fmt: skip
        for result in results:
            assert result.model is not None
            weights = list(weights_of(result.model).values())
            n_weights = sum(weight.numel() for weight in weights)
            left = sum(int(weight.count_nonzero()) for weight in weights)
            assert left == n_weights - round(0.9 * n_weights)
        return [result.scores.test_error for result in results]

    dense = [parent.scores.test_error for parent in parents]
    standard_error = np.std(dense, ddof=1) / np.sqrt(N_SEEDS)
    assert np.mean(pruned("iterative")) <= np.mean(dense) + standard_error
    assert np.mean(pruned("untuned")) > np.mean(dense) + 10 * standard_error
