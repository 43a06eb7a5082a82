"""``payoff fit``: any table in, verdict out, mistakes named, nothing heavy loaded."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from study.cli import main


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("fit") / "trials.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["params", "loss", "n", "run", "arm"])
        for n in (100, 1000):
            for k in range(8):
                for r in range(3):
                    mean = 3 / n**0.5 * (1 + 5 * 2.0 ** -(1.2 * k))
                    loss = mean * np.exp(0.02 * rng.standard_normal())
                    writer.writerow([100 * 2**k, loss, n, r, "a" if r < 2 else "b"])
    return path


COLUMNS = ("--size", "params", "--error", "loss", "--examples", "n", "--seed", "run")


def test_the_verdict_goes_to_stdout(trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(trials), *COLUMNS, "--rule", "plateau"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("**With 1,000 training examples, more capacity pays off until about")
    assert "| 100 | plateau 10% | pays off until |" in out
    assert [line.partition(": ")[2].partition(":")[0] for line in err.splitlines()] == [
        f"read {trials}",
        "rows",
        "columns",
        "metric",
        "runs of one size",
    ]


def test_json_is_whole_and_the_same_twice(trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = []
    for _ in range(2):
        assert main(["fit", str(trials), *COLUMNS, "--json", "--resamples", "300"]) == 0
        texts.append(capsys.readouterr().out)
    assert texts[0] == texts[1]
    found = json.loads(texts[0])
    assert [curve["n_examples"] for curve in found["curves"]] == [100, 1000]
    assert found["settings"]["size_label"] == "params"


def test_a_threshold_belongs_to_the_rule(trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sizes = []
    for threshold in ("0.05", "0.5"):
        args = ["--rule", "plateau", "--threshold", threshold, "--json"]
        assert main(["fit", str(trials), *COLUMNS, *args]) == 0
        sizes.append(json.loads(capsys.readouterr().out)["payoff"][0]["size"])
    assert sizes[1] < sizes[0]


def test_rows_are_chosen_by_value(trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(trials), *COLUMNS, "--where", "arm=a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_trials"] == 32


def test_a_law_by_name(trials: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = ["--law", "power_floor", "--resamples", "200", "--json"]
    assert main(["fit", str(trials), *COLUMNS, *args]) == 0
    assert json.loads(capsys.readouterr().out)["curves"][0]["law"] == "power_floor"


def test_a_figure_is_drawn(
    trials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "curve.svg"
    assert main(["fit", str(trials), *COLUMNS, "--figure", str(path)]) == 0
    assert b"<svg" in path.read_bytes()
    assert f"drew {path}" in capsys.readouterr().err


def test_dropped_rows_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("n_parameters,test_error\n10,0.5\n-1,0.4\n20,oops\n40,0.3\n")
    assert main(["fit", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "rows: 2 of 4 used; left out " in err
    assert "1: n_parameters: must be positive and finite (n_parameters '-1', row 2)" in err
    assert "1: test_error: must be a number (test_error 'oops', row 3)" in err
    assert "It cannot be told yet" in out


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--size", "parms"], "--size: {path} has no column 'parms'; did you mean 'params'?"),
        ([*COLUMNS, "--where", "arm"], "--where: must be COLUMN=VALUE"),
        ([*COLUMNS, "--where", "arm=c"], "has arm=c; check the value"),
        ([*COLUMNS, "--where", "army=c"], "did you mean 'arm'?"),
        ([*COLUMNS, "--rule", "economic"], "--price: the economic rule needs"),
        ([*COLUMNS, "--threshold", "-1"], "marginal: must be positive and finite, got -1.0"),
        ([*COLUMNS, "--level", "2"], "level: must be at least 0.5 and below 1"),
        ([*COLUMNS, "--law", "powr"], "law: must be one of"),
        ([*COLUMNS, "--law", "chinchilla"], "--law: chinchilla is not a law of size alone"),
        ([*COLUMNS, "--figure", "a.gif"], "--figure: must end in one of"),
        ([*COLUMNS, "--rule", "plateau", "--absolute"], "--absolute: only the marginal rule"),
    ],
)
def test_mistakes_are_named_with_status_2(
    trials: Path, args: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(trials), *args]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("payoff: ")
    assert message.format(path=trials) in err
    assert "Traceback" not in err


def test_a_missing_file_is_a_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(tmp_path / "none.csv")]) == 2
    assert "there is no such file" in capsys.readouterr().err


def test_neither_torch_nor_optuna_nor_mlflow_is_loaded(trials: Path) -> None:
    code = (
        "import sys; from study.cli import main; "
        f"status = main(['fit', {str(trials)!r}, *{COLUMNS!r}]); "
        "heavy = {'torch', 'optuna', 'mlflow', 'pandas', 'matplotlib', 'scipy', 'sklearn'}; "
        "print(status, sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize("column", ["accuracy", "test_acc", "val.auc"])
def test_a_score_that_rises_is_not_taken_for_an_error(
    column: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"size,{column}\n" + "".join(f"{2**k},{0.5 + k / 20}\n" for k in range(8)))
    answers = set()
    for named in (
        ["--size", "size", "--error", column],
        ["--map", f"size=size,error={column}"],
        ["--map", f"size=size,test_error={column}"],
    ):
        assert main(["fit", str(path), *named]) == 0
        out, err = capsys.readouterr()
        answers.add(out)
        assert f"higher {column} is better (its name); error = 1 - {column}" in err
        assert out.startswith("**More capacity is still paying at the largest size tried")
    assert len(answers) == 1


def test_all_that_was_done_is_explained_and_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, sheet = tmp_path / "t.csv", tmp_path / "sheet.csv"
    rows = [f"{2**k}k;{30 - 2 * k},5%;{'crashed' if k == 3 else 'finished'}" for k in range(8)]
    path.write_text("# sweep\nsize;err;State\n" + "\n".join(rows) + "\n")
    columns = ("--size", "size", "--error", "err", "--explain", "--sheet", str(sheet))
    assert main(["fit", str(path), *columns]) == 0
    err = capsys.readouterr().err
    for line in (
        "rows: 7 of 8 used",
        "    left out 1: the run failed (State 'crashed', row 4)",
        "    size: size, by --size, written with suffixes k",
        "    err: error, by --error, written with decimal commas; percent",
        "    State: state, by its values",
        "note: 1 comment line was passed by",
    ):
        assert f"payoff: {line}" in err.splitlines()
    with sheet.open(newline="") as file:
        written = list(csv.DictReader(file))
    assert [row["payoff:what"] for row in written].count("used") == 7
    assert written[3]["payoff:what"] == "left out: the run failed (State)"
    assert (written[1]["size"], written[1]["payoff:size"]) == ("2k", "2000.0")
    assert float(written[1]["payoff:error"]) == 0.285
    assert main(["fit", str(path), *columns[:4], "--sheet", str(tmp_path)]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.slow
def test_a_table_is_exported_as_a_study_is(
    trials: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ["--to", str(tmp_path / "paper"), "--formats", "svg", "--resamples", "100"]
    assert main(["export", str(trials), *COLUMNS, *args]) == 0
    assert str(tmp_path / "paper" / "macros.tex") in capsys.readouterr().out
    assert main(["fit", str(trials), *COLUMNS, "--resamples", "100", "--json"]) == 0
    analysis = json.loads((tmp_path / "paper" / "analysis.json").read_text())
    assert analysis == json.loads(capsys.readouterr().out)
    # What was exported is a table of ours.
    again = ["fit", str(tmp_path / "paper" / "trials.csv"), "--resamples", "100", "--json"]
    assert main(again) == 0
    read = json.loads(capsys.readouterr().out)
    assert read["reading"]["ours"] and read["n_trials"] == analysis["n_trials"]


def test_the_shape_is_named_by_its_option_or_mapped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "runs.csv"
    lines = [
        f"{100 * 2**k},{heads},{(0.05 + 0.5**k / 3) * heads**0.3:.4f}"
        for heads in (2, 4)
        for k in range(6)
    ]
    path.write_text("\n".join(["params,config.heads,err", *lines]))
    words = ["fit", str(path), "--size", "params", "--error", "err", "--resamples", "100", "--json"]
    found = []
    for option in (["--shape", "heads"], ["--map", "shape=config.heads"]):
        assert main([*words, *option]) == 0
        out, err = capsys.readouterr()
        assert "shape = config.heads" in err
        found.append(json.loads(out))
    assert found[0] == found[1] and found[0]["settings"]["shape"] == ["heads"]
    assert main([*words, "--shape", "head"]) == 2
    assert "did you mean 'heads'" in capsys.readouterr().err
