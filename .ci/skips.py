"""Fail when a test was skipped that this machine should have run.

    python .ci/skips.py REPORT.xml [ALLOWED.txt]

The report is pytest's (``--junitxml``). A line of the list of allowed skips is a regular expression
that is looked for in ``test: reason``, `` # ``, and why that may be.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree

ALLOWED = Path(__file__).with_name("allowed-skips.txt")


def skipped(report: Path) -> list[str]:
    """Return every skipped test of a report with its reason; expected failures are none."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        for skip in case.iter("skipped"):
            if skip.get("type") != "pytest.xfail":
                test = f"{case.get('classname')}::{case.get('name')}"
                found.append(f"{test}: {skip.get('message')}")
    return found


def allowed(file: Path) -> dict[str, str]:
    """Return the patterns of a list with why each is there."""
    lines = [line for line in file.read_text().splitlines() if line and not line.startswith("#")]
    pairs = [line.partition(" # ")[::2] for line in lines]
    for pattern, why in pairs:
        assert why.strip(), f"{file}: {pattern!r} does not say why"
    return {pattern.strip(): why.strip() for pattern, why in pairs}


def main(words: list[str]) -> int:
    """Name the skips that nobody allowed."""
    report, file = Path(words[0]), Path(words[1]) if len(words) > 1 else ALLOWED
    found, patterns = skipped(report), allowed(file)
    wrong = [one for one in found if not any(re.search(p, one) for p in patterns)]
    for one in wrong:
        print(f"skipped, though this machine should run it: {one}")
    print(
        f"{len(found)} tests skipped, {len(found) - len(wrong)} of them as allowed by {file.name}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
