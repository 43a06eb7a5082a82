"""What a reader should know of how networks were made, before believing what they show."""

from __future__ import annotations

import numpy as np

from analysis.table.trials import TrialTable


def remarks(table: TrialTable) -> tuple[str, ...]:
    """Count, in words, networks that pruning emptied and students larger than their teachers."""
    complete = np.array([status == "complete" for status in table.status], dtype=bool)
    found = []
    emptied = int((complete & table.layer_emptied).sum())
    if emptied:
        models = "network" if emptied == 1 else "networks"
        found.append(
            f"{emptied:,} pruned {models} lost every weight of a layer (without a path round it, a "
            "network then gives the same answer whatever it is asked); lower the largest "
            "prune_ratio or start from larger networks"
        )
    larger = complete & (table.teacher_size < table.n_parameters)  # NaN is not less
    students = int((complete & np.isfinite(table.teacher_size)).sum())
    if larger.any():
        found.append(
            f"{int(larger.sum()):,} of {students:,} students had a teacher with fewer parameters "
            "than themselves; name a larger one in distillation.teachers to have none"
        )
    return tuple(found)
