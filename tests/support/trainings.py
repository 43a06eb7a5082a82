"""Small data and the comparison of two trainings: fixtures of several folders of tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from study.data.dataset import Split
from study.models.family import Builder
from study.packs.compiling import kernels
from study.packs.fused import train_pack
from study.training import reference
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit


def blobs(n_train: int = 96, *, regression: bool = False, spread: float = 0.6) -> TensorSplit:
    """Three clouds on a plane, padded with two inputs of noise; or a smooth function of them."""
    generator = np.random.default_rng(0)
    n = n_train + 60 + 90
    labels = np.arange(n) % 3
    centres = np.array([[0, 1], [1, -1], [-1, -1]])[labels]
    x = np.hstack([centres, np.zeros((n, 2))]) + spread * generator.standard_normal((n, 4))
    inputs = x.astype(np.float32)
    y = (np.sin(inputs[:, 0]) + inputs[:, 1] ** 2).astype(np.float32) if regression else labels
    return TensorSplit.from_split(
        Split(
            x_train=inputs[:n_train],
            y_train=y[:n_train],
            x_validation=inputs[n_train:-90],
            y_validation=y[n_train:-90],
            x_test=inputs[-90:],
            y_test=y[-90:],
            task="regression" if regression else "classification",
            n_outputs=1 if regression else 3,
            draw=0,
        )
    )


@pytest.fixture(scope="session")
def make_data() -> Callable[..., TensorSplit]:
    return blobs


def agree(one: TrainResult, other: TrainResult, tolerance: float = 2e-5) -> None:
    """Discrete results agree exactly, losses to float32 rounding over a training."""
    for name in ("status", "reason", "steps_done", "best_step", "stopped_early"):
        assert getattr(one, name) == getattr(other, name), name
    assert one.train_flops == other.train_flops
    assert one.still_improving == other.still_improving
    assert [point.step for point in one.curve] == [point.step for point in other.curve]
    for a, b in zip(one.curve, other.curve, strict=True):
        assert a.val_error == pytest.approx(b.val_error, abs=tolerance)
        assert a.train_loss == pytest.approx(b.train_loss, abs=tolerance, rel=tolerance)
        assert a.val_loss == pytest.approx(b.val_loss, abs=tolerance, rel=tolerance)
    for field in dataclasses.fields(one.scores):
        a, b = getattr(one.scores, field.name), getattr(other.scores, field.name)
        if field.name == "test_correct":
            np.testing.assert_array_equal(a, b)
        else:
            assert a == pytest.approx(b, abs=tolerance, rel=tolerance, nan_ok=True)
    if one.model is None or other.model is None:
        assert one.model is other.model
        return
    assert not other.model.training
    ours, theirs = one.model.state_dict(), other.model.state_dict()
    assert list(ours) == list(theirs)
    for name in ours:
        torch.testing.assert_close(ours[name], theirs[name], atol=2e-4, rtol=2e-4)


@pytest.fixture(scope="session")
def assert_same() -> Callable[..., None]:
    return agree


def trained(
    settings: TrainSettings, data: TensorSplit, custom_model: Builder | None = None, **job: Any
) -> TrainResult:
    """Train one network by the plain trainer."""
    return reference.train(TrainJob(settings=settings, data=data, **job), custom_model)


@pytest.fixture(params=["compiled", "torch"])
def train(request: pytest.FixtureRequest) -> Callable[..., list[TrainResult]]:
    """Train packs by the compiled kernels, and by torch's operations."""
    compiled = request.param == "compiled"
    if compiled and kernels() is None:
        pytest.skip("needs a C compiler")
    return partial(train_pack, compiled=compiled)
