"""The whole default study against the same trials run the way the documentations show.

    python -m benchmarks.default_study [--sample 60]

By the documentation: one process, ``study.optimize`` on SQLite, a DataLoader over a TensorDataset,
a plain PyTorch loop, and MLflow's fluent calls in nested runs, a value at a time. Running all
trials that way takes the better part of an hour, so a stratified sample is run (every k-th trial
of the design, the same data, model, steps, batch size and evaluations) and scaled up.
``payoff run`` is timed whole, imports, analysis and figures included. Pruned trials are left to
it alone: the sample holds dense trainings only, and the ratio is per dense training and, more
strictly, per whole study.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.support.commands import environment


def by_the_documentation(sample: int, folder: Path) -> tuple[float, int, int]:
    """Return (seconds, trials run, dense trials of the whole study)."""
    import mlflow
    import optuna
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from study.data.subsets import draw_split
    from study.plan.design import slots
    from study.spec.study_file import load_spec
    from study.trials.laboratory import Laboratory

    torch.set_num_threads(1)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    spec = load_spec(None)
    laboratory = Laboratory(spec)
    dense = [slot for slot in slots(spec) if slot.prune_ratio == 0]
    chosen = dense[:: max(1, len(dense) // sample)]
    mlflow.set_tracking_uri(f"sqlite:///{folder}/mlflow.db")
    mlflow.set_experiment("by the documentation")
    study = optuna.create_study(storage=f"sqlite:///{folder}/optuna.db", study_name="plain")

    def objective(trial: Any) -> float:
        slot = chosen[trial.number]
        width = trial.suggest_categorical("width", list(spec.space["width"].values))
        depth = trial.suggest_categorical("depth", list(spec.space["depth"].values))
        rate = trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True)
        decay = trial.suggest_float("weight_decay", 1e-3, 1.0, log=True)
        dropout = trial.suggest_float("dropout", 0.0, 0.3)
        split = draw_split(laboratory.dataset, slot.cell.n_examples, slot.draw, 0)
        tensors = {
            name: torch.tensor(getattr(split, name).reshape(len(getattr(split, name)), -1))
            for name in ("x_train", "x_validation", "x_test")
        }
        labels = {
            name: torch.tensor(getattr(split, name))
            for name in ("y_train", "y_validation", "y_test")
        }
        loader = DataLoader(
            TensorDataset(tensors["x_train"], labels["y_train"]),
            batch_size=min(spec.training.batch_size, split.n_examples),
            shuffle=True,
            drop_last=True,
        )
        layers: list[nn.Module] = []
        n_in = 64
        for _ in range(depth):
            layers += [nn.Linear(n_in, width), nn.ReLU(), nn.Dropout(dropout)]
            n_in = width
        model = nn.Sequential(*layers, nn.Linear(n_in, 10))
        optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)
        steps = spec.training.steps(split.n_examples)
        scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        criterion = nn.CrossEntropyLoss()
        every = max(1, steps // spec.training.evaluations)

        def error(part: str) -> tuple[float, float]:
            model.eval()
            with torch.no_grad():
                outputs = model(tensors[f"x_{part}"])
            model.train()
            wrong = (outputs.argmax(1) != labels[f"y_{part}"]).float().mean()
            return wrong.item(), criterion(outputs, labels[f"y_{part}"]).item()

        with mlflow.start_run(nested=True):
            for name, value in trial.params.items():
                mlflow.log_param(name, value)
            step, total = 0, 0.0
            while step < steps:
                for inputs, targets in loader:
                    optimizer.zero_grad()
                    loss = criterion(model(inputs), targets)
                    loss.backward()
                    optimizer.step()
                    scheduler.step()
                    total += loss.item()
                    step += 1
                    if step % every == 0 or step == steps:
                        val_error, val_loss = error("validation")
                        mlflow.log_metric("train_loss", total / every, step=step)
                        mlflow.log_metric("val_error", val_error, step=step)
                        mlflow.log_metric("val_loss", val_loss, step=step)
                        total = 0.0
                    if step == steps:
                        break
            mlflow.log_metric("test_error", error("test")[0])
        return val_error

    for slot in chosen:
        known = {name: slot.params[name] for name in ("width", "depth")}
        nuisance = ("learning_rate", "weight_decay", "dropout")
        known |= {name: slot.params[name] for name in nuisance if name in slot.params}
        study.enqueue_trial(known)
    with mlflow.start_run(run_name="parent"):
        began = time.perf_counter()
        study.optimize(objective, n_trials=len(chosen))
        seconds = time.perf_counter() - began
    return seconds, len(chosen), len(dense)


def ours(folder: Path) -> tuple[float, float, dict[str, Any]]:
    """Return (wall seconds, CPU seconds of all processes, the result) of ``payoff run``."""
    began = time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "study.cli", "run", "--quiet", "--json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - began, cpu, json.loads(done.stdout)


def training_seconds(folder: Path) -> float:
    """Return the CPU time that training took, summed over the trials' own records."""
    from study.places import Places
    from study.queue.opening import open_storage
    from study.queue.store import StudyStore
    from study.spec.study_file import load_spec

    spec = load_spec(None)
    store = StudyStore(spec, open_storage("", Places.at(folder / "mlruns")))
    return sum(record.metrics.get("train_seconds", 0.0) for record in store.records())


def main() -> None:
    """Run both and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sample", type=int, default=60, help="trials run the plain way")
    args = parser.parse_args()
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "optuna", "mlflow"))
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; {packages}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wall, cpu, result = ours(folder)
        training = training_seconds(folder)
    with tempfile.TemporaryDirectory() as name:
        plain, n_run, n_dense = by_the_documentation(args.sample, Path(name))
    scaled = plain / n_run * n_dense
    print(
        f"payoff run             {wall:8.1f} s wall, {cpu:.1f} s CPU, {result['n_trials']} trials"
    )
    print(f"  of which training    {training:8.1f} s CPU ({training / cpu:.0%})")
    print(f"by the documentation   {plain / n_run:8.2f} s a dense trial ({n_run} run)")
    print(f"  all {n_dense} dense trials {scaled:8.0f} s; pruned ones not counted")
    print(f"ratio                  {scaled / wall:8.1f} x")


if __name__ == "__main__":
    main()
