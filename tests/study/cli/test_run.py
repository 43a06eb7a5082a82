"""``payoff run``: bad input ends in one clear line and status 2, with nothing written."""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from study.cli import main
from study.places import Places
from tests.support.commands import environment, payoff
from tests.support.servers import free_port

SMALL = """
[study]
name = "small"
[data]
sizes = [80, 160]
[space]
width = [2, 4, 8]
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


def table(folder: Path, name: str, x: np.ndarray, y: np.ndarray) -> None:
    lines = ["a,b,label", *(f"{a},{b},{label}" for (a, b), label in zip(x, y, strict=True))]
    (folder / name).write_text("\n".join(lines) + "\n")


TABLE = """
[data]
name = "table"
file = "t.csv"
target = "label"
task = "classification"
sizes = [5]
"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[study]\nnmae = 'x'", "study.nmae: unknown key; did you mean 'name'?"),
        ("[data]\nsizes = [80, 5000]", "data.sizes: each must be at most 1280"),
        ("[space]\ndropout = { low = 0.2, high = 0.2 }", "space.dropout"),
        ("[space]\ndropout = { low = 0.5, high = 0.1 }", "space.dropout"),
        ("[space]\nlearning_rate = { low = 0.0, high = 1.0, log = true }", "space.learning_rate"),
        ("[data]\nsizes = [5]", "data.sizes"),
        ("[data]\nname = 'table'\nfile = 'absent.csv'\ntarget = 'y'\ntask = 'classification'\n"
         "sizes = [5]", "data.file"),
        ("[model]\nfamily = 'custom'\nfunction = 'absent.py:build'", "model.function"),
        ("[training]\nfunction = 'absent.py:train'\n[space]\nwidth = [2]", "training.function"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_and_status_2_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (folder / "study.toml").write_text(text)
    assert main(["run", "study.toml"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert "Traceback" not in err
    assert [path.name for path in folder.iterdir()] == ["study.toml"]


@pytest.mark.parametrize("fault", ["nan in data", "nan in labels", "class missing"])
def test_bad_tables_are_found_before_anything_is_written(
    folder: Path, capsys: pytest.CaptureFixture[str], fault: str
) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(100, 2)).astype(object)
    y = np.array(["yes", "no"] * 50, dtype=object)
    if fault == "nan in data":
        x[3, 0] = ""
    elif fault == "nan in labels":
        y[7] = ""
    else:
        y[:] = "yes"
        y[:2] = "no"
    table(folder, "t.csv", x, y)
    (folder / "study.toml").write_text(TABLE)
    assert main(["run", "study.toml"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("payoff: data")
    assert err.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == ["study.toml", "t.csv"]


def test_a_missing_study_file_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "absent.toml"]) == 2
    assert "there is no such study file; write one with: payoff init" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.toml").write_text(SMALL)
    (folder / "file").write_text("")
    assert main(["run", "study.toml", "--root", "file/mlruns"]) == 2
    err = capsys.readouterr().err
    assert "cannot be written" in err
    assert "--root" in err
    assert err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('test_sets = "often"', "data.test_sets: must be one of auto, rotate, fixed, got 'often'"),
        ("test = 1700", "data.validation: must leave training examples, got 157 of the 97 outside "
         "the test set; lower it"),
        ("test = 700", "data.sizes: each must be at most 940 (the digits training pool), got 1280; "
         "lower it or make data.test or data.validation smaller"),
    ],
)  # fmt: skip
def test_test_sets_that_leave_too_little_are_one_line_with_the_remedy(
    folder: Path, text: str, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.toml").write_text(f"[data]\n{text}\n")
    assert main(["run", "study.toml", "--dry-run"]) == 2
    assert line in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == ["study.toml"]


def test_the_dry_run_prints_every_derived_number_and_writes_nothing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "study.toml").write_text(SMALL)
    assert main(["run", "study.toml", "--dry-run"]) == 0
    out = capsys.readouterr().out
    for words in (
        "6 (2 dataset sizes x 3 capacities)",
        "search trials          12",
        "replicate trials       24",
        "trials                 36",
        "width 2, depth 1: 160 parameters, 296 FLOPs an example",
        "width 8, depth 1: 610 parameters, 1,184 FLOPs an example",
        "predicted time",
    ):
        assert words in out
    assert main(["run", "study.toml", "--dry-run", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["n_cells"] == 6
    assert found["seconds"] > 0
    assert [path.name for path in folder.iterdir()] == ["study.toml"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished small study."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "study.toml").write_text(SMALL)
    done = payoff("run", "study.toml", "--json", folder=folder)
    (folder / "out.json").write_text(done.stdout)
    (folder / "err.txt").write_text(done.stderr)
    return folder


@pytest.mark.slow
def test_a_run_ends_in_figures_numbers_and_a_verdict_on_disk(finished: Path) -> None:
    results = finished / "mlruns" / "results" / "small"
    for name in ("size_error.png", "verdict.md", "payoff.json", "trials.csv"):
        assert (results / name).stat().st_size > 100
    assert not list(results.glob("*.pdf"))  # drawn when asked for: payoff export
    printed = json.loads((finished / "out.json").read_text())
    assert printed == json.loads((results / "payoff.json").read_text())
    assert [curve["n_examples"] for curve in printed["curves"]] == [80, 160]
    assert "36 trials" in (finished / "err.txt").read_text()


@pytest.mark.slow
def test_status_and_export_read_what_was_run(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    assert main(["status", "study.toml", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["total"], status["complete"], status["waiting_for_mlflow"]) == (36, 36, 0)
    assert main(["export", "study.toml", "--to", "paper"]) == 0
    written = capsys.readouterr().out.split()
    assert "paper/figures/size_error.pdf" in written
    assert all(Path(path).stat().st_size > 0 for path in written)
    (finished / "file").write_text("")
    assert main(["export", "study.toml", "--to", "file/paper"]) == 2
    assert "--to" in capsys.readouterr().err


@pytest.mark.slow
def test_the_export_s_numbers_are_those_of_fit_and_repeat_byte_for_byte(
    finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(finished)
    # As commands of their own: arithmetic threads are set before NumPy is loaded, and with
    # others the last digit may differ.
    for folder in ("one", "two"):
        payoff("export", "study.toml", "--to", folder, "--venue", "icml")
    files = sorted(path.relative_to("one") for path in Path("one").rglob("*") if path.is_file())
    assert len(files) > 25
    for file in files:
        assert (Path("one") / file).read_bytes() == (Path("two") / file).read_bytes(), file
    fit = ["fit", "one/trials.csv", "--examples", "n_examples", "--resamples", "100", "--json"]
    fitted = json.loads(payoff(*fit).stdout)
    exported = json.loads(Path("one/analysis.json").read_text())
    run = json.loads(Path("out.json").read_text())
    for part in ("payoff", "curves", "growth", "prune", "tuning", "sentence"):
        assert fitted[part] == exported[part] == run[part], part
    provenance = json.loads(Path("one/provenance.json").read_text())
    assert provenance["study"]["digest"]
    assert provenance["study"]["commands"][0] == "payoff run study.toml"


@pytest.mark.slow
def test_a_finished_study_tells_the_same_again_and_loads_nothing_for_it(finished: Path) -> None:
    results = finished / "mlruns" / "results" / "small"
    first = {path.name: path.read_bytes() for path in results.iterdir()}
    program = (
        "import sys; from study.cli import main; main(['run', 'study.toml', '--json'])\n"
        "print(sorted({'torch', 'mlflow', 'matplotlib', 'scipy'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=finished, capture_output=True, text=True, check=True
    )
    assert done.stdout == (finished / "out.json").read_text() + "[]\n"
    assert "0 trials" in done.stderr
    # What is missing is made anew, and nothing else changes.
    (results / "verdict.md").unlink()
    assert payoff("run", "study.toml", "--json", folder=finished).stdout == done.stdout[:-3]
    assert {path.name: path.read_bytes() for path in results.iterdir()} == first


@pytest.mark.slow
def test_export_imports_neither_torch_nor_mlflow(finished: Path) -> None:
    code = (
        "import sys; from study.cli import main; "
        "status = main(['export', 'study.toml', '--to', 'light', '--formats', 'svg']); "
        "loaded = {'torch', 'mlflow'} & set(sys.modules); "
        "print(loaded, file=sys.stderr); sys.exit(status or len(loaded))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=finished, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_an_unknown_venue_or_format_is_one_line(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    for words in (["--venue", "neurip"], ["--formats", "pdf,jpg"]):
        assert main(["export", "study.toml", "--to", "wrong", *words]) == 2
        err = capsys.readouterr().err
        assert words[0][2:] in err and err.count("\n") == 1
    assert not Path("wrong").exists()


def test_a_study_file_that_changed_is_refused_with_what_differs(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(finished)
    Path("changed.toml").write_text(SMALL.replace("epochs = 2", "epochs = 3"))
    before = Path("mlruns/optuna.journal").read_bytes()
    assert main(["run", "changed.toml"]) == 2
    err = capsys.readouterr().err
    assert "training.epochs: 2 -> 3" in err
    assert err.count("\n") == 1
    assert Path("mlruns/optuna.journal").read_bytes() == before


def test_nothing_to_show_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["status"], ["export", "--to", "paper"]):
        assert main(command) == 2
        assert "payoff run" in capsys.readouterr().err
    assert list(folder.iterdir()) == []


@pytest.mark.slow
def test_a_full_disk_ends_the_run_in_one_line_and_loses_nothing(folder: Path) -> None:
    (folder / "study.toml").write_text(SMALL)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6_000, 6_000))

    done = subprocess.run(
        [sys.executable, "-m", "study.cli", "run", "study.toml", "--quiet"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limit,
        env=environment(),
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.count("payoff: ") == 1
    assert "Traceback" not in done.stderr
    assert "make room" in done.stderr


def test_help_and_version_answer_without_heavy_imports() -> None:
    program = (
        "import sys; from study.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'mlflow', 'optuna', 'numpy', 'scipy', 'pandas', 'rich'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "run a study" in done.stdout


@pytest.mark.slow
def test_own_trainers_and_models_run_and_their_failures_are_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "mine.py").write_text(
        "def train(config, n_examples, seed):\n"
        "    if config['width'] == 4:\n"
        "        raise RuntimeError('no such width')\n"
        "    error = 0.5 * config['width'] ** -0.5 + 0.01 * config['bend'] + seed % 7 / 1e4\n"
        "    return {'val_error': error, 'test_error': error,\n"
        "            'n_parameters': 10 * config['width'], 'tokens': 5, 'test_correct': [True]}\n"
    )
    (folder / "study.toml").write_text(
        "[study]\nname = 'mine'\n[data]\nsizes = [10, 20]\n"
        "[training]\nfunction = 'mine.py:train'\n"
        "[space]\nwidth = [1, 2, 4, 8, 16, 32]\ndepth = [1]\nbend = { low = 0.0, high = 1.0 }\n"
        "[search]\ntrials = 2\n[replicates]\ndraws = 2\n"
        "[run]\nworkers = 1\n[analysis]\nresamples = 100\n"
    )
    assert main(["run", "study.toml", "--quiet", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert len(found["curves"]) == 2
    assert main(["status", "study.toml", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["total"] == 2 * 6 * 4
    assert status["failed"] == 2 * 4
    assert status["failures"] == {
        "failed: RuntimeError: no such width (mine.py:3)": 4,
        "failed: every search trial of its cell failed": 4,
    }


OWN = """
[study]
name = "mine"
[data]
sizes = [10, 20]
[training]
function = "mine.py:train"
[space]
width = [1, 2, 4, 8, 16, 32]
depth = [1]
[replicates]
draws = 2
[run]
workers = 1
[analysis]
resamples = 100
"""


def own_study(folder: Path, storage: str = "", *, body: str = "") -> None:
    """Write a study whose trainer takes no time."""
    body = body or (
        "    error = 0.5 * config['width'] ** -0.5 + seed % 7 / 1e4\n"
        "    return {'val_error': error, 'test_error': error, 'n_parameters': config['width']}\n"
    )
    (folder / "mine.py").write_text(f"def train(config, n_examples, seed):\n{body}")
    (folder / "my study.toml").write_text(OWN + storage)


@pytest.mark.slow
def test_with_mlflow_away_the_verdict_is_shown_and_what_waits_is_synced_later(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("study.launch.conclusion.PATIENCE_SECONDS", 1.0)
    monkeypatch.setattr("study.launch.conclusion.QUIET_SECONDS", 0.0)
    own_study(folder, f'[storage]\nmlflow = "http://127.0.0.1:{free_port()}"\n')
    assert main(["run", "my study.toml", "--root", "kept", "--json"]) == 0
    out, err = capsys.readouterr()
    assert len(json.loads(out)["curves"]) == 2
    assert "24 trials wait for MLflow" in err
    assert "no server answers there" in err
    assert "24 trials still wait for MLflow; later: payoff sync 'my study.toml' --root kept" in err
    assert "payoff export 'my study.toml' --root kept --to paper/" in err
    results = folder / "kept" / "results" / "mine"
    assert (results / "payoff.json").is_file()
    assert [path for path in results.iterdir() if path.name.startswith(".")] == []
    # The address was wrong: with the right one the runs are there, also those never waited for.
    own_study(folder)
    sync = [sys.executable, "-m", "study.cli", "sync", "my study.toml", "--root", "kept"]
    for delivered in (24, 24, 0):
        # A process each, since MLflow keeps a database open that is not there any more.
        done = subprocess.run(sync, capture_output=True, text=True, check=False, env=environment())
        sentence = f"mine: {delivered} trials delivered, none waits\n"
        assert (done.returncode, done.stdout) == (0, sentence), done.stderr
        if delivered and not (folder / "lost.db").exists():
            (folder / "kept" / "mlflow.db").rename(folder / "lost.db")


@pytest.mark.slow
def test_a_study_whose_trials_all_fail_says_why_and_leaves_no_run_alive(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    first = "if (n_examples, config['width'], config['draw']) == (10, 1, 1)"  # it goes alone
    diverged = "return {'val_error': math.inf, 'test_error': math.inf, 'n_parameters': 1}"
    body = f"    import math\n    {first}: {diverged}\n    raise RuntimeError('WHY')\n"
    own_study(folder, body=body.replace("WHY", "no such thing"))
    assert main(["run", "my study.toml", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "mine: all 24 replicates failed: RuntimeError: no such thing (mine.py:4)" in err
    assert err.count("\n") == 1
    places = Places.at("mlruns")
    client = MlflowClient(tracking_uri=places.mlflow_address)
    experiment = client.get_experiment_by_name("mine")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    assert {run.info.run_name: run.info.status for run in runs if run.data.tags.get("payoff.kind")
            == "size"} == {"n=10": "FINISHED", "n=20": "FINISHED"}  # fmt: skip
    assert {run.info.status for run in runs} == {"FINISHED", "FAILED"}
    # The same study with another trainer would mix two of them under one name.
    own_study(folder, body=body.replace("WHY", "another"))
    assert main(["run", "my study.toml", "--quiet"]) == 2
    err = capsys.readouterr().err
    assert "'mine' was started with other training.function mine.py" in err
    assert "or run what failed again with --retry-failed" in err
    assert err.count("\n") == 1
    # A deleted experiment is found before anything of another study of that name is queued.
    client.delete_experiment(experiment.experiment_id)
    (folder / "mlruns" / "optuna.journal").unlink()
    assert main(["run", "my study.toml", "--quiet"]) == 2
    assert "mlflow experiments restore" in capsys.readouterr().err
    assert not (folder / "mlruns" / "optuna.journal").exists()


@pytest.mark.parametrize("command", [["run"], ["status"], ["export", "--to", "paper"]])
def test_an_address_that_can_not_be_opened_leaves_nothing(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    command: list[str],
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", True)  # Python's own cache of mine.py
    own_study(folder, '[storage]\noptuna = "sqlite:///absent/optuna.db"\n')
    before = sorted(path.name for path in folder.iterdir())
    assert main([command[0], "my study.toml", *command[1:]]) == 2
    err = capsys.readouterr().err
    assert "sqlite:///absent/optuna.db" in err
    assert err.count("\n") == 1
    assert sorted(path.name for path in folder.iterdir()) == before


def test_commands_that_only_read_make_no_database(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own_study(folder, '[storage]\noptuna = "sqlite:///mistyped.db"\nmlflow = "sqlite:///no.db"\n')
    before = sorted(path.name for path in folder.iterdir())
    for command in (["status"], ["export", "--to", "paper"], ["ui"], ["dashboard"]):
        assert main([command[0], "my study.toml", *command[1:]]) == 2
        assert "payoff run 'my study.toml'" in capsys.readouterr().err
    assert main(["sync", "my study.toml"]) == 0
    assert [path.name for path in folder.iterdir() if path.name not in before] in ([], ["mlruns"])


@pytest.mark.parametrize("count", ["0", "-1", "two", "1.5"])
def test_a_number_of_workers_that_is_none_is_refused(
    count: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as caught:
        main(["run", "--workers", count])
    assert caught.value.code == 2
    assert f"--workers: must be a whole number from 1, got {count!r}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
