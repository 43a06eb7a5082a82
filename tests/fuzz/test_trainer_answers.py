"""Whatever a trainer returns is kept as a record, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.fuzz.answers import Answering, require
from tests.fuzz.effort import LONG, SHORT
from tests.fuzz.trainer_answers import trainer_answers


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    modules = ("tests.fuzz.drained", "study.trials.own_trainer", "study.tracking.entries")
    one = Answering(tmp_path_factory.mktemp("answers"), *modules)
    yield one
    one.close()


def ask(answering: Answering, answer: str) -> None:
    require(answering.ask("tests.fuzz.drained:kept", answer, str(answering.folder)), [answer])


@SHORT
@given(trainer_answers())
def test_some_answers(answering: Answering, answer: str) -> None:
    ask(answering, answer)


@pytest.mark.fuzz
@LONG
@given(trainer_answers())
def test_many_answers(answering: Answering, answer: str) -> None:
    ask(answering, answer)
