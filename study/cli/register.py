"""``payoff register``: the model of the payoff point, trained again and kept in MLflow."""

from __future__ import annotations

import argparse
import sys

from study.launch.joining import from_environment
from study.places import Places
from study.spec.study_file import load_spec


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add = parser.add_argument
    add("study", nargs="?", help="study file; without one, the study of digits")
    add("--root", default="mlruns", help="folder of all storages (default: mlruns)")
    add("--name", help="name of the registered model (default: the study's)")
    add(
        "--examples",
        type=int,
        metavar="N",
        help="dataset size whose payoff point counts (default: the largest)",
    )
    add("--cell", default="", help="register this cell instead, such as n80-width8-depth1")


def run(args: argparse.Namespace) -> int:
    """Choose, train, check, log; the model's address goes to stdout."""
    spec = from_environment(load_spec(args.study))
    places = Places.at(args.root)
    from study.handover.registering import choose_trial, train_again
    from study.handover.results import analyse_study
    from study.launch.hints import command
    from study.queue.stored import stored_study
    from study.tracking.registry import register_model
    from study.trials.latency import latency_file, with_latency

    again = command("run", args.study, places)
    store = stored_study(spec, places, again)
    records = with_latency(store.records(), latency_file(places, spec.name))
    analysis, _ = analyse_study(spec, records, again=again)
    record = choose_trial(analysis, records, cell=args.cell, n_examples=args.examples)
    print(f"training {record.slot} again", file=sys.stderr)
    model = train_again(spec, record, cache=places.cache)
    address = spec.storage.mlflow or places.mlflow_address
    uri = register_model(
        address, spec, model, name=args.name or spec.name, sentence=analysis.sentence
    )
    print(uri)
    print(
        f"{record.cell}: test error {model.test_error:.4g}, on record "
        f"{record.metrics['test_error']:.4g}; load it with mlflow.pytorch.load_model",
        file=sys.stderr,
    )
    return 0
