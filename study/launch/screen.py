"""The live view of a running study: on a terminal a bar that moves, in a pipe a few plain lines."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from study.launch.progress import Snapshot, duration


class Screen:
    """Shows snapshots; a context manager."""

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self._console = console
        self._live = console.is_terminal and not quiet
        self._quiet = quiet
        self._began: tuple[float, int, float] | None = None
        self._last_line = 0.0
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            console=console,
            transient=True,
            disable=not self._live,
        )
        self._task = self._bar.add_task("trials", total=None, text="starting the workers")

    def __enter__(self) -> Screen:
        self._bar.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._bar.stop()

    def say(self, text: str) -> None:
        """Show one line that stays."""
        if not self._quiet:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def show(self, now: Snapshot) -> None:
        """Show the state of the study."""
        clock = time.monotonic()
        if self._began is None:
            self._began = (clock, now.trials_done, now.cost_done)
        text = self._text(now, clock)
        self._bar.update(self._task, completed=now.trials_done, total=now.trials_total, text=text)
        if not self._live and clock - self._last_line >= 30 and now.trials_done:
            if self._last_line:
                self.say(f"{now.trials_done}/{now.trials_total} trials{text}")
            self._last_line = clock

    def _text(self, now: Snapshot, clock: float) -> str:
        assert self._began is not None
        began, trials_before, cost_before = self._began
        seconds = max(clock - began, 1e-9)
        trials, cost = now.trials_done - trials_before, now.cost_done - cost_before
        parts = [f"{now.cells_done}/{now.cells_total} cells"]
        if now.best_error is not None:
            at = "" if now.best_size is None else f" at n={now.best_size:,}"
            parts.append(f"best validation error{at} {now.best_error:.2%}")
        if trials:
            parts.append(f"{trials / seconds:.1f} trials/s")
        if cost > 0 and now.trials_done < now.trials_total:
            parts.append(f"{duration(seconds * (now.cost_total - now.cost_done) / cost)} left")
        if now.failed:
            parts.append(f"{now.failed} failed")
        if now.logged_behind > 20:
            parts.append(f"{now.logged_behind} to log")
        if now.note:
            parts.append(now.note)
        return "".join(f" · {part}" for part in parts)
