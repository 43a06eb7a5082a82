"""A user's own trainer: what counts as a number in its answer."""

from __future__ import annotations

import numpy as np
import pytest

from study.trials.own_trainer import as_number


@pytest.mark.parametrize("value", [np.float32(0.25), np.array(0.25), 0.25, np.float64(0.25)])
def test_numbers_of_any_library_count_as_numbers(value: object) -> None:
    assert as_number(value) == 0.25


def test_torch_scalars_count_as_numbers_and_other_things_do_not() -> None:
    import torch

    assert as_number(torch.tensor(0.25)) == 0.25
    for value in (torch.ones(2), [1.0], "1", None, True, np.bool_(True)):
        assert as_number(value) is None
