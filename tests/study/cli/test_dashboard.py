"""``payoff dashboard`` serves Optuna's dashboard over the journal, and says what is missing."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from study.cli import main
from study.places import Places
from tests.support.servers import free_port
from tests.support.waiting import FAR_AWAY

HAS_DASHBOARD = importlib.util.find_spec("optuna_dashboard") is not None


@pytest.mark.slow
@pytest.mark.skipif(not HAS_DASHBOARD, reason="the extra 'dashboard' is not installed")
def test_the_studies_of_the_journal_are_served(tmp_path: Path) -> None:
    import optuna

    from study.queue.opening import open_storage

    storage = open_storage("", Places.at(tmp_path))
    optuna.create_study(storage=storage, study_name="digits-mlp/n=80")
    port = free_port()
    command = [sys.executable, "-c", "from study.cli import main; raise SystemExit(main())"]
    command += ["dashboard", "--root", str(tmp_path), "--port", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ}
    ) as server:
        try:
            assert server.stdout is not None
            place = server.stdout.readline().strip()
            assert place == f"http://127.0.0.1:{port}"
            with urllib.request.urlopen(f"{place}/api/studies", timeout=FAR_AWAY) as answer:
                studies = json.load(answer)["study_summaries"]
            assert [study["study_name"] for study in studies] == ["digits-mlp/n=80"]
            server.send_signal(signal.SIGINT)
            assert server.wait(FAR_AWAY) == 0
            assert server.stderr is not None
            assert "Traceback" not in server.stderr.read()
        finally:
            server.kill()


@pytest.mark.skipif(not HAS_DASHBOARD, reason="the extra 'dashboard' is not installed")
def test_no_journal_yet_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboard", "--root", str(tmp_path)]) == 2
    assert "start it with: payoff run --root" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_missing_extra_is_said_with_the_line_that_installs_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *rest: None if name == "optuna_dashboard" else find(name, *rest),
    )
    assert main(["dashboard", "--root", str(tmp_path)]) == 2
    assert "pip install optuna-dashboard" in capsys.readouterr().err
