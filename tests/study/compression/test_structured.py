"""A structured network before and after its units are cut out."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import nn

from search_spaces.errors import PayoffError
from study.compression.pruning import apply_masks
from study.compression.structured import groups, kept_units, smaller, unit_masks
from study.models.mlp import perceptron
from study.models.registry import build_model
from study.models.sizes import measure

SHAPES: dict[str, tuple[int, ...]] = {
    "mlp": (64,), "cnn": (1, 8, 8), "resnet": (1, 8, 8), "vit": (1, 8, 8),
}  # fmt: skip


def network(family: str, width: int = 12, depth: int = 2) -> nn.Module:
    model = build_model(
        family, width=width, depth=depth, dropout=0.0, input_shape=SHAPES[family], n_outputs=10,
        seed=3,
    )  # fmt: skip
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():  # biases and statistics as of a trained network
        for tensor in (*model.parameters(), *model.buffers()):
            if tensor.is_floating_point() and tensor.ndim == 1:
                tensor += 0.3 * torch.rand(tensor.shape, generator=generator)
    return model.eval()


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("scope", ["global", "layerwise"])
@pytest.mark.parametrize("family", SHAPES)
def test_the_smaller_network_answers_as_the_masked_one(
    family: str, scope: Any, ratio: float
) -> None:
    model = network(family)
    masked = copy.deepcopy(model)
    masks = unit_masks(model, ratio, scope)
    apply_masks(masked, masks)
    small = smaller(masked, masks)
    x = torch.randn(33, *SHAPES[family], generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(small(x), masked(x), rtol=1e-4, atol=1e-5)
        if ratio == 0:
            torch.testing.assert_close(small(x), model(x), rtol=0, atol=0)
    before, after = (measure(each, SHAPES[family]) for each in (masked, small))
    if ratio > 0:
        assert after.model_bytes < before.model_bytes
        assert after.macs_per_example < before.macs_per_example
        assert not torch.equal(small(x), model(x))


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.8])
def test_exactly_as_many_units_go_as_asked_for(ratio: float) -> None:
    model = perceptron([300, 100], 0.0, 784, 10)
    layerwise = kept_units(model, ratio, "layerwise")
    assert [int((~kept).sum()) for kept in layerwise.values()] == [
        round(300 * ratio),
        round(100 * ratio),
    ]
    everywhere = kept_units(model, ratio, "global")
    assert sum(int((~kept).sum()) for kept in everywhere.values()) == round(400 * ratio)
    small = smaller(model, unit_masks(model, ratio, "layerwise"))
    one, two = 300 - round(300 * ratio), 100 - round(100 * ratio)
    assert sum(p.numel() for p in small.parameters()) == 785 * one + (one + 1) * two + 10 * (
        two + 1
    )


def test_units_of_least_norm_go() -> None:
    model = perceptron([4], 0.0, 3, 2)
    with torch.no_grad():
        for unit, size in enumerate((0.3, 0.1, 0.4, 0.2)):
            model.get_parameter("1.weight")[unit] = size
    (kept,) = kept_units(model, 0.5, "global").values()
    assert kept.tolist() == [True, False, True, False]


def test_one_unit_of_each_layer_stays() -> None:
    model = perceptron([5, 7], 0.0, 3, 2)
    for scope in ("global", "layerwise"):
        kept = kept_units(model, 1.0, scope)
        assert [int(each.sum()) for each in kept.values()] == [1, 1]


def test_a_network_without_hidden_units_is_refused() -> None:
    with pytest.raises(PayoffError, match=r"pruning\.methods: structured finds no hidden units"):
        groups(perceptron([], 0.0, 3, 2))
