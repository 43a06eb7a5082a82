"""``payoff mend``: go on without the lines of a journal that cannot be read."""

from __future__ import annotations

import argparse

from search_spaces.errors import PayoffError
from study.places import Places
from study.terminal import one_line, say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--root", default="mlruns", help="folder of all storages (default: mlruns)")
    words = "write the journal without them; the one that is there is kept beside it"
    parser.add_argument("--yes", action="store_true", help=words)


def run(args: argparse.Namespace) -> int:
    """Say which lines cannot be read and what is lost with each; with --yes, go on without them."""
    from study.queue.mending import mend, write_mended

    path = Places.at(args.root).optuna_journal
    if not path.is_file():
        raise PayoffError(f"{path}: there is no journal here; name its folder with --root")
    mended = mend(path)
    for one in mended.lost:
        print(f"line {one.line:,} cannot be read ({one_line(one.reason)}): {one.what}")
    if not mended.lost:
        print(f"{path}: every line can be read")
    elif args.yes:
        say(f"{path}: mended; as it was, it is kept in {write_mended(path, mended)}")
    else:
        say(f"nothing was changed; go on without these lines with: payoff mend --yes{_root(args)}")
    return 0


def _root(args: argparse.Namespace) -> str:
    import shlex

    return "" if args.root == "mlruns" else f" --root {shlex.quote(args.root)}"
