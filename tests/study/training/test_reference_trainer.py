from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from study.models.registry import FAMILIES, build_model
from study.models.sizes import forward_flops
from study.models.weights import weights_of
from study.streams import BatchStream
from study.training.evaluation import evaluate
from study.training.reference import train_model
from study.training.settings import TrainJob, TrainResult, TrainSettings
from study.training.tensors import TensorSplit
from tests.support.trainings import trained

MakeData = Callable[..., TensorSplit]


def settings(**changes: object) -> TrainSettings:
    base = {"family": "mlp", "width": 8, "depth": 1, "steps": 60, "learning_rate": 0.02}
    return TrainSettings(**{**base, **changes})  # type: ignore[arg-type]


def state(result: TrainResult) -> dict[str, Tensor]:
    assert result.model is not None
    return result.model.state_dict()


def same(one: TrainResult, other: TrainResult) -> bool:
    """Whether all numbers, and every bit of the weights, agree."""
    assert one.scores.test_correct is not None and other.scores.test_correct is not None
    blank = {"test_correct": None}
    return (
        one.curve == other.curve
        and dataclasses.replace(one.scores, **blank)  # type: ignore[arg-type]
        == dataclasses.replace(other.scores, **blank)  # type: ignore[arg-type]
        and np.array_equal(one.scores.test_correct, other.scores.test_correct)
        and all(torch.equal(state(one)[name], state(other)[name]) for name in state(one))
    )


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_it_learns(make_data: MakeData, optimizer: str) -> None:
    result = trained(settings(steps=200, optimizer=optimizer, learning_rate=0.05), make_data())

    assert result.status == "complete" and result.reason == ""
    assert result.scores.test_error < 0.2
    assert result.curve[-1].train_loss < 0.5 * result.curve[0].train_loss


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_trains_to_the_same_bits_twice(make_data: MakeData, family: str) -> None:
    chosen = settings(family=family, dropout=0.2, steps=12, evaluate_every=4, seed=5)
    torch.manual_seed(1)
    first = trained(chosen, make_data())
    torch.manual_seed(2)
    before = torch.get_rng_state()
    second = trained(chosen, make_data())

    assert same(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert not same(first, trained(dataclasses.replace(chosen, seed=6), make_data()))


def test_a_users_network_with_dropout_of_its_own_is_deterministic(make_data: MakeData) -> None:
    class Net(nn.Module):
        def __init__(self, width: int, inputs: int, outputs: int) -> None:
            super().__init__()
            self.hidden, self.out = nn.Linear(inputs, width), nn.Linear(width, outputs)
            self.noise = nn.AlphaDropout(0.1)

        def forward(self, x: Tensor) -> Tensor:
            h = functional.dropout(self.hidden(x), 0.5, self.training)
            scores: Tensor = self.out(self.noise(h))
            return scores

    def builder(
        width: int, depth: int, dropout: float, shape: tuple[int, ...], n: int
    ) -> nn.Module:
        return Net(width, shape[0], n)

    chosen = settings(family="custom", steps=20)

    first = trained(chosen, make_data(), custom_model=builder)
    torch.manual_seed(99)
    assert same(first, trained(chosen, make_data(), custom_model=builder))


def test_the_loop_is_the_textbook_one(make_data: MakeData) -> None:
    """Against plain SGD with momentum and L2, written out with no optimiser at all."""
    data, rate, momentum, decay, l1, steps = make_data(), 0.1, 0.9, 0.01, 0.003, 25
    chosen = settings(
        optimizer="sgd",
        learning_rate=rate,
        momentum=momentum,
        weight_decay=decay,
        l1=l1,
        label_smoothing=0.1,
        steps=steps,
        schedule="constant",
        warmup_fraction=0.0,
        select="last",
        batch_size=10,
    )
    result = trained(chosen, data)

    model = build_model(
        "mlp", width=8, depth=1, dropout=0.0, input_shape=(4,), n_outputs=3, seed=0
    ).double()
    velocity = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
    weights = weights_of(model)
    for _, rows in zip(range(steps), BatchStream(96, 10, seed=0), strict=False):
        logits = model(data.x_train[rows].double())
        smooth = 0.9 * functional.one_hot(data.y_train[rows], 3) + 0.1 / 3
        loss = -(smooth * logits.log_softmax(-1)).sum(-1).mean()
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for (name, p), g in zip(model.named_parameters(), gradients, strict=True):
                if name in weights:
                    g = g + decay * p + l1 * p.sign()
                velocity[name] = momentum * velocity[name] + g
                p.sub_(rate * velocity[name])

    for name, expected in model.state_dict().items():
        torch.testing.assert_close(state(result)[name].double(), expected, rtol=1e-4, atol=1e-5)


def test_decay_and_l1_shrink_weights_and_leave_biases(make_data: MakeData) -> None:
    """With a learning rate that the loss can hardly move anything by, decay stands alone."""
    data = make_data()
    rate, decay, steps = 1e-4, 100.0, 50
    chosen = settings(
        learning_rate=rate,
        weight_decay=decay,
        steps=steps,
        schedule="constant",
        warmup_fraction=0.0,
        select="last",
    )
    result = trained(chosen, data, keep_initial=True)

    assert result.initial_state is not None
    before, after = result.initial_state["1.weight"], state(result)["1.weight"]
    kept = (1 - rate * decay) ** steps
    torch.testing.assert_close(after, kept * before, rtol=0, atol=2 * steps * rate)
    assert float(state(result)["1.bias"].abs().max()) < 2 * steps * rate


def test_l1_drives_weights_towards_zero(make_data: MakeData) -> None:
    def norm(l1: float) -> float:
        result = trained(settings(l1=l1, steps=200, select="last"), make_data())
        return float(state(result)["1.weight"].abs().mean())

    assert norm(0.1) < 0.3 * norm(0.0)


def test_the_best_weights_on_validation_are_the_ones_scored(make_data: MakeData) -> None:
    data = make_data(24, spread=1.5)  # few and overlapping: it overfits
    chosen = settings(width=64, steps=200, evaluate_every=5, schedule="constant")

    best = trained(chosen, data)
    last = trained(dataclasses.replace(chosen, select="last"), data)

    losses = [point.val_loss for point in best.curve]
    assert best.curve == last.curve
    assert best.best_step == best.curve[int(np.argmin(losses))].step < 200
    assert best.scores.val_loss == min(losses)
    assert last.best_step == 200
    assert last.scores.val_loss == losses[-1] > min(losses)


def test_patience_stops_training_and_counts_what_was_done(make_data: MakeData) -> None:
    data = make_data(24, spread=1.5)
    chosen = settings(
        width=64, steps=400, evaluate_every=5, schedule="constant", patience=3, batch_size=16
    )

    result = trained(chosen, data)

    assert result.stopped_early and not result.still_improving
    assert result.steps_done == result.best_step + 3 * 5 < 400
    assert result.curve[-1].step == result.steps_done
    assert result.model is not None
    flops = forward_flops(result.model, (4,))
    assert result.train_flops == 3 * flops * result.steps_done * 16


def test_patience_that_lasts_to_the_end_is_not_stopping_early(make_data: MakeData) -> None:
    assert not trained(settings(steps=20, evaluate_every=20, patience=1), make_data()).stopped_early


def test_the_curve_has_a_point_every_k_steps_and_one_at_the_end(make_data: MakeData) -> None:
    result = trained(settings(steps=25, evaluate_every=10), make_data())

    assert [point.step for point in result.curve] == [10, 20, 25]
    assert result.steps_done == 25


def test_training_loss_is_the_mean_since_the_last_evaluation(make_data: MakeData) -> None:
    fine = trained(settings(steps=12, evaluate_every=1), make_data()).curve
    coarse = trained(settings(steps=12, evaluate_every=5), make_data()).curve

    means = [
        float(np.mean([p.train_loss for p in fine[a:b]])) for a, b in [(0, 5), (5, 10), (10, 12)]
    ]
    assert [p.train_loss for p in coarse] == pytest.approx(means, rel=1e-12)


def test_scores_agree_with_the_scored_model(make_data: MakeData) -> None:
    data = make_data()
    result = trained(settings(), data)

    assert result.model is not None and not result.model.training
    right = (result.model(data.x_test).argmax(-1) == data.y_test).numpy()
    assert result.scores.test_correct is not None
    assert np.array_equal(result.scores.test_correct, right)
    assert result.scores.test_error == pytest.approx(1 - right.mean(), abs=1e-15)
    assert all(parameter.grad is None for parameter in result.model.parameters())


def test_regression_error_is_relative_to_the_spread_of_the_training_targets(
    make_data: MakeData,
) -> None:
    data = make_data(regression=True)
    scaled = dataclasses.replace(data, target_scale=2 * data.target_scale)

    result = trained(settings(steps=300, width=32), data)

    assert result.scores.test_correct is None
    assert result.scores.test_error < 0.6
    root = math.sqrt(result.scores.test_loss)
    assert result.scores.test_error == pytest.approx(root / float(data.y_train.std(correction=0)))
    assert result.model is not None
    halved = evaluate(result.model, data.x_test, data.y_test, scaled).error
    assert float(halved) == pytest.approx(result.scores.test_error / 2)


@pytest.mark.parametrize("regression", [False, True])
@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_divergence_is_a_result_with_a_reason(
    make_data: MakeData, regression: bool, optimizer: str
) -> None:
    chosen = settings(optimizer=optimizer, learning_rate=1e6, depth=3, steps=60, evaluate_every=5)

    result = trained(chosen, make_data(regression=regression))

    assert result.status == "diverged"
    assert "loss" in result.reason and "step" in result.reason
    assert math.isnan(result.scores.test_error) and result.scores.test_correct is None
    assert result.model is None
    assert not result.still_improving
    assert 0 < result.steps_done <= 60


def test_no_steps_score_the_network_as_it_is(make_data: MakeData) -> None:
    result = trained(settings(steps=0), make_data(), keep_initial=True)

    assert result.status == "complete"
    assert (result.steps_done, result.best_step, result.curve) == (0, 0, ())
    assert result.train_flops == 0
    assert result.initial_state is not None
    assert all(torch.equal(result.initial_state[k], v) for k, v in state(result).items())


def test_initial_weights_are_kept_only_when_asked_for(make_data: MakeData) -> None:
    result = trained(settings(), make_data(), keep_initial=True)

    assert result.initial_state is not None
    assert not torch.equal(result.initial_state["1.weight"], state(result)["1.weight"])
    assert trained(settings(), make_data()).initial_state is None


def test_running_statistics_belong_to_the_best_weights(make_data: MakeData) -> None:
    chosen = settings(family="resnet", width=2, steps=12, evaluate_every=2, learning_rate=0.1)

    result = trained(chosen, make_data())

    counters = [v for k, v in state(result).items() if k.endswith("num_batches_tracked")]
    assert counters and {int(counter) for counter in counters} == {result.best_step}


def test_fewer_examples_than_a_batch_train_in_one_batch(make_data: MakeData) -> None:
    result = trained(settings(steps=30, batch_size=64), make_data(6))

    assert result.status == "complete"
    assert result.model is not None
    assert result.train_flops == 3 * forward_flops(result.model, (4,)) * 30 * 6


def test_masked_weights_are_exactly_zero_at_every_point(make_data: MakeData) -> None:
    data = make_data()
    model = build_model("mlp", width=8, depth=1, dropout=0.0, input_shape=(4,), n_outputs=3, seed=0)
    mask = (torch.arange(32).view(8, 4) % 3 > 0).float()

    result = train_model(
        model, TrainJob(settings=settings(steps=40), data=data, masks={"1.weight": mask})
    )

    assert torch.equal(state(result)["1.weight"] == 0, mask == 0)


def test_a_stage_of_its_own_sees_other_batches(make_data: MakeData) -> None:
    def losses(stage: int) -> list[float]:
        model = build_model(
            "mlp", width=8, depth=1, dropout=0.0, input_shape=(4,), n_outputs=3, seed=0
        )
        result = train_model(
            model,
            TrainJob(settings=settings(steps=5, evaluate_every=1), data=make_data(), stage=stage),
        )
        return [point.train_loss for point in result.curve]

    assert losses(0) == losses(0) != losses(1)


@pytest.mark.gpu
@pytest.mark.parametrize("family", FAMILIES)
def test_a_gpu_trains_on_the_same_weights_batches_and_masks(
    make_data: MakeData, family: str
) -> None:
    chosen = settings(family=family, dropout=0.2, steps=10, evaluate_every=2)
    data: TensorSplit = make_data()

    on_cpu, on_gpu = trained(chosen, data), trained(chosen, data.to("cuda"))

    assert on_gpu.model is not None
    assert next(on_gpu.model.parameters()).device.type == "cuda"
    for one, other in zip(on_cpu.curve, on_gpu.curve, strict=True):
        assert other.train_loss == pytest.approx(one.train_loss, rel=1e-3)
