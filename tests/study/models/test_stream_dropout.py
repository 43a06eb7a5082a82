from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import nn

from study.models.dropout import StreamDropout, adopt, attach
from study.streams import DropoutStream, Stream, keep_scale, sequence, threshold


def with_stream(p: float, seed: int = 0) -> StreamDropout:
    dropout = StreamDropout(p).train()
    dropout.stream = DropoutStream(seed)
    return dropout


def test_masks_are_exactly_what_the_documentation_says() -> None:
    p, shapes = 0.3, [(3, 5), (4, 4), (1,)]
    words = np.random.SFC64(sequence(9, Stream.DROPOUT)).random_raw(4 + 4 + 1)
    pieces = [words[:4], words[4:8], words[8:]]
    dropout = with_stream(p, seed=9)

    for shape, piece in zip(shapes, pieces, strict=True):
        n = int(np.prod(shape))
        draws = piece.astype("<u8").view("<i2")[:n].reshape(shape)
        expected = np.where(draws >= threshold(p), np.float32(keep_scale(p)), 0)
        assert np.array_equal(dropout(torch.ones(shape)).numpy(), expected)


def test_draws_do_not_depend_on_how_they_are_asked_for() -> None:
    together = DropoutStream(1).draws((40_000,))
    stream = DropoutStream(1)
    apart = torch.cat([stream.draws((n,)) for n in (4, 16_000, 12, 20_000, 3984)])

    assert torch.equal(together, apart)


def test_draws_are_uniform() -> None:
    draws = DropoutStream(0).draws((2**20,)).numpy().astype(np.int64) + 2**15

    assert draws.min() >= 0 and draws.max() < 2**16
    counts = np.bincount(draws // 256, minlength=256)
    chi_squared = float(((counts - 4096) ** 2 / 4096).sum())
    assert chi_squared < 350  # 255 degrees of freedom: exceeded with a probability of 1e-4


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_the_fraction_dropped_is_p_and_the_mean_is_kept(p: float) -> None:
    x = torch.ones(1000, 1000)

    y = with_stream(p)(x)

    assert float((y == 0).double().mean()) == pytest.approx(p, abs=3e-3)
    assert float(y.double().mean()) == pytest.approx(1, abs=0.02)


def test_gradients_pass_only_through_what_is_kept() -> None:
    x = torch.ones(50, 50, requires_grad=True)

    y = with_stream(0.4)(x)
    y.sum().backward()

    assert x.grad is not None and torch.equal(x.grad, y.detach())


def test_nothing_is_drawn_without_dropout_or_in_evaluation() -> None:
    x = torch.randn(4, 4)
    for dropout in (with_stream(0.0), with_stream(0.5).eval()):
        assert dropout(x) is x
        assert dropout.stream is not None
        assert torch.equal(dropout.stream.draws((9,)), DropoutStream(0).draws((9,)))


def test_without_a_stream_it_is_ordinary_dropout() -> None:
    dropout = StreamDropout(0.5).train()
    torch.manual_seed(0)
    expected = nn.functional.dropout(torch.ones(100), 0.5)
    torch.manual_seed(0)

    assert torch.equal(dropout(torch.ones(100)), expected)


@pytest.mark.parametrize(("p", "level"), [(0.0, -32768), (0.5, 0), (1 - 1e-9, 32767)])
def test_thresholds(p: float, level: int) -> None:
    assert threshold(p) == level
    assert keep_scale(p) == 65536 / (32768 - level)


def test_plain_dropout_in_a_users_network_is_replaced_and_shared_modules_stay_shared() -> None:
    shared = nn.Dropout(0.3)
    inner = nn.Sequential(shared, nn.Dropout2d(0.1))
    model = nn.Sequential(nn.Linear(2, 2), shared, nn.Linear(2, 2), shared, inner)

    adopt(model)

    assert isinstance(model[1], StreamDropout) and model[1].p == 0.3
    assert model[3] is model[1]
    assert inner[0] is model[1]
    assert type(inner[1]) is nn.Dropout2d


def test_a_model_is_copied_and_saved_without_its_stream() -> None:
    model = nn.Sequential(nn.Linear(3, 3), StreamDropout(0.5))
    attach(model, DropoutStream(0))
    attach(model, None)

    clone = copy.deepcopy(model)

    assert clone.state_dict().keys() == nn.Sequential(nn.Linear(3, 3)).state_dict().keys()
