"""A user's own trainer: what counts as a number in its answer."""

from __future__ import annotations

import numpy as np
import pytest

from study.trials.own_trainer import plain


@pytest.mark.parametrize("value", [np.float32(0.25), np.array(0.25), 0.25, np.float64(0.25)])
def test_numbers_of_any_library_count_plains(value: object) -> None:
    assert plain(value) == 0.25


def test_torch_scalars_count_plains_and_other_things_do_not() -> None:
    import torch

    assert plain(torch.tensor(0.25)) == 0.25
    for value in (torch.ones(2), [1.0], None, np.array(True), torch.tensor(True)):
        assert plain(value) is None
