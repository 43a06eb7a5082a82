"""``payoff ui`` starts a real MLflow server, says when it answers, and ends cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from study.cli import main
from study.places import Places
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker
from tests.support.records import make_record
from tests.support.servers import free_port
from tests.support.waiting import FAR_AWAY


def test_no_store_yet_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ui", "--root", str(tmp_path)]) == 2
    assert "start a study with: payoff run" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_busy_port_is_said_with_another_to_try(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Places.at(tmp_path).mlflow_database.touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["ui", "--root", str(tmp_path), "--port", str(port)]) == 2
    err = capsys.readouterr().err
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in err
    assert "--port" in err and "Traceback" not in err


@pytest.mark.parametrize("port", [0, 65536])
def test_an_impossible_port_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], port: int
) -> None:
    Places.at(tmp_path).mlflow_database.touch()
    assert main(["ui", "--root", str(tmp_path), "--port", str(port)]) == 2
    assert f"must be from 1 to 65535, got {port}" in capsys.readouterr().err


@pytest.mark.slow
def test_the_ui_answers_at_the_address_it_prints_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    places = Places.at(tmp_path / "mlruns")
    study = tmp_path / "study.toml"
    study.write_text('[study]\nname = "mine"\n')
    tracker = Tracker(places.mlflow_address, places.artifacts, StudyInfo(name="mine", digest="d"))
    tracker.initialise()
    tracker.deliver(make_record(1))
    (artifact,) = places.artifacts.rglob("trial.json")
    port = free_port()
    command = [sys.executable, "-c", "from study.cli import main; raise SystemExit(main())"]
    command += ["ui", str(study), "--root", str(places.root), "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as ui:
        try:
            assert ui.stdout is not None and ui.stderr is not None
            place = ui.stdout.readline().strip()
            number = tracker.experiment.number
            assert place.startswith(f"http://127.0.0.1:{port}/#/experiments/{number}/runs?")
            base = f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{base}/", timeout=FAR_AWAY) as answer:
                assert b"MLflow" in answer.read()
            question = json.dumps({"experiment_ids": [number]}).encode()
            request = urllib.request.Request(
                f"{base}/api/2.0/mlflow/runs/search",
                question,
                {"Content-Type": "application/json"},
            )
            with urllib.request.urlopen(request, timeout=FAR_AWAY) as answer:
                names = {run["info"]["run_name"] for run in json.load(answer)["runs"]}
            assert names == {"n=80", "w64 d2 n80 search 1"}
            run_id = artifact.parent.parent.name
            where = f"{base}/get-artifact?path=trial.json&run_uuid={run_id}"
            with urllib.request.urlopen(where, timeout=FAR_AWAY) as answer:
                assert answer.read() == artifact.read_bytes()
            ui.send_signal(signal.SIGINT)
            assert ui.wait(FAR_AWAY) == 0
            assert "Traceback" not in ui.stderr.read()
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind(("127.0.0.1", port))
        finally:
            ui.kill()
