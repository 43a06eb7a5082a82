"""``payoff launch``: run a study with many workers, on this machine or on a cluster."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from functools import partial
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.cli.run import at_least_one
from study.places import Places
from study.spec.study_file import StudySpec, load_spec

if TYPE_CHECKING:
    from study.launch.engines.crews import Crew

ENGINES = ("local", "ray", "slurm", "kubernetes")


def where(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say where a study is stored."""
    parser.add_argument(
        "--storage",
        help="Optuna's storage, instead of the file's; better in $PAYOFF_STORAGE if it holds a "
        "password",
    )
    parser.add_argument("--tracking", help="MLflow's address, instead of the file's")


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("study", nargs="?", help="study file; without one, the study of digits")
    where(parser)
    parser.add_argument("--root", default="mlruns", help="folder of all storages (default: mlruns)")
    parser.add_argument("--workers", type=at_least_one, required=True, help="how many workers")
    parser.add_argument("--on", choices=ENGINES, default="local", help="who runs the workers")
    parser.add_argument("--address", help="ray: address of a running cluster (auto, ray://...)")
    parser.add_argument("--cpus", type=float, default=1.0, help="processors of each worker")
    parser.add_argument(
        "--gpus", type=float, default=0.0, help="GPUs of each worker; ray takes fractions"
    )
    parser.add_argument("--max-hours", type=float, help="slurm: hours of each job (default: 24)")
    parser.add_argument("--partition", help="slurm: the partition")
    parser.add_argument("--memory-gib", type=float, help="memory of each worker")
    parser.add_argument("--image", default="payoff:latest", help="kubernetes: the container image")
    parser.add_argument("--print", action="store_true", help="kubernetes: print the manifest")
    parser.add_argument("--quiet", action="store_true", help="say nothing but the result")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Launch the study; like ``payoff run``, or print a manifest."""
    from study.launch.joining import at, from_environment

    spec = at(from_environment(load_spec(args.study)), args.storage, args.tracking)
    spec = dataclasses.replace(spec, run=dataclasses.replace(spec.run, workers=args.workers))
    if args.on == "kubernetes":
        from study.launch.engines.kubernetes import manifest

        print(manifest(spec, args.study, workers=args.workers, image=args.image,
                       cpus=args.cpus, gpus=args.gpus, memory_gib=args.memory_gib))  # fmt: skip
        return 0
    if args.on != "local" and not spec.storage.optuna:
        raise PayoffError(
            f"storage.optuna: workers on {args.on} need a database that all of them reach, got the "
            "journal of this machine; give --storage postgresql://..., or grpc://HOST:PORT"
        )
    if args.on != "local" and not spec.storage.mlflow:
        print(
            "payoff: storage.mlflow is not set: each machine logs its trials in its own folder, "
            "and this one logs all of them again at the end, without their curves",
            file=sys.stderr,
        )
    from study.cli.run import run_and_show

    return run_and_show(
        spec, args.study, Places.at(args.root), _crew(args, spec),
        quiet=args.quiet, as_json=args.json,
    )  # fmt: skip


def _crew(args: argparse.Namespace, spec: StudySpec) -> Crew | None:
    """Return what starts the workers and watches over them; None for local processes."""
    if args.on == "ray":
        from study.launch.engines.ray import run_on_ray

        return partial(run_on_ray, address=args.address, cpus=args.cpus, gpus=args.gpus)
    if args.on == "slurm":
        from study.launch.engines.slurm import SlurmJobs, run_on_slurm

        jobs = SlurmJobs(
            hours=24.0 if args.max_hours is None else args.max_hours,
            cpus=args.cpus,
            gpus=args.gpus,
            memory_gib=args.memory_gib,
            partition=args.partition,
        )
        return partial(run_on_slurm, jobs=jobs)
    return None
