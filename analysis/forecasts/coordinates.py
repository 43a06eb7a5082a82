r"""Where a run lies among sizes and data, by any two of four names.

All are linear in (log N, log D), so that two of them give the others:

======================= ============== =======================
name                    symbol         logarithm
======================= ============== =======================
n_parameters            N              log N
n_examples              D              log D
flops                   C = k N D      log N + log D + log k
examples_per_parameter  M = D / N      log D - log N
======================= ============== =======================

k is the FLOPs of training for each parameter and example.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from analysis.errors import AnalysisError
from analysis.laws.law import Array

FLOPS_PER_PARAMETER_AND_EXAMPLE = 6.0
"""Forward and backward pass of a dense network: 2 + 4 FLOPs (Kaplan et al. 2020, section 2.1)."""

COORDINATES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "n_parameters": (1.0, 0.0),
        "n_examples": (0.0, 1.0),
        "flops": (1.0, 1.0),
        "examples_per_parameter": (-1.0, 1.0),
    }
)
"""Name -> what its logarithm takes of log N and log D."""

Given = npt.ArrayLike | None


def sizes_and_data(
    n_parameters: Given = None,
    n_examples: Given = None,
    *,
    flops: Given = None,
    examples_per_parameter: Given = None,
    flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
) -> tuple[Array, Array]:
    """N and D from any two of the four, broadcast against each other.

    Raises
    ------
    AnalysisError
        If not just two are given, or their shapes don't fit one another.
    """
    # Validate
    named = dict(
        zip(COORDINATES, (n_parameters, n_examples, flops, examples_per_parameter), strict=True)
    )
    given = {name: value for name, value in named.items() if value is not None}
    if len(given) != 2:
        raise AnalysisError(
            f"surface: give two of {', '.join(COORDINATES)}, got {', '.join(given) or 'none'}"
        )
    if not (np.isfinite(flops_per) and flops_per > 0.0):
        raise AnalysisError(f"flops_per: must be finite and positive, got {flops_per}")
    arrays = {name: np.asarray(value, dtype=np.float64) for name, value in given.items()}
    try:
        first, second = np.broadcast_arrays(*arrays.values())
    except ValueError:
        shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
        raise AnalysisError(f"surface: shapes must fit one another, got {shapes}") from None

    # Compute
    if tuple(given) == ("n_parameters", "n_examples"):  # as they are, to the last digit
        return np.array(first), np.array(second)
    with np.errstate(invalid="ignore", divide="ignore"):
        logs = [np.log(first), np.log(second)]
    for k, name in enumerate(given):
        if name == "flops":
            logs[k] = logs[k] - np.log(flops_per)
    (a, b), (c, d) = (COORDINATES[name] for name in given)
    scale = a * d - b * c
    with np.errstate(invalid="ignore", over="ignore"):
        n = np.exp((d * logs[0] - b * logs[1]) / scale)
        m = np.exp((a * logs[1] - c * logs[0]) / scale)
    return np.asarray(n), np.asarray(m)


def in_coordinates(log_x: Array) -> Array:
    """Logarithms of the four, shape (n, 4), of rows log N, log D; of FLOPs with k = 1."""
    return np.asarray(log_x @ np.array(list(COORDINATES.values())).T)
