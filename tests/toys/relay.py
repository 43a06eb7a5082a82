"""Workers of this machine, one after the other: an engine in one file."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from study.launch.engines.engine import Engine, Order, watch_over
from study.launch.joining import environment


@dataclass(frozen=True, kw_only=True)
class Relay(Engine):
    """Starts the next worker when the last one has ended, until no trial is left."""

    elsewhere: ClassVar[bool] = False

    baton: str = ""
    """File in which each start leaves a line."""

    def options(self, parser: argparse.ArgumentParser) -> None:
        """Declare the options that only this engine listens to."""
        parser.add_argument("--baton", default=self.baton, help="relay: where starts are noted")

    def run(self, order: Order) -> None:
        """Run the workers."""
        words = [sys.executable, "-P", "-m", "study.cli", "worker"]
        words += [*([order.study_file] if order.study_file else []), "--root"]
        runners: list[subprocess.Popen[bytes]] = []

        def look_after() -> None:
            if all(runner.poll() is not None for runner in runners):
                runners.append(
                    subprocess.Popen(
                        [*words, str(order.places.root)],
                        env={**os.environ, **environment(order.spec)},
                        stderr=subprocess.DEVNULL,
                    )
                )
                with Path(self.baton).open("a") as file:
                    file.write(f"{len(runners)}\n")

        watch_over(order, look_after)
        for runner in runners:
            runner.wait()


ENGINE = Relay()
