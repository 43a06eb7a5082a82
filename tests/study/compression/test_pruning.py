from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from search_spaces.errors import PayoffError
from study.compression.counts import n_pruned
from study.compression.pruning import (
    apply_masks,
    emptied_layers,
    magnitude_masks,
)
from study.data.dataset import Split
from study.models.mlp import perceptron
from study.models.registry import FAMILIES, build_model
from study.models.sizes import measure
from study.models.weights import weights_of
from study.training.settings import TrainResult, TrainSettings
from study.training.tensors import TensorSplit
from tests.support.pruning import prune_and_tune
from tests.support.trainings import trained

RATIOS = [0.0, 0.1, 1 / 3, 0.5, 0.9, 0.987, 0.9999, 1.0]


@pytest.fixture(scope="module")
def digits() -> TensorSplit:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = (x / 8 - 1).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(x))
    train_rows, validation, test = order[:800], order[800:1000], order[1000:]
    return TensorSplit.from_split(
        Split(
            x_train=x[train_rows],
            y_train=y[train_rows],
            x_validation=x[validation],
            y_validation=y[validation],
            x_test=x[test],
            y_test=y[test],
            task="classification",
            n_outputs=10,
            draw=0,
        )
    )


SETTINGS = TrainSettings(
    family="mlp", width=64, depth=1, dropout=0.1, steps=300, learning_rate=3e-3, seed=1
)


@pytest.fixture(scope="module")
def parent(digits: TensorSplit) -> TrainResult:
    return trained(SETTINGS, digits)


def n_zero(model: nn.Module | None) -> int:
    assert model is not None
    return sum(int((weight == 0).sum()) for weight in weights_of(model).values())


@given(st.integers(0, 10**7), st.floats(0, 1))
def test_the_count_is_the_nearest_integer(n: int, ratio: float) -> None:
    assert 0 <= n_pruned(n, ratio) <= n
    assert abs(n_pruned(n, ratio) - ratio * n) <= 0.5


@pytest.mark.parametrize("ratio", RATIOS)
@pytest.mark.parametrize("family", FAMILIES)
def test_exactly_as_many_weights_go_as_asked_for(family: str, ratio: float) -> None:
    model = build_model(
        family, width=8, depth=2, dropout=0.1, input_shape=(1, 8, 8), n_outputs=10, seed=0
    )
    before = measure(model, (1, 8, 8))
    others = {k: v.clone() for k, v in model.state_dict().items() if k not in weights_of(model)}

    masks = magnitude_masks(model, ratio)
    apply_masks(model, masks)

    asked = round(ratio * before.n_weights)
    assert sum(int((mask == 0).sum()) for mask in masks.values()) == asked
    assert n_zero(model) == asked
    after = measure(model, (1, 8, 8))
    assert after.n_nonzero == before.n_nonzero - asked
    assert after.n_parameters == before.n_parameters
    assert all(torch.equal(model.state_dict()[k], v) for k, v in others.items())


def test_the_smallest_weights_go_wherever_they_stand() -> None:
    model = perceptron([30], 0.0, 20, 10)

    masks = magnitude_masks(model, 0.6)

    weights = weights_of(model)
    gone = torch.cat([weights[k][m == 0].abs().detach() for k, m in masks.items()])
    kept = torch.cat([weights[k][m == 1].abs().detach() for k, m in masks.items()])
    assert float(gone.max()) <= float(kept.min())


def test_of_equal_weights_the_first_go_first() -> None:
    first, second = nn.Linear(2, 3, bias=False), nn.Linear(3, 1, bias=False)
    model = nn.Sequential(first, second)
    with torch.no_grad():
        first.weight.copy_(torch.tensor([[1.0, -1.0], [1.0, 2.0], [-1.0, 1.0]]))
        second.weight.fill_(-1.0)

    masks = magnitude_masks(model, 4 / 9)

    assert masks["0.weight"].tolist() == [[0, 0], [0, 1], [0, 1]]
    assert masks["1.weight"].tolist() == [[1, 1, 1]]


@pytest.mark.slow
def test_counts_stay_exact_through_fine_tuning(parent: TrainResult, digits: TensorSplit) -> None:
    for ratio in RATIOS:
        result = prune_and_tune(parent, SETTINGS, digits, ratio=ratio, fine_tune_steps=40)

        assert result.model is not None
        sizes = measure(result.model, (64,))
        assert n_zero(result.model) == n_pruned(64 * 64 + 640, ratio)
        assert sizes.n_nonzero == sizes.n_parameters - n_pruned(sizes.n_weights, ratio)
        assert result.steps_done == 40


def test_no_pruned_weight_is_a_negative_zero(parent: TrainResult, digits: TensorSplit) -> None:
    assert parent.model is not None
    model = copy.deepcopy(parent.model)

    apply_masks(model, magnitude_masks(model, 0.8))

    for weight in weights_of(model).values():
        assert not bool(torch.signbit(weight[weight == 0]).any())


def test_the_parent_is_shared_and_left_alone(parent: TrainResult, digits: TensorSplit) -> None:
    assert parent.model is not None
    before: dict[str, Tensor] = {k: v.clone() for k, v in parent.model.state_dict().items()}

    first = prune_and_tune(parent, SETTINGS, digits, ratio=0.5, fine_tune_steps=20)
    prune_and_tune(parent, SETTINGS, digits, ratio=0.9, fine_tune_steps=20)
    again = prune_and_tune(parent, SETTINGS, digits, ratio=0.5, fine_tune_steps=20)

    assert all(torch.equal(parent.model.state_dict()[k], v) for k, v in before.items())
    assert first.curve == again.curve
    assert first.model is not None and again.model is not None
    for name, tensor in first.model.state_dict().items():
        assert torch.equal(tensor, again.model.state_dict()[name])


def test_fine_tuning_heals(parent: TrainResult, digits: TensorSplit) -> None:
    broken = prune_and_tune(parent, SETTINGS, digits, ratio=0.85, fine_tune_steps=0)
    healed = prune_and_tune(parent, SETTINGS, digits, ratio=0.85, fine_tune_steps=150)

    assert broken.steps_done == 0 and broken.train_flops == 0
    assert parent.scores.test_error < 0.06
    assert healed.scores.test_error < 0.6 * broken.scores.test_error


def test_a_moderate_ratio_costs_little(parent: TrainResult, digits: TensorSplit) -> None:
    halved = prune_and_tune(parent, SETTINGS, digits, ratio=0.5, fine_tune_steps=100)

    assert halved.scores.test_error < parent.scores.test_error + 0.015


def test_a_ratio_of_zero_prunes_nothing(parent: TrainResult, digits: TensorSplit) -> None:
    untouched = prune_and_tune(parent, SETTINGS, digits, ratio=0.0, fine_tune_steps=0)

    assert untouched.scores.test_loss == parent.scores.test_loss
    assert untouched.emptied_layers == ()


def test_everything_pruned_is_a_valid_result_that_says_so(
    parent: TrainResult, digits: TensorSplit
) -> None:
    result = prune_and_tune(parent, SETTINGS, digits, ratio=1.0, fine_tune_steps=40)

    assert result.status == "complete"
    assert result.emptied_layers == ("1.weight", "4.weight")
    assert result.scores.test_error == pytest.approx(0.9, abs=0.03)
    assert result.model is not None


def test_a_layer_emptied_on_its_own_is_named() -> None:
    model = perceptron([4], 0.0, 8, 3)
    with torch.no_grad():
        model[4].weight.mul_(1e-6)  # type: ignore[operator]

    masks = magnitude_masks(model, 12 / 44)

    assert emptied_layers(masks) == ("4.weight",)


def test_a_diverged_parent_gives_a_diverged_result(digits: TensorSplit) -> None:
    wild = dataclasses.replace(SETTINGS, optimizer="sgd", learning_rate=1e6, steps=40)
    parent = trained(wild, digits)
    assert parent.status == "diverged"

    result = prune_and_tune(parent, wild, digits, ratio=0.5, fine_tune_steps=10)

    assert result.status == "diverged"
    assert parent.reason in result.reason
    assert result.model is None and np.isnan(result.scores.val_error)


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_ratio_outside_its_range_is_refused(
    parent: TrainResult, digits: TensorSplit, ratio: float
) -> None:
    with pytest.raises(PayoffError, match="prune_ratio: must be between 0 and 1, got"):
        prune_and_tune(parent, SETTINGS, digits, ratio=ratio, fine_tune_steps=1)


def test_a_network_without_weights_has_no_masks() -> None:
    assert magnitude_masks(nn.BatchNorm1d(3), 0.5) == {}


def test_an_emptied_layer_with_a_path_round_it_does_not_make_all_answers_the_same() -> None:
    model = build_model(
        "resnet", width=4, depth=2, dropout=0.0, input_shape=(1, 8, 8), n_outputs=3, seed=0
    ).eval()
    asked = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    inner, first = list(weights_of(model))[1], next(iter(weights_of(model)))
    answers = {}
    for name in (inner, first):
        masks = {k: torch.ones_like(v) for k, v in weights_of(model).items()}
        masks[name].zero_()
        assert emptied_layers(masks) == (name,)
        apply_masks(model, masks)
        with torch.no_grad():
            answers[name] = model(asked).std(0)
    assert float(answers[inner].min()) > 1e-3  # the residual path is left
    assert float(answers[first].max()) < 1e-6  # nothing goes round the first layer
