"""A user's own trainer: what counts as a number in its answer."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from study.trials.own_trainer import RETURNED, BrokenAnswer, checked, plain


@pytest.mark.parametrize("value", [np.float32(0.25), np.array(0.25), 0.25, np.float64(0.25)])
def test_numbers_of_any_library_count_plains(value: object) -> None:
    assert plain(value) == 0.25


def test_torch_scalars_count_plains_and_other_things_do_not() -> None:
    import torch

    assert plain(torch.tensor(0.25)) == 0.25
    for value in (torch.ones(2), [1.0], None, np.array(True), torch.tensor(True)):
        assert plain(value) is None


GOOD: dict[str, Any] = {"val_error": 0.3, "test_error": 0.25, "n_parameters": 100}
ODD: dict[Any, Any] = {**GOOD, 1: 2.0}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (None, "got nothing (None); end it with: return {...}"),
        ((0.3, 0.25, 100), "must return a dict with val_error, test_error, n_parameters, got a t"),
        (0.3, "got a float"),
        ({}, "lacks val_error, test_error, n_parameters, got an empty dict"),
        ({"val_error": 0.3, "n_parameters": 9}, "lacks test_error, got val_error, n_parameters"),
        (ODD, "names in its answer must be texts, got 1"),
        ({**GOOD, "val_error": "0.3"}, "val_error must be one number, got '0.3' (str)"),
        ({**GOOD, "val_error": None}, "val_error must be one number, got None (NoneType)"),
        ({**GOOD, "test_error": True}, "test_error must be one number, got True (bool)"),
        ({**GOOD, "test_error": [0.1, 0.2]}, "test_error must be one number, got [0.1, 0.2] (l"),
        ({**GOOD, "test_error": np.ones(3)}, "test_error must be one number, got array([1., 1., 1"),
        ({**GOOD, "test_error": -0.25}, "test_error must be at least 0, and lower for better"),
        ({**GOOD, "val_error": -math.inf}, "val_error must be at least 0"),
        ({**GOOD, "n_parameters": 0}, "n_parameters must be a whole number from 1, got 0"),
        ({**GOOD, "n_parameters": 10.5}, "n_parameters must be a whole number from 1, got 10.5"),
        ({**GOOD, "n_parameters": math.nan}, "n_parameters must be a whole number from 1, got nan"),
        ({**GOOD, "test_correct": [0.2, 0.7]}, "test_correct must be one true or false an example"),
        ({**GOOD, "test_correct": []}, "test_correct must be one true or false an example"),
        ({**GOOD, "test_correct": [[True], [False]]}, "test_correct must be one true or false"),
        ({**GOOD, "test_correct": "yes"}, "test_correct must be one true or false"),
        ({**GOOD, "test_error": -1, "n_parameters": 0}, "no score; n_parameters must be"),
    ],
)  # fmt: skip
def test_what_is_not_as_agreed_is_said_whole(answer: object, reason: str) -> None:
    with pytest.raises(BrokenAnswer) as caught:
        checked(answer)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_tensor_without_a_value_is_no_number() -> None:
    import torch

    elsewhere = torch.empty((), device="meta")  # as from a device that is gone
    for name in GOOD:
        with pytest.raises(BrokenAnswer, match=f"{name} must be one number"):
            checked({**GOOD, name: elsewhere})
    with pytest.raises(BrokenAnswer, match="test_correct must be one true or false"):
        checked({**GOOD, "test_correct": torch.empty(3, device="meta")})


def test_an_answer_of_tensors_is_read_and_what_has_no_place_is_named() -> None:
    import torch

    answer = checked(
        {
            "val_error": torch.tensor(0.5, requires_grad=True),
            "test_error": np.float32(0.25),
            "n_parameters": torch.tensor(7),
            "test_correct": torch.tensor([True, False]),
            "history": [1.0],
            "note": "well",
        }
    )
    assert answer.values == {
        "val_error": 0.5, "test_error": 0.25, "n_parameters": 7.0, "note": "well"
    }  # fmt: skip
    assert answer.test_correct is not None
    assert answer.test_correct.tolist() == [True, False]
    assert answer.left_out == ("history",)
    assert answer.is_finite
    assert not checked({**GOOD, "val_error": math.inf}).is_finite


@pytest.mark.gpu
def test_a_tensor_on_a_gpu_is_read() -> None:
    import torch

    there = {name: torch.tensor(float(value), device="cuda") for name, value in GOOD.items()}
    answer = checked({**there, "test_correct": torch.ones(3, device="cuda")})
    assert answer.values == pytest.approx(GOOD)
    assert answer.test_correct is not None
    assert answer.test_correct.all()


def test_what_has_no_column_is_said_with_the_name_that_was_meant() -> None:
    assert checked(GOOD | {"latency_seconds": 0.1, "test_correct": [True]}).notes == ()
    answer = checked(
        GOOD | {"latency_second": 0.1, "train_loss": 1.0, "history": [1], "note": "fine"}
    )
    nowhere, beside = answer.notes
    assert nowhere.startswith("of the trainer's answer history, note will be kept nowhere")
    assert "latency_second, train_loss will be logged, and draw nothing" in beside
    assert beside.endswith("latency_second: did you mean 'latency_seconds'?")


def test_the_page_lists_all_that_an_answer_may_hold() -> None:
    page = (Path(__file__).parents[3] / "docs" / "tables.md").read_text("utf-8")
    listed = page.partition("## What a trainer of your own returns")[2].partition("## How much")[0]
    assert all(f"`{name}`" in listed for name in (*RETURNED, "test_correct"))
