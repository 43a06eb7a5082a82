"""The fused trainer against the reference trainer, over full trainings."""

from __future__ import annotations

import dataclasses
import itertools
import logging
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from study.compression.pruning import apply_masks, magnitude_masks
from study.models.registry import build_model
from study.models.sizes import measure
from study.packs.compiled import CompiledSteps
from study.packs.compiling import kernels
from study.packs.fused import train_pack
from study.packs.loop import PackRun
from study.packs.packing import form_packs
from study.packs.steps import TorchSteps
from study.training.reference import train as train_alone
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit

MakeData = Callable[..., TensorSplit]
Agreement = Callable[..., None]
Train = Callable[..., list[TrainResult]]

BASE = TrainSettings(
    family="mlp",
    width=7,
    depth=1,
    learning_rate=0.01,
    batch_size=32,
    steps=90,
    evaluate_every=9,
)


def job(data: TensorSplit, **changes: object) -> TrainJob:
    return TrainJob(settings=dataclasses.replace(BASE, **changes), data=data)  # type: ignore[arg-type]


def varied(datas: Sequence[TensorSplit], **common: object) -> list[TrainJob]:
    """Jobs that differ in everything that may differ inside a pack."""
    return [
        job(datas[0], seed=1, **common),
        job(datas[0], seed=2, **{"dropout": 0.3, "l1": 1e-3, "steps": 61, **common}),
        job(datas[0], seed=2, **{"dropout": 0.1, "weight_decay": 0.1, "l2": 0.03, **common}),
        job(datas[1], seed=4, **{"label_smoothing": 0.1, "patience": 2, **common}),
        job(datas[1], seed=5, **{"learning_rate": 0.05, "schedule": "constant", **common}),
        job(datas[1], seed=6, **{"select": "last", "evaluate_every": 4, "width": 3, **common}),
        job(datas[2], seed=7, **{"momentum": 0.5, "warmup_fraction": 0.5, **common}),
        job(datas[2], seed=8, **{"dropout": 0.6, "width": 5, **common}),
    ]


@pytest.fixture(scope="module")
def datas(make_data: MakeData) -> list[TensorSplit]:
    return [make_data(96), make_data(50), make_data(32)]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
def test_each_training_gives_what_the_reference_gives(
    assert_same: Agreement, datas: list[TensorSplit], depth: int, optimizer: str, train: Train
) -> None:
    jobs = varied(datas, depth=depth, optimizer=optimizer)
    for each, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(each), result)


@pytest.mark.parametrize("depth", [0, 2])
def test_regression_gives_what_the_reference_gives(
    assert_same: Agreement, make_data: MakeData, depth: int, train: Train
) -> None:
    datas = [make_data(n, regression=True) for n in (96, 50, 32)]
    jobs = varied(datas, depth=depth)
    for each, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(each), result)


def test_packmates_and_order_change_nothing(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    jobs = varied(datas, depth=2)
    alone = [train([each])[0] for each in jobs]
    together = train(jobs)
    backwards = train(jobs[::-1])[::-1]
    for one, two, three in zip(alone, together, backwards, strict=True):
        assert_same(one, two)
        assert_same(one, three)


def test_initial_weights_batches_and_masks_do_not_depend_on_the_pack(
    datas: list[TensorSplit], train: Train
) -> None:
    jobs = [dataclasses.replace(each, keep_initial=True) for each in varied(datas, steps=1)]
    for each, result in zip(jobs, train(jobs), strict=True):
        expected = train_alone(each)
        assert expected.initial_state is not None and result.initial_state is not None
        for name, value in expected.initial_state.items():
            assert torch.equal(value, result.initial_state[name])
        # After one step the loss is of the initial weights, on one batch under one mask.
        assert result.curve[0].train_loss == pytest.approx(expected.curve[0].train_loss, abs=1e-6)


def test_trainings_on_the_same_batches_share_them(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    jobs = [
        job(datas[0], seed=seed, learning_rate=rate, dropout=dropout)
        for seed, rate, dropout in itertools.product((1, 2), (0.003, 0.01), (0.0, 0.2))
    ] + [job(datas[0], seed=3)]
    pack = form_packs(jobs)
    assert len(pack) == 1
    for each, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(each), result)


def test_data_that_share_inputs_but_not_labels_are_told_apart(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    other = dataclasses.replace(datas[0], y_train=datas[0].y_train.flip(0))
    jobs = [job(data, seed=seed) for seed in (1, 2) for data in (datas[0], other)]
    for each, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(each), result)


def test_a_pruned_network_is_tuned_from_where_it_starts(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    jobs = []
    for seed, ratio in ((1, 0.5), (2, 0.9), (3, 0.0)):
        parent = train_alone(job(datas[0], seed=seed)).model
        assert parent is not None
        masks = magnitude_masks(parent, ratio)
        apply_masks(parent, masks)
        jobs.append(
            dataclasses.replace(
                job(datas[0], seed=seed, dropout=0.2, weight_decay=0.01),
                masks=masks if ratio else None,
                start=parent.state_dict(),
                stage=1,
            )
        )
    results = train(jobs)
    for each, result in zip(jobs, results, strict=True):
        assert_same(train_alone(each), result)
    kept = [measure(r.model, (4,)) for r in results if r.model is not None]
    weights = kept[0].n_weights
    assert [k.n_parameters - k.n_nonzero for k in kept] == [
        round(0.5 * weights),
        round(0.9 * weights),
        0,
    ]


def test_a_diverging_training_leaves_the_others_alone(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    calm = job(datas[0], seed=1, optimizer="sgd")
    wild = job(datas[0], seed=2, optimizer="sgd", learning_rate=1e6)
    results = train([wild, calm, wild])
    for each, result in zip([wild, calm, wild], results, strict=True):
        expected = train_alone(each)
        assert result.status == expected.status
        assert result.steps_done == expected.steps_done
    assert results[0].status == "diverged" and results[0].model is None
    assert math.isnan(results[0].scores.test_error)
    assert_same(train_alone(calm), results[1])


def test_what_finishes_early_leaves_the_pack(
    datas: list[TensorSplit], monkeypatch: pytest.MonkeyPatch, train: Train
) -> None:
    sizes: list[int] = []

    def counting(steps: type) -> None:
        advance = steps.advance  # type: ignore[attr-defined]

        def counted(self: Any, step: int, n_steps: int) -> None:
            advance(self, step, n_steps)
            sizes.extend([len(self.losses())] * n_steps)

        monkeypatch.setattr(steps, "advance", counted)

    counting(TorchSteps)
    counting(CompiledSteps)
    train([job(datas[0], seed=seed, steps=10 * seed, evaluate_every=5) for seed in (1, 2, 3)])
    assert sizes == [3] * 10 + [2] * 10 + [1] * 10


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_compiled_packs_change_no_bit_of_a_training(
    datas: list[TensorSplit], optimizer: str
) -> None:
    if kernels() is None:
        pytest.skip("needs a C compiler")
    jobs = varied(datas, depth=2, optimizer=optimizer)
    alone = [train_pack([each])[0] for each in jobs]
    for one, two in zip(alone, train_pack(jobs[::-1])[::-1], strict=True):
        assert one.curve == two.curve
        assert one.model is not None and two.model is not None
        for mine, theirs in zip(one.model.parameters(), two.model.parameters(), strict=True):
            assert torch.equal(mine, theirs)


def test_a_padded_network_gives_what_it_gives_unpadded(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    widths = (2, 3, 5, 8, 16)
    jobs = [job(datas[0], seed=w, width=w, depth=2, dropout=0.1, l1=1e-3) for w in widths]
    assert len(form_packs(jobs)) == 1
    for each, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(each), result)
        assert result.model is not None
        assert result.model.get_parameter("1.weight").shape == (each.settings.width, 4)


def test_memory_running_out_halves_the_pack_and_goes_on(
    assert_same: Agreement,
    datas: list[TensorSplit],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    train: Train,
) -> None:
    init = PackRun.__init__

    def scarce(self: PackRun, jobs: Sequence[TrainJob], *rest: object) -> None:
        if len(jobs) > 3:
            torch.empty(2**60)  # a real failure to allocate
        init(self, jobs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(PackRun, "__init__", scarce)
    jobs = [job(datas[0], seed=seed, steps=20) for seed in range(7)]
    with caplog.at_level(logging.WARNING):
        results = train(jobs)
    assert "going on with 3" in caplog.text
    for each, result in zip(jobs, results, strict=True):
        assert_same(train_alone(each), result)


def test_the_result_is_a_network_of_its_own(datas: list[TensorSplit], train: Train) -> None:
    first, second = train([job(datas[0], seed=1), job(datas[0], seed=2)])
    assert first.model is not None and second.model is not None
    before = second.model.get_parameter("1.weight").clone()
    with torch.no_grad():
        for parameter in first.model.parameters():
            parameter.zero_()
    assert torch.equal(second.model.get_parameter("1.weight"), before)
    fresh = build_model("mlp", width=7, depth=1, dropout=0.0, input_shape=(4,), n_outputs=3, seed=0)
    fresh.load_state_dict(second.model.state_dict())


@pytest.mark.gpu
def test_a_gpu_gives_what_the_cpu_gives(datas: list[TensorSplit], train: Train) -> None:
    jobs = varied(datas, depth=2)
    for one, other in zip(train(jobs), train(jobs, device="cuda"), strict=True):
        assert one.curve[-1].val_loss == pytest.approx(other.curve[-1].val_loss, abs=1e-3)


def test_no_steps_score_the_network_as_it_starts(
    assert_same: Agreement, datas: list[TensorSplit], train: Train
) -> None:
    jobs = [job(datas[0], seed=1, steps=0), job(datas[0], seed=2)]
    for each, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(each), result)


def test_no_jobs_no_results(train: Train) -> None:
    assert train([]) == []
