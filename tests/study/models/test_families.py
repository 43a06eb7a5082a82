from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from search_spaces.errors import PayoffError
from study.models.mlp import perceptron
from study.models.registry import CUSTOM, FAMILIES, build_model, family_named

SHAPES = {"flat": (40,), "digits": (1, 8, 8), "mnist": (1, 28, 28), "cifar": (3, 32, 32)}


def build(family: str, shape: tuple[int, ...], **changes: object) -> nn.Module:
    settings: dict[str, object] = {
        "width": 8,
        "depth": 2,
        "dropout": 0.1,
        "n_outputs": 10,
        "seed": 0,
        **changes,
    }
    return build_model(family, input_shape=shape, **settings)  # type: ignore[arg-type]


def n_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_maps_batches_of_every_shape_to_outputs(
    family: str, shape: tuple[int, ...]
) -> None:
    model = build(family, shape).eval()
    batch = torch.randn(5, *shape, generator=torch.Generator().manual_seed(0))

    outputs = model(batch)

    assert outputs.shape == (5, 10)
    assert bool(torch.isfinite(outputs).all())
    assert torch.equal(model(batch.flatten(1)), outputs), "flattened batches are the same"


@pytest.mark.parametrize("family", FAMILIES)
def test_every_parameter_gets_a_gradient(family: str) -> None:
    model = build(family, (1, 8, 8), dropout=0.0)

    model(torch.randn(7, 1, 8, 8)).square().sum().backward()

    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert bool(torch.isfinite(parameter.grad).all()), name


@pytest.mark.parametrize("family", FAMILIES)
def test_width_and_depth_each_make_the_network_larger(family: str) -> None:
    base = n_parameters(build(family, (1, 8, 8)))

    assert n_parameters(build(family, (1, 8, 8), width=16)) > base
    assert n_parameters(build(family, (1, 8, 8), depth=3)) > base


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("width", [1, 3])
def test_the_narrowest_networks_work(family: str, width: int) -> None:
    model = build(family, (1, 28, 28), width=width, depth=1, n_outputs=1)

    assert model(torch.zeros(2, 1, 28, 28)).shape == (2, 1)


@pytest.mark.parametrize("family", ["cnn", "resnet", "vit"])
@pytest.mark.parametrize("shape", [(1,), (2, 3), (1, 1, 5), (3, 33, 31)])
def test_awkward_shapes_work(family: str, shape: tuple[int, ...]) -> None:
    assert build(family, shape, depth=4)(torch.zeros(2, *shape)).shape == (2, 10)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_seed_alone_decides_the_initial_weights(family: str) -> None:
    torch.manual_seed(1)
    first = build(family, (1, 8, 8), seed=3).state_dict()
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = build(family, (1, 8, 8), seed=3).state_dict()

    assert torch.equal(torch.get_rng_state(), before), "the global generator must not move"
    assert all(torch.equal(first[name], second[name]) for name in first)
    other = build(family, (1, 8, 8), seed=4).state_dict()
    assert not all(torch.equal(first[name], other[name]) for name in first)


def test_an_mlp_has_depth_hidden_layers_of_the_given_width() -> None:
    shapes = [
        tuple(m.weight.shape)
        for m in build("mlp", (784,), width=128, depth=3).children()
        if isinstance(m, nn.Linear)
    ]

    assert shapes == [(128, 784), (128, 128), (128, 128), (10, 128)]


def test_an_mlp_of_depth_0_is_logistic_regression() -> None:
    assert [tuple(p.shape) for p in build("mlp", (64,), depth=0).parameters()] == [(10, 64), (10,)]


def test_published_parameter_counts() -> None:
    lenet = perceptron([300, 100], 0.0, 784, 10)
    resnet_20 = build("resnet", (3, 32, 32), width=16, depth=3)

    assert n_parameters(lenet) == 266_610
    # He et al. 2016 give 0.27 million for ResNet-20, whose shortcuts have no parameters; here the
    # two that change shape have 1 x 1 convolutions with batch normalisation.
    shortcuts = 16 * 32 + 2 * 32 + 32 * 64 + 2 * 64
    assert n_parameters(resnet_20) - shortcuts == 269_722


def test_relu_layers_keep_the_scale_of_activations_however_deep() -> None:
    model = build("mlp", (256,), width=256, depth=20, dropout=0.0)
    x = torch.randn(64, 256, generator=torch.Generator().manual_seed(0))

    with torch.no_grad():
        spread = float(model[:-1](x).square().mean())  # type: ignore[index]

    assert 0.2 < spread < 5


def test_a_custom_network_is_built_by_the_users_function() -> None:
    def builder(
        width: int, depth: int, dropout: float, shape: tuple[int, ...], n: int
    ) -> nn.Module:
        layers = [nn.Flatten(), nn.Linear(shape[0], width), nn.Dropout(dropout)]
        return nn.Sequential(*layers, *[nn.Linear(width, width)] * depth, nn.Linear(width, n))

    model = build("custom", (12,), custom=builder, width=5)

    assert model(torch.zeros(3, 12)).shape == (3, 10)


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("mpl", {}, ["family", "'mpl'", "did you mean 'mlp'"]),
        ("custom", {}, ["family", "model function"]),
        ("cnn", {"depth": 0}, ["depth", "at least 1", "got 0", "mlp"]),
        ("resnet", {"depth": 0}, ["depth", "at least 1", "got 0", "mlp"]),
        ("vit", {"depth": 0}, ["depth", "at least 1", "got 0", "mlp"]),
        ("custom", {"custom": lambda *_: "no module"}, ["custom model", "str", "nn.Module"]),
    ],
)
def test_what_cannot_be_built_says_why(
    family: str, changes: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(PayoffError) as caught:
        build(family, (1, 8, 8), **changes)

    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_four_dimensional_inputs_are_refused_where_a_grid_is_needed() -> None:
    with pytest.raises(PayoffError, match="got 4"):
        build("cnn", (1, 4, 4, 4))


@pytest.mark.parametrize("family", FAMILIES)
def test_every_default_space_has_the_axes_of_the_question(family: str) -> None:
    space = family_named(family).space
    assert [axis.name for axis in space.scientific] == ["width", "depth", "prune_ratio"]
    assert [axis.name for axis in space.nuisance] == ["learning_rate", "weight_decay", "dropout"]
    assert {axis.name: axis.value for axis in space.fixed} == {"l1": 0.0, "label_smoothing": 0.0}
    assert space["prune_ratio"].values[0] == 0.0


def test_the_default_perceptron_grid_is_the_published_one() -> None:
    space = family_named("mlp").space
    assert space["width"].values == (4, 8, 16, 24, 32, 64, 128, 256)
    assert space["depth"].values == (1, 2)
    assert len(space.grid()) == 8 * 2 * 2


@pytest.mark.parametrize("family", [*FAMILIES, CUSTOM])
def test_a_family_is_known_without_torch(family: str) -> None:
    code = (
        "import sys; from study.models.registry import family_named; "
        f"family_named({family!r}); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
