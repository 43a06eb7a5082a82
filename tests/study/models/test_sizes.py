from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from study.models.mlp import perceptron
from study.models.registry import FAMILIES, build_model
from study.models.sizes import forward_flops, measure, measure_latency


def build(family: str, width: int, depth: int, shape: tuple[int, ...] = (1, 8, 8)) -> nn.Module:
    return build_model(
        family, width=width, depth=depth, dropout=0.1, input_shape=shape, n_outputs=10, seed=0
    )


@pytest.mark.parametrize("inputs", [1, 40, 784])
@pytest.mark.parametrize("outputs", [1, 10])
def test_mlps_agree_with_the_closed_form(inputs: int, outputs: int) -> None:
    for width, depth in itertools.product([1, 2, 7, 128], [0, 1, 2, 5]):
        model = build_model(
            "mlp",
            width=width,
            depth=depth,
            dropout=0.0,
            input_shape=(inputs,),
            n_outputs=outputs,
            seed=0,
        )
        sides = [inputs, *[width] * depth, outputs]
        macs = sum(a * b for a, b in itertools.pairwise(sides))

        sizes = measure(model, (inputs,))

        assert sizes.macs_per_example == macs
        assert sizes.flops_per_example == 2 * macs
        assert sizes.n_weights == macs
        assert sizes.n_parameters == macs + sum(sides[1:])
        assert sizes.model_bytes == 4 * sizes.n_parameters


def test_published_counts() -> None:
    lenet = measure(perceptron([300, 100], 0.0, 784, 10), (784,))
    one_hidden = measure(perceptron([128], 0.0, 784, 10), (784,))

    assert lenet.n_parameters == 266_610
    assert lenet.n_weights == 266_200
    assert one_hidden.flops_per_example == 203_264


@pytest.mark.parametrize("shape", [(40,), (1, 8, 8), (3, 32, 32)])
@pytest.mark.parametrize("family", FAMILIES)
def test_flops_agree_with_torchs_counter_at_any_batch(family: str, shape: tuple[int, ...]) -> None:
    model = build(family, 8, 2, shape).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(torch.randn(6, *shape))

    sizes = measure(model, shape)

    assert 6 * sizes.flops_per_example == counter.get_total_flops()
    assert sizes.flops_per_example == forward_flops(model, shape)


def _shared() -> nn.Module:
    layer = nn.Linear(6, 6)
    return nn.Sequential(nn.Flatten(), layer, nn.ReLU(), layer)


class _Gate(nn.Linear):
    """A linear layer that multiplies once more."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(input) @ self.weight


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (perceptron([5, 3], 0.1, 12, 4), (3, 4)),
        (nn.Sequential(nn.Linear(4, 7), nn.Flatten(), nn.Linear(21, 2)), (3, 4)),
        (
            nn.Sequential(nn.Flatten(2), nn.Linear(4, 7), nn.Flatten(), nn.Linear(21, 2)),
            (3, 2, 2),
        ),
        (nn.Sequential(nn.Linear(4, 7), nn.ReLU(), nn.Linear(7, 2)), (4,)),
        (nn.Sequential(_Gate(4, 4), nn.Linear(4, 2)), (4,)),
        (nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 2)), (4,)),
        (_shared(), (2, 3)),
    ],
)
def test_chains_of_layers_are_counted_as_torchs_counter_does(
    model: nn.Module, shape: tuple[int, ...]
) -> None:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.eval()(torch.randn(1, *shape))

    assert forward_flops(model, shape) == counter.get_total_flops() > 0


def test_a_convolutional_network_agrees_with_the_closed_form() -> None:
    sizes = measure(build("cnn", 6, 2, (3, 32, 32)), (3, 32, 32))

    first, second, head = 32 * 32 * 6 * 3 * 9, 16 * 16 * 12 * 6 * 9, 12 * 8 * 8 * 10
    assert sizes.macs_per_example == first + second + head


def test_bytes_count_buffers_and_each_type_by_its_size() -> None:
    model = nn.Sequential(nn.Linear(3, 2).half(), nn.BatchNorm1d(2))

    # 8 halves; scale, shift, running mean and variance of two floats each; one int64 counter.
    assert measure_bytes(model) == 8 * 2 + 4 * 2 * 4 + 8


def measure_bytes(model: nn.Module) -> int:
    return sum(t.numel() * t.element_size() for t in model.state_dict().values())


@pytest.mark.parametrize("family", FAMILIES)
def test_bytes_are_those_of_the_state_dict(family: str) -> None:
    model = build(family, 8, 2)

    assert measure(model, (1, 8, 8)).model_bytes == measure_bytes(model)


def test_zeros_are_left_out_of_what_is_non_zero() -> None:
    model = perceptron([4], 0.0, 8, 3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(1)
        model[1].weight.view(-1)[:5] = 0  # type: ignore[operator]
        model[4].bias[0] = 0  # type: ignore[operator]

    sizes = measure(model, (8,))

    assert sizes.n_parameters == 8 * 4 + 4 + 4 * 3 + 3
    assert sizes.n_nonzero == sizes.n_parameters - 6
    assert sizes.macs_per_example == 44


def test_measuring_leaves_the_model_as_it_was() -> None:
    model = build("resnet", 4, 1)
    model.train()
    model[2].eval()  # type: ignore[index]
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    measure(model, (1, 8, 8))

    assert model.training and not model[2].training  # type: ignore[index]
    assert all(torch.equal(before[name], t) for name, t in model.state_dict().items())


def test_latency_is_measured_when_asked_for() -> None:
    latency = measure_latency(build("mlp", 4, 1), (64,), batch_size=3, repeats=8)

    assert 0 < latency.median_seconds <= latency.p95_seconds
    assert measure_latency(build("mlp", 4, 1), (64,), repeats=1).median_seconds > 0


def test_networks_of_one_architecture_are_counted_by_their_own_weights() -> None:
    shape = (1, 8, 8)
    networks = [
        build_model(
            "mlp", width=16, depth=2, dropout=0.0, input_shape=shape, n_outputs=10, seed=seed
        )
        for seed in (0, 1)
    ]
    with torch.no_grad():
        next(networks[1].parameters())[:3] = 0.0
    flops = forward_flops(networks[0], shape)
    for network in networks:
        assert measure(network, shape, flops=flops) == measure(network, shape)
