"""Is the analysis calibrated? Simulated studies of known truth, routes, hostile inputs."""

from __future__ import annotations

import argparse
import sys
import time

from analysis.settings import RULES, AnalysisSettings
from benchmarks.simulation import routes
from benchmarks.simulation.calibration import calibrate, table
from benchmarks.simulation.hostile import run_hostile
from benchmarks.simulation.truths import TRUTHS


def main() -> int:
    """Run what was asked for; the tables go to stdout, words to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=200, help="of each truth (default: 200)")
    parser.add_argument("--hostile", type=int, default=1400, help="hostile inputs (default: 1400)")
    parser.add_argument("--routes", type=int, default=0, help="studies of routes (default: none)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--truth", action="append", choices=list(TRUTHS), help="only these")
    parser.add_argument("--rule", action="append", choices=RULES, help="only these")
    args = parser.parse_args()
    settings = AnalysisSettings(resamples=1000)
    began = time.monotonic()
    if args.studies:
        scores = []
        for name in args.truth or TRUTHS:
            scores += calibrate(
                args.studies,
                seed=args.seed,
                truths=(name,),
                rules=args.rule or RULES,
                settings=settings,
            )
            print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr)
        print(table(scores, settings.level))
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
