"""``payoff next``: what to run next, what it costs, and what it would tell.

For a study file a price list of ways to go on, of which one can be taken; for any table of trials
what to run wherever it is trained. For a table it imports neither torch nor optuna nor mlflow,
unless the table is named by an address of theirs.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.cli.fit import TABLE, read_asked, table_arguments
from study.cli.run import at_least_one, run_and_show
from study.cli.studies import storage_arguments, study_of
from study.launch.hints import command
from study.launch.locking import exclusively

if TYPE_CHECKING:
    from study.launch.offers import Offers

FACTOR = 3.0
"""Upper end of an interval over its lower one that is narrow enough, where nobody says."""

STATES = {
    "open": "open",
    "cannot_tell": "cannot tell",
    "would_not_help": "more trials alone will not decide it",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    words = f"a study file (.toml; without one, the study of digits), or {TABLE}"
    parser.add_argument("table", nargs="?", help=words)
    asked = parser.add_argument_group("what is asked")
    add = asked.add_argument
    words = "decided where the interval's upper end is at most this times its lower (default: 3)"
    add("--target", type=float, metavar="X", help=words)
    words = "what may be spent, in the unit of the cost (default: as much as all runs so far)"
    add("--budget", type=float, metavar="X", help=words)
    words = "column that says what a run cost (default: train_flops, train_seconds, wall_seconds, "
    add("--cost", metavar="COLUMN", help=words + "or size times dataset size)")
    words = "sizes that can be made; without it, those of the table and any between them"
    add("--sizes", metavar="N,...", help=words)
    add("--runs", type=int, default=0, metavar="N", help="how many runs to propose, about")
    add("--json", action="store_true", help="print everything as JSON")
    study = parser.add_argument_group("of a study file")
    words = "train the trials of this entry of the list, and show the study as it is then"
    study.add_argument("--take", type=at_least_one, metavar="K", help=words)
    study.add_argument("--root", default="mlruns", help="folder of all storages (default: mlruns)")
    storage_arguments(parser)
    study.add_argument("--quiet", action="store_true", help="say nothing but the result")
    table_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Read, value, print; the plan goes to stdout, remarks to stderr."""
    if args.table is None or args.table.endswith(".toml"):
        args.study = args.table
        return _of_study(args)
    if args.take is not None:
        raise PayoffError(
            "--take: is for a study file; what a table's runs are trained by is yours"
        )
    if args.group:
        raise PayoffError("--group: only payoff fit draws several; take one group with --where")
    sizes = _numbers(args.sizes) if args.sizes else None
    from analysis.table.columns import FIELDS

    cost = args.cost
    if cost is not None:  # a column of the table's own, also where it is called as a field is
        field = cost if cost in FIELDS else "train_flops"
        if not any(one.strip().startswith(f"{field}=") for one in ",".join(args.map).split(",")):
            args.map = [*args.map, f"{field}={cost}"]
        cost = field
    try:
        reading, settings = read_asked(args)
    except PayoffError as error:
        if cost == args.cost or f"{args.cost!r}" not in str(error):
            raise
        raise PayoffError(str(error).replace("--map: ", "--cost: ", 1)) from None
    from analysis.next_runs import next_runs

    found = next_runs(
        reading.table, sizes, cost, args.target or FACTOR, budget=args.budget, runs=args.runs,
        settings=settings, cost_name=args.cost or "",
    )  # fmt: skip
    if args.json:
        print(json.dumps(found.to_json(), indent=2, allow_nan=False))
    else:
        print(found.summary())
    return 0


def _of_study(args: argparse.Namespace) -> int:
    """Print a study's price list, or take one of its entries."""
    from study.launch.offers import offers_of, take
    from study.queue.opening import stored_study

    spec, places, again = study_of(args)
    store = stored_study(spec, places, again)
    found = offers_of(store, args.target)
    if args.take is None:
        if args.json:
            print(json.dumps(found.to_json(), indent=2, allow_nan=False, default=dict))
        else:
            for line in _list(found, command("next", args.study, places)):
                print(line)
        return 0
    if args.take > len(found.offers):
        known = f"1 to {len(found.offers)}" if found.offers else "none is left"
        raise PayoffError(f"--take: must be an entry of the list ({known}), got {args.take}")
    with exclusively(places):
        take(store, found, found.offers[args.take - 1])
    args.retry_failed, args.notes, args.yes = False, False, True
    return run_and_show(store.spec, args, None)


def _list(found: Offers, again: str) -> list[str]:
    """The price list, in lines for a terminal."""
    from analysis.words.plans import OBSTACLES
    from study.launch.offers import expected_words
    from study.launch.progress import duration

    done = len(found.standings) - len(found.open)
    lines = [
        f"{done} of {len(found.standings)} dataset sizes decided (the upper end of an interval at "
        f"most {found.target:g} times the lower one)"
    ]
    for one in found.open:
        wide = f"{one.factor:.3g} times" if math.isfinite(one.factor) else "an end is open"
        lines.append(f"  {one.n_examples:,.0f} examples: {STATES[one.state]} ({wide})")
        if one.obstacle:
            least = f"about {one.limit:.2g} times" if one.limit > found.target else "that"
            lines.append(f"    not below {least}: {OBSTACLES[one.obstacle]}")
    for one in found.standings:
        if one.kind == "still_paying":
            lines.append(f"  {one.n_examples:,.0f} examples: still paying at the largest size")
    if not found.offers and not found.open:
        return lines
    if not found.offers:
        return [*lines, "no trials that the study may have are expected to narrow them"]
    lines.append("")
    for offer in found.offers:
        expected = expected_words(found, offer.expected) or "to see whether it still pays there"
        flops = "" if offer.flops is None else f", {offer.flops:.2g} FLOPs"
        trials = f"{offer.n_trials:,} trial{'s' if offer.n_trials > 1 else ''}"
        lines += [
            f"{offer.number}  {trials}{flops}, about {duration(offer.seconds)} of workers' time",
            f"   {offer.what}",
            f"   expected: {expected}",
        ]
    return [*lines, "", f"take one with: {again} --take 1"]


def _numbers(given: str) -> list[float]:
    try:
        return [float(word) for word in given.split(",") if word.strip()]
    except ValueError:
        raise PayoffError(f"--sizes: must be numbers with commas between, got {given!r}") from None
