"""The methods that prune over levels, and pruning in packs against pruning alone."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from study.compression.counts import n_pruned
from study.compression.packs import PruneJob, prune_pack
from study.compression.pruning import levels_to, magnitude_masks
from study.models.mlp import perceptron
from study.models.weights import weights_of
from study.packs.fused import train_pack
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.settings import TrainJob as Job
from study.training.tensors import TensorSplit
from tests.support.pruning import prune_and_tune

MakeData = Callable[..., TensorSplit]
Agreement = Callable[..., None]

SETTINGS = TrainSettings(
    family="mlp", width=12, depth=2, learning_rate=0.01, batch_size=32, steps=60, evaluate_every=20
)
LENET_WEIGHTS = 266_200
"""Weights of LeNet-300-100: 784 x 300 + 300 x 100 + 100 x 10."""


def test_lenet_has_as_many_parameters_as_published() -> None:
    lenet = perceptron([300, 100], 0.0, 784, 10)
    assert sum(p.numel() for p in lenet.parameters()) == 266_610
    assert sum(w.numel() for w in weights_of(lenet).values()) == LENET_WEIGHTS


@pytest.mark.parametrize("scope", ["global", "layerwise"])
def test_a_fifth_of_what_is_left_goes_at_each_level(scope: Any) -> None:
    lenet = perceptron([300, 100], 0.0, 784, 10)
    masks: dict[str, torch.Tensor] | None = None
    remaining = []
    for ratio in levels_to(1 - 0.8**20)[:20]:
        before = masks
        masks = magnitude_masks(lenet, ratio, scope, masks)
        remaining.append(sum(int(mask.sum()) for mask in masks.values()))
        for name, mask in masks.items():
            assert before is None or not bool((mask > before[name]).any())  # what is gone stays so
    parts = [LENET_WEIGHTS] if scope == "global" else [235_200, 30_000, 1_000]
    exact = [sum(n - round((1 - 0.8**k) * n) for n in parts) for k in range(1, 21)]
    assert remaining == exact
    assert remaining[:3] == [212_960, 170_368, 136_294]
    assert all(
        abs(left - LENET_WEIGHTS * 0.8**k) <= 0.5 * len(parts)
        for k, left in enumerate(remaining, start=1)
    )


@given(st.floats(0.0, 0.999), st.floats(0.01, 0.9))
def test_levels_rise_to_the_ratio_and_no_level_takes_more_than_its_share(
    ratio: float, share: float
) -> None:
    levels = (0.0, *levels_to(ratio, share))
    assert levels[-1] == ratio
    for before, after in itertools.pairwise(levels):
        assert before <= after
        assert (1 - after) >= (1 - before) * (1 - share) - 1e-8


def test_a_ratio_that_is_a_level_adds_no_level() -> None:
    assert levels_to(1 - 0.8 * 0.8 * 0.8) == pytest.approx((0.2, 0.36, 0.488))
    assert len(levels_to(0.488)) == 3


@pytest.fixture(scope="module")
def parents(make_data: MakeData) -> list[tuple[Job, TrainResult]]:
    jobs = [
        TrainJob(
            settings=dataclasses.replace(SETTINGS, seed=seed, dropout=0.1 * seed),
            data=make_data(96),
            keep_initial=True,
        )
        for seed in range(2)
    ]
    return list(zip(jobs, train_pack(jobs), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["global", "layerwise"])
@pytest.mark.parametrize(
    "method", ["one-shot", "untuned", "iterative", "rewind-weights", "rewind-rate"]
)
def test_in_packs_each_network_is_pruned_as_if_alone(
    assert_same: Agreement, parents: list[tuple[Job, TrainResult]], method: Any, scope: Any
) -> None:
    jobs = [
        PruneJob(
            parent=parent, settings=job.settings, data=job.data, ratio=ratio, fine_tune_steps=20,
            method=method, scope=scope,
        )
        for job, parent in parents
        for ratio in (0.2, 0.36, 0.5)
    ]  # fmt: skip
    for job, result in zip(jobs, prune_pack(jobs, train=train_pack), strict=True):
        alone = prune_and_tune(
            job.parent, job.settings, job.data, ratio=job.ratio, fine_tune_steps=20,
            method=method, scope=scope,
        )  # fmt: skip
        assert_same(alone, result)
        assert result.model is not None
        weights = list(weights_of(result.model).values())
        gone = sum(int((weight == 0).sum()) for weight in weights)
        parts = (
            [sum(w.numel() for w in weights)]
            if scope == "global"
            else map(len, map(torch.flatten, weights))
        )
        assert gone == sum(n_pruned(n, job.ratio) for n in parts)


def test_rewound_weights_start_from_the_first_ones(parents: list[tuple[Job, TrainResult]]) -> None:
    job, parent = parents[0]
    seen: list[Job] = []

    def note(jobs: Sequence[Job], **_: object) -> list[TrainResult]:
        seen.extend(jobs)
        return train_pack(jobs)

    prune = PruneJob(
        parent=parent, settings=job.settings, data=job.data, ratio=0.36, fine_tune_steps=5,
        method="rewind-weights",
    )  # fmt: skip
    prune_pack([prune], train=note)
    assert len(seen) == 2
    for level in seen:
        assert level.settings == job.settings  # the whole training again ...
        assert level.stage == 0  # ... with the same batches
        assert level.start is not None and level.masks is not None
        assert parent.initial_state is not None
        for name, mask in level.masks.items():
            expected = parent.initial_state[name].masked_fill(mask == 0, 0.0)
            torch.testing.assert_close(level.start[name], expected, rtol=0, atol=0)


def test_ratios_of_one_parent_share_their_levels(parents: list[tuple[Job, TrainResult]]) -> None:
    job, parent = parents[0]
    trained: list[int] = []

    def count(jobs: Sequence[Job], **_: object) -> list[TrainResult]:
        trained.append(len(jobs))
        return train_pack(jobs)

    jobs = [
        PruneJob(
            parent=parent, settings=job.settings, data=job.data, ratio=ratio, fine_tune_steps=5,
            method="iterative",
        )
        for ratio in (0.2, 0.3, 0.36, 0.488)
    ]  # fmt: skip
    results = prune_pack(jobs, train=count)
    assert trained == [1, 2, 1]  # 0.2; 0.3 and 0.36; 0.488
    flops = [result.train_flops for result in results]
    assert flops == pytest.approx([flops[0], 2 * flops[0], 2 * flops[0], 3 * flops[0]])


def test_rewinding_without_the_first_weights_is_a_mistake_of_the_caller(
    parents: list[tuple[Job, TrainResult]],
) -> None:
    job, parent = parents[0]
    forgetful = dataclasses.replace(parent, initial_state=None)
    with pytest.raises(ValueError, match="keep_initial"):
        prune_and_tune(
            forgetful, job.settings, job.data, ratio=0.5, fine_tune_steps=5, method="rewind-weights"
        )
