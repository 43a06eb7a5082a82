"""``payoff measure``: time the networks of a finished study on this machine."""

from __future__ import annotations

import argparse
import json
import sys

from search_spaces.errors import PayoffError
from study.cli.studies import study_arguments, study_of
from study.terminal import as_it_is


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print as JSON")


def run(args: argparse.Namespace) -> int:
    """Time every architecture, keep the times, print them."""
    spec, places, again = study_of(args)
    from study.queue.opening import stored_study
    from study.trials.laboratory import Laboratory
    from study.trials.latency import latency_file, measure_latencies, write_latencies

    if spec.training.function:
        raise PayoffError(
            "training.function: networks of your own trainer cannot be built here; return "
            "latency_seconds from it instead"
        )

    def show(done: int, total: int) -> None:
        screen = as_it_is(sys.stderr)
        if screen.isatty():
            end = "\n" if done == total else ""
            print(f"\rtimed {done} of {total} architectures", end=end, file=screen, flush=True)

    store = stored_study(spec, places, again)
    laboratory = Laboratory(store.spec, cache=places.cache)
    records = store.records()
    found = measure_latencies(laboratory, records, on_each=show)
    if not found:
        raise PayoffError(f"{spec.name}: no trial has finished well yet; go on with: {again}")
    write_latencies(latency_file(places, spec.name), found)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        print(f"{'architecture':<32} {'batch 1, us':>18} {'batch 128, us':>18}")
        print(f"{'':<32} {'median':>9} {'95th':>8} {'median':>9} {'95th':>8}")
        for name, times in found.items():
            numbers = [1e6 * seconds for seconds in times.values()]
            print(f"{name:<32} {numbers[0]:>9.1f} {numbers[1]:>8.1f} "
                  f"{numbers[2]:>9.1f} {numbers[3]:>8.1f}")  # fmt: skip
    print(f"the trials have them from now on; look again with: {again}", file=sys.stderr)
    return 0
