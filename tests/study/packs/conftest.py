from __future__ import annotations

from small_trainings import assert_same, make_data, train

__all__ = ["assert_same", "make_data", "train"]
