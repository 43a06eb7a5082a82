"""``payoff launch``: run a study with many workers, on this machine or on a cluster."""

from __future__ import annotations

import argparse
import dataclasses

from search_spaces.errors import PayoffError
from study.cli.run import (
    at_least_one,
    decide_arguments,
    deciding,
    many_argument,
    notes_argument,
    retry_argument,
    run_and_show,
)
from study.cli.studies import spec_of, storage_arguments, study_arguments
from study.launch.engines import ENGINES, engine_named
from study.terminal import say


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser)
    storage_arguments(parser)
    parser.add_argument("--workers", type=at_least_one, required=True, help="how many workers")
    add = parser.add_argument
    add("--on", choices=tuple(ENGINES), default="local", help="who runs the workers")
    add("--cpus", type=float, default=1.0, help="processors of each worker")
    words = "GPUs of each worker; fractions where they can be"
    add("--gpus", type=float, default=0.0, help=words)
    parser.add_argument("--memory-gib", type=float, help="memory of each worker")
    for name in ENGINES:
        engine_named(name).options(parser)
    decide_arguments(parser)
    retry_argument(parser)
    many_argument(parser)
    notes_argument(parser)
    parser.add_argument("--quiet", action="store_true", help="say nothing but the result")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Launch the study; like ``payoff run``, or print a manifest."""
    spec = spec_of(args)
    spec = dataclasses.replace(spec, run=dataclasses.replace(spec.run, workers=args.workers))
    spec = deciding(spec, args)
    engine = engine_named(args.on)
    told = [field.name for field in dataclasses.fields(engine) if field.init]
    engine = dataclasses.replace(engine, **{name: getattr(args, name) for name in told})
    if text := engine.manifest(spec, args.study):
        print(text)
        return 0
    if engine.elsewhere and not spec.storage.optuna:
        raise PayoffError(
            f"storage.optuna: workers on {args.on} need a database that all of them reach, got the "
            "journal of this machine; give --storage postgresql://..., or grpc://HOST:PORT"
        )
    if engine.elsewhere and not spec.storage.mlflow:
        say(
            "storage.mlflow is not set: each machine logs its trials in its own folder, "
            "and this one logs all of them again at the end, without their curves"
        )
    return run_and_show(spec, args, engine)
