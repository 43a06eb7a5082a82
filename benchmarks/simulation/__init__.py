"""Simulated studies whose truth is known: are the intervals right, are the verdicts?

``python -m benchmarks.calibration`` runs the whole table; the tests run a small one.
"""
