from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from study.data.dataset import Split
from study.training.tensors import TensorSplit


def blobs(n_train: int = 96, *, regression: bool = False, spread: float = 0.6) -> TensorSplit:
    """Three clouds on a plane, padded with two inputs of noise; or a smooth function of them."""
    generator = np.random.default_rng(0)
    n = n_train + 60 + 90
    labels = np.arange(n) % 3
    centres = np.array([[0, 1], [1, -1], [-1, -1]])[labels]
    x = np.hstack([centres, np.zeros((n, 2))]) + spread * generator.standard_normal((n, 4))
    x = x.astype(np.float32)
    y = (np.sin(x[:, 0]) + x[:, 1] ** 2).astype(np.float32) if regression else labels
    return TensorSplit.from_split(
        Split(
            x_train=x[:n_train],
            y_train=y[:n_train],
            x_validation=x[n_train:-90],
            y_validation=y[n_train:-90],
            x_test=x[-90:],
            y_test=y[-90:],
            task="regression" if regression else "classification",
            n_outputs=1 if regression else 3,
            draw=0,
        )
    )


@pytest.fixture(scope="session")
def make_data() -> Callable[..., TensorSplit]:
    return blobs
