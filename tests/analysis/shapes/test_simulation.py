"""Simulated studies whose best shape is known."""

from __future__ import annotations

import pytest

from benchmarks.simulation.shapes import (
    DEVELOPED,
    HELD_OUT,
    SHAPED,
    calibrate_shapes,
    pooled,
    table,
)


@pytest.mark.slow
def test_shapes_are_named_rightly_and_the_frontier_s_intervals_hold() -> None:
    scores = calibrate_shapes(8, seed=11, truths=DEVELOPED, workers=1)
    (all_,) = pooled(scores, ())
    assert all_.studies == 8 * len(DEVELOPED) and all_.choices > 300
    assert all_.right >= 0.88 * all_.choices
    assert all_.told_wrong + all_.enough_wrong <= 0.04 * all_.choices
    assert all_.way_right >= 0.8 * all_.ways and all_.way_wrong <= 0.04 * all_.ways
    located, covered = sum(all_.located.values()), sum(all_.covered.values())
    assert located > 20 and covered >= 0.8 * located
    assert all_.wrong <= 0.05 * all_.verdicts


def test_truths_are_held_out_and_a_table_has_a_row_for_each() -> None:
    assert set(DEVELOPED) | set(HELD_OUT) == set(SHAPED)
    assert not set(DEVELOPED) & set(HELD_OUT)
    scores = calibrate_shapes(1, truths=("level",), regimes=("quiet",))
    assert len(table(scores).splitlines()) == 3
    (one,) = scores
    assert one.studies == 1 and one.told_wrong == 0
