"""A meter that does not measure is found before anything is trained with it."""

from __future__ import annotations

import codecarbon
import pytest

from search_spaces.errors import PayoffError
from study.trials.energy import EnergyMeter


class Silent:
    """Like trackers of CodeCarbon before 3.2.8: what is wrong with its arguments, it keeps."""

    def __init__(self, **told: object) -> None:
        return

    def start_task(self, name: str) -> None:
        if name not in self._tasks:  # type: ignore[attr-defined]
            raise AssertionError


@pytest.mark.slow
def test_a_tracker_that_could_not_begin_is_said_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert EnergyMeter().measure(lambda: sum(range(10**6)))[1] > 0
    monkeypatch.setattr(codecarbon, "OfflineEmissionsTracker", Silent)
    with pytest.raises(PayoffError, match=r"run\.energy: CodeCarbon .* does not measure here"):
        EnergyMeter()
