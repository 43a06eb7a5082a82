"""Most memory that training held, its teacher's training included."""

from __future__ import annotations

from analysis.table.fields import Cost

COST = Cost(
    plain="bytes of training memory",
    unit="byte",
    pruned=False,
    measure=lambda made: made.peak_memory_bytes,
)
