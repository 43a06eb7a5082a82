"""What it costs to take a trial from the queue and to tell its result.

    python -m benchmarks.storage [--trials 400] [--workers 1 2 4 8] [--kinds journal sqlite ...]
    python -m benchmarks.storage --flat 20000 [--kinds journal postgresql]

The first form: each worker process claims one trial at a time and tells a made-up result at once,
so that nothing but the storage is timed. Figures are wall milliseconds a trial and worker, and
trials a second of all workers together. The second: one worker runs a study of so many trials and
more; the figures are the medians over 200 trials when 200 and when so many have finished.

PostgreSQL and MariaDB are started here where their programs are installed; ``proxy`` is Optuna's
gRPC proxy over PostgreSQL, ``sqlite-proxy`` over SQLite.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path

from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.spec.study_file import StudySpec, parse_spec
from study.trials.task import failed
from tests.support.databases import Server, database_server, new_database
from tests.support.servers import free_port

KINDS = ("journal", "sqlite", "sqlite-proxy", "postgresql", "proxy", "mariadb")
WINDOW = 200


def spec_of(trials: int) -> StudySpec:
    """Return a study of at least so many replicates, in cells of 100."""
    raw = {
        "study": {"name": "queue"},
        "data": {"sizes": [80]},
        "space": {
            "width": list(range(1, 1 + -(-trials // 100))),
            "depth": [1],
            "prune_ratio": 0.0,
            "learning_rate": 0.01,
            "weight_decay": 0.0,
            "dropout": 0.0,
        },
        "search": {"trials": 0},
        "replicates": {"draws": 100},
    }
    return parse_spec(raw, base=Path.cwd())


def step(store: StudyStore, worker: str) -> bool:
    """Take one trial and tell its result; False if none is left."""
    claims = store.claim(worker)
    for claim in claims or ():
        error = claim.slot.seed / 2**31
        record = failed(store.spec, claim, "")
        metrics = {"val_error": error, "test_error": error}
        told = dataclasses.replace(record, status="complete", metrics=metrics)
        store.finish(claim.trial_id, told)
    return claims is not None


def work(trials: int, address: str, root: str, results: multiprocessing.Queue[int]) -> None:
    """Claim and finish until nothing is left."""
    store = StudyStore(spec_of(trials), open_storage(address, Places(Path(root)), create=False))
    done = 0
    while step(store, f"w{os.getpid()}"):
        done += 1
    results.put(done)


def time_storage(trials: int, address: str, root: str, workers: int) -> tuple[float, float]:
    """Return (seconds to queue all trials, seconds to run them all)."""
    began = time.perf_counter()
    store = StudyStore(spec_of(trials), open_storage(address, Places(Path(root))))
    store.prepare()
    queued = time.perf_counter() - began
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.Queue[int] = context.Queue()
    processes = [
        context.Process(target=work, args=(trials, address, root, results)) for _ in range(workers)
    ]
    for process in processes:
        process.start()
    while store.counts().finished == 0:
        time.sleep(0.01)
    before, began = store.counts().finished, time.perf_counter()
    for _ in processes:
        results.get()
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    total = len(store.records())
    assert total == store.counts().complete == store.counts().total
    return queued, seconds * total / (total - before)


@contextmanager
def storage(kind: str, stack: ExitStack, servers: dict[str, Server], root: str) -> Iterator[str]:
    """Return the address of an empty storage of a kind."""
    if kind == "journal":
        yield ""
    elif kind == "sqlite":
        yield f"sqlite:///{root}/optuna.db"
    elif kind.endswith("proxy"):
        below = "sqlite" if kind == "sqlite-proxy" else "postgresql"
        with storage(below, stack, servers, root) as address:
            port = free_port()
            words = [sys.executable, "-m", "study.cli", "proxy", "--port", str(port)]
            server = subprocess.Popen(
                words,
                env={**os.environ, "PAYOFF_STORAGE": address},
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            assert server.stdout is not None
            server.stdout.readline()
            try:
                yield f"grpc://127.0.0.1:{port}"
            finally:
                server.kill()
                server.wait()
    else:
        if kind not in servers:
            servers[kind] = stack.enter_context(database_server(kind))
        yield new_database(servers[kind].address)


def flat(finished: int, address: str, root: str) -> tuple[float, float]:
    """Return median milliseconds a trial with 200 and with ``finished`` trials finished."""
    spec = spec_of(finished + 2 * WINDOW)
    store = StudyStore(spec, open_storage(address, Places(Path(root))))
    store.prepare()
    times: list[float] = []
    while len(times) < finished + WINDOW:
        began = time.perf_counter()
        step(store, "w")
        times.append(time.perf_counter() - began)
    early, late = times[WINDOW : 2 * WINDOW], times[finished : finished + WINDOW]
    print(f"  means {1000 * statistics.mean(early):.2f} -> {1000 * statistics.mean(late):.2f} ms")
    return 1000 * statistics.median(early), 1000 * statistics.median(late)


def main() -> None:
    """Time each storage with each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=400)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--flat", type=int, metavar="FINISHED")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores; optuna {version('optuna')}")
    servers: dict[str, Server] = {}
    with ExitStack() as stack:
        if args.flat:
            print(f"{'storage':<14}{'at 200, ms':>12}{f'at {args.flat}, ms':>16}{'ratio':>8}")
            for kind in args.kinds:
                with (
                    tempfile.TemporaryDirectory() as root,
                    storage(kind, stack, servers, root) as address,
                ):
                    early, late = flat(args.flat, address, root)
                ratio = late / early
                print(f"{kind:<14}{early:>12.2f}{late:>16.2f}{ratio:>8.2f}", flush=True)
            return
        print(f"{'storage':<14}{'workers':>8}{'queue, ms':>12}{'take + tell':>13}{'trials/s':>10}")
        for kind in args.kinds:
            for workers in args.workers:
                with (
                    tempfile.TemporaryDirectory() as root,
                    storage(kind, stack, servers, root) as address,
                ):
                    queued, seconds = time_storage(args.trials, address, root, workers)
                each = 1000 * seconds * workers / args.trials
                print(
                    f"{kind:<14}{workers:>8}{1000 * queued / args.trials:>12.2f}"
                    f"{each:>13.1f}{args.trials / seconds:>10.1f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
