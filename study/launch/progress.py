"""How far a run is: on a terminal a bar that moves, in a pipe a few plain lines."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
from rich.table import Column

from study.plan.rounds import Round
from study.queue.store import StudyProgress
from study.redaction import redact


class Screen:
    """Where a run says what it has to say; a context manager."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console, self._quiet = console, quiet
        self._live = console.is_terminal and not quiet
        self._began: tuple[float, int, float] | None = None
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            # Where the terminal is narrow, this one is cut off at its end, and no other.
            TextColumn("{task.fields[text]}", table_column=Column(no_wrap=True, ratio=1)),
            console=console,
            expand=True,
            transient=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("trials", total=None, text="starting the workers")

    def __enter__(self) -> Screen:
        if self._live:
            self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._live:  # in a pipe, rich 13 would end even a bar that was never shown with a line
            self._bar.stop()

    def say(self, text: str) -> None:
        """Show one line that stays."""
        if not self._quiet:
            self._console.print(redact(text), highlight=False, markup=False, soft_wrap=True)

    def show(self, now: StudyProgress, to_log: int, note: str) -> None:
        """Show how far the run is, and how many finished trials MLflow has not yet."""
        clock = time.monotonic()
        done, total = now.counts.finished, now.counts.total
        began, trials_before, cost_before = self._began or (clock, done, now.cost_done)
        self._began = began, trials_before, cost_before
        seconds = max(clock - began, 1e-9)
        trials, cost = done - trials_before, now.cost_done - cost_before
        parts = []  # the more it matters, the earlier: a narrow terminal shows the first ones
        if now.counts.failed:
            parts.append(f"{now.counts.failed} failed")
        if cost > 0 and done < total:
            parts.append(f"{duration(seconds * (now.cost_total - now.cost_done) / cost)} left")
        if note:
            parts.append(note)
        parts.append(f"{now.cells_done}/{now.cells_total} cells")
        if trials:
            parts.append(f"{trials / seconds:.1f} trials/s")
        if to_log > 20:
            parts.append(f"{to_log} to log")
        if now.best_error is not None:
            at = "" if now.best_size is None else f" at n={now.best_size:,}"
            parts.append(f"best validation error{at} {now.best_error:.3g}")
        text = "".join(f" · {part}" for part in parts)
        self._bar.update(self._task, completed=done, total=total, text=text)
        if not self._live and clock - self._last_line >= 30 and done:
            if self._last_line:
                self.say(f"{done}/{total} trials{text}")
            self._last_line = clock


def round_line(planned: Round) -> str:
    """Say what a round is, or how the study ended."""
    sizes = planned.sizes
    done = sum(one.state == "decided" for one in sizes)
    stand = f"{done} of {len(sizes)} dataset sizes decided; " if sizes else ""
    if planned.ends == "decided":
        return (
            f"after round {planned.number - 1}: decided; studies that stop when their intervals "
            "are narrow are a little too sure: read 90% as 80% (docs/deciding.md)"
        )
    if planned.ends:
        words = {
            "spent": "the budget is spent",
            "no help": "more trials would not help",
            "stuck": "cannot go on",
        }[planned.ends]
        because = f": {planned.because}" if planned.because else ""
        return f"after round {planned.number - 1}: {stand}{words}{because}"
    cells = len(planned.wanted)
    return f"round {planned.number}: {stand}{planned.n_trials:,} more trials in {cells} cells"


def duration(seconds: float) -> str:
    """Return a time that a person reads at a glance.

    Examples
    --------
    >>> duration(42), duration(200), duration(8000)
    ('42 s', '3 min 20 s', '2 h 13 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
