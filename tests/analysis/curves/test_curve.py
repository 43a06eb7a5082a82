"""From trials to curves: who draws them, who does not, and that both are counted."""

from __future__ import annotations

import numpy as np
import pytest

from analysis.curves.curve import build_curves
from analysis.errors import AnalysisError
from analysis.settings import AnalysisSettings
from analysis.table.trials import TrialTable
from analysis.words.counts import excluded

SETTINGS = AnalysisSettings()


def row(size: float, error: float, **more: object) -> dict[str, object]:
    return {"n_parameters": size, "test_error": error, "n_examples": 100, **more}


def curves(rows: list[dict[str, object]], settings: AnalysisSettings = SETTINGS):  # type: ignore[no-untyped-def]
    return build_curves(TrialTable.from_rows(rows), settings)


def test_points_are_means_of_replicates_in_order_of_size() -> None:
    (curve,) = curves([row(20, 0.2), row(10, 0.5), row(20, 0.4), row(10, 0.7)])
    np.testing.assert_allclose(curve.size, [10, 20])
    np.testing.assert_allclose(curve.error, [0.6, 0.3])
    np.testing.assert_array_equal(curve.replicates, [2, 2])


def test_one_curve_for_each_dataset_size() -> None:
    found = curves([row(10, 0.5, n_examples=n) for n in (640, 80, 160)])
    assert [curve.n_examples for curve in found] == [80, 160, 640]


def test_search_trials_never_draw_the_curve() -> None:
    (curve,) = curves([row(10, 0.5), row(10, 0.01, phase="search")])
    assert curve.error[0] == 0.5
    assert [(e.kind, e.count) for e in curve.excluded] == [("search", 1)]


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"status": "diverged"}, "diverged runs"),
        ({"status": "failed"}, "failed runs"),
        ({"prune_ratio": 0.5}, "pruned models (summarised apart)"),
        ({"route": "distilled"}, "distilled models (another route to a size)"),
        ({"test_error": float("nan")}, "runs without test_error"),
        ({"n_parameters": float("nan")}, "runs without n_parameters"),
    ],
)
def test_exclusions_are_counted_and_named(more: dict[str, object], reason: str) -> None:
    (curve,) = curves([row(10, 0.5), row(20, 0.4), row(20, 0.9) | more, row(20, 0.9) | more])
    assert [(excluded(e), e.count) for e in curve.excluded] == [(reason, 2)]
    np.testing.assert_array_equal(curve.error, [0.5, 0.4])


def test_undertrained_runs_are_counted_and_dropped_only_if_asked() -> None:
    rows = [row(10, 0.5), row(10, 0.7, still_improving=True)]
    (kept,) = curves(rows)
    (dropped,) = curves(rows, AnalysisSettings(undertrained="drop"))
    assert (kept.undertrained, kept.error[0]) == (1, 0.6)
    assert (dropped.undertrained, dropped.error[0]) == (0, 0.5)
    assert dropped.excluded[0].count == 1


def test_pruned_models_draw_the_curve_where_size_counts_non_zeros() -> None:
    rows = [row(10, 0.5, n_nonzero=10), row(10, 0.6, n_nonzero=5, prune_ratio=0.5)]
    (curve,) = curves(rows, AnalysisSettings(size="n_nonzero", include_pruned=True))
    np.testing.assert_allclose(curve.size, [5, 10])
    with pytest.raises(AnalysisError, match="include_pruned: n_parameters does not change"):
        curves(rows, AnalysisSettings(include_pruned=True))


def test_cells_of_other_shape_stay_apart_at_one_size() -> None:
    (curve,) = curves([row(10, 0.5, width=2, depth=1), row(10, 0.7, width=1, depth=2)])
    assert len(curve) == 2
    assert curve.n_sizes == 1
    assert sorted(curve.shape.tolist()) == [0, 1]


def test_a_named_cell_gathers_replicates_whose_sizes_differ() -> None:
    (curve,) = curves([row(10, 0.5, cell="a"), row(40, 0.7, cell="a")])
    np.testing.assert_allclose(curve.size, [20.0])


def test_correctness_is_gathered_only_if_every_replicate_has_it() -> None:
    bits = {"n_test": 8, "test_correct": b"\xf0"}
    (whole,) = curves([row(10, 0.5, **bits), row(20, 0.5, **bits)])
    (part,) = curves([row(10, 0.5, **bits), row(20, 0.5, n_test=8)])
    assert whole.correct is not None
    np.testing.assert_array_equal(whole.correct.sum(axis=1), [4, 4])
    assert part.correct is None


def test_a_column_without_any_value_is_a_mistake() -> None:
    with pytest.raises(AnalysisError, match="model_bytes: no trial has a value"):
        curves([row(10, 0.5)], AnalysisSettings(size="model_bytes"))
