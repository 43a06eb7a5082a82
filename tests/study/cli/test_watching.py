"""The view of a study from anywhere: pace on the watcher's clock, workers, reasons."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

from rich.console import Console

from study.cli.watching import PaceMeter, screen, watch
from study.launch.keeping import Keeper
from study.places import Places
from study.queue.beats import Heart, Roll
from study.queue.opening import open_storage
from study.queue.store import Counts, StudyProgress, StudyStore
from study.spec.study_file import parse_spec

RAW = {
    "study": {"name": "seen"},
    "data": {"sizes": [80]},
    "space": {"width": [2], "depth": [1], "prune_ratio": 0.0},
    "search": {"trials": 3},
}


def test_the_pace_is_that_of_the_last_minutes() -> None:
    meter = PaceMeter()
    assert meter.look(0.0, 10, 1.0, 10.0).trials_per_minute is None
    pace = meter.look(60.0, 40, 4.0, 10.0)
    assert pace.trials_per_minute == 30
    assert pace.seconds_left == 120
    for second in range(70, 400, 10):
        pace = meter.look(float(second), 40, 4.0, 10.0)
    assert pace.trials_per_minute is None


def test_the_screen_names_workers_and_reasons() -> None:
    progress = StudyProgress(
        counts=Counts(total=100, waiting=50, running=8, complete=40, failed=2),
        cells_done=1,
        cells_total=5,
        cost_done=1.0,
        cost_total=2.0,
        best_error=None,
        best_size=None,
    )
    console = Console(width=100, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    workers = {"abc-node7-4242-x": {"host": "node7", "pid": 4242, "doing": "working", "trials": 9}}
    pace = PaceMeter().look(0.0, 42, 1.0, 2.0)
    console.print(screen("seen", progress, pace, workers, Counter({"failed: out of memory": 2})))
    text = console.export_text()
    console.file.close()
    for words in ("42 of 100 trials", "1 workers", "node7", "4242", "2 failed: out of memory"):
        assert words in text


def test_what_no_worker_says_has_no_column_and_an_end_is_an_end() -> None:
    def shown(complete: int, workers: dict[str, dict[str, object]]) -> str:
        progress = StudyProgress(
            counts=Counts(total=40, waiting=40 - complete, running=0, complete=complete, failed=0),
            cells_done=1,
            cells_total=5,
            cost_done=1.0,
            cost_total=2.0,
            best_error=None,
            best_size=None,
        )
        with open(os.devnull, "w") as nowhere:
            console = Console(width=100, record=True, file=nowhere)
            pace = PaceMeter().look(0.0, complete, 1.0, 2.0)
            console.print(screen("seen", progress, pace, workers, Counter()))
            return console.export_text()

    running = shown(20, {"abc-node7-4242-x": {}})
    assert "process" in running
    assert "doing" not in running
    assert "time left" in running
    ended = shown(40, {})
    assert "done" in ended
    assert "time left" not in ended


def test_watching_reads_workers_from_the_storage_and_creates_nothing(tmp_path: Path) -> None:
    spec = parse_spec(RAW, base=tmp_path)
    address = f"sqlite:///{tmp_path}/optuna.db"
    store = StudyStore(spec, open_storage(address, Places.at(tmp_path / "one")))
    store.prepare()
    elsewhere = Places.at(tmp_path / "two")
    keeper = Keeper(StudyStore(spec, open_storage(address, elsewhere)), elsewhere, "status")
    assert keeper.living() == {}
    assert len(store.storage.get_all_studies()) == 1
    with (
        open(os.devnull, "w") as nowhere,
        Heart(Roll(store.storage, "seen"), "f-node7-4242-x", 60.0) as heart,
    ):
        console = Console(width=100, record=True, file=nowhere)
        heart.report(doing="working")
        keeper._next_look = 0.0
        assert set(keeper.living()) == {"f-node7-4242-x"}
        keeper._next_look = 0.0
        watch(keeper, console, once=True)
        assert f"0 of {len(store.trials.slots)} trials" in console.export_text()
