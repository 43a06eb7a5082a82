"""Cut a study file down to a budget of seconds, for a smoke test of the main job."""

from __future__ import annotations

import re
import sys
from pathlib import Path

SMALL = {
    "sizes": "[80, 320]",
    "width": "[2, 8, 32]",
    "depth": "[1]",
    "prune_ratio": "[0.0, 0.5]",
    "trials": "2",
    "epochs": "10",
    "min_steps": "60",
    "resamples": "200",
}

path = Path(sys.argv[1])
text = path.read_text()
for key, value in SMALL.items():
    text, found = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
    assert found == 1, f"{key} stands {found} times in {path}"
path.write_text(text)
