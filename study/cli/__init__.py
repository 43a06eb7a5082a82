"""The command ``payoff``: one file per command, imported only when it is called."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from types import TracebackType
from typing import NoReturn

from search_spaces.errors import PayoffError
from study.errors import StudyFileError
from study.terminal import plain_streams, say

COMMANDS: dict[str, str] = {
    "run": "run a study, or go on with it where it stopped",
    "launch": "run a study with many workers, here or on a cluster",
    "worker": "join a study from anywhere, and work until no trial is left",
    "proxy": "serve a study's database to workers that have no password of it",
    "init": "write a commented study file to edit",
    "status": "show what is done, what failed and what is left",
    "measure": "time the networks of a finished study on this machine",
    "fit": "fit size-versus-error curves to any table of trials",
    "next": "list what to run next for a study or any table, its price and what it would tell",
    "export": "write figures, tables and numbers for a paper",
    "report": "write one HTML page that holds everything, for a mail or an archive",
    "register": "train the model of the payoff point again and register it in MLflow",
    "ui": "browse every trial in the MLflow UI",
    "dashboard": "browse the search in the Optuna dashboard (extra)",
    "mend": "go on with a journal of which some lines cannot be read",
    "sync": "bring MLflow level with what has been trained",
}
"""Name -> one line of help. The module ``study.cli.NAME`` has ``arguments`` and ``run``."""

CALLING = ("run", "launch", "worker", "measure", "register")
"""Commands that may call functions of the user's, which may print anything."""

EXIT_MISTAKE = 2


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line, without a password in it."""

    def error(self, message: str) -> NoReturn:
        from study.redaction import redact

        super().error(redact(message))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return its exit status (2 for a user's mistake)."""
    if argv is None:
        sys.excepthook = _tell_error  # until a command runs: --help needs no more
    with plain_streams():
        return _main(list(sys.argv[1:] if argv is None else argv))


def _tell_error(
    kind: type[BaseException], error: BaseException, frames: TracebackType | None
) -> None:
    """Tell what ends this process without a password."""
    from study.redaction import redact_tracebacks

    redact_tracebacks()
    sys.excepthook(kind, error, frames)


def _main(words: list[str]) -> int:
    # Small matrices: one arithmetic thread a process is fastest, and many fight over the cores.
    # Set before NumPy is loaded; workers get their own number from the study file.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    parser = Parser(
        prog="payoff",
        description="How big must a model be for its data, and where does more stop paying off?",
    )
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    named = [word for word in words if not word.startswith("-")]  # next() is a command of ours
    chosen = named[0] if named else None
    for name, line in COMMANDS.items():
        command = commands.add_parser(name, help=line, description=line[0].upper() + line[1:] + ".")
        if name == chosen:
            importlib.import_module(f"study.cli.{name}").arguments(command)
    args = parser.parse_args(words)
    if args.version:
        from importlib.metadata import version

        print(version("payoff"))
        return 0
    if args.command is None:
        parser.print_help()
        return 0
    from study.redaction import redact_tracebacks, redacted_output

    if sys.excepthook is _tell_error:
        redact_tracebacks()
    try:
        asked = importlib.import_module(f"study.cli.{args.command}")
        with redacted_output() if args.command in CALLING else nullcontext():
            status: int = asked.run(args)
        return status
    except PayoffError as error:
        for mistake in error.mistakes if isinstance(error, StudyFileError) else [error]:
            say(f"{mistake}{_again(mistake, words)}")
        return EXIT_MISTAKE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror or error}")
        return EXIT_MISTAKE
    except MemoryError:
        say("there is not enough memory for this; ask for less, or take a larger machine")
        return EXIT_MISTAKE
    except KeyboardInterrupt:
        return 130


def _again(mistake: object, words: Sequence[str]) -> str:
    """The command with what answers a question, to copy; empty for any other mistake."""
    add: tuple[str, ...] = getattr(mistake, "add", ())
    if not add:
        return ""
    import shlex

    from study.redaction import redact

    return f"; for example: {shlex.join(['payoff', *map(redact, words)])} {add[0]}"
