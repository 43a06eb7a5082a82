"""How many weights or units a prune ratio takes; needs no torch."""

from __future__ import annotations


def n_pruned(n_weights: int, ratio: float) -> int:
    """How many of ``n_weights`` weights a prune ratio in [0, 1] removes.

    Examples
    --------
    >>> n_pruned(266_200, 0.9), n_pruned(5, 0.5), n_pruned(7, 0.5)
    (239580, 2, 4)
    """
    return round(ratio * n_weights)
