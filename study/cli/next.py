"""``payoff next``: what to run next for any table of trials, and what it would tell.

Imports neither torch nor optuna nor mlflow, unless the table is named by an address of theirs.
"""

from __future__ import annotations

import argparse
import json

from search_spaces.errors import PayoffError
from study.cli.fit import TABLE, read_asked, table_arguments


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("table", help=TABLE)
    asked = parser.add_argument_group("what is asked")
    add = asked.add_argument
    words = "decided where the interval's upper end is at most this times its lower (default: 3)"
    add("--target", type=float, default=3.0, metavar="X", help=words)
    words = "what may be spent, in the unit of the cost (default: as much as all runs so far)"
    add("--budget", type=float, metavar="X", help=words)
    words = "column that says what a run cost (default: train_flops, train_seconds, wall_seconds, "
    add("--cost", metavar="COLUMN", help=words + "or size times dataset size)")
    words = "sizes that can be made; without it, those of the table and any between them"
    add("--sizes", metavar="N,...", help=words)
    add("--runs", type=int, default=0, metavar="N", help="how many runs to propose, about")
    add("--json", action="store_true", help="print everything as JSON")
    table_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, value, print; the plan goes to stdout, remarks to stderr."""
    if args.group:
        raise PayoffError("--group: only payoff fit draws several; take one group with --where")
    sizes = _numbers(args.sizes) if args.sizes else None
    from analysis.table.columns import FIELDS

    cost = args.cost
    if cost is not None and cost not in FIELDS:  # a column of the table's own
        args.map, cost = [*args.map, f"train_flops={cost}"], "train_flops"
    reading, settings = read_asked(args)
    from analysis.next_runs import next_runs

    found = next_runs(
        reading.table, sizes, cost, args.target, budget=args.budget, runs=args.runs,
        settings=settings, cost_name=args.cost or "",
    )  # fmt: skip
    if args.json:
        print(json.dumps(found.to_json(), indent=2, allow_nan=False))
    else:
        print(found.summary())
    return 0


def _numbers(given: str) -> list[float]:
    try:
        return [float(word) for word in given.split(",") if word.strip()]
    except ValueError:
        raise PayoffError(f"--sizes: must be numbers with commas between, got {given!r}") from None
