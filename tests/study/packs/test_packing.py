"""Which trainings share a pack, how many at once, and within what memory."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
import textwrap
from collections.abc import Callable

import pytest
import torch

from study.packs.batches import Batches
from study.packs.packing import (
    LARGEST,
    WORKING_SET_BYTES,
    form_packs,
    is_out_of_memory,
    model_bytes,
    pack_sizes,
)
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit

MakeData = Callable[..., TensorSplit]

BASE = TrainSettings(family="mlp", width=64, depth=1, batch_size=32, steps=5)


def job(data: TensorSplit, **changes: object) -> TrainJob:
    return TrainJob(settings=dataclasses.replace(BASE, **changes), data=data)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def data(make_data: MakeData) -> TensorSplit:
    return make_data(96)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 5},
        {"learning_rate": 0.5},
        {"weight_decay": 0.5, "l1": 0.1},
        {"dropout": 0.5, "label_smoothing": 0.1},
        {"steps": 9, "patience": 2, "evaluate_every": 2, "select": "last"},
        {"schedule": "constant", "warmup_fraction": 0.5},
    ],
)
def test_what_may_differ_inside_a_pack(data: TensorSplit, change: dict[str, object]) -> None:
    assert form_packs([job(data), job(data, **change)]) in ([(0, 1)], [(1, 0)])


@pytest.mark.parametrize(
    "change",
    [
        {"family": "cnn"},
        {"width": 65},
        {"depth": 2},
        {"optimizer": "sgd"},
        {"batch_size": 16},
        {"steps": 0},
    ],
)
def test_what_splits_packs(data: TensorSplit, change: dict[str, object]) -> None:
    assert sorted(form_packs([job(data), job(data, **change)])) == [(0,), (1,)]


def test_data_sets_of_any_size_share_a_pack_while_the_batch_is_full(make_data: MakeData) -> None:
    sizes = (32, 33, 96, 31)
    packs = form_packs([job(make_data(n)) for n in sizes])
    assert sorted(map(sorted, packs)) == [[0, 1, 2], [3]]


def test_narrow_perceptrons_are_padded_to_share_a_pack_and_wide_ones_are_not(
    data: TensorSplit,
) -> None:
    packs = form_packs([job(data, width=width) for width in (2, 16, 17, 3)])
    assert sorted(map(sorted, packs)) == [[0, 1, 3], [2]]
    many = form_packs([job(data, width=width, seed=i) for width in (2, 16) for i in range(16)])
    assert sorted(map(len, many)) == [16, 16]


def test_trainings_on_the_same_batches_stand_together(
    data: TensorSplit, make_data: MakeData
) -> None:
    other = make_data(96)
    jobs = [job(d, seed=s) for s in (1, 2, 1) for d in (data, other)]
    (pack,) = form_packs(jobs)
    assert pack == (0, 4, 2, 1, 5, 3)
    assert Batches([jobs[place] for place in pack]).slots == [2, 1, 2, 1]
    with pytest.raises(ValueError, match="side by side"):
        Batches(jobs)


def test_sizes_fill_the_working_set_within_the_budget() -> None:
    step, held = 2**20, 2**22
    likely = WORKING_SET_BYTES // step
    assert pack_sizes(step, held, None) == [likely, likely // 2, likely * 2]
    assert pack_sizes(step, held, 100 * 2**20) == [1]
    assert pack_sizes(1, 1, None) == [LARGEST, LARGEST // 2]
    assert pack_sizes(2**40, 2**40, 2**20) == [1]


def test_bytes_grow_with_what_a_model_holds(data: TensorSplit) -> None:
    step, held = model_bytes(job(data), 100, 1000)
    assert step == 4 * 32 * (100 + 2 * 3) + 4 * 5 * 1000
    assert held > step


def test_failed_allocations_are_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert is_out_of_memory(caught.value)
    assert is_out_of_memory(MemoryError())
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


@pytest.mark.slow
@pytest.mark.parametrize(("family", "width"), [("mlp", 1024), ("cnn", 16)])
def test_training_stays_within_its_budget(family: str, width: int) -> None:
    budget = 256 * 2**20
    code = f"""
    import resource, torch
    from study.packs.fused import train_pack
    from study.training.settings import TrainJob, TrainSettings
    from study.training.tensors import TensorSplit

    torch.set_num_threads(1)
    x, y = torch.randn(2560, 1, 28, 28), torch.arange(2560) % 10
    data = TensorSplit(
        x_train=x, y_train=y, x_validation=x, y_validation=y, x_test=x, y_test=y,
        task="classification", n_outputs=10, target_scale=1.0,
    )

    def train(n, budget):
        return train_pack([
            TrainJob(
                settings=TrainSettings(
                    family="{family}", width={width}, depth=1, steps=3, seed=seed, dropout=0.1
                ),
                data=data,
            )
            for seed in range(n)
        ], memory_budget=budget)

    train(1, None)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    results = train(24, {budget})
    kept = sum(p.numel() * 4 for r in results for p in r.model.parameters())
    print(1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) - kept)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) < budget
