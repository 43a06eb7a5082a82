"""Running and reading studies from Python, as a notebook does."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search_spaces.errors import PayoffError
from study.errors import StorageAway, StudyFileError
from study.launch.interface import load, run, trials
from study.places import Places
from study.spec.sections import StorageSection
from study.spec.study_file import StudySpec
from study.spec.writing import as_toml
from study.trials.latency import latency_file
from tests.support.commands import environment
from tests.support.waiting import FAR_AWAY, wait_until

STUDY = """
[study]
name = "told"
[data]
name = "function"
function = "mine.py:points"
task = "classification"
sizes = [40]
test = 40
validation = 20
[space]
width = [2, 4, 8, 16]
depth = [1]
prune_ratio = 0.0
learning_rate = 0.01
weight_decay = 0.0
dropout = 0.0
[training]
epochs = 1
min_steps = 10
[search]
trials = 0
[replicates]
draws = 2
[run]
workers = 1
[analysis]
resamples = 100
"""
CODE = """
import numpy as np

def points():
    x = np.random.default_rng(0).normal(size=(200, 3))
    return x.astype("float32"), (x[:, 0] > 0).astype("int64")
"""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    """A folder with the file of a study."""
    write(tmp_path)
    return tmp_path


def write(folder: Path) -> None:
    (folder / "told.toml").write_text(STUDY)
    (folder / "mine.py").write_text(CODE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a study that has been run from its file."""
    folder = tmp_path_factory.mktemp("interface")
    write(folder)
    run(folder / "told.toml", root=folder / "mlruns", quiet=True)
    return folder


def renamed(spec: StudySpec, name: str) -> StudySpec:
    return dataclasses.replace(spec, study=dataclasses.replace(spec.study, name=name))


@pytest.mark.slow
def test_a_finished_study_is_analysed_again_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    analysis = run(str(folder / "told.toml"), root=folder / "mlruns")
    assert [fit.curve.n_examples for fit in analysis.fits] == [40]
    out, err = capsys.readouterr()
    assert out == ""
    assert "told: 8 trials, 8 done before" in err
    assert "0 trials in" in err
    assert str(folder / "mlruns" / "results" / "told") in err
    stored = json.loads((folder / "mlruns" / "results" / "told" / "payoff.json").read_text())
    assert stored == json.loads(json.dumps(analysis.to_json()))


@pytest.mark.slow
def test_quiet_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run(folder / "told.toml", root=folder / "mlruns", quiet=True)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_a_study_made_in_python_runs_with_its_own_files(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAYOFF_STORAGE", f"sqlite:///{folder}/made.db")
    spec = renamed(load(folder / "told.toml"), "made")
    spec = dataclasses.replace(spec, sizes=(30, 60))
    analysis = run(spec, root=folder / "mlruns", quiet=True)
    assert [fit.curve.n_examples for fit in analysis.fits] == [30, 60]
    written = folder / "mlruns" / "results" / "made" / "study.toml"
    assert written.read_text() == as_toml(spec, file=str(written))
    assert len(trials(spec, root=folder / "mlruns")) == 16


@pytest.mark.slow
@pytest.mark.parametrize("said", ["environment", "spec"])
def test_no_file_below_the_root_holds_the_storages_password(
    said: str, written: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = "postgresql://me:sesame@127.0.0.1:1/db"
    spec, root = load(written / "told.toml"), written / "mlruns"
    if said == "environment":
        monkeypatch.setenv("PAYOFF_STORAGE", address)
    else:
        spec = dataclasses.replace(spec, storage=StorageSection(optuna=address, mlflow=address))
    with pytest.raises(StorageAway, match="does not answer"):
        run(spec, root=root, quiet=True)
    assert (root / "results" / "told" / "study.toml").is_file()
    assert not [
        path for path in root.rglob("*") if path.is_file() and b"sesame" in path.read_bytes()
    ]


def test_a_study_made_in_python_is_checked_like_a_file(written: Path) -> None:
    spec = load(written / "told.toml")
    wrong = dataclasses.replace(spec, training=dataclasses.replace(spec.training, epochs=0))
    with pytest.raises(StudyFileError, match=r"training\.epochs"):
        run(renamed(wrong, "wrong"), root=written / "mlruns", quiet=True)
    assert not (written / "mlruns" / "results" / "wrong").exists()


def test_the_number_of_workers_must_be_one_at_least(written: Path) -> None:
    with pytest.raises(PayoffError, match="workers: must be a whole number from 1, got 0"):
        run(written / "told.toml", root=written / "mlruns", workers=0)


@pytest.mark.slow
def test_trials_are_the_same_by_path_spec_and_name(folder: Path) -> None:
    root, file = folder / "mlruns", folder / "told.toml"
    tables = [trials(study, root=root) for study in (file, str(file), load(file), "told")]
    for table in tables:
        assert len(table) == 8
        assert sorted(table.slot) == sorted(tables[0].slot)
        by_slot = dict(zip(table.slot, table.test_error, strict=True))
        assert by_slot == dict(zip(tables[0].slot, tables[0].test_error, strict=True))


@pytest.mark.slow
def test_trials_hold_the_latencies_that_were_measured(folder: Path) -> None:
    file = latency_file(Places.at(folder / "mlruns"), "told")
    file.parent.mkdir(parents=True, exist_ok=True)
    times = {f"width{width}-depth1": {"latency_seconds": width / 1000} for width in (2, 4, 8, 16)}
    file.write_text(json.dumps({"architectures": times}))
    try:
        for study in (folder / "told.toml", "told"):
            table = trials(study, root=folder / "mlruns")
            assert sorted(set(table.latency_seconds)) == [0.002, 0.004, 0.008, 0.016]
    finally:
        file.unlink()


@pytest.mark.slow
def test_asking_for_trials_of_what_was_never_started_says_what_there_is(folder: Path) -> None:
    with pytest.raises(PayoffError, match=r"tols: no study of this name .* did you mean 'told'"):
        trials("tols", root=folder / "mlruns")
    with pytest.raises(PayoffError, match="no study was started here yet"):
        trials("told", root=folder / "elsewhere")
    assert not (folder / "elsewhere").exists()
    with pytest.raises(PayoffError, match="this study was not started yet"):
        trials(renamed(load(folder / "told.toml"), "never"), root=folder / "mlruns")


INTERRUPTED = """
import pathlib, signal, time

HERE = pathlib.Path(__file__).parent

def train(config, n_examples, seed):
    if not (HERE / "told").exists():  # in the last training of the first run, wait for its end
        n = len(list(HERE.glob("begun-*"))) + 1
        before = signal.getsignal(signal.SIGTERM)

        def told(number, frame):
            (HERE / "told").touch()
            before(number, frame)

        signal.signal(signal.SIGTERM, told)
        (HERE / f"begun-{n}").touch()
        while n == LAST and not (HERE / "told").exists():
            time.sleep(0.05)
    error = 1 / config["width"]
    return {"val_error": error, "test_error": error, "n_parameters": config["width"]}
"""


@pytest.mark.slow
@pytest.mark.parametrize(("last", "said"), [(2, "2 trials;"), (12, "12 trials, the last;")])
def test_an_interrupted_run_keeps_what_is_done_and_the_same_call_goes_on(
    last: int, said: str, tmp_path: Path
) -> None:
    (tmp_path / "slow.toml").write_text(
        STUDY.replace('"told"', '"slow"').partition("[data]")[0]
        + '[data]\nsizes = [10]\n[training]\nfunction = "mine.py:train"\n'
        + "[space]\nwidth = [1, 2, 4, 8]\ndepth = [1]\n[search]\ntrials = 0\n"
        + "[replicates]\ndraws = 3\n[run]\nworkers = 1\n[analysis]\nresamples = 100\n"
    )
    (tmp_path / "mine.py").write_text(INTERRUPTED.replace("LAST", str(last)))
    (tmp_path / "script.py").write_text(
        "import payoff\nprint(len(payoff.run('slow.toml', quiet=True).fits))\n"
    )
    words = [sys.executable, "script.py"]
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_until((tmp_path / f"begun-{last}").exists, alive=process)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=FAR_AWAY)
    assert out == b""
    assert err.decode().splitlines()[-1].startswith(f"KeyboardInterrupt: stopped after {said}")
    again = subprocess.run(
        words, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert again.stdout == "1\n"
    assert len(trials(tmp_path / "slow.toml", root=tmp_path / "mlruns")) == 12


def test_very_many_trials_are_begun_only_where_they_are_meant(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def train(config, n_examples, seed): raise SystemExit\n")
    file = tmp_path / "study.toml"
    file.write_text(
        '[study]\nname = "huge"\n[training]\nfunction = "mine.py:train"\n[data]\nsizes = [10, 20]\n'
        "[space]\nwidth = [1, 2, 3]\n[replicates]\ndraws = 30000\n"
    )
    with pytest.raises(PayoffError, match=r"180,000 trials, and more than 100,000 .* give --yes"):
        run(file, root=tmp_path / "mlruns", quiet=True)
