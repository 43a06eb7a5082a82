"""What the commands share that are given a study: where it stands, and what its size axis is."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, cast

from search_spaces.errors import PayoffError, nearest
from study.launch.hints import command
from study.launch.joining import at, from_environment
from study.places import Places
from study.spec.study_file import StudySpec, load_spec


def study_arguments(
    parser: argparse.ArgumentParser,
    study: str = "study file; without one, the study of digits",
    root: str = "folder of all storages (default: mlruns)",
) -> None:
    """Declare the study file and the folder."""
    parser.add_argument("study", nargs="?", help=study)
    parser.add_argument("--root", default="mlruns", help=root)


def storage_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments that say where a study is stored."""
    parser.add_argument(
        "--storage",
        help="Optuna's storage, instead of the file's; better in $PAYOFF_STORAGE if it holds a "
        "password",
    )
    parser.add_argument("--tracking", help="MLflow's address, instead of the file's")


def spec_of(args: argparse.Namespace) -> StudySpec:
    """Return the study, stored where the arguments, else the environment, else the file say."""
    storage, tracking = getattr(args, "storage", None), getattr(args, "tracking", None)
    return at(from_environment(load_spec(args.study)), storage, tracking)


def study_of(args: argparse.Namespace) -> tuple[StudySpec, Places, str]:
    """Return the study, where its results are, and the command that goes on with it."""
    places = Places.at(args.root)
    return spec_of(args), places, command("run", args.study, places)


def mlflow_of(spec: StudySpec, places: Places) -> str:
    """Return the address of the MLflow store that a study is logged to."""
    return spec.storage.mlflow or places.mlflow_address


def with_size(spec: StudySpec, size: str | None) -> StudySpec:
    """Return the study with another size axis; a price for a unit of its own size is left out."""
    if not size:
        return spec
    from analysis.table.columns import names_of
    from analysis.table.fields import Cost

    costs = names_of(Cost)
    if size not in costs:
        raise PayoffError(
            f"--size: must be one of {', '.join(costs)}, got {size!r}{nearest(size, costs)}"
        )
    section = dataclasses.replace(spec.analysis, size=cast(Any, size))
    if size != spec.analysis.size:
        rule = "marginal" if section.rule == "economic" else section.rule
        section = dataclasses.replace(section, price=None, rule=cast(Any, rule))
    return dataclasses.replace(spec, analysis=section)
