"""What is installed is whole, and is what the tests test."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import payoff
import study

ROOT = Path(__file__).parents[2]


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    here = {
        path.relative_to(ROOT).as_posix()
        for package in ("study", "analysis", "search_spaces")
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert held == here | {"payoff.py", "payoff/py.typed"}
    assert {Path(name).suffix for name in held} >= {".py", ".c", ".h", ".js", ".css"}


def test_the_tests_test_what_is_installed() -> None:
    origin = json.loads(distribution("payoff").read_text("direct_url.json") or "{}")
    editable = origin.get("dir_info", {}).get("editable", False)
    files = [Path(str(module.__file__)) for module in (payoff, study)]
    assert editable or not any(file.is_relative_to(ROOT) for file in files)
