"""A process that analyses the finished study while the one that ran it still logs.

It imports while the last trials train, and then has a core to itself: within one process, Python
lets the analysis and the logging run only in turns.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from study.launch.nursery import Forked, Nursery
from study.record import TrialRecord
from study.spec.study_file import StudySpec

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis


ANALYST = "study.launch.analyst"


class Analyst:
    """The process, once it has begun; forked by a nursery if there is one that can."""

    def __init__(self, nursery: Nursery | None = None) -> None:
        self._nursery = nursery
        self._process: subprocess.Popen[bytes] | Forked | None = None

    def begin(self) -> None:
        """Let it import, if it has not begun; :meth:`close` ends it, whatever it does."""
        if self._process is not None:
            return
        if self._nursery is not None:
            self._process = self._nursery.start(ANALYST)
        if self._process is not None:
            return
        with contextlib.suppress(OSError):  # no process to be had: then there is none
            # -P: a file called study.py in the user's folder must not stand in for this package.
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", ANALYST],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )

    def analyse(
        self, spec: StudySpec, records: Iterable[TrialRecord], directory: Path
    ) -> tuple[StudyAnalysis, list[Path]] | None:
        """Analyse a study and write its results; return the analysis and its figures.

        None if the process never began or came to grief: doing the same here will tell why.
        """
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            return None
        try:
            # The pipe stays open: the process ends when it is closed.
            pickle.dump((spec, tuple(records), directory), process.stdin)
            process.stdin.flush()
            found: tuple[StudyAnalysis, list[Path]] = pickle.load(process.stdout)
        except Exception:  # bytes that are no pickle raise whatever they like
            return None
        return found

    def close(self) -> None:
        """End the process."""
        if self._process is None:
            return
        self._process.kill()
        with contextlib.suppress(OSError), self._process:
            pass  # its pipes are closed, and it is waited for


def serve(questions: BinaryIO, answers: BinaryIO) -> int:
    """Import, wait for one study, and analyse it; return the exit status."""
    import scipy.optimize
    import scipy.stats  # noqa: F401

    import analysis.plots  # noqa: F401
    from study.handover.results import analyse_study, write_results

    try:
        spec, records, directory = pickle.load(questions)
    except EOFError:
        return 0  # nobody asks
    _end_with_asker()
    try:
        found, table = analyse_study(spec, records)
        pickle.dump((found, write_results(found, table, directory)), answers)
        answers.flush()
    except Exception:
        return 1  # whoever asked does it again, and hears why
    return 0


def _end_with_asker() -> None:
    """Exit when the pipe from whoever asks is closed: the results are then another's to write."""

    def watch() -> None:
        while os.read(0, 1):
            pass
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def main(words: Sequence[str]) -> int:
    """Be the process that analyses one study; return its exit status."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    with open(0, "rb", closefd=False) as asked, open(os.dup(1), "wb") as told:
        os.dup2(2, 1)  # what a library prints is no answer
        return serve(asked, told)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
