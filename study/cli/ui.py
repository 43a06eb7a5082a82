"""``payoff ui``: the MLflow UI over the studies of a folder, on loopback."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from search_spaces.errors import PayoffError
from study.cli.hosts import is_here
from study.cli.studies import mlflow_of, spec_of, study_arguments
from study.launch.hints import command
from study.places import Places, is_server, sqlite_file
from study.redaction import redact
from study.terminal import say
from study.tracking.client import folder_beside, for_mlflow, remove_empty
from study.tracking.views import view_fragment

START_SECONDS = 180.0
"""A server that does not answer by then is given up; a busy small machine needs a minute."""

STOP_SECONDS = 10.0
"""Time to end by itself before it is killed."""

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Never through a proxy: this is our own machine."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    serving_arguments(parser, study="study file: open the UI at this study", port=5000)


def serving_arguments(parser: argparse.ArgumentParser, *, study: str, port: int) -> None:
    """Declare what every command that serves pages takes."""
    study_arguments(parser, study)
    words = f"port to listen on (default: {port})"
    parser.add_argument("--port", type=int, default=port, help=words)
    words = "address to listen on (default: 127.0.0.1, this machine only)"
    parser.add_argument("--host", default="127.0.0.1", help=words)
    parser.add_argument("--open", action="store_true", help="open it in the browser")


def run(args: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    places = Places.at(args.root)
    spec = spec_of(args) if args.study else None
    address = mlflow_of(spec, places) if spec else places.mlflow_address
    if is_server(address):
        print(redact(address))
        say("this study is logged to a server; that is its UI")
        return 0
    file = sqlite_file(address)
    if file is not None and not file.is_file():
        raise PayoffError(
            f"{file}: nothing was logged here yet; "
            f"start a study with: {command('run', args.study, places)}"
        )
    check_free(args.host, args.port)
    with _server(address, places, args.host, args.port) as server:
        place = f"http://{shown_host(args.host)}:{args.port}"
        name = spec.name if spec is not None else _only_study(places)
        if name:
            place += _page_of(name, place)
        here = is_here(args.host)
        if serve_until_interrupted(server.wait, place, "UI", open_it=args.open, here=here):
            return 0
    raise PayoffError("MLflow's server ended by itself; start the UI again")


def serve_until_interrupted(
    serve: Callable[[], object], place: str, what: str, *, open_it: bool, here: bool
) -> bool:
    """Say where pages are served, and serve; tell whether Ctrl-C or SIGTERM ended it."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:  # whoever reads the address may answer with Ctrl-C at once
        print(place, flush=True)
        say(f"Ctrl-C ends the {what}")
        if not here:
            say(f"the {what} has no authentication: whoever reaches it can change and delete")
        if open_it:
            webbrowser.open(place)
        serve()
    except KeyboardInterrupt:
        return True
    finally:
        signal.signal(signal.SIGTERM, before)
    return False


def _only_study(places: Places) -> str:
    """Return the name of the one study that has results here; empty if there are several."""
    folder = places.results("any").parent
    names = [path.name for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []
    return names[0] if len(names) == 1 else ""


def check_free(host: str, port: int) -> None:
    """Raise a clear error if nobody can listen there."""
    if not 0 < port < 65536:
        raise PayoffError(f"--port: must be from 1 to 65535, got {port}; 5000 is usual")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PayoffError(
                f"--port: cannot listen on {host}:{port} ({error.strerror}); "
                f"choose another, for example --port {port % 65535 + 1}"
            ) from None


def shown_host(host: str) -> str:
    """Return the name under which this machine reaches a listening address."""
    name = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"[{name}]" if ":" in name else name


@contextmanager
def _server(
    address: str, places: Places, host: str, port: int
) -> Iterator[subprocess.Popen[bytes]]:
    """Run an MLflow server until the block ends; entered once it answers."""
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", host, "--port", str(port)]
    command += ["--workers", "1", "--artifacts-destination", places.artifacts.as_uri()]
    environment = {
        **os.environ,
        # MLflow starts a Python of its own, which is told likewise: no file of the user's folder,
        # uvicorn.py for one, may stand in for what is installed.
        "PYTHONSAFEPATH": "1",
        # By the environment: the address may hold a password, and a command line is public.
        "MLFLOW_BACKEND_STORE_URI": for_mlflow(address),
        # The jobs are those of language-model evaluation; they cost 20 s and eight processes.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
    }
    with tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory(prefix="payoff-") as empty:
        beside = folder_beside(address)
        # Uvicorn puts a folder first on the path all the same, by default where it is started.
        command += ["--uvicorn-opts", shlex.join(["--app-dir", empty])]
        server = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            say("starting the MLflow UI, about ten seconds")
            _wait_until_healthy(server, f"http://{shown_host(host)}:{port}/health")
            if beside is not None:
                remove_empty(beside)
            if server.poll() is not None:
                log.seek(0)
                raise PayoffError(_cause(log.read().decode(errors="replace"), address))
            yield server
        finally:
            _stop(server)


def _wait_until_healthy(server: subprocess.Popen[bytes], place: str) -> None:
    """Return when the server answers, or has ended."""
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None:
        try:
            with _OPENER.open(place, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
        if time.monotonic() > deadline:
            raise PayoffError(
                f"MLflow's server did not answer within {START_SECONDS:.0f} s; try again, "
                "or look at what else keeps this machine busy"
            )


def _cause(log: str, address: str) -> str:
    """Say in one line why the server ended."""
    lines = [line.strip() for line in redact(log, address).splitlines() if line.strip()]
    if any("database schema" in line for line in lines):
        return (
            f"{redact(address)}: a database of another MLflow version; back it up and run "
            f"mlflow db upgrade {redact(address)}"
        )
    errors = [line for line in lines if "Error" in line or "error" in line or "ERROR" in line]
    last = (errors or lines or ["no reason given"])[-1]
    return f"MLflow's server ended at once: {last[:300]}; check the folder given by --root"


def _page_of(name: str, place: str) -> str:
    """Return the fragment of the experiment's page, or nothing if it can't be found."""
    query = urllib.parse.urlencode({"experiment_name": name})
    address = f"{place}/api/2.0/mlflow/experiments/get-by-name?{query}"
    try:
        with _OPENER.open(address, timeout=30) as answer:
            number = json.load(answer)["experiment"]["experiment_id"]
    except (urllib.error.URLError, OSError, KeyError, ValueError):
        say(f"{name}: nothing of this study is logged yet")
        return ""
    return view_fragment(number)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End the server with all its processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError, subprocess.TimeoutExpired):
            os.killpg(server.pid, number)
            server.wait(STOP_SECONDS)
