"""Is the analysis calibrated? Simulated studies of known truth, routes, hostile inputs."""

from __future__ import annotations

import argparse
import os
import sys
import time

from analysis.settings import RULES, AnalysisSettings
from benchmarks.simulation import routes
from benchmarks.simulation.calibration import (
    DEVELOPED,
    HELD_OUT,
    TRUTHS,
    calibrate,
    pooled,
    table,
)
from benchmarks.simulation.hostile import run_hostile
from benchmarks.simulation.noises import DESIGNS, REGIMES

GROUPS = {"developed": DEVELOPED, "held-out": HELD_OUT, "all": tuple(TRUTHS)}
SHORT = 24
"""Studies of each truth in the short form."""


def main() -> int:
    """Run what was asked for; the tables go to stdout, words to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200, help="of each truth (default: 200)")
    parser.add_argument("--short", action="store_true", help=f"{SHORT} of each, fewer hostile ones")
    parser.add_argument("--hostile", type=int, default=1400, help="hostile inputs (default: 1400)")
    parser.add_argument("--routes", type=int, default=0, help="studies of routes (default: none)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--group",
        choices=list(GROUPS),
        default="all",
        help="truths that the method was developed on, those held out, or all (default)",
    )
    parser.add_argument("--truth", action="append", choices=list(TRUTHS), help="only these")
    parser.add_argument("--noise", action="append", choices=[*REGIMES, *DESIGNS], help="only these")
    parser.add_argument("--rule", action="append", choices=RULES, help="only these")
    parser.add_argument("--by", default="truth,rule", help="rows (default: truth,rule)")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    if args.short:
        args.studies, args.hostile = min(args.studies, SHORT), min(args.hostile, 140)
    settings = AnalysisSettings(resamples=1000)
    began = time.monotonic()
    if args.studies:
        scores = calibrate(
            args.studies,
            seed=args.seed,
            truths=args.truth or GROUPS[args.group],
            rules=args.rule or RULES,
            regimes=args.noise or tuple(REGIMES),
            settings=settings,
            workers=args.workers,
        )
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
        print(table(pooled(scores, tuple(args.by.split(","))), settings.level))
        print("\nOver all truths:\n")
        print(table(pooled(scores, ("regime", "rule")), settings.level))
        print()
        print(table(pooled(scores, ("rule",)), settings.level))
    if args.routes:
        print(routes.table(args.routes, seed=args.seed))
    if args.hostile:
        report = run_hostile(args.hostile, seed=args.seed)
        print(
            f"\n{report.inputs} hostile inputs: {len(report.crashes)} crashes, "
            f"{len(report.wrong)} confident and wrong, {report.refused} refused, "
            f"{report.cannot_tell} cannot tell"
        )
        for line in (*report.crashes, *report.wrong):
            print(f"- {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
