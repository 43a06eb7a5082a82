"""``payoff status``: what is done, what failed and why, what is left."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter

from study.cli.studies import storage_arguments, study_arguments, study_of
from study.launch.hints import command
from study.terminal import one_line


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser)
    storage_arguments(parser)
    parser.add_argument(
        "--watch", action="store_true", help="go on showing workers, pace, failures and time left"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the state of a study."""
    spec, places, again = study_of(args)
    from study.launch.keeping import Keeper
    from study.launch.progress import round_line
    from study.queue.opening import stored_study
    from study.queue.store import left_out

    store = stored_study(spec, places, again)
    keeper = Keeper(store, places, "status")
    if args.watch:
        from study.cli.watching import watch
        from study.terminal import console

        watch(keeper, console())
        return 0
    keeper.look()
    counts = store.counts()
    records = store.records()
    reasons = Counter(
        f"{record.status}: {record.reason}" for record in records if record.status != "complete"
    )
    running = [
        (one.slot, one.worker, keeper.is_alive(one.worker)) for one in store.running() if one.worker
    ]
    waiting = keeper.spool.waiting()
    # A study that is whole has a record of each trial that finished: nothing to look for.
    unread = left_out(store) if len(records) < counts.finished else {}
    alive = {worker for _, worker, living in running if living}
    undertrained = sum(bool(record.flags.get("still_improving")) for record in records)
    if args.json:
        told = {
            "study": spec.name,
            **dataclasses.asdict(counts),
            "workers": sorted(alive),
            "interrupted": [slot for slot, _, living in running if not living],
            "failures": dict(reasons),
            "still_improving": undertrained,
            **({"unreadable": unread} if unread else {}),
            "waiting_for_mlflow": waiting,
            "rounds": [dataclasses.asdict(one) for one in store.rounds],
            "round_to_come": store.awaits_round(),
        }
        print(json.dumps(told, indent=2))
        return 0
    print(f"{spec.name}: {counts.finished} of {counts.total} trials done")
    if counts.finished < counts.total or store.awaits_round():
        what = f"{len(alive)} workers at it" if alive else f"nobody at it; go on with: {again}"
        print(f"  {counts.waiting} waiting, {counts.running} running, {what}")
    if store.rounds:
        print(f"  {round_line(store.rounds[-1])}")
    for reason, number in reasons.most_common():
        print(f"  {number} {one_line(reason)}")
    for slot, reason in unread.items():
        print(f"  left out: the record of {one_line(slot)} cannot be read ({one_line(reason)})")
    if unread and store.is_local:
        print("  train these again: payoff mend", file=sys.stderr)
    if undertrained:
        print(f"  {undertrained} were still improving at their last step")
    if waiting:
        sync = command("sync", args.study, places)
        print(f"  {waiting} wait for MLflow; deliver them with: {sync}", file=sys.stderr)
    return 0
