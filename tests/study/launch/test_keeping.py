"""What the dead had in hand runs again, but no trial kills workers for ever."""

from __future__ import annotations

import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from study.errors import StorageAway
from study.launch.keeping import Keeper
from study.patience import Patience
from study.places import Places
from study.queue.leases import Lease
from study.queue.store import StudyStore
from tests.support.databases import Server
from tests.support.studies import start, store_of, write_study
from tests.support.waiting import FAR_AWAY


def die_with_a_trial(store: StudyStore, places: Places) -> str:
    """Take a trial under a lease of this folder, then be dead; return the trial's slot."""
    with Lease(places.leases) as lease:
        claims = store.claim(lease.name)
    assert claims
    return claims[0].slot.name


@pytest.mark.parametrize("kind", ["journal", "sqlite"])
def test_who_watches_blames_the_trial_that_a_worker_beside_it_died_of(
    kind: str, tmp_path: Path
) -> None:
    address = "" if kind == "journal" else f"sqlite:///{tmp_path}/optuna.db"
    write_study(tmp_path, seconds=0, widths=2, draws=2, optuna=address)
    file = tmp_path / "study.toml"
    file.write_text(file.read_text().replace("max_attempts = 20", "max_attempts = 2"))
    places = Places.at(tmp_path / "mlruns")
    store = store_of(tmp_path)
    store.prepare()
    keeper = Keeper(store_of(tmp_path), places, "watcher")
    slot = die_with_a_trial(store, places)
    assert keeper.tidy(blame=False) == 1  # the whole run was killed
    assert die_with_a_trial(store_of(tmp_path), places) == slot
    assert keeper.tidy() == 1
    assert die_with_a_trial(store_of(tmp_path), places) == slot
    assert keeper.tidy() == 0
    (record,) = keeper.store.records()
    assert record.slot == slot
    assert record.reason.startswith("its worker died 2 times")


def test_a_database_that_goes_away_while_tidying_is_waited_for(
    own_postgresql: Server, tmp_path: Path
) -> None:
    server, address = own_postgresql, own_postgresql.address
    total = write_study(tmp_path, seconds=0, widths=2, draws=2, optuna=address)
    places = Places.at(tmp_path / "mlruns")
    store = store_of(tmp_path)
    store.prepare()
    slot = die_with_a_trial(store, places)
    keeper = Keeper(store_of(tmp_path), places, "keeper")
    requeue = keeper.store.deaths.requeue

    def away(*words: Any, **more: Any) -> int:
        server.stop(signal.SIGQUIT)
        return requeue(*words, **more)

    keeper.store.deaths.requeue = away  # type: ignore[method-assign]
    with pytest.raises(StorageAway, match="the database did not answer"):
        keeper.tidy()
    keeper.store.deaths._orphans.look([(1, None)])
    with pytest.raises(StorageAway):
        keeper.tidy()  # away from the beginning
    assert not keeper.store.deaths._orphans._since  # who took a trial could not sign it either
    server.start()
    keeper.store.deaths.requeue = requeue  # type: ignore[method-assign]
    # The turn could not be given back: it is still this keeper's, and only once.
    patience = Patience(30, threading.Event())
    other = Keeper(patience.insist(lambda: store_of(tmp_path)), places, "other")
    assert patience.insist(other.tidy) == 0
    assert patience.insist(keeper.tidy) == 1
    assert die_with_a_trial(store_of(tmp_path), places) == slot
    assert other.tidy() == 1
    assert other.store.counts().waiting == total


POISON = """
import os, signal


def train(config, n_examples, seed):
    if config["width"] == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"val_error": 0.5, "test_error": 0.5, "n_parameters": config["width"]}
"""


@pytest.mark.slow
def test_workers_of_one_folder_give_up_what_kills_them(tmp_path: Path) -> None:
    write_study(tmp_path, seconds=0, widths=2, draws=1, optuna=f"sqlite:///{tmp_path}/optuna.db")
    (tmp_path / "mine.py").write_text(POISON)
    file = tmp_path / "study.toml"
    file.write_text(file.read_text().replace("max_attempts = 20", "max_attempts = 2"))
    store_of(tmp_path).prepare()
    codes: list[int] = []
    while not codes or codes[-1] != 0:  # as an engine would start them again
        assert len(codes) <= 4
        worker: subprocess.Popen[bytes] = start(tmp_path, "worker")
        _, words = worker.communicate(timeout=FAR_AWAY)
        codes.append(worker.returncode)
        assert codes[-1] in (0, -9), words.decode()
    counts = store_of(tmp_path).counts()
    assert (counts.complete, counts.failed, counts.waiting, counts.running) == (2, 2, 0, 0)
    assert codes == [-9] * 4 + [0]
