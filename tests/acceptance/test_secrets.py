"""Secrets that are planted wherever a user could have them are in no byte that comes of a study."""

from __future__ import annotations

import base64
import html
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from study.places import with_driver
from tests.support.commands import environment
from tests.support.servers import free_port, mlflow_server

DATABASE = "Kolibri 7/zwei@Wörter:4"
"""With a space, and with whatever an address means something by."""
TRACKING = "Zaunkönig+8%?x"
OTHERS = {
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG+bPxRfi",
    "HF_TOKEN": "Rotkehlchen9Rotkehlchen",
    "TEAM_API_KEY": 'Mei"se and Fink',
    "PAYROLL_URL": "mysql://paul:Sperling 5,%26@payroll.example.org/x",
}
"""Of the environment. Nothing but their values may be masked, or no test would see the rest."""
BY_SHAPE = ("Eichelhaeher1", "Buntspecht2", "Gimpel3", "Wiedehopf4", "Stieglitz5", "Zeisig6")
"""Known to nobody: told by how they stand in a text."""

TRAINER = """
import logging, os, sys, threading, traceback, warnings

DATABASE = os.environ["PAYOFF_STORAGE"]
TRACKING = os.environ["PAYOFF_TRACKING"]
TEXTS = [
    f"cannot connect to {DATABASE}",
    f"401 from {TRACKING}/api",
    "role refuses " + SESAME,
    "could not translate host name " + SESAME.partition("@")[2],
    *(f"no access with {os.environ[name]}" for name in OTHERS),
    "host=db user=anna password=Eichelhaeher1 dbname=payoff",
    "no bucket s3://key:Buntspecht2@bucket/x?X-Amz-Credential=Buntspecht2",
    "headers {'Authorization': 'Bearer Gimpel3', 'X-Api-Key': 'Gimpel3'}",
    "mongodb://anna:Wiedehopf4 and more Wiedehopf4@db/x is away",
    "curl --password Stieglitz5 failed; PGPASSWORD=Stieglitz5 psql failed",
    "('password', 'Zeisig6'), token: Zeisig6, AccountKey=Zeisig6==;",
]
TEXTS[4] = "no access with wJalrXUtnFEMI/K7MDENG+bPxRfi"

def train(config, n_examples, seed):
    width, draw = config["width"], config["draw"]
    error = 0.5 / (width * n_examples) ** 0.3 * (1 + seed % 89 / 900)
    answer = {"val_error": error, "test_error": error, "n_parameters": 10 * width}
    text = TEXTS[(width // 4 + 5 * draw + n_examples // 100) % len(TEXTS)]
    print(text, flush=True)
    print(text, file=sys.stderr)
    logging.getLogger("study.mine").warning(text)
    logging.getLogger("mine").error(text)
    warnings.warn(text)
    thread = threading.Thread(target=int, args=(text,))
    thread.start()
    thread.join()
    if config["draw"] == 0 and width == 4:
        return answer | {"device": text, "note": text}
    try:
        raise ConnectionError(text)
    except ConnectionError:
        traceback.print_exc()
        if draw == DRAWS:
            raise
    return answer
"""

STUDY = """
# Ask for the password=Eichelhaeher1 of the database: postgresql://anna:Buntspecht2@db/x
[study]
name = "birds"
description = "Stored at postgresql://anna:Buntspecht2@db/x, token=Gimpel3"
[data]
sizes = [100, 200, 400]
[training]
function = "mine.py:train"
[space]
width = [4, 8, 12, 16]
depth = [1]
[replicates]
draws = 4
[run]
workers = 2
[analysis]
resamples = 100
"""


@pytest.mark.slow
def test_no_secret_is_in_any_byte_that_a_command_writes_or_prints(
    tmp_path: Path, postgresql: str
) -> None:
    folder, server = tmp_path / "study", tmp_path / "server"
    for path in (folder, server, tmp_path / "temporary"):
        path.mkdir()
    trainer = TRAINER.replace("SESAME", repr(DATABASE)).replace("OTHERS", repr(sorted(OTHERS)))
    (folder / "mine.py").write_text(trainer.replace("DRAWS", "3"))
    (folder / "study.toml").write_text(STUDY)
    port = free_port()
    database = postgresql.replace("payoff@", f"payoff:{quote(DATABASE, safe='')}@")
    tracking = f"http://anna:{quote(TRACKING, safe='')}@127.0.0.1:{port}"
    given = set(folder.iterdir())
    variables = environment(
        PAYOFF_STORAGE=database,
        PAYOFF_TRACKING=tracking,
        TMPDIR=str(tmp_path / "temporary"),
        XDG_CACHE_HOME=str(tmp_path / "cache"),
        **OTHERS,
    )
    said = {}
    with mlflow_server(server, port), _watched() as lines:
        for words in (
            ["run", "study.toml", "--dry-run"],
            ["run", "study.toml"],
            ["status", "study.toml"],
            ["status", "study.toml", "--json"],
            ["run", "study.toml", "--quiet", "--json"],
            ["worker", "study.toml"],
            ["sync", "study.toml"],
            ["report", "study.toml", "--to", "report.html"],
            ["export", "study.toml", "--to", "paper", "--formats", "png"],
            ["fit", "mlruns/results/birds/trials.csv", "--json"],
            ["register", "study.toml"],
            ["dashboard", "study.toml", "--port", "0"],
        ):
            said[" ".join(words)] = _said(words, folder, variables)
        _assert_clean({"ps": "\n".join(lines).encode()})
        for words in (  # of these the address is on the command line, for all to see
            ["fit", f"optuna+{database}#birds/n=100", "--json"],
            ["fit", f"mlflow+{tracking}#birds", "--json"],
            ["fit", f"optuna+{database.replace('/d', '/x')}"],
            ["fit", f"mlflow+{tracking.replace(str(port), '9')}"],
            ["status", "study.toml", "--storage", database.replace("/d", "/x")],
            ["launch", "study.toml", "--workers", "1", "--storage", database.replace("@", "@no.")],
            ["run", "study.toml", "--storage", database],  # which it does not take
        ):
            said[f"{len(said)} {words[0]}"] = _said(words, folder, variables)
    assert b"***" in said["status study.toml"]
    _assert_clean(said)
    given |= {*(folder / "__pycache__").iterdir()}  # of the trainer, which says them itself
    files = [path for path in tmp_path.rglob("*") if path.is_file() and path not in given]
    places = {str(path.relative_to(tmp_path)): path for path in files}
    assert any(name.endswith("trials.csv") for name in places)
    assert any(name.endswith("report.html") for name in places)
    assert any(name.startswith("study/mlruns/logs/birds/worker-") for name in places)
    assert len([name for name in places if name.endswith("trial.json")]) == 48
    _assert_clean({name: path.read_bytes() for name, path in places.items()})
    _assert_clean({name: name.encode() for name in places})
    _assert_clean(dict(_tables(database)))


def _forms() -> set[bytes]:
    """Return every secret as it may be written, and the parts that a driver could quote."""
    payroll = "Sperling 5,&"
    secrets = {DATABASE, TRACKING, payroll, *OTHERS.values(), *BY_SHAPE, "zwei@W", "Sperling"}
    secrets.discard(OTHERS["PAYROLL_URL"])
    forms = set()
    for secret in secrets:
        forms |= {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1]}
        forms |= {html.escape(secret), repr(secret)[1:-1], secret.replace('"', '""')}
        forms.add(base64.b64encode(f"anna:{secret}".encode()).decode())
    return {form.encode() for form in forms}


def _assert_clean(texts: dict[str, bytes]) -> None:
    found = [
        (name, form.decode(), text[max(0, place - 80) : place + 80])
        for name, text in texts.items()
        for form in _forms()
        if (place := text.find(form)) >= 0
    ]
    assert not found, found


def _said(words: list[str], folder: Path, variables: dict[str, str]) -> bytes:
    """Run a command, whatever comes of it; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "study.cli", *words],
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    assert done.returncode in (0, 2), done.stdout
    assert b"study/cli" not in done.stdout, done.stdout  # no traceback but the trainer's own
    return done.stdout


def _tables(address: str) -> Iterator[tuple[str, bytes]]:
    """Yield every table of a database, as text."""
    from sqlalchemy import create_engine, inspect, text

    engine = create_engine(with_driver(address))
    with engine.connect() as connection:
        for table in inspect(engine).get_table_names():
            rows = connection.execute(text(f"SELECT t::text FROM {table} t")).scalars()
            yield table, "\n".join(rows).encode()
    engine.dispose()


class _watched:
    """While inside, takes down the command line of every process of this machine."""

    def __enter__(self) -> set[str]:
        self._lines: set[str] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self._lines

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            for process in os.scandir("/proc"):
                if process.name.isdigit():
                    try:
                        words = Path(process.path, "cmdline").read_bytes()
                    except OSError:
                        continue
                    self._lines.add(words.decode(errors="replace").replace("\0", " "))

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._thread.join()
