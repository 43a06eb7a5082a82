"""``payoff status --watch``: a study's workers, pace, failures and time left, from anywhere."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from study.errors import StorageAway
from study.launch.progress import duration
from study.redaction import redact
from study.terminal import shown

if TYPE_CHECKING:
    from study.launch.keeping import Keeper
    from study.queue.store import StudyProgress

PACE_SECONDS = 120.0
"""The pace is that of the last so many seconds."""

LOOK_SECONDS = 2.0
MOST_ROWS = 30
"""Workers shown one by one; of a larger crew only the sums are."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast a study moves, as seen by who watches."""

    trials_per_minute: float | None
    """None while nothing was seen to end."""
    seconds_left: float | None


class PaceMeter:
    """Measures the pace between looks, on the watcher's own clock."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int, float]] = deque()

    def look(self, now: float, finished: int, cost_done: float, cost_total: float) -> Pace:
        """Take down what stands finished now; return the pace over the last looks."""
        self._looks.append((now, finished, cost_done))
        while len(self._looks) > 2 and now - self._looks[0][0] > PACE_SECONDS:
            self._looks.popleft()
        then, before, cost_before = self._looks[0]
        seconds, trials, cost = now - then, finished - before, cost_done - cost_before
        if seconds <= 0 or trials <= 0:
            return Pace(trials_per_minute=None, seconds_left=None)
        left = seconds * (cost_total - cost_done) / cost if cost > 0 else None
        return Pace(trials_per_minute=60 * trials / seconds, seconds_left=left)


def watch(keeper: Keeper, console: Console, *, once: bool = False) -> None:
    """Show the study until no trial is left, or Ctrl-C."""
    meter, name = PaceMeter(), keeper.store.spec.name
    with Live(console=console, auto_refresh=False, transient=False) as live:
        while True:
            try:
                progress = keeper.store.progress()
                workers = keeper.living()
                failures = keeper.store.failures()
            except StorageAway as error:
                live.update(shown(Text(redact(error), style="yellow")), refresh=True)
            else:
                done, cost, costs = (
                    progress.counts.finished,
                    progress.cost_done,
                    progress.cost_total,
                )
                pace = meter.look(time.monotonic(), done, cost, costs)
                seen = screen(name, progress, pace, workers, failures)
                live.update(shown(seen), refresh=True)
                if once or progress.is_done:
                    return
            time.sleep(LOOK_SECONDS)


def screen(
    name: str,
    progress: StudyProgress,
    pace: Pace,
    workers: Mapping[str, Mapping[str, Any]],
    failures: Counter[str],
) -> Group:
    """Return what is shown at one moment."""
    counts = progress.counts
    head = Text.assemble(
        (name, "bold"),
        f"  {counts.finished:,} of {counts.total:,} trials",
        f" · {progress.cells_done}/{progress.cells_total} cells",
        f" · {counts.running} running · {counts.waiting} waiting",
    )
    speed = "-" if pace.trials_per_minute is None else f"{pace.trials_per_minute:.1f}"
    left = "-" if pace.seconds_left is None else duration(pace.seconds_left)
    second = Text(f"{len(workers)} workers · {speed} trials a minute · time left {left}")
    if progress.is_done:
        second = Text("done")
    reasons = [f"{count} {reason}" for reason, count in failures.most_common(8)]
    return Group(head, second, *_table(workers), *(Text(line, style="red") for line in reasons))


def _table(workers: Mapping[str, Mapping[str, Any]]) -> list[Table]:
    if not workers or len(workers) > MOST_ROWS:
        return []
    table = Table(box=None, pad_edge=False, header_style="dim")
    # Workers of a journal only show that they live; those of a database also say what they do.
    tell = any(workers.values())
    for title in ("host", "process", *(("doing",) if tell else ())):
        table.add_column(title)
    if tell:
        table.add_column("trials", justify="right")
    for worker, said in sorted(workers.items()):
        row = (
            said.get("host", "this machine"),
            said.get("pid", worker.split("-")[-2]),
            *((said.get("doing", ""), said.get("trials", "")) if tell else ()),
        )
        table.add_row(*map(str, row))
    return [table]
