import numpy as np
import pytest
from scipy.stats import qmc

from study.plan.halton import halton


@pytest.mark.parametrize("d", [1, 2, 3, 5, 8, 12])
@pytest.mark.parametrize("seed", range(5))
def test_the_points_are_those_of_scipy_to_the_last_bit_but_one(d: int, seed: int) -> None:
    expected = qmc.Halton(d, scramble=True, rng=np.random.default_rng(seed)).random(70)
    np.testing.assert_allclose(
        halton(70, d, np.random.default_rng(seed)), expected, rtol=0, atol=1e-15
    )


def test_they_cover_a_square_more_evenly_than_independent_points() -> None:
    even = halton(64, 2, np.random.default_rng(0))
    independent = np.random.default_rng(0).random((64, 2))
    assert qmc.discrepancy(even) < qmc.discrepancy(independent) / 3


def test_no_point_and_no_axis_give_empty_arrays() -> None:
    assert halton(0, 3, np.random.default_rng(0)).shape == (0, 3)
    assert halton(4, 0, np.random.default_rng(0)).shape == (4, 0)
