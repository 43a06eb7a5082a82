"""``payoff report``: from a study or any table to one page; mistakes are named."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from analysis import AnalysisSettings, TrialTable, analyse, read_table, write_table
from analysis.report import write_report
from study.cli import main
from study.handover.report_source import chosen_slots, study_source
from study.spec.study_file import load_spec
from tests.support.tables import study_rows

SMALL = """
[study]
name = "small"
description = "How wide?"
[data]
sizes = [80, 160]
[space]
width = [2, 4, 8, 16]
depth = [1]
prune_ratio = [0.0, 0.5]
learning_rate = 0.01
weight_decay = 0.0
dropout = { low = 0.0, high = 0.2 }
[training]
epochs = 2
min_steps = 20
[search]
trials = 2
[replicates]
draws = 2
[run]
workers = 1
[analysis]
resamples = 100
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def data(page: Path, name: str) -> dict[str, object]:
    text = page.read_text(encoding="utf-8")
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text)
    assert found is not None
    values: dict[str, object] = json.loads(found.group(1))
    return values


@pytest.mark.slow
def test_a_table_becomes_a_page_with_the_numbers_of_fit(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(TrialTable.from_rows(study_rows()), folder / "mine.csv")
    options = ["--rule", "plateau", "--resamples", "200", "--examples", "n_examples"]
    assert main(["report", "mine.csv", *options]) == 0
    assert capsys.readouterr().out.strip() == "mine-report.html"
    assert main(["fit", "mine.csv", *options, "--json"]) == 0
    page = folder / "mine-report.html"
    assert data(page, "analysis") == json.loads(capsys.readouterr().out)
    assert "payoff report mine.csv --examples n_examples --rule plateau" in page.read_text()


@pytest.mark.slow
def test_a_study_becomes_a_page_with_its_learning_curves_and_without_torch(folder: Path) -> None:
    (folder / "small.toml").write_text(SMALL)
    # Each in a process of its own, as a user does: arithmetic threads are set as it starts, and
    # another number of them changes the last digit.
    for words, after in (
        (["run", "small.toml", "--quiet"], ""),
        (["report", "small.toml", "--to", "out/page.html"], "assert 'torch' not in sys.modules"),
    ):
        code = f"import sys; from study.cli import main; assert main({words}) == 0; {after}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    page = folder / "out" / "page.html"
    drawn = data(page, "drawings")
    learning = drawn["learning"]
    assert isinstance(learning, list)
    assert len(learning) == 8
    assert all(len(one["series"]["val_error"]) > 1 for one in learning)
    table = read_table(folder / "mlruns" / "results" / "small" / "trials.csv")
    assert [table.slot[one["row"]] for one in learning] == chosen_slots(table)
    stored = json.loads((folder / "mlruns/results/small/payoff.json").read_text())
    assert data(page, "analysis") == stored
    assert "payoff run small.toml" in page.read_text() and "Study digest" in page.read_text()


@pytest.mark.slow
def test_the_page_holds_no_password_of_the_study_file(folder: Path) -> None:
    text = (
        "# the password is hunter22\n"
        '[study]\nname = "small"\n[data]\nsizes = [80, 160]\n[storage]\n'
        'optuna = "postgresql://anna:hunter22@db/payoff"\n'
        'mlflow = "https://tok-4711@tracking.example/"\n'
    )
    (folder / "small.toml").write_text(text)
    spec = load_spec("small.toml")
    table = TrialTable.from_rows(study_rows())
    source = study_source(spec, [], table, study_file=text)
    write_report(analyse(table, AnalysisSettings(resamples=100)), table, folder / "p.html", source)
    page = (folder / "p.html").read_text(encoding="utf-8")
    assert "hunter22" not in page and "tok-4711" not in page
    assert "postgresql://anna:***@db/payoff" in page


def test_chosen_replicates_are_dense_and_spread_over_the_sizes() -> None:
    table = TrialTable.from_rows(study_rows(pruned=True))
    assert [slot for slot in chosen_slots(table) if slot.startswith("n100-")] == [
        f"n100-w{width}-r0" for width in (2, 4, 16, 32, 128, 256)
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["report", "mine.csv", "--to", "page.pdf"], "--to: must end in .html"),
        (["report", "--rule", "plateau"], "--rule: is about a table of trials"),
        (["report"], "no study was started here yet"),
        (["report", "none.csv"], "none.csv"),
    ],
)
def test_mistakes_are_named(
    folder: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_table(TrialTable.from_rows(study_rows()[:24]), folder / "mine.csv")
    assert main(words) == 2
    err = capsys.readouterr().err
    assert message in err and "Traceback" not in err
    assert not list(folder.glob("*.html"))
