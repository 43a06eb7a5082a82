"""Simulated studies whose truth is known: are the intervals right, are the verdicts?

``python -m analysis.simulation`` runs the whole table; the tests run a small one.
"""

from analysis.simulation.calibration import Score, calibrate, table
from analysis.simulation.hostile import HostileReport, run_hostile
from analysis.simulation.truths import TRUTHS, Truth

__all__ = ["TRUTHS", "HostileReport", "Score", "Truth", "calibrate", "run_hostile", "table"]
