"""MLflow's old file store, read from its files without MLflow."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from study.cli import main
from study.errors import StorageError
from study.handover.readers import read_address, rows_from_mlflow
from study.tracking.file_store import is_file_store, read_file_store

SIZES = (100, 200, 400, 800, 1600, 3200)


def write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")


def add_run(folder: Path, run: str, *, status: int = 3, parent: str = "", **logged: object) -> None:
    """One run as MLflow 1 and 2 wrote it; numbers are metrics, texts parameters."""
    write(
        folder / run / "meta.yaml",
        f"artifact_uri: file:///x/{run}\nend_time: 2000\nexperiment_id: '7'\n"
        f"lifecycle_stage: active\nrun_id: {run}\nrun_name: calm-{run}\nstart_time: 1000\n"
        f"status: {status}\nuser_id: ada\n",
    )
    for name, value in logged.items():
        if isinstance(value, str):
            write(folder / run / "params" / name, value)
        else:  # the last step counts, whatever the order
            write(folder / run / "metrics" / name, f"1003 {value} 2\n1001 0.9 0\n1002 0.7 1\n")
    if parent:
        write(folder / run / "tags" / "mlflow.parentRunId", parent)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """An experiment with twelve runs, one of them failed, one going on, and their parent."""
    folder = tmp_path / "mlruns"
    write(
        folder / "0" / "meta.yaml", "experiment_id: '0'\nlifecycle_stage: active\nname: Default\n"
    )
    write(folder / "7" / "meta.yaml", "experiment_id: '7'\nlifecycle_stage: active\nname: sweep\n")
    write(folder / "9" / "meta.yaml", "experiment_id: '9'\nlifecycle_stage: deleted\nname: old\n")
    add_run(folder / "9", "gone", n="1", err=0.5)
    errors = [0.05 + 10 / n + 0.001 * k for n in SIZES for k in range(2)]
    for k, (n, err) in enumerate(zip([n for n in SIZES for _ in range(2)], errors, strict=True)):
        status = {1: 4, 2: 1}.get(k, 3)
        add_run(folder / "7", f"r{k:02d}", status=status, parent="p", n=str(n), err=err)
    add_run(folder / "7", "p", n="3200", err=min(errors))
    return folder


def test_runs_are_read_with_their_last_values(store: Path) -> None:
    assert is_file_store(store) and not is_file_store(store / "7" / "r00")
    runs = read_file_store(store)
    assert len(runs) == 13
    run = next(run for run in runs if run.run_id == "r04")
    assert (run.name, run.status, run.params) == ("calm-r04", "FINISHED", {"n": "400"})
    assert run.metrics == {"err": pytest.approx(0.075)}
    assert (run.start_ms, run.end_ms) == (1000, 2000)


def test_an_address_of_a_folder_is_read_and_a_repeating_parent_is_no_trial(
    store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = read_address(f"mlflow+{store}#sweep")
    assert len(rows.rows) == 12 and rows.left_out == {"runs that have not finished": 1}
    assert rows_from_mlflow(f"file://{store}").rows == rows.rows
    args = ["--size", "n", "--error", "err", "--json", "--resamples", "100"]
    assert main(["fit", f"mlflow+{store}", *args]) == 0
    found = json.loads(capsys.readouterr().out)["reading"]
    assert {one["reason"]: one["count"] for one in found["left_out"]} == {
        "the run failed": 1,
        "a parent run that repeats one of its own runs": 1,
    }


def test_mlflow_is_not_loaded(store: Path) -> None:
    code = (
        "import sys; from study.cli import main; "
        f"status = main(['fit', 'mlflow+{store}', '--size', 'n', '--error', 'err']); "
        "print(status, sorted({'torch', 'mlflow', 'optuna'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


@pytest.mark.parametrize(
    ("name", "message"),
    [("swep", "no experiment 'swep'; did you mean 'sweep'"), ("Default", "")],
)
def test_experiments_are_named_with_the_nearest(store: Path, name: str, message: str) -> None:
    if message:
        with pytest.raises(StorageError, match=message):
            read_file_store(store, name)
    else:
        assert read_file_store(store, name) == ()


def test_which_experiment_is_asked_and_a_folder_that_is_none_is_named(store: Path) -> None:
    add_run(store / "0", "other", n="1", err=0.5)
    with pytest.raises(StorageError, match="several experiments have runs; name one as #EXPER"):
        read_file_store(store)
    with pytest.raises(StorageError, match="is no store of MLflow's; name a folder such as"):
        rows_from_mlflow(str(store / "7" / "r00"))
