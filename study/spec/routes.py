"""What a study file says of its routes: which go together with what, and the students' own axes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from search_spaces.domains import Float
from search_spaces.errors import nearest
from search_spaces.space import Axis, SearchSpace
from study.spec.reading import Mistakes
from study.spec.space import DISTILL, axis_as_text, read_axis

Method = Literal["one-shot", "untuned", "iterative", "rewind-weights", "rewind-rate", "structured"]
"""How a trained network is pruned."""

Scope = Literal["global", "layerwise"]
"""Where the least weights (units) are looked for."""

BEST = "best"
"""The teacher that is chosen by validation error."""

DISTILL_AXES = (
    Axis("distill_temperature", Float(1.5, 5.0, log=True), "nuisance"),
    Axis("distill_mixing", Float(0.5, 0.95), "nuisance"),
)
"""Default ranges of the students' own hyperparameters. Hinton et al. 2015 (sections 3 to 5) use
temperatures from 1 to 20, the lower the smaller the student (2.5 to 4 at 30 units a layer), and
find that the labels should have the considerably lower weight. On digits and MNIST-1D temperatures
of 2 and 4 with mixings of 0.5 and 0.9 did about equally well (docs/decisions.md)."""

UNUSED = 'unused without "{}" among study.routes'
NOT_UNUSED = "add the route or remove the axis"


def later_defaults() -> dict[str, Any]:
    """Return what stands in [space] for axes that older versions did not have."""
    return {axis.name: axis_as_text(axis) for axis in DISTILL_AXES}


def read_distill_axes(given: object, distills: bool, mistakes: Mistakes) -> tuple[Axis, ...]:
    """Read the axes that only students have; none without the route."""
    found = {axis.name: axis for axis in DISTILL_AXES}
    for name, value in given.items() if isinstance(given, Mapping) else ():
        if name not in DISTILL:
            continue
        if not distills:
            mistakes.add(f"space.{name}", UNUSED.format("distill"), value, NOT_UNUSED)
            continue
        axis = read_axis(name, value, mistakes)
        if axis is not None and axis.role == "scientific":
            rule = "must be nuisance: it is tuned for each student"
            mistakes.add(f"space.{name}.role", rule, axis.role)
        elif axis is not None:
            found[name] = axis
    return tuple(found.values()) if distills else ()


def check_routes(
    space: SearchSpace, sections: Mapping[str, Any], given: object, mistakes: Mistakes
) -> SearchSpace:
    """Check the routes against the other sections; return the space without what they leave out."""
    routes = sections["study"].routes
    named = isinstance(given, Mapping) and "prune_ratio" in given
    if "prune" not in routes and "prune_ratio" in space:
        if named and any(space["prune_ratio"].values):
            values = list(space["prune_ratio"].values)
            mistakes.add("space.prune_ratio", UNUSED.format("prune"), values, NOT_UNUSED)
        axis = space["prune_ratio"]
        space = space.replace(Axis(axis.name, axis.domain, "scientific", (0.0,)))
    if "distill" in routes:
        if sections["training"].function:
            rule = "distill needs our trainer, not one of your own"
            remedy = "remove training.function, or distill inside of it"
            mistakes.add("study.routes", rule, list(routes), remedy)
        _check_teachers(space, sections["distillation"].teachers, mistakes)
    return space


def _check_teachers(space: SearchSpace, teachers: tuple[str, ...], mistakes: Mistakes) -> None:
    known = {BEST: None, **dict.fromkeys(map(capacity_name, capacities(space)))}
    for teacher in teachers:
        if teacher not in known:
            hint = nearest(teacher, known) or f"; known: {', '.join(known)}"
            mistakes.lines.append(
                "distillation.teachers: must be networks of this study, so that they know its data "
                f"and its classes, got {teacher!r}{hint}"
            )


def capacities(space: SearchSpace) -> tuple[dict[str, Any], ...]:
    """Return every capacity of the grid once: scientific values but the prune ratio."""
    every = [{**point} for point in space.grid()]
    for point in every:
        point.pop("prune_ratio", None)
    return tuple({tuple(capacity.items()): capacity for capacity in every}.values())


def capacity_name(capacity: Mapping[str, Any]) -> str:
    """Name a capacity.

    Examples
    --------
    >>> capacity_name({"width": 64, "depth": 2})
    'width64-depth2'
    """
    return "-".join(f"{axis}{value}" for axis, value in capacity.items())
