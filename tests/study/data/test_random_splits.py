"""Random splits that a study's level is held against know nothing of the study's own draws."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.splits import NETWORKS, SIZES, lines, random_split, spec_of, studied
from study.data.subsets import draw_split
from study.spec.study_file import parse_spec
from study.trials.laboratory import Laboratory


def test_a_random_split_holds_each_example_once_and_every_class_evenly() -> None:
    laboratory = Laboratory(parse_spec({}, base=Path.cwd()))
    data = laboratory.dataset
    split = random_split(data, 320, data.n_validation, np.random.default_rng(0))
    parts = (split.y_train, split.y_validation, split.y_test)
    assert [len(part) for part in parts] == [320, data.n_validation, 1797 - 320 - data.n_validation]
    for part in parts:
        share = np.bincount(part, minlength=10) / len(part)
        assert np.abs(share - np.bincount(data.y_development) / 1797).max() < 2.0 / len(part)
    inputs = np.concatenate([split.x_train, split.x_validation, split.x_test]).reshape(1797, -1)
    assert len(np.unique(inputs, axis=0)) == len(
        np.unique(data.x_development.reshape(1797, -1), axis=0)
    )
    # Standardised as a study does it.
    own = draw_split(data, 320, 1, 0)
    assert split.x_train.mean() == pytest.approx(own.x_train.mean(), abs=1e-5)
    assert split.x_train.std() == pytest.approx(own.x_train.std(), abs=1e-5)
    again = random_split(data, 320, data.n_validation, np.random.default_rng(1))
    assert not np.array_equal(split.x_test, again.x_test)


@pytest.mark.slow
def test_a_study_is_held_against_the_splits_network_by_network() -> None:
    assert spec_of(1, "rotate").rotates and not spec_of(1, "fixed").rotates
    fits = studied(1, "rotate")
    assert tuple(fits) == SIZES
    truth = {(size, network): np.array([1e-6, 3e-6]) for size in SIZES for network in NETWORKS}
    *each, every = lines(truth, [fits])
    assert len(each) == len(truth) and all(line.endswith("0 of 1") for line in each)
    assert every.endswith(f"0 of {len(truth)}")
