"""What does choosing the next runs save, and do intervals hold when studies end by themselves?"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np

from analysis.settings import AnalysisSettings
from benchmarks.simulation.adaptive import (
    CHOICES,
    MOST_COST,
    TEST_SETS,
    Look,
    Track,
    World,
    study,
    world_of,
)
from benchmarks.simulation.calibration import DEVELOPED, HELD_OUT, TRUTHS

GROUPS = {"developed": DEVELOPED, "held-out": HELD_OUT, "all": tuple(TRUTHS)}
SHARES = np.geomspace(0.05, 1.0, 100)
TRIES = 4
"""Worlds looked at, at most, for each whose payoff point lies inside the range."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run what was asked for; the tables go to stdout, words to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=20, help="of each truth (default: 20)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--group", choices=list(GROUPS), default="all")
    parser.add_argument("--truth", action="append", choices=list(TRUTHS), help="only these")
    parser.add_argument("--test-set", choices=list(TEST_SETS), default="small")
    parser.add_argument("--rule", choices=("marginal", "plateau"), default="marginal")
    parser.add_argument("--choice", action="append", choices=list(CHOICES), help="only these")
    parser.add_argument("--factor", type=float, default=3.0, help="that is narrow enough")
    parser.add_argument("--no-search", action="store_true", help="count no search trials")
    words = f"share of the even grid's cost that is spent at most (default: {MOST_COST})"
    parser.add_argument("--most", type=float, default=MOST_COST, help=words)
    parser.add_argument("--workers", type=int, default=1)
    args = parser.parse_args(argv)
    began = time.monotonic()
    choices = tuple(args.choice or CHOICES)
    tasks = [
        (
            name,
            args.studies,
            args.seed,
            args.test_set,
            args.rule,
            args.factor,
            choices,
            not args.no_search,
            args.most,
        )
        for name in args.truth or GROUPS[args.group]
    ]
    print(_head(choices))
    found: list[_Done] = []
    if args.workers == 1:
        for task in tasks:
            found += _tell(task[0], _one_truth(*task), choices)
    else:
        with ProcessPoolExecutor(args.workers) as pool:
            done = [pool.submit(_one_truth, *task) for task in tasks]
            for task, one in zip(tasks, done, strict=True):
                found += _tell(task[0], one.result(), choices)
    if found:
        print(_row("**all**", found, choices))
        print("\n" + "\n".join(_endings(found, choices)))
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    return 0


_Done = tuple[float, Look, dict[str, Track]]
"""One world: cost of its even grid, what that knows in the end, and the others' ways."""


def _one_truth(
    name: str,
    studies: int,
    seed: int,
    test_set: str,
    rule: str,
    factor: float,
    choices: Sequence[str],
    search: bool,
    most: float,
) -> list[_Done]:
    """Studies of one truth whose payoff point lies inside the range; none where it never does."""
    settings = AnalysisSettings(resamples=600, rule=rule)  # type: ignore[arg-type]
    worlds: list[World] = []
    for k in range(TRIES * studies):
        world = world_of(
            name, k, seed=seed, test_set=test_set, rule=settings.rule, settings=settings,
            factor=factor, search=search, most=most,
        )  # fmt: skip
        if math.isfinite(world.answer) and len(worlds) < studies:
            worlds.append(world)
    return [
        (world.even_cost, world.even(), {way: study(world, CHOICES[way]) for way in choices})
        for world in worlds
    ]


def _tell(name: str, done: list[_Done], choices: Sequence[str]) -> list[_Done]:
    if done:
        print(_row(name, done, choices), flush=True)
    return done


def _head(choices: Sequence[str]) -> str:
    ways = " | ".join(choices)
    return (
        f"| truth | studies | even: width | held | {ways} | held in the end | decided at | "
        f"held then |\n| --- | ---: | ---: | ---: |{' ---: |' * len(choices)} ---: | ---: | ---: |"
    )


def _row(name: str, done: Sequence[_Done], choices: Sequence[str]) -> str:
    """One row: the even grid, what each way costs to be as narrow, and how ours ends."""
    even = [look for _, look, _ in done]
    width = math.exp(float(np.median([look.width for look in even])))
    costs = []
    for way in choices:
        share = _share(done, way, relative=name.startswith("*"))
        costs.append(f"{share:.2f}" if math.isfinite(share) else "not")
    ours = [(cost, ways[choices[0]]) for cost, _, ways in done]
    last = np.mean([track.looks[-1].held for _, track in ours])
    ends = [(track.looks[track.decided], cost) for cost, track in ours if track.decided is not None]
    when = f"{np.median([look.cost / cost for look, cost in ends]):.2f}" if ends else ""
    held = f"{np.mean([look.held for look, _ in ends]):.0%} of {len(ends)}" if ends else ""
    return (
        f"| {name} | {len(done)} | {width:.2f} | {np.mean([look.held for look in even]):.0%} | "
        f"{' | '.join(costs)} | {last:.0%} | {when} | {held} |"
    )


def _share(done: Sequence[_Done], way: str, *, relative: bool) -> float:
    """The least share of the even grid's cost for a median width as narrow as the even grid's.

    Over several truths the widths are compared world by world: the median of the differences.
    """
    goal = 0.0 if relative else float(np.median([look.width for _, look, _ in done]))
    for share in SHARES:
        widths = []
        for cost, even, ways in done:
            look = ways[way].at(float(share) * cost)
            mine = math.inf if look is None else look.width
            widths.append(mine - even.width if relative else mine)
        if float(np.median(widths)) <= goal:
            return float(share)
    return math.inf


def _endings(done: Sequence[_Done], choices: Sequence[str]) -> list[str]:
    """How the studies of each way end: coverage, wrong verdicts, what was decided and is not."""
    lines = []
    for way in choices:
        tracks = [ways[way] for _, _, ways in done]
        looks = [look for track in tracks for look in track.looks]
        ends = [(t, t.decided) for t in tracks if t.decided is not None]
        first = [track.looks[k] for track, k in ends]
        later = [any(one.state != "decided" for one in t.looks[k + 1 : k + 2]) for t, k in ends]
        wrong = sum(not look.right for look in first)
        lines.append(
            f"- {way}: {len(ends)} of {len(tracks)} decided, after {_mean(k + 1 for _, k in ends)} "
            f"rounds of {_mean(look.runs for look in first)} runs; the interval holds the truth in "
            f"{_mean(look.held for look in first)} of them then, in "
            f"{_mean(look.held for look in looks)} of all looks; {wrong} confident and wrong; "
            f"{sum(later)} undecided by the next round"
        )
    return lines


def _mean(values: object) -> str:
    found = [float(value) for value in values]  # type: ignore[attr-defined]
    return f"{np.mean(found):.3g}" if found else "no"


if __name__ == "__main__":
    sys.exit(main())
