from __future__ import annotations

import math

import pytest

from search_spaces.errors import PayoffError
from study.training.settings import TrainSettings


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("width", 0),
        ("depth", -1),
        ("dropout", 1.0),
        ("dropout", math.nan),
        ("optimizer", "adam"),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("momentum", 1.0),
        ("weight_decay", -0.1),
        ("l1", math.nan),
        ("label_smoothing", 1.0),
        ("batch_size", 0),
        ("steps", -1),
        ("warmup_fraction", 1.1),
        ("schedule", "step"),
        ("evaluate_every", 0),
        ("patience", -1),
        ("select", "first"),
        ("seed", -1),
    ],
)
def test_values_out_of_range_are_named(field: str, value: object) -> None:
    with pytest.raises(PayoffError, match=rf"^{field}: must be .*, got "):
        TrainSettings(**{"family": "mlp", "width": 1, "depth": 1, field: value})  # type: ignore[arg-type]
