"""What a run shows of how far it is, on a terminal of the usual width."""

from __future__ import annotations

import dataclasses
import io

from rich.console import Console

from study.launch.progress import Screen
from study.queue.store import Counts, StudyProgress


def test_eighty_columns_show_the_bar_the_count_and_the_time_left() -> None:
    counts = Counts(total=1120, waiting=1120, running=0, complete=0, failed=0)
    now = StudyProgress(
        counts=counts, cells_done=0, cells_total=80, cost_done=0.0, cost_total=1.0,
        best_error=0.4307, best_size=1280,
    )  # fmt: skip
    out = io.StringIO()
    console = Console(file=out, force_terminal=True, color_system=None, width=80)
    with Screen(console) as screen:
        screen.show(now, 0, "")
        later = dataclasses.replace(counts, waiting=560, complete=558, failed=2)
        screen.show(dataclasses.replace(now, counts=later, cells_done=40, cost_done=0.5), 40, "")
    last = [line for line in out.getvalue().replace("\r", "\n").split("\n") if "560/1120" in line]
    assert last
    for line in last:
        assert "trials" in line and "\N{BOX DRAWINGS HEAVY HORIZONTAL}" * 8 in line
        assert "2 failed" in line and " left" in line
        assert "%" not in line  # an error need be no rate
