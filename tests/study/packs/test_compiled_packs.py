"""The compiled kernels against the reference trainer, where shapes leave rests of every size."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
import torch

from study.compression.pruning import apply_masks, magnitude_masks
from study.data.dataset import Split
from study.packs.compiled import can_compile, working_bytes
from study.packs.compiling import kernels
from study.packs.fused import train_pack
from study.packs.packing import held_bytes
from study.packs.parameters import Layout
from study.packs.slots import BLOCK_STEPS, Slots
from study.training.reference import initial_model
from study.training.reference import train as train_alone
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit

pytestmark = pytest.mark.skipif(kernels() is None, reason="needs a C compiler")

Agreement = Callable[..., None]


def clouds(
    shape: tuple[int, ...], classes: int = 3, n_train: int = 151, regression: bool = False
) -> TensorSplit:
    generator = np.random.default_rng(1)
    n = n_train + 80
    y = np.arange(n) % classes
    x = generator.standard_normal((n, *shape)).astype(np.float32)
    x += generator.standard_normal((classes, *shape)).astype(np.float32)[y]
    targets = x.reshape(n, -1)[:, 0] ** 2 if regression else y
    cut = (slice(n_train), slice(n_train, n_train + 30), slice(n_train + 30, n))
    return TensorSplit.from_split(
        Split(
            x_train=x[cut[0]],
            y_train=targets[cut[0]],
            x_validation=x[cut[1]],
            y_validation=targets[cut[1]],
            x_test=x[cut[2]],
            y_test=targets[cut[2]],
            task="regression" if regression else "classification",
            n_outputs=1 if regression else classes,
            draw=0,
        )
    )


def job(data: TensorSplit, **changes: object) -> TrainJob:
    base = TrainSettings(
        family="mlp", width=7, depth=1, learning_rate=0.01, steps=25, evaluate_every=5
    )
    return TrainJob(settings=dataclasses.replace(base, **changes), data=data)  # type: ignore[arg-type]


def agree(assert_same: Agreement, jobs: list[TrainJob], **how: float) -> list[TrainResult]:
    assert all(can_compile(each) for each in jobs)
    results = train_pack(jobs)
    for each, result in zip(jobs, results, strict=True):
        assert_same(train_alone(each), result, **how)
    return results


@pytest.mark.parametrize("width", [1, 2, 6, 11, 12, 13, 25, 33])
@pytest.mark.parametrize("batch_size", [1, 5, 16, 17, 151])
def test_perceptrons_of_any_width_and_batch(
    assert_same: Agreement, width: int, batch_size: int
) -> None:
    data = clouds((9,))  # 151 examples: in classes of one size a full batch teaches biases noise
    agree(
        assert_same,
        [
            job(data, width=width, batch_size=batch_size, seed=1, depth=2),
            job(data, width=width, batch_size=batch_size, seed=2, depth=2, dropout=0.25),
        ],
    )


@pytest.mark.parametrize("inputs", [1, 3, 15, 16, 17, 31, 40, 64, 100])
def test_perceptrons_of_any_number_of_inputs(assert_same: Agreement, inputs: int) -> None:
    data = clouds((inputs,))
    agree(assert_same, [job(data, seed=seed, dropout=0.1 * seed) for seed in (0, 1)])


@pytest.mark.parametrize("classes", [2, 11, 16, 37])
def test_any_number_of_classes(assert_same: Agreement, classes: int) -> None:
    data = clouds((8,), classes)
    agree(assert_same, [job(data, seed=1), job(data, seed=2, label_smoothing=0.2)])


@pytest.mark.parametrize("shape", [(7,), (3, 8), (1, 4, 4), (2, 6, 5), (1, 9, 12)])
@pytest.mark.parametrize("width", [1, 5, 8, 9, 13])
def test_convolutions_of_any_width_and_shape(
    assert_same: Agreement, width: int, shape: tuple[int, ...]
) -> None:
    data = clouds(shape, n_train=40)
    common = {"family": "cnn", "width": width, "depth": 2, "batch_size": 19, "steps": 15}
    agree(
        assert_same,
        [job(data, seed=1, **common), job(data, seed=2, dropout=0.3, **common)],
        tolerance=5e-5,
    )


def test_convolutions_of_a_regression(assert_same: Agreement) -> None:
    data = clouds((1, 6, 6), regression=True)
    agree(assert_same, [job(data, family="cnn", width=3, seed=seed) for seed in (1, 2)])


def test_pruned_convolutions_keep_their_zeros(assert_same: Agreement) -> None:
    data = clouds((1, 6, 6))
    settings = job(data, family="cnn", width=4, depth=2, seed=3, weight_decay=0.1)
    parent = train_alone(settings).model
    assert parent is not None
    masks = magnitude_masks(parent, 0.7)
    apply_masks(parent, masks)
    tuned = dataclasses.replace(settings, masks=masks, start=parent.state_dict(), stage=1)
    (result,) = agree(assert_same, [tuned])
    assert result.model is not None
    for name, mask in masks.items():
        kept = result.model.get_parameter(name) != 0
        assert not bool((kept & (mask == 0)).any())


def test_convolutions_that_diverge_say_so() -> None:
    data = clouds((1, 6, 6))
    wild = job(data, family="cnn", width=3, optimizer="sgd", learning_rate=1e8)
    calm = job(data, family="cnn", width=3, optimizer="sgd", seed=4)
    results = train_pack([wild, calm])
    assert [each.status for each in results] == ["diverged", "complete"]
    assert results[0].steps_done == train_alone(wild).steps_done


def test_inputs_that_are_not_numbers_diverge_as_in_the_reference() -> None:
    data = clouds((5,))
    x = data.x_train.clone()
    x[3] = torch.nan
    for family, bad in (("mlp", x), ("cnn", x)):
        each = job(dataclasses.replace(data, x_train=bad), family=family)
        assert train_alone(each).status == train_pack([each])[0].status == "diverged"


def test_threads_change_no_bit() -> None:
    data = clouds((9,))
    jobs = [job(data, seed=seed // 2, dropout=0.2, width=3 + seed) for seed in range(5)]
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3, 8):
            torch.set_num_threads(threads)
            found.append(train_pack(jobs))
    finally:
        torch.set_num_threads(before)
    for other in found[1:]:
        for one, two in zip(found[0], other, strict=True):
            assert one.curve == two.curve
            assert one.model is not None and two.model is not None
            for mine, theirs in zip(one.model.parameters(), two.model.parameters(), strict=True):
                assert torch.equal(mine, theirs)


def test_packmates_change_no_bit_of_a_score_of_many_rows() -> None:
    data = clouds((200,), n_train=400)
    jobs = [job(data, seed=seed, steps=6, evaluate_every=2) for seed in range(40)]
    (alone,) = train_pack(jobs[:1])
    together = train_pack(jobs)[0]
    assert alone.curve == together.curve
    assert dataclasses.replace(alone.scores, test_correct=None) == dataclasses.replace(
        together.scores, test_correct=None
    )


@pytest.mark.parametrize("family", ["mlp", "cnn"])
def test_evaluations_of_any_length_are_those_of_the_reference(
    assert_same: Agreement, family: str
) -> None:
    for n_train in (1, 63, 64, 65, 130):
        data = clouds((1, 5, 5), n_train=n_train)
        agree(assert_same, [job(data, family=family, width=3, batch_size=7, steps=3)])


def test_tensors_of_other_types_and_shapes_are_refused_by_the_kernels() -> None:
    data = clouds((8,))
    good = torch.zeros(data.n_examples, data.n_outputs)
    assert can_compile(dataclasses.replace(job(data), teacher=good))
    assert not can_compile(dataclasses.replace(job(data), teacher=good[:10]))
    for changed in (
        dataclasses.replace(data, x_train=data.x_train.double()),
        dataclasses.replace(data, y_train=data.y_train.int()),
        dataclasses.replace(data, y_train=data.y_train[:5]),
    ):
        assert not can_compile(job(changed))


def test_index_blocks_count_as_memory() -> None:
    data = clouds((8,), n_train=1000)
    jobs = [job(data, seed=seed, batch_size=500) for seed in range(4)]
    bytes_of_block = sum(Slots(jobs[:1]).size * 8 for _ in range(BLOCK_STEPS))
    assert held_bytes(jobs, 0) >= 2 * bytes_of_block + 8 * data.n_examples


def test_working_memory_is_that_of_one_model() -> None:
    data = clouds((1, 28, 28), n_train=64)
    one = job(data, family="cnn", width=8, batch_size=64)
    layout = Layout.of([initial_model(one)])
    threads = torch.get_num_threads()
    held = 4 * 64 * 8 * 28 * 28  # what the layer's outputs would take
    assert held < working_bytes(one, layout) / (threads + 1) < 6 * held


def test_what_the_kernels_do_not_know_is_left_to_torch() -> None:
    data = clouds((1, 6, 6))
    assert not can_compile(job(data, family="resnet"))
    assert not can_compile(job(data, depth=64))
    many = clouds((8,), n_train=2000)
    assert can_compile(job(many, batch_size=1024)) and not can_compile(job(many, batch_size=1025))
