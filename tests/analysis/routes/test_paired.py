"""Pairs of runs: what they share cancels, and the luck of their test examples is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from analysis.routes.paired import Pairs, pair_up
from analysis.table.trials import TrialTable

POOL, N_TEST, DRAWS, SEEDS = 4000, 1000, 4, 3
RNG = np.random.default_rng(0)
EASE = RNG.uniform(size=(2, POOL)) ** 3
"""How likely each way of training is to fail on each example."""


def table(*, rotates: bool, shuffled: bool = False) -> TrialTable:
    """Runs of two ways on the test sets of their draws; the examples of a draw in another order."""
    rng = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for draw in range(DRAWS):
        tested = np.arange(N_TEST)
        if rotates:
            tested = np.random.default_rng([2, draw]).choice(POOL, N_TEST, replace=False)
        order = np.arange(N_TEST)
        if shuffled:
            order = np.random.default_rng([3, draw]).permutation(N_TEST)
        for way in range(2):
            for _ in range(SEEDS):
                wrong = (rng.random(POOL) < EASE[way])[tested][order]
                rows.append(row(way, draw, wrong, POOL if rotates else 0))
    return TrialTable.from_rows(rows)


def row(way: int, draw: int, wrong: npt.NDArray[np.bool_], pool: int) -> dict[str, Any]:
    return {
        "n_examples": 100,
        "n_parameters": 10 + way,
        "width": way,
        "draw": draw,
        "test_error": float(wrong.mean()),
        "n_test": len(wrong),
        "n_test_pool": pool,
        "test_correct": np.packbits(~wrong).tobytes(),
    }


def paired(found: TrialTable) -> Pairs:
    first, second = (np.flatnonzero(found.width == way) for way in range(2))
    return pair_up(found, first, second, found.test_error)


def of_examples(chosen: slice = slice(None)) -> float:
    """Variance over examples of how much likelier the second way is to fail than the first."""
    ease = EASE[:, chosen]
    return float((ease[1] / ease[1].mean() - ease[0] / ease[0].mean()).var())


def test_the_luck_of_one_test_set_is_that_of_its_examples() -> None:
    luck = paired(table(rotates=False)).test_variance
    assert luck == pytest.approx(of_examples(slice(N_TEST)) / N_TEST, rel=0.1)


def test_the_luck_that_rotating_test_sets_share_is_that_of_their_pool() -> None:
    luck = paired(table(rotates=True)).test_variance
    assert luck == pytest.approx(of_examples() / POOL, rel=0.1)


def test_examples_of_two_draws_are_never_taken_for_the_same() -> None:
    one, other = (paired(table(rotates=True, shuffled=words)) for words in (False, True))
    assert other.test_variance == pytest.approx(one.test_variance, rel=1e-9)
    assert other.log_ratio == pytest.approx(one.log_ratio)


def test_without_a_draw_in_common_nothing_is_known_of_the_examples() -> None:
    found = table(rotates=True)
    first = np.flatnonzero((found.width == 0) & (found.draw == 0))
    second = np.flatnonzero((found.width == 1) & (found.draw == 1))
    pairs = pair_up(found, first, second, found.test_error)
    assert (len(pairs.log_ratio), pairs.test_variance) == (0, 0.0)
