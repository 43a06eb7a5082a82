"""Small data and trainings, shared by the tests of ``study``."""

from __future__ import annotations

from tests.support.trainings import assert_same, make_data, train

__all__ = ["assert_same", "make_data", "train"]
