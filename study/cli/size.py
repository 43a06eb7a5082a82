"""``--size`` of the commands that show a finished study: any cost of its trials as the x axis."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any, cast

from search_spaces.errors import PayoffError, nearest
from study.spec.study_file import StudySpec


def size_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the option."""
    parser.add_argument(
        "--size",
        metavar="COST",
        help="what the size axis counts, instead of the study file's analysis.size: n_parameters, "
        "n_nonzero, flops_per_example, model_bytes, latency_seconds, train_flops, ...",
    )


def with_size(spec: StudySpec, size: str | None) -> StudySpec:
    """Return the study with another size axis; a price for a unit of its own size is left out.

    Raises
    ------
    PayoffError
        If no trial has such a cost.
    """
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
