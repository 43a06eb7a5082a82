"""Cut a study file down to a budget of seconds, for a smoke test of the main job."""

from __future__ import annotations

import re
import sys
from pathlib import Path

SMALL = {
    ("data", "sizes"): "[80, 320]",
    ("space", "width"): "[2, 8, 32]",
    ("space", "depth"): "[1]",
    ("space", "prune_ratio"): "[0.0, 0.5]",
    ("search", "trials"): "2",
    ("training", "epochs"): "10",
    ("training", "min_steps"): "60",
    ("analysis", "resamples"): "200",
}

path = Path(sys.argv[1])
text = path.read_text()
for (section, key), value in SMALL.items():
    # The key's line before the next section begins.
    pattern = rf"(?ms)(^\[{section}\]\n(?:(?!^\[).)*?^{key} = )[^\n]*$"
    text, found = re.subn(pattern, rf"\g<1>{value}", text)
    assert found == 1, f"{section}.{key} stands {found} times in {path}"
path.write_text(text)
