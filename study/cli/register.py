"""``payoff register``: the model of the payoff point, trained again and kept in MLflow."""

from __future__ import annotations

import argparse
import sys

from study.cli.studies import mlflow_of, study_arguments, study_of


def arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    study_arguments(parser)
    add = parser.add_argument
    add("--name", help="name of the registered model (default: the study's)")
    words = "dataset size whose payoff point counts (default: the largest)"
    add("--examples", type=int, metavar="N", help=words)
    add("--cell", default="", help="register this cell instead, such as n80-width8-depth1")


def run(args: argparse.Namespace) -> int:
    """Choose, train, check, log; the model's address goes to stdout."""
    spec, places, again = study_of(args)
    from study.handover.registering import choose_trial, train_again
    from study.handover.results import analyse_study, finished_trials
    from study.tracking.registry import register_model

    records = finished_trials(spec, places, again)
    spec = spec.as_begun(record.study_digest for record in records)
    analysis, _ = analyse_study(spec, records, again=again)
    record = choose_trial(analysis, records, cell=args.cell, n_examples=args.examples)
    print(f"training {record.slot} again", file=sys.stderr)
    model = train_again(spec, record, cache=places.cache)
    name = args.name or spec.name
    address = mlflow_of(spec, places)
    print(register_model(address, spec, model, name=name, sentence=analysis.sentence))
    print(
        f"{record.cell}: test error {model.test_error:.4g}, on record "
        f"{record.metrics['test_error']:.4g}; load it with mlflow.pytorch.load_model",
        file=sys.stderr,
    )
    return 0
