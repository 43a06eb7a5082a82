"""Is the best shape named rightly, and the way to grow? Simulated studies of known truth."""

from __future__ import annotations

import argparse
import os
import sys
import time

from benchmarks.simulation.shapes import (
    DEVELOPED,
    HELD_OUT,
    NOISES,
    SHAPED,
    calibrate_shapes,
    pooled,
    table,
)

GROUPS = {"developed": DEVELOPED, "held-out": HELD_OUT, "all": tuple(SHAPED)}


def main() -> int:
    """Run what was asked for; the tables go to stdout, words to stderr."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100, help="of each truth (default: 100)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--group", choices=list(GROUPS), default="all")
    parser.add_argument("--truth", action="append", choices=list(SHAPED), help="only these")
    parser.add_argument("--noise", action="append", choices=NOISES, help="only these")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    began = time.monotonic()
    scores = calibrate_shapes(
        args.studies,
        seed=args.seed,
        truths=args.truth or GROUPS[args.group],
        regimes=args.noise or NOISES,
        workers=args.workers,
    )
    print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    for by in (("truth",), ("regime",), ()):
        print(table(pooled(scores, by)), end="\n\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
