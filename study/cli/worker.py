"""``payoff worker``: join a study from anywhere, and work on it until no trial is left."""

from __future__ import annotations

import argparse
import signal
import threading
import time
from types import FrameType

from study.cli.studies import spec_of, storage_arguments, study_arguments
from study.places import Places
from study.terminal import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser, root="folder of this machine's part of it")
    storage_arguments(parser)
    words = "take nothing that may not end within so many hours"
    parser.add_argument("--max-hours", type=float, help=words)


def run(args: argparse.Namespace) -> int:
    """Work; 0 when no trial is left, or after SIGTERM, Ctrl-C or the hours given."""
    from study.launch.worker import work

    began = time.monotonic()
    stop = threading.Event()

    def drain(number: int, frame: FrameType | None) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        say("ending after the trials in hand")
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, drain)
    spec = spec_of(args)
    if spec.storage.optuna and not spec.storage.mlflow:
        say(
            f"storage.mlflow is not set: trials are logged to {args.root} on this machine; "
            "whoever concludes the study logs them again in its own store"
        )
    until = float("inf") if args.max_hours is None else began + 3600 * args.max_hours
    tally = work(spec, Places.at(args.root), stop, alone=True, until=until)
    say(f"{tally.trials} trials done by this worker")
    return 0
