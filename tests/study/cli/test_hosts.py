"""What is served without a password answers nobody who was led here by a name of a stranger."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest

from study.cli import main
from study.cli.hosts import ALLOWED, is_here, is_known
from study.places import Places
from study.queue.opening import open_storage
from tests.support.commands import environment
from tests.support.servers import free_port
from tests.support.waiting import FAR_AWAY

pytest.importorskip("optuna_dashboard")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a dashboard that is served."""
    folder = tmp_path_factory.mktemp("dashboard")
    optuna.create_study(storage=open_storage("", Places.at(folder)), study_name="digits/n=80")
    number = free_port()
    command = [sys.executable, "-m", "study.cli", "dashboard", "--root", str(folder)]
    with subprocess.Popen(
        [*command, "--port", str(number)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(**{ALLOWED: "workstation.lab,*.cluster"}),
    ) as server:
        assert server.stdout is not None
        assert server.stdout.readline().strip() == f"http://127.0.0.1:{number}"
        yield number
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(FAR_AWAY) == 0


def _asked(port: int, host: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Ask the dashboard for its studies under a name; return the status and what it says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=FAR_AWAY)
    path = "/api/studies" if method == "GET" else "/api/studies/0"
    connection.putrequest(method, path, skip_host=True)
    if host:
        connection.putheader("Host", host)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@pytest.mark.slow
def test_the_dashboard_answers_under_names_of_this_machine_alone(port: int) -> None:
    for host in ("127.0.0.1", "localhost", "[::1]", "192.168.1.7", "workstation.lab", "n1.cluster"):
        for name in (host, f"{host}:{port}"):
            status, text = _asked(port, name)
            assert (status, "digits/n=80" in text) == (200, True), name
    for host in ("evil.example", "10.evil.example", "localhost.evil.example", "127.0.0.1.nip.io"):
        for name in (host, f"{host}:{port}"):
            status, text = _asked(port, name)
            assert (status, "digits/n=80" in text) == (403, False), name
            assert ALLOWED in text
    assert _asked(port, "")[0] == 403


@pytest.mark.slow
def test_pages_of_other_sites_change_nothing_in_the_dashboard(port: int) -> None:
    here = f"127.0.0.1:{port}"
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1"):
        assert _asked(port, here, "DELETE", Origin=origin)[0] == 403
    assert "digits/n=80" in _asked(port, here)[1]
    assert _asked(port, here, "DELETE", Origin=f"http://{here}")[0] == 204
    assert "digits/n=80" not in _asked(port, here)[1]


@pytest.mark.parametrize(
    ("asked", "served", "known"),
    [
        ("server.lab:8080", "server.lab", True),
        ("SERVER.lab", "server.lab", True),
        ("other.lab", "server.lab", False),
        ("evil.example", "0.0.0.0", False),
        ("evil.example", "", False),
        ("", "", False),
        (":8080", "", False),
        ("[fe80::1%eth0]:80", "::", True),
    ],
)
def test_a_name_is_known_if_it_was_given_or_is_a_number(
    asked: str, served: str, known: bool
) -> None:
    assert is_known(asked, served) is known


def test_only_loopback_is_here() -> None:
    assert [is_here(host) for host in ("127.0.0.1", "127.9.9.9", "::1", "localhost")] == [True] * 4
    elsewhere = ("0.0.0.0", "::", "", "10.0.0.5", "8.8.8.8", "no.such.host.invalid")
    assert [is_here(host) for host in elsewhere] == [False] * 6


def test_the_proxy_refuses_to_be_public_unless_one_knows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    storage = f"sqlite:///{tmp_path}/a.db"
    for host in ("0.0.0.0", "::", "10.0.0.5", ""):
        assert main(["proxy", "--storage", storage, "--host", host]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "no authentication" in said and "--i-know" in said
    assert not (tmp_path / "a.db").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("host", "more"), [("127.0.0.1", []), ("0.0.0.0", ["--i-know"])], ids=["here", "public"]
)
def test_the_proxy_says_that_it_has_no_authentication(
    tmp_path: Path, host: str, more: list[str]
) -> None:
    pytest.importorskip("grpc")
    command = [sys.executable, "-m", "study.cli", "proxy", "--host", host, *more]
    command += ["--storage", f"sqlite:///{tmp_path}/a.db", "--port", str(free_port())]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as server:
        assert server.stdout is not None and server.stderr is not None
        assert server.stdout.readline().startswith("grpc://")
        os.kill(server.pid, signal.SIGINT)
        assert server.wait(FAR_AWAY) == 0
        assert "the proxy has no authentication" in server.stderr.read()
