"""Simulated studies whose truth is known: are the intervals right, are the verdicts?

``python benchmarks/calibration.py`` runs the whole table; the tests run a small one.
"""
