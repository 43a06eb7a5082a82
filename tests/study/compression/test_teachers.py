"""What teachers answer, and how it is kept."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from search_spaces.errors import PayoffError
from study.compression.teachers import Answers, answers_of, read_answers, write_answers
from study.packs.fused import train_pack
from study.plan.design import Cell, Slot
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit

SETTINGS = TrainSettings(family="mlp", width=6, depth=1, batch_size=32, steps=30)


def slot_of(name: str, draw: int = 1) -> Slot:
    cell = Cell(n_examples=96, capacity={"width": 6, "depth": 1})
    return Slot(
        name=name, unit=name, cell=cell, phase="replicate", index=0, draw=draw, seed=0,
        prune_ratio=0.0, params={},
    )  # fmt: skip


@pytest.fixture(scope="module")
def data(make_data: Callable[..., TensorSplit]) -> TensorSplit:
    return make_data(96)


@pytest.fixture(scope="module")
def result(data: TensorSplit) -> TrainResult:
    (found,) = train_pack([TrainJob(settings=SETTINGS, data=data)])
    return found


def with_error(result: TrainResult, val_error: float) -> TrainResult:
    scores = dataclasses.replace(result.scores, val_error=val_error)
    return dataclasses.replace(result, scores=scores)


def test_answers_are_the_outputs_for_each_training_example(
    result: TrainResult, data: TensorSplit
) -> None:
    assert result.model is not None
    with torch.no_grad():
        torch.testing.assert_close(answers_of(result, data), result.model(data.x_train))


def test_another_process_finds_them_in_the_file(
    result: TrainResult, data: TensorSplit, tmp_path: Path
) -> None:
    Answers(tmp_path).offer(slot_of("one"), result, data, keep=True)
    other = Answers(tmp_path)
    assert other.has(slot_of("one"), data)
    torch.testing.assert_close(other.of(slot_of("one")), answers_of(result, data), rtol=0, atol=0)
    assert not other.has(slot_of("two"), data)
    assert not Answers(None).has(slot_of("one"), data)


def test_only_what_may_be_the_best_is_kept(
    result: TrainResult, data: TensorSplit, tmp_path: Path
) -> None:
    answers = Answers(tmp_path)
    for name, error, draw in (("a", 0.3, 1), ("b", 0.4, 1), ("c", 0.2, 1), ("d", 0.9, 2)):
        answers.offer(slot_of(name, draw), with_error(result, error), data, keep=False)
    assert {path.stem for path in tmp_path.iterdir()} == {"a", "c", "d"}
    answers.offer(slot_of("b"), with_error(result, 0.4), data, keep=True)  # asked for by name
    assert (tmp_path / "b.npz").exists()


def test_a_broken_file_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    write_answers(path, np.ones((3, 2), dtype=np.float32))
    assert read_answers(path) is not None
    path.write_bytes(path.read_bytes()[:-40])
    assert read_answers(path) is None
    np.savez(path, answers=np.array([object()]), allow_pickle=True)
    assert read_answers(path) is None  # nothing is ever unpickled
    assert read_answers(tmp_path / "none.npz") is None


@pytest.mark.parametrize("shape", [(96, 10), (50, 3)])
def test_a_teacher_of_other_classes_or_other_data_is_refused(
    shape: tuple[int, int], data: TensorSplit, tmp_path: Path
) -> None:
    write_answers(tmp_path / "one.npz", np.zeros(shape, dtype=np.float32))
    with pytest.raises(PayoffError, match="it learnt from another data set, or other classes"):
        Answers(tmp_path).has(slot_of("one"), data)
