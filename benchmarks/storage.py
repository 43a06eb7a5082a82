"""What it costs to take a trial from the queue and to tell its result, per storage and workers.

    python benchmarks/storage.py [--trials 240] [--workers 1 4] [--address postgresql://...]

Each worker process claims one trial at a time and tells a made-up result at once, so that nothing
but the storage is timed. Figures are wall milliseconds a trial and worker, and trials a second of
all workers together.
"""

from __future__ import annotations

import argparse
import dataclasses
import multiprocessing
import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from study.places import Places
from study.spec import StudySpec, parse_spec
from study.storage import StudyStore
from study.storage_opening import open_storage
from study.trial import failed


def spec_of(trials: int) -> StudySpec:
    """Return a study with one cell and so many search trials (and five replicates)."""
    raw = {
        "study": {"name": "queue"},
        "data": {"sizes": [80]},
        "space": {"width": [4], "depth": [1], "prune_ratio": 0.0},
        "search": {"trials": trials - 5},
    }
    return parse_spec(raw, base=Path.cwd())


def work(trials: int, address: str, root: str, results: multiprocessing.Queue[int]) -> None:
    """Claim and finish until nothing is left."""
    spec = spec_of(trials)
    store = StudyStore(spec, open_storage(address, Places(Path(root))))
    done = 0
    while (claims := store.claim(f"w{os.getpid()}")) is not None:
        for claim in claims:
            record = failed(
                spec,
                claim.slot,
                claim.params,
                "",
                optuna_study=claim.optuna_study,
                number=claim.number,
            )
            error = claim.slot.seed / 2**31
            store.finish(
                claim.trial_id,
                dataclasses.replace(
                    record, status="complete", metrics={"val_error": error, "val_loss": error}
                ),
            )
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
        time.sleep(0.001)
    before, began = store.counts().finished, time.perf_counter()
    done = sum(results.get() for _ in processes)
    seconds = time.perf_counter() - began
    for process in processes:
        process.join()
    assert done == trials == store.counts().complete
    return queued, seconds * trials / (trials - before)


def main() -> None:
    """Time each storage with each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=240)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 4])
    parser.add_argument("--address", help="a further storage, empty or fresh")
    args = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores; optuna {version('optuna')}")
    print(f"{'storage':<12}{'workers':>8}{'queue, ms':>12}{'take + tell, ms':>17}{'trials/s':>10}")
    for workers in args.workers:
        for kind in ("journal", "sqlite", *(["given"] if args.address else [])):
            with tempfile.TemporaryDirectory() as root:
                address = {"journal": "", "sqlite": f"sqlite:///{root}/optuna.db"}.get(
                    kind, args.address or ""
                )
                queued, seconds = time_storage(args.trials, address, root, workers)
            each = 1000 * seconds * workers / args.trials
            print(
                f"{kind:<12}{workers:>8}{1000 * queued / args.trials:>12.1f}"
                f"{each:>17.1f}{args.trials / seconds:>10.1f}"
            )


if __name__ == "__main__":
    main()
