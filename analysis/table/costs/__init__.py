"""What it took to make a network: one cost a file, and one line each in the table's columns."""

from __future__ import annotations

import importlib

from analysis.table.fields import Cost


def cost_in(module: str) -> Cost:
    """Return the ``COST`` that a module declares."""
    found = importlib.import_module(module).COST
    assert isinstance(found, Cost)
    return found
