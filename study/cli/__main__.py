"""``python -m study.cli``: the same as the command ``payoff``."""

from __future__ import annotations

import sys

from study.cli import main

if __name__ == "__main__":
    sys.exit(main())
