"""Study files that are hardly any: every mistake of them is a line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.fuzz.answers import Answering, require
from tests.fuzz.effort import LONG, SHORT
from tests.fuzz.study_files import study_files, write_beside


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    modules = ("study.cli.run", "study.cli.status", "study.queue.opening", "study.launch.keeping",
               "study.preflight.forecast", "study.packs.fused")  # fmt: skip
    one = Answering(tmp_path_factory.mktemp("studies"), *modules)
    write_beside(one.folder)
    yield one
    one.close()


def ask(answering: Answering, content: bytes, *words: str) -> None:
    (answering.folder / "study.toml").write_bytes(content)
    require(answering.payoff(words[0], "study.toml", *words[1:]), words)


@SHORT
@given(study_files())
def test_some_study_files(answering: Answering, content: bytes) -> None:
    ask(answering, content, "status")


@pytest.mark.fuzz
@LONG
@given(study_files())
def test_many_study_files(answering: Answering, content: bytes) -> None:
    ask(answering, content, "status")


@pytest.mark.fuzz
@LONG.fewer(10)
@given(study_files())
def test_dry_runs_of_study_files(answering: Answering, content: bytes) -> None:
    ask(answering, content, "run", "--dry-run")
