"""The check that no test was skipped that the machine could have run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

TESTS = """
import pytest

def test_runs():
    pass

def test_has_no_gpu():
    pytest.skip("no CUDA device here")

@pytest.mark.xfail(reason="known")
def test_fails_as_expected():
    assert False

@pytest.mark.skipif(True, reason="forgotten")
def test_is_forgotten():
    pass
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real report of tests of which two were skipped."""
    folder = tmp_path_factory.mktemp("some")
    (folder / "test_some.py").write_text(TESTS)
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--junitxml=report.xml"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_ADDOPTS"}
    subprocess.run(
        [sys.executable, *words, "test_some.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        check=True,
    )
    return folder / "report.xml"


def check(report: Path, allowed: str) -> subprocess.CompletedProcess[str]:
    """Run the check with a list of allowed skips."""
    file = report.with_name("allowed.txt")
    file.write_text(allowed)
    return subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "skips.py"), str(report), str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_skip_that_nobody_allowed_fails_and_is_named(report: Path) -> None:
    done = check(report, "# a list\n: no CUDA device # no GPU there\n")
    assert done.returncode == 1
    named, total = done.stdout.splitlines()
    assert named.endswith("test_some::test_is_forgotten: forgotten")
    assert total == "2 tests skipped, 1 of them as allowed by allowed.txt"


def test_allowed_skips_and_expected_failures_pass(report: Path) -> None:
    done = check(report, ": no CUDA device # no GPU there\ntest_is_forgotten # on purpose\n")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_pattern_without_its_why_is_refused(report: Path) -> None:
    done = check(report, ": no CUDA device\n")
    assert done.returncode == 1
    assert "': no CUDA device' does not say why" in done.stderr


def test_the_list_of_this_repository_can_be_read(report: Path) -> None:
    text = (ROOT / ".ci" / "allowed-skips.txt").read_text()
    assert "test_is_forgotten" in check(report, text).stdout
