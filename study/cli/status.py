"""``payoff status``: what is done, what failed and why, what is left."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections import Counter

from study.places import Places
from study.spec.study_file import load_spec


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from study.cli.launch import where

    parser.add_argument("study", nargs="?", help="study file; without one, the study of digits")
    parser.add_argument("--root", default="mlruns", help="folder of all storages (default: mlruns)")
    where(parser)
    parser.add_argument(
        "--watch", action="store_true", help="go on showing workers, pace, failures and time left"
    )
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(args: argparse.Namespace) -> int:
    """Print the state of a study."""
    from study.launch.joining import at, from_environment

    spec = at(from_environment(load_spec(args.study)), args.storage, args.tracking)
    places = Places.at(args.root)
    from study.launch.hints import command
    from study.launch.keeping import Keeper
    from study.queue.stored import stored_study
    from study.tracking.spool import Spool

    again = command("run", args.study, places)
    store = stored_study(spec, places, again)
    keeper = Keeper(store, places, "status")
    if args.watch:
        from rich.console import Console

        from study.cli.watching import watch

        watch(keeper, Console())
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
    waiting = Spool(places.spool(spec.name)).waiting()
    undertrained = sum(bool(record.flags.get("still_improving")) for record in records)
    if args.json:
        print(
            json.dumps(
                {
                    "study": spec.name,
                    **dataclasses.asdict(counts),
                    "workers": sorted({worker for _, worker, alive in running if alive}),
                    "interrupted": [slot for slot, _, alive in running if not alive],
                    "failures": dict(reasons),
                    "still_improving": undertrained,
                    "waiting_for_mlflow": waiting,
                },
                indent=2,
            )
        )
        return 0
    print(f"{spec.name}: {counts.finished} of {counts.total} trials done")
    if counts.finished < counts.total:
        alive = {worker for _, worker, living in running if living}
        what = f"{len(alive)} workers at it" if alive else f"nobody at it; go on with: {again}"
        print(f"  {counts.waiting} waiting, {counts.running} running, {what}")
    for reason, number in reasons.most_common():
        print(f"  {number} {reason}")
    if undertrained:
        print(f"  {undertrained} were still improving at their last step")
    if waiting:
        sync = command("sync", args.study, places)
        print(f"  {waiting} wait for MLflow; deliver them with: {sync}", file=sys.stderr)
    return 0
