"""The accuracies that the notebook of MNIST-1D publishes, by its settings and on its data.

Greydanus and Kobak 2024; greydanus/mnist1d, notebooks/mnist1d-classification.ipynb: Adam at 0.01,
batches of 100, 6,000 steps, 4,000 training and 1,000 test examples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from study.data.dataset import Split
from study.training.settings import TrainSettings
from study.training.tensors import TensorSplit
from tests.support.trainings import trained


@pytest.fixture(scope="module")
def mnist1d() -> TensorSplit:
    from mnist1d.data import get_dataset_args, make_dataset

    state = np.random.get_state()  # noqa: NPY002 (the generator that make_dataset reseeds)
    raw = make_dataset(get_dataset_args())
    np.random.set_state(state)  # noqa: NPY002
    mean, scale = raw["x"].mean(axis=0), raw["x"].std(axis=0)

    def standardised(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        return ((x - mean) / scale).astype(np.float32)

    x_test, y_test = standardised(raw["x_test"]), raw["y_test"]
    return TensorSplit.from_split(
        Split(
            x_train=standardised(raw["x"]),
            y_train=raw["y"],
            x_validation=x_test,  # the last weights are scored: nothing is chosen on it
            y_validation=y_test,
            x_test=x_test,
            y_test=y_test,
            task="classification",
            n_outputs=10,
            draw=0,
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("depth", "published"),
    [(2, (0.651, 0.68)), (0, (0.315, 0.32))],
    ids=["mlp 40-100-100-10", "logistic regression"],
)
def test_mnist1d_accuracies_are_within_three_points(
    mnist1d: TensorSplit, depth: int, published: tuple[float, float]
) -> None:
    settings = TrainSettings(
        family="mlp",
        width=100,
        depth=depth,
        learning_rate=0.01,
        batch_size=100,
        steps=6000,
        evaluate_every=1000,
        schedule="constant",
        warmup_fraction=0.0,
        select="last",
    )
    accuracies = []
    for seed in range(2):
        scores = trained(TrainSettings(**{**vars(settings), "seed": seed}), mnist1d).scores
        accuracies.append(1 - scores.test_error)

    assert published[0] - 0.03 < float(np.mean(accuracies)) < published[1] + 0.03
