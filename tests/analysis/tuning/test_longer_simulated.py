"""Simulated studies in which it is known what twice the training does to the payoff point."""

from __future__ import annotations

import pytest

from benchmarks.longer import CHANGES, DATA, rows_of, tally


def test_the_truth_follows_from_the_change() -> None:
    for kind, (least, most) in {
        "none": (1.0, 1.0), "the same at each size": (1.0, 1.0),
        "more for small networks": (0.05, 0.95), "more for large networks": (1.05, 50.0),
    }.items():  # fmt: skip
        rows, truth = rows_of(kind, 3)
        assert sum(row["phase"] == "longer" for row in rows) == 9 * len(DATA)
        assert all(least <= ratio <= most for ratio, _ in truth.values())
        assert all((change < 0.0) == (kind != "none") for _, change in truth.values())


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(CHANGES))
def test_intervals_hold_the_truth_and_nothing_wrong_is_said(kind: str) -> None:
    found = tally(kind, 6)
    assert found.curves == 24
    assert found.held >= 0.85 and found.saved_held >= 0.8
    assert not found.wrong
