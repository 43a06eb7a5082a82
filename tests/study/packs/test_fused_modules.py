"""Packs of any architecture, mapped by torch.func, against the reference trainer."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from study.models.family import Builder
from study.packs import trainer as pack_trainer
from study.packs.functional import NotBatchable, signature, values_per_example
from study.packs.fused import train_pack
from study.packs.trainer import MappedTrainer
from study.training.reference import initial_model
from study.training.reference import train as train_alone
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit

Agreement = Callable[..., None]
MakeData = Callable[..., TensorSplit]

BASE = TrainSettings(
    family="custom",
    width=6,
    depth=1,
    learning_rate=0.01,
    batch_size=16,
    steps=24,
    evaluate_every=6,
)


@pytest.fixture
def always_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the mapped trainer wherever it can be taken, fast or not."""
    monkeypatch.setattr(pack_trainer, "WORTH", float("inf"))


def varied(datas: list[TensorSplit], **common: object) -> list[TrainJob]:
    changes: list[tuple[int, dict[str, object]]] = [
        (0, {"seed": 1}),
        (0, {"seed": 1, "dropout": 0.3, "learning_rate": 0.03}),
        (0, {"seed": 2, "dropout": 0.1, "weight_decay": 0.1, "steps": 13}),
        (1, {"seed": 3, "l1": 1e-3, "label_smoothing": 0.1, "patience": 1}),
        (1, {"seed": 4, "select": "last", "dropout": 0.5}),
    ]
    return [
        TrainJob(
            settings=dataclasses.replace(BASE, **{**change, **common}),  # type: ignore[arg-type]
            data=datas[data],
        )
        for data, change in changes
    ]


def two_rates(width: int, depth: int, dropout: float, shape: tuple[int, ...], n: int) -> nn.Module:
    """Two dropout layers, of which one is of another rate and the other is used twice."""
    half = nn.Dropout(dropout / 2)
    return nn.Sequential(
        # No bias before the normalisation: its gradient would be nothing but rounding, which AdamW
        # makes steps of full size from.
        nn.Linear(shape[0], width, bias=False),
        half,
        nn.BatchNorm1d(width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.Dropout(dropout),
        half,
        nn.Tanh(),
        nn.Linear(width, n),
    )


class Scaled(nn.Module):
    """Has an attribute that depends on the dropout rate."""

    def __init__(self, n_inputs: int, dropout: float, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)
        self._factor = 1 + dropout

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) * self._factor


class Branching(nn.Module):
    """Asks for the value of an activation."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = self.layer(x)
        return y if bool(y.mean() > 0) else 2 * y


class Noisy(nn.Module):
    """Draws from torch's generator in training."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x + torch.rand_like(x) if self.training else x)


class Idle(nn.Module):
    """Has a parameter that does nothing."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.layer = nn.Linear(n_inputs, n_outputs)
        self.idle = nn.Parameter(torch.ones(2, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


@pytest.mark.slow
@pytest.mark.usefixtures("always_mapped")
@pytest.mark.parametrize(
    ("family", "optimizer"),
    # The bias of attention's keys has no effect and so a gradient of rounding only: SGD leaves it.
    [("resnet", "adamw"), ("resnet", "sgd"), ("vit", "sgd")],
)
def test_built_in_families_give_what_the_reference_gives(
    assert_same: Agreement, make_data: MakeData, family: str, optimizer: str
) -> None:
    jobs = varied([make_data(40), make_data(64)], family=family, width=4, optimizer=optimizer)
    for each, result in zip(jobs, train_pack(jobs), strict=True):
        assert_same(train_alone(each), result, tolerance=1e-4)


@pytest.mark.usefixtures("always_mapped")
@pytest.mark.parametrize("regression", [False, True])
def test_a_module_of_ones_own_gives_what_the_reference_gives(
    assert_same: Agreement,
    make_data: MakeData,
    caplog: pytest.LogCaptureFixture,
    regression: bool,
) -> None:
    datas = [make_data(n, regression=regression) for n in (40, 64)]
    jobs = varied(datas)
    with caplog.at_level(logging.INFO):
        results = train_pack(jobs, custom_model=two_rates)
    assert "in packs of" in caplog.text and "reference" not in caplog.text
    for each, result in zip(jobs, results, strict=True):
        assert_same(train_alone(each, two_rates), result, tolerance=1e-4)


@pytest.mark.usefixtures("always_mapped")
@pytest.mark.parametrize(
    ("build", "reason"),
    [
        (lambda w, d, p, shape, n: Branching(shape[0], n), "data-dependent"),
        (lambda w, d, p, shape, n: Noisy(shape[0], n), "random"),
        (lambda w, d, p, shape, n: Idle(shape[0], n), "gradient"),
    ],
)
def test_what_cannot_be_mapped_goes_to_the_reference_trainer(
    assert_same: Agreement,
    make_data: MakeData,
    caplog: pytest.LogCaptureFixture,
    build: Builder,
    reason: str,
) -> None:
    jobs = varied([make_data(40), make_data(64)])
    with caplog.at_level(logging.INFO):
        results = train_pack(jobs, custom_model=build)
    assert "by the reference trainer" in caplog.text
    assert reason in caplog.text
    for each, result in zip(jobs, results, strict=True):
        assert_same(train_alone(each, build), result, tolerance=0)


@pytest.mark.usefixtures("always_mapped")
def test_networks_with_other_attributes_are_not_mixed(
    assert_same: Agreement, make_data: MakeData
) -> None:
    def build(w: int, d: int, p: float, shape: tuple[int, ...], n: int) -> nn.Module:
        return Scaled(shape[0], p, n)

    jobs = varied([make_data(40), make_data(64)])
    assert len({signature(initial_model(each, build)) for each in jobs}) == 4
    for each, result in zip(jobs, train_pack(jobs, custom_model=build), strict=True):
        assert_same(train_alone(each, build), result, tolerance=1e-4)


def test_the_reference_trainer_is_taken_where_it_is_faster(
    make_data: MakeData, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pack_trainer, "WORTH", 0.0)
    jobs = varied([make_data(40), make_data(64)])
    with pytest.raises(NotBatchable, match="faster"):
        MappedTrainer(jobs, None, two_rates).run()
    with caplog.at_level(logging.INFO):
        train_pack(jobs, custom_model=two_rates)
    assert "5 custom trainings by the reference trainer: one after the other" in caplog.text


def test_values_kept_for_the_backward_pass_are_counted() -> None:
    model = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 2))
    # The input twice (once for the batch itself), and the output of tanh for tanh and the layer.
    assert values_per_example(model, torch.zeros(3, 5)) == 5 + 5 + 7 + 7
