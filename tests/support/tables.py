"""Rows of trial tables for the tests of the analysis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from types import MappingProxyType

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


def shaped_rows(
    shapes: Mapping[str, Sequence[float]] = MappingProxyType({"depth": (1, 2, 4)}),
    *,
    sizes: Sequence[int] = (200, 800),
    widths: int = 6,
) -> list[dict[str, object]]:
    """Ladders of several shapes: the first is best where networks are small, the last where large.

    ``shapes`` are columns with their values; each combination is a shape.
    """
    rng = np.random.default_rng(2)
    rows: list[dict[str, object]] = []
    for n in sizes:
        for rank, values in enumerate(product(*shapes.values())):
            shape = dict(zip(shapes, values, strict=True))
            named = "".join(f"-{name}{value}" for name, value in shape.items())
            for k, width in enumerate(2 ** np.arange(2, 2 + widths)):
                size = 40.0 * width + 30.0 * rank * width
                late = np.tanh(np.log(size / 900.0))
                mean = 0.6 / n**0.3 * (0.2 + (size / 60.0) ** -0.6) * np.exp(-0.22 * rank * late)
                for r in range(3):
                    own = {name: v for name, v in shape.items() if name != "depth"}
                    rows.append(
                        {
                            "slot": f"n{n}-width{width}{named}-r{r}",
                            "cell": f"n{n}-width{width}{named}",
                            "n_examples": n,
                            "width": int(width),
                            "depth": shape.get("depth", 1),
                            "draw": r,
                            "seed": 100 * r + 10 * rank + k,
                            "n_parameters": size,
                            "flops_per_example": 2.0 * size * (1.0 + 0.5 * rank),
                            "latency_seconds": 1e-6 * (20.0 * (rank + 1) + size / 100.0),
                            "test_error": float(mean * np.exp(0.015 * rng.standard_normal())),
                            "params": own
                            | {"width": int(width)}
                            | ({"depth": shape["depth"]} if "depth" in shape else {}),
                        }
                    )
    return rows
