"""Delivery behind the training: nothing is lost, nobody waits for it."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from study.tracking.database import creation_lock
from study.tracking.delivery import TrackerThread, deliver_all
from study.tracking.spool import Spool
from study.tracking.tracker import Tracker
from tests.support.records import make_record
from tests.support.servers import free_port, kill_group, mlflow_server
from tests.support.tracking import STUDY, assert_exactly_once, tracker
from tests.support.waiting import FAR_AWAY, wait_until


def test_the_thread_empties_the_spool(store: Path) -> None:
    spool = Spool(store / "spool")
    records = [make_record(number) for number in range(5)]
    made = tracker(store)
    with TrackerThread(made, spool) as thread:
        for record in records:
            spool.put(record)
    report = thread.report()
    assert (report.logged, report.waiting, report.error) == (5, 0, "")
    assert_exactly_once(made.address, records)


@pytest.mark.slow
def test_what_can_not_be_delivered_waits_and_training_never_hears_of_it(store: Path) -> None:
    spool = Spool(store / "spool")
    spool.put(make_record(1))
    away = tracker(store, address=f"http://127.0.0.1:{free_port()}")
    report = deliver_all(away, spool, patience=1.0)
    assert (report.logged, report.waiting) == (0, 1)
    assert "no server answers there" in report.error
    made = tracker(store)
    assert deliver_all(made, spool).logged == 1
    assert_exactly_once(made.address, [make_record(1)])


@pytest.mark.slow
def test_the_end_is_given_up_when_nothing_goes_through_or_when_told_to(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    away = tracker(tmp_path, address=f"http://127.0.0.1:{free_port()}")
    seen: list[int] = []
    with TrackerThread(away, spool) as thread:
        report = thread.flush(1.0, on_progress=lambda now: seen.append(now.waiting))
    assert (report.waiting, report.hangs) == (1, False)
    assert "no server answers there" in report.error
    assert set(seen) == {1}
    with TrackerThread(away, spool) as thread:
        assert thread.flush(600.0, give_up=lambda: True).waiting == 1


@pytest.mark.slow
def test_a_database_that_takes_long_to_be_made_is_waited_for(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    made = tracker(tmp_path)
    with ExitStack() as lock:
        lock.enter_context(creation_lock(made.address))  # somebody else is at it
        with TrackerThread(made, spool) as thread:
            thread.wait_until_ready(FAR_AWAY, give_up=lambda: True)
            assert thread.report().waiting == 1
            waiting = threading.Thread(
                target=thread.wait_until_ready, args=(FAR_AWAY, lambda: False), daemon=True
            )
            waiting.start()
            waiting.join(1.0)
            assert waiting.is_alive()
            lock.close()
            waiting.join(FAR_AWAY)
            assert not waiting.is_alive()
            assert thread.flush(FAR_AWAY).logged == 1


@pytest.mark.slow
def test_a_call_that_hangs_is_told(tmp_path: Path) -> None:
    returned = threading.Event()

    class Hanging(Tracker):
        def initialise(self) -> None:
            returned.wait(60)

    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    thread = TrackerThread(Hanging("sqlite:///absent.db", None, STUDY), spool)
    thread.start()
    assert thread.flush(0.5).hangs
    returned.set()


def test_a_second_process_does_not_deliver_the_same_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    spool.put(make_record(1))
    with spool.drain_lock():
        report = deliver_all(tracker(tmp_path), spool)
    assert (report.logged, report.waiting, report.elsewhere) == (0, 1, True)


@pytest.mark.slow
def test_a_record_that_the_store_can_not_take_keeps_no_other_waiting(store: Path) -> None:
    spool = Spool(store / "spool")
    for number in (1, 2):
        spool.put(make_record(number, curve={"loss": ((10**30, 1.0),)}))
    good = [make_record(number) for number in range(3, 10)]
    for record in good:
        spool.put(record)
    made = tracker(store)
    report = deliver_all(made, spool)
    assert (report.logged, report.refused, report.waiting, report.broken) == (7, 2, 0, 2)
    made.finish()
    assert_exactly_once(made.address, good)


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.mark.slow
def test_a_server_killed_in_the_middle_and_back_again_has_everything_once(
    tmp_path: Path, port: int
) -> None:
    spool = Spool(tmp_path / "spool")
    records = [make_record(number) for number in range(40)]
    address = f"http://127.0.0.1:{port}"
    for record in records:
        spool.put(record)
    thread = TrackerThread(tracker(tmp_path, address=address), spool)
    with mlflow_server(tmp_path, port) as server:
        thread.start()
        wait_until(lambda: thread.report().logged >= 5, every=0.02)
        kill_group(server)
    wait_until(lambda: thread.report().error)
    waiting = thread.report().waiting
    assert 0 < waiting <= 35
    with mlflow_server(tmp_path, port):
        report = thread.stop(FAR_AWAY)
        assert (report.waiting, report.error) == (0, "")
        assert_exactly_once(address, records)
