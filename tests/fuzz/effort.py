"""How many inputs a fuzzer tries: few with all other tests, thousands where it is asked for."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, settings

FEW = 40
MANY = int(os.environ.get("PAYOFF_FUZZ", "2000"))
"""Inputs of each long run: PAYOFF_FUZZ=20000 pytest -m fuzz."""


class Effort:
    """So many inputs, always others in a long run and always the same in a short one."""

    def __init__(self, inputs: int, *, always_new: bool) -> None:
        self.inputs, self.always_new = inputs, always_new

    def __call__(self, test: Callable[..., Any]) -> Callable[..., Any]:
        decorated: Callable[..., Any] = settings(
            max_examples=self.inputs,
            derandomize=not self.always_new,
            database=None,
            deadline=None,
            phases=[Phase.explicit, Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
        )(test)
        return decorated

    def fewer(self, times: int) -> Effort:
        """The same with a part of the inputs, where each takes longer."""
        return Effort(max(self.inputs // times, 1), always_new=self.always_new)


SHORT, LONG = Effort(FEW, always_new=False), Effort(MANY, always_new=True)
