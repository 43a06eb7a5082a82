"""Students in packs against students alone, and the loss against its formula."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from study.packs.fused import train_pack
from study.training.distillation import distillation_loss
from study.training.reference import train as train_alone
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit

MakeData = Callable[..., TensorSplit]
Agreement = Callable[..., None]
Train = Callable[..., list[TrainResult]]

BASE = TrainSettings(
    family="mlp", width=7, depth=1, learning_rate=0.01, batch_size=32, steps=90, evaluate_every=9
)


def taught(data: TensorSplit, teacher: torch.Tensor, **changes: object) -> TrainJob:
    settings = dataclasses.replace(BASE, **changes)  # type: ignore[arg-type]
    return TrainJob(settings=settings, data=data, teacher=teacher)


def outputs_for(data: TensorSplit, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 2 * torch.randn(data.n_examples, data.n_outputs, generator=generator)


def students(datas: list[TensorSplit], **common: object) -> list[TrainJob]:
    shared = outputs_for(datas[0], 0)
    others = [outputs_for(data, 1) for data in datas]
    return [
        taught(datas[0], shared, seed=1, distill_temperature=4.0, distill_mixing=0.7, **common),
        taught(datas[0], shared, seed=2, dropout=0.3, distill_mixing=0.5, l2=1e-2, **common),
        taught(datas[0], others[0], seed=2, distill_temperature=0.5, steps=61, **common),
        taught(datas[1], others[1], seed=4, label_smoothing=0.1, distill_mixing=0.2, **common),
        taught(datas[1], others[1], seed=5, patience=2, distill_mixing=0.0, **common),
        taught(datas[2], others[2], seed=7, distill_temperature=9.0, l1=1e-3, **common),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
@pytest.mark.parametrize("depth", [0, 2])
def test_students_in_packs_are_what_they_are_alone(
    assert_same: Agreement, make_data: MakeData, depth: int, optimizer: str, train: Train
) -> None:
    jobs = students([make_data(96), make_data(50), make_data(32)], depth=depth, optimizer=optimizer)
    for job, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(job), result)


def test_so_they_are_for_a_regression(
    assert_same: Agreement, make_data: MakeData, train: Train
) -> None:
    jobs = students([make_data(n, regression=True) for n in (96, 50, 32)])
    for job, result in zip(jobs, train(jobs), strict=True):
        assert_same(train_alone(job), result)


def test_so_they_are_for_a_custom_network(assert_same: Agreement, make_data: MakeData) -> None:
    def build(width: int, depth: int, dropout: float, shape: tuple[int, ...], n: int) -> nn.Module:
        return nn.Sequential(nn.Linear(shape[0], width), nn.Tanh(), nn.Linear(width, n))

    jobs = students([make_data(96), make_data(50), make_data(32)], family="custom")
    jobs = [job for job in jobs if not job.settings.dropout]
    for job, result in zip(jobs, train_pack(jobs, custom_model=build), strict=True):
        assert_same(train_alone(job, build), result)


def test_without_the_teachers_share_a_student_is_a_plain_training(
    assert_same: Agreement, make_data: MakeData
) -> None:
    data = make_data(96)
    job = taught(data, outputs_for(data, 0), distill_mixing=0.0, distill_temperature=3.0)
    assert_same(train_alone(TrainJob(settings=job.settings, data=data)), train_alone(job))


def test_loss_is_the_published_formula() -> None:
    z, t = torch.tensor([[1.0, -2.0, 0.5]]), torch.tensor([[0.2, 0.1, 3.0]])
    settings = dataclasses.replace(BASE, distill_temperature=2.0, distill_mixing=0.6)

    def softened(logits: list[float]) -> list[float]:
        powers = [math.exp(value / 2) for value in logits]
        return [power / sum(powers) for power in powers]

    p, q = softened(z[0].tolist()), softened(t[0].tolist())
    divergence = sum(b * math.log(b / a) for a, b in zip(p, q, strict=True))
    found = distillation_loss(z, t, torch.tensor(1.5), "classification", settings)
    assert float(found) == pytest.approx(0.6 * 4 * divergence + 0.4 * 1.5, rel=1e-6)


def test_loss_at_a_high_temperature_matches_centred_logits() -> None:
    """The limit of section 2.1 of the paper: a half of the squared difference over the classes."""
    generator = torch.Generator().manual_seed(0)
    z, t = (torch.randn(5, 4, dtype=torch.float64, generator=generator) for _ in range(2))
    settings = dataclasses.replace(BASE, distill_temperature=1e4, distill_mixing=1.0)
    found = distillation_loss(z, t, torch.tensor(0.0), "classification", settings)
    z, t = (each - each.mean(1, keepdim=True) for each in (z, t))
    assert float(found) == pytest.approx(float((z - t).square().mean()) / 2, rel=1e-3)
