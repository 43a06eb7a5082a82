"""Tables that nobody should have written: each is answered, or refused in one line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given

from tests.fuzz.answers import Answering, require
from tests.fuzz.effort import LONG, SHORT
from tests.fuzz.tables import Table, tables


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answering]:
    modules = ("study.cli.fit", "analysis.study", "analysis.table.reading", "pyarrow.parquet")
    one = Answering(tmp_path_factory.mktemp("tables"), *modules)
    yield one
    one.close()


def ask(answering: Answering, table: Table, *words: str) -> None:
    (answering.folder / table.name).write_bytes(table.content)
    all_words = [words[0], table.name, *words[1:], *table.words]
    if not any(word.startswith("--resamples") for word in table.words):
        all_words.append("--resamples=100")  # the fewest: most of the time is theirs
    require(answering.payoff(*all_words), all_words)
    (answering.folder / table.name).unlink()


@SHORT
@given(tables())
def test_some_tables(answering: Answering, table: Table) -> None:
    ask(answering, table, "fit")


@pytest.mark.fuzz
@LONG
@given(tables())
def test_many_tables(answering: Answering, table: Table) -> None:
    ask(answering, table, "fit")


@pytest.mark.fuzz
@LONG.fewer(20)
@given(tables())
def test_reports_and_papers_of_tables(answering: Answering, table: Table) -> None:
    words = tuple(word for word in table.words if word != "--json")
    table = Table(name=table.name, content=table.content, words=words)
    ask(answering, table, "report", "--to=report.html")
    ask(answering, table, "export", "--to=paper", "--formats=svg")
