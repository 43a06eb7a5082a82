"""A trial trained again: the network of a regression answers in the targets' own units."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from search_spaces.errors import PayoffError
from study.data.subsets import draw_indices, draw_split
from study.handover.registering import train_again
from study.plan.design import slots
from study.record import TrialRecord
from study.spec.study_file import StudySpec, parse_spec
from study.trials.laboratory import Laboratory
from study.trials.task import Task


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> tuple[StudySpec, TrialRecord]:
    """A study of rents about 900 with a deviation near 200, and one finished trial of it."""
    folder = tmp_path_factory.mktemp("regression")
    rng = np.random.default_rng(4)
    x = 30.0 + 10.0 * rng.standard_normal((200, 2))
    y = 900.0 + 15.0 * (x[:, 0] - 30.0) - 12.0 * (x[:, 1] - 30.0)
    lines = [
        "rooms,age,rent",
        *(f"{a:.6f},{b:.6f},{c:.6f}" for (a, b), c in zip(x, y, strict=True)),
    ]
    (folder / "rents.csv").write_text("\n".join(lines) + "\n")
    spec = parse_spec(
        {
            "study": {"name": "rents"},
            "data": {
                "name": "table", "file": "rents.csv", "target": "rent", "task": "regression",
                "sizes": [80],
            },
            "space": {"width": [8], "depth": [1], "prune_ratio": [0.0], "learning_rate": 0.02},
            "training": {"epochs": 40, "min_steps": 200},
            "search": {"trials": 1},
            "replicates": {"draws": 1},
        },
        base=folder,
    )  # fmt: skip
    slot = next(one for one in slots(spec) if one.phase == "replicate")
    params = {**slot.params, "learning_rate": 0.02, "weight_decay": 0.0, "dropout": 0.0}
    task = Task(slot=slot, params=params, optuna_study="s", number=0)
    ((_, record),) = Laboratory(spec).run([task])
    return spec, record


def test_a_regression_answers_in_the_units_of_its_targets(
    regression: tuple[StudySpec, TrialRecord],
) -> None:
    spec, record = regression
    model = train_again(spec, record)
    data = Laboratory(spec).dataset
    scale = draw_split(data, record.n_examples, record.draw, spec.study.seed).target_scale
    tested = draw_indices(data, record.n_examples, record.draw, spec.study.seed).test
    with torch.no_grad():
        outputs = model.network(torch.tensor(data.x_test[tested]))
    away = outputs.squeeze(-1).numpy().astype(np.float64) - data.y_test[tested]
    assert scale > 100.0
    recorded = record.metrics["test_error"]
    assert np.sqrt(np.mean(away**2)) == pytest.approx(recorded * scale, rel=0.01)


def test_another_regression_is_not_taken_for_the_one_on_record(
    regression: tuple[StudySpec, TrialRecord],
) -> None:
    spec, record = regression
    metrics = {**record.metrics, "test_error": record.metrics["test_error"] + 0.02}
    with pytest.raises(PayoffError, match="on record stands"):
        train_again(spec, dataclasses.replace(record, n_test=40, metrics=metrics))
