"""Studies of trials that sleep, and what must hold of each when it has ended."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from study.launch.joining import at
from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.spec.study_file import StudySpec, load_spec
from study.tracking.spool import Spool
from tests.support.commands import environment

TRAINER = """
import time
from pathlib import Path
from typing import Any


def train(config, n_examples, seed):
    time.sleep(SECONDS)
    last = (config["width"], config["draw"], n_examples) == (WIDEST, DRAWS, 1000)
    while last and UNTIL and not Path(UNTIL).exists():
        time.sleep(0.1)
    error = 0.5 / (config["width"] * n_examples) ** 0.3 * (1 + (seed % 89) / 900)
    return {"val_error": error, "test_error": error, "n_parameters": 10 * config["width"]}
"""

STUDY = """
[study]
name = "sleeper"
[data]
sizes = [100, 1000]
[training]
function = "mine.py:train"
[space]
width = [WIDTHS]
depth = [1]
[replicates]
draws = DRAWS
[run]
patience = 120
lease = 6
max_attempts = 20
[storage]
optuna = "OPTUNA"
mlflow = "MLFLOW"
[analysis]
resamples = 100
"""


def write_study(
    folder: Path,
    *,
    seconds: float,
    widths: int,
    draws: int,
    optuna: str = "",
    mlflow: str = "",
    until: Path | None = None,
) -> int:
    """Write a study whose trials sleep, the last one until a file is there; return how many."""
    trainer = TRAINER.replace("SECONDS", str(seconds)).replace("WIDEST", str(4 * widths))
    trainer = trainer.replace("DRAWS", str(draws)).replace("UNTIL", repr(str(until or "")))
    (folder / "mine.py").write_text(trainer)
    for name in ("study.py", "analysis.py"):  # the user's own, which no worker may take for ours
        (folder / name).write_text("raise RuntimeError('imported in place of a package')\n")
    text = STUDY.replace("WIDTHS", ", ".join(str(4 * (k + 1)) for k in range(widths)))
    text = text.replace("DRAWS", str(draws)).replace("OPTUNA", optuna).replace("MLFLOW", mlflow)
    (folder / "study.toml").write_text(text)
    return 2 * widths * draws


def start(folder: Path, *words: str, root: str = "mlruns", **more: str) -> subprocess.Popen[bytes]:
    """Start a payoff command in a folder."""
    return subprocess.Popen(
        [
            sys.executable,
            "-P",
            "-m",
            "study.cli",
            words[0],
            "study.toml",
            "--root",
            root,
            *words[1:],
        ],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=environment(**more),
    )


def spec_of(folder: Path, storage: str = "") -> StudySpec:
    """Return the study, stored where the test put it."""
    return at(load_spec(folder / "study.toml"), storage)


def store_of(folder: Path, storage: str = "") -> StudyStore:
    """Open the study's queue."""
    spec = spec_of(folder, storage)
    return StudyStore(spec, open_storage(spec.storage.optuna, Places.at(folder / "mlruns")))


def n_finished(folder: Path, storage: str = "") -> int:
    """Return how many trials are finished; none while the queue can not be read."""
    with suppress(Exception):
        return store_of(folder, storage).counts().finished
    return 0


def check_whole(folder: Path, total: int, *, storage: str = "") -> None:
    """Exactly the design's trials in Optuna; exactly one finished MLflow run for each."""
    from mlflow import MlflowClient

    places = Places.at(folder / "mlruns")
    spec = spec_of(folder, storage)
    store = store_of(folder, storage)
    counts = store.counts()
    assert (counts.complete, counts.waiting, counts.running, counts.failed) == (total, 0, 0, 0)
    records = store.records()
    assert len(records) == total
    pairs = Counter((json.dumps(r.params, sort_keys=True), r.n_examples, r.seed)
                    for r in records)  # fmt: skip
    assert pairs.most_common(1)[0][1] == 1
    assert Spool(places.spool(spec.name)).waiting() == 0
    assert Spool(places.untold(spec.name)).waiting() == 0
    client = MlflowClient(tracking_uri=spec.storage.mlflow or places.mlflow_address)
    experiment = client.get_experiment_by_name(spec.name)
    assert experiment is not None
    runs: list[Any] = []
    token = None
    while True:
        page = client.search_runs([experiment.experiment_id], max_results=1000, page_token=token)
        runs += page
        if not (token := page.token):
            break
    assert {run.info.status for run in runs} == {"FINISHED"}
    trials = [run for run in runs if run.data.tags.get("payoff.kind") == "trial"]
    per_trial = Counter(run.data.tags["payoff.trial"] for run in trials)
    assert len(per_trial) == total
    assert set(per_trial.values()) == {1}
    logged = {run.data.tags["payoff.trial"].split("/")[-1]: run for run in trials}
    for record in records:
        assert logged[record.slot].data.metrics["val_error"] == record.metrics["val_error"]
