"""``payoff sync`` delivers what waits, once, and says in one line what it could not do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from study.cli import main
from study.places import Places
from study.tracking.spool import Spool
from tests.support.records import make_record
from tests.support.servers import free_port


def waiting(root: Path, address: str = "") -> Spool:
    """A spool with three finished trials, as a killed run leaves it."""
    places = Places.at(root)
    spool = Spool(places.spool("digits-mlp"))
    for number in range(3):
        spool.put(make_record(number))
    spool.remember(address or places.mlflow_address)
    return spool


@pytest.mark.slow
def test_what_waits_is_delivered_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spool = waiting(tmp_path)
    assert main(["sync", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "digits-mlp: 3 trials delivered, none waits\n"
    assert spool.waiting() == 0
    for number in range(3):
        spool.put(make_record(number))
    assert main(["sync", "--root", str(tmp_path), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["digits-mlp"]
    assert (report["logged"], report["already_there"], report["waiting"]) == (0, 3, 0)
    assert main(["sync", "digits-mlp", "--root", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "digits-mlp: 0 trials delivered, none waits\n"


def test_nothing_to_do_is_no_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sync", "--root", str(tmp_path)]) == 0
    assert "no study has trials that wait" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_an_absent_server_leaves_all_on_disk(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = waiting(tmp_path, f"http://127.0.0.1:{free_port()}")
    assert main(["sync", "--root", str(tmp_path), "--patience", "0.5"]) == 1
    out, err = capsys.readouterr()
    assert out == "digits-mlp: 0 trials delivered, 3 wait\n"
    assert "no server answers there" in err
    assert "Traceback" not in err
    assert spool.waiting() == 3


def test_a_spool_that_is_being_delivered_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spool = waiting(tmp_path)
    with spool.drain_lock():
        assert main(["sync", "--root", str(tmp_path)]) == 0
    assert "another process is delivering" in capsys.readouterr().out
    assert spool.waiting() == 3


def test_an_unknown_study_gets_the_nearest_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting(tmp_path)
    assert main(["sync", "digit-mlp", "--root", str(tmp_path)]) == 2
    assert "did you mean 'digits-mlp'?" in capsys.readouterr().err


def test_an_address_whose_password_is_not_kept_asks_for_the_study_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    waiting(tmp_path, "https://anna:hunter22@mlflow.example.org")
    assert main(["sync", "--root", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert "anna:***@mlflow.example.org" in err
    assert "give the study file" in err
