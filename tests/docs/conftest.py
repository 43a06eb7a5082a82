"""Where the commands of the pages run."""

from __future__ import annotations

import os
import sys

import pytest

from tests.support.commands import environment as environment_of_tests


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which ``payoff`` and ``python`` are those that run the tests."""
    folder = tmp_path_factory.mktemp("bin")
    for name, words in (("payoff", "-m study.cli"), ("python", "")):
        (folder / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
        (folder / name).chmod(0o755)
    return environment_of_tests(PATH=f"{folder}{os.pathsep}{os.environ['PATH']}", BROWSER="true")
