"""Rows of trial tables for the tests of the analysis."""

from __future__ import annotations

import numpy as np


def study_rows(*, pruned: bool = False) -> list[dict[str, object]]:
    """A clean study: floors fall and payoff points grow with the number of examples."""
    rng = np.random.default_rng(0)
    rows: list[dict[str, object]] = []
    for n in (100, 400, 1600):
        for k, width in enumerate(2 ** np.arange(1, 9)):
            size = 75.0 * width + 10
            mean = 2.0 / n**0.5 * (1 + (size / (6.0 * n**0.75)) ** -1.0)
            for r in range(3):
                error = min(mean * np.exp(0.02 * rng.standard_normal()), 0.9)
                row = {
                    "slot": f"n{n}-w{width}-r{r}",
                    "cell": f"n{n}-w{width}",
                    "n_examples": n,
                    "width": int(width),
                    "depth": 1,
                    "draw": r,
                    "seed": 10 * r + k,
                    "n_parameters": size,
                    "n_nonzero": size,
                    "test_error": error,
                }
                rows.append(row)
                for ratio in (0.5, 0.8, 0.95) if pruned else ():
                    cost = 1.0 + (0.0 if ratio < 0.6 else 3.0 * (ratio - 0.6))
                    rows.append(
                        row
                        | {
                            "slot": f"{row['slot']}-p{ratio}",
                            "prune_ratio": ratio,
                            "route": "pruned",
                            "n_nonzero": size * (1 - ratio),
                            "test_error": error * cost,
                        }
                    )
    return rows
