from __future__ import annotations

import torch

from study.models.mlp import perceptron
from study.training.settings import TrainSettings
from study.trials.memory import training_peak_bytes

SETTINGS = TrainSettings(family="mlp", width=32, depth=1)


def test_the_count_is_the_tensors_of_a_step() -> None:
    model = perceptron([32], 0.0, 64, 10)
    state = {name: value.clone() for name, value in model.state_dict().items()}
    n_parameters = 64 * 32 + 32 + 32 * 10 + 10
    batch = 16
    # Weights, gradients, two moments, the best weights; inputs, hidden units after ReLU, logits,
    # their log-softmax, labels, the loss and the weight that cross-entropy keeps beside it.
    tensors = 5 * 4 * n_parameters + 4 * batch * (64 + 32 + 10 + 10) + 8 * batch + 4 + 4
    assert training_peak_bytes(model, (64,), batch, SETTINGS) == tensors
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())


def test_it_grows_with_the_batch_and_shrinks_with_a_plainer_optimiser() -> None:
    model = perceptron([32], 0.0, 64, 10)
    small = training_peak_bytes(model, (64,), 16, SETTINGS)
    assert training_peak_bytes(model, (64,), 32, SETTINGS) > small
    sgd = TrainSettings(family="mlp", width=32, depth=1, optimizer="sgd", select="last")
    n_parameters = sum(p.numel() for p in model.parameters())
    assert training_peak_bytes(model, (64,), 16, sgd) == small - 2 * 4 * n_parameters


def test_counting_moves_no_generator() -> None:
    model = perceptron([32], 0.5, 64, 10)
    torch.manual_seed(0)
    training_peak_bytes(model, (64,), 16, SETTINGS)
    drawn = torch.rand(1)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(1))
