"""The [space] section: numbers fix an axis, lists enumerate it, tables give a range."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from analysis.table.columns import FIELDS
from analysis.table.fields import Error
from search_spaces.domains import Categorical, Domain, Float, Int
from search_spaces.errors import SpaceError, nearest
from search_spaces.space import Axis, SearchSpace
from study.models.registry import family_named
from study.spec.reading import NO_CONTROL, Mistakes, is_text

SCIENTIFIC = ("width", "depth", "prune_ratio")
"""Axes that the question is about; every other one is nuisance when it varies."""

LIMITS: dict[str, tuple[float, float]] = {
    "width": (1, 10**6),
    "depth": (0, 10**4),
    "prune_ratio": (0.0, 1.0),
    "dropout": (0.0, 1.0),
    "learning_rate": (0.0, 1e6),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, 1e6),
    "l1": (0.0, 1e6),
    "l2": (0.0, 1e6),
    "patience": (0, 1e8),
    "label_smoothing": (0.0, 1.0),
    "distill_temperature": (0.0, 1e6),
    "distill_mixing": (0.0, 1.0),
}
"""Axis -> values allowed: from low (included) to high (left out; but the mixing may be 1). Upper
limits of width, depth, learning_rate, weight_decay and l1 are far beyond any use: they catch a slip
of the pen."""

TAKEN = frozenset(
    word
    for name, field in FIELDS.items()
    if field.place in ("own", "flags", "words") or isinstance(field, Error)
    for word in (name, *field.names)
)
"""Names of the facts of a trial, which no axis may have: slot, draw, seed, test_error, ..."""

MOST_POINTS = 100_000
"""Of the grid of the scientific axes, at each dataset size."""

LONGEST_NAME = 100
"""Of an axis, which names trials, runs and columns."""

DISTILL = ("distill_temperature", "distill_mixing")
"""Axes that only distilled networks have."""

START_RATIO = 4.0
"""A study that chooses its own capacities from a range starts with some that lie so far apart."""

MOST_LEVELS = 60
"""Levels of pruning, at most: 60 of a fifth each leave one weight in 650,000."""

WHOLE = ("width", "depth", "patience")
"""Axes that take whole numbers only."""


def read_space(
    given: object, family: str, own_trainer: bool, mistakes: Mistakes
) -> SearchSpace | None:
    """Lay the axes given over the default space of the family; None if any is wrong.

    With a trainer of the user's own any name may be an axis, none is there by default, and one must
    be what makes the model large. The order of the axes, which names and seeds follow, is not that
    of the file: first the default ones, then the others by name.
    """
    if not isinstance(given, Mapping):
        return None
    default = family_named(family).space
    axes = {axis.name: axis for axis in default.axes}
    if own_trainer:
        axes = {}
    before = len(mistakes.lines)
    for name, value in given.items():
        if name in DISTILL:
            continue  # axes of students alone: see study.spec.routes
        if name not in LIMITS and not own_trainer:
            hint = nearest(name, LIMITS) or f"; known: {', '.join(LIMITS)}"
            mistakes.lines.append(f"space.{name}: unknown axis{hint}")
            continue
        if not _is_free(name, mistakes):
            continue
        axis = read_axis(name, value, mistakes)
        if axis is not None:
            axes[name] = axis
    if own_trainer and len(mistakes.lines) == before:
        mistakes.lines.extend(_lacks_size(axes.values()))
    if len(mistakes.lines) > before:
        return None
    n_points = math.prod(len(axis.values) for axis in axes.values() if axis.role == "scientific")
    if n_points > MOST_POINTS:
        rule = f"must lay out at most {MOST_POINTS:,} networks, got {n_points:,}"
        mistakes.lines.append(f"space: {rule}; list fewer values of its scientific axes")
        return None
    ranks = {axis.name: rank for rank, axis in enumerate(default.axes)}
    ordered = sorted(axes.values(), key=lambda axis: (ranks.get(axis.name, len(ranks)), axis.name))
    try:
        return SearchSpace(tuple(ordered))
    except SpaceError as error:
        mistakes.lines.append(str(error.under("space")))
        return None


def _is_free(name: str, mistakes: Mistakes) -> bool:
    """Whether an axis can have this name: each trial has facts of its own under some."""
    key = f"space.{name}"
    if not name.strip() or not is_text(name) or len(name) > LONGEST_NAME:
        rule = f"an axis needs a name of 1 to {LONGEST_NAME} characters, none of them for control"
        mistakes.add("space", rule, name)
    elif name in TAKEN:
        rule = "is what payoff itself calls a column of the trials, and would be overwritten"
        mistakes.lines.append(f"{key}: {rule}; give the axis another name, such as my_{name}")
    else:
        return True
    return False


def _lacks_size(axes: Iterable[Axis]) -> list[str]:
    """Say so if no axis of an own trainer's study is the size of its model."""
    if any(axis.role == "scientific" and axis.name != "prune_ratio" for axis in axes):
        return []
    there = [f"{axis.name} ({axis.role})" for axis in axes]
    listed = [a.name for a in axes if isinstance(a.domain, Categorical) and a.role == "nuisance"]
    name = listed[0] if listed else "my_size"
    return [
        "space: with a trainer of your own, an axis must be what makes the model large, got "
        f"{', '.join(there) or 'none'}; list its values as width or depth, or say which it is: "
        f'{name} = {{ values = [...], role = "scientific" }}'
    ]


def read_axis(name: str, value: object, mistakes: Mistakes) -> Axis | None:
    """Read one axis; None, with the mistakes noted, if it is wrong."""
    key = f"space.{name}"
    role = "scientific" if name in SCIENTIFIC else "nuisance"
    try:
        if name == "prune_ratio" and isinstance(value, Mapping) and "levels" in value:
            value = _ladder(value, mistakes)
        if isinstance(value, Mapping) and "values" not in value:
            return _range(name, value, mistakes)
        if isinstance(value, Mapping):
            mistakes.unknown(key, value, {"values", "role"})
            role = value.get("role", role)
            if role not in ("scientific", "nuisance"):
                mistakes.add(f"{key}.role", "must be scientific or nuisance", role)
                return None
            return _enumerated(name, value["values"], role, mistakes)
        if isinstance(value, list):
            return _enumerated(name, value, role, mistakes)
        if not _allowed(name, value, key, mistakes):
            return None
        if name in SCIENTIFIC:
            return _enumerated(name, [value], "scientific", mistakes)
        return Axis.fixed(name, _typed(name, value))
    except SpaceError as error:
        inside = error.key == name or error.key.startswith(f"{name}.")
        mistakes.lines.append(str(error.under("space" if inside else key)))
        return None


def _ladder(value: Mapping[str, Any], mistakes: Mistakes) -> list[float]:
    """Return the prune ratios after some levels that each remove a share of what is left."""
    key = "space.prune_ratio"
    mistakes.unknown(key, value, {"levels", "rate"})
    levels, rate = value["levels"], value.get("rate", 0.2)
    if type(levels) is int:
        levels = list(range(1, min(levels, MOST_LEVELS) + 1))
    possible = range(1, MOST_LEVELS + 1)
    if (
        not isinstance(levels, list)
        or not levels
        or any(type(level) is not int or level not in possible for level in levels)
    ):
        rule = f"must be a number of levels, or a list of them, from 1 to {MOST_LEVELS}"
        mistakes.add(f"{key}.levels", rule, value["levels"])
        return [0.0]
    before = len(mistakes.lines)
    if _is_number(rate, f"{key}.rate", mistakes):
        mistakes.within(f"{key}.rate", rate, "(0, 1)")
    if len(mistakes.lines) > before:
        return [0.0]
    return [0.0, *(round(1 - (1 - rate) ** level, 12) for level in levels)]


def _enumerated(name: str, values: object, role: Any, mistakes: Mistakes) -> Axis | None:
    key = f"space.{name}"
    if not isinstance(values, list) or not values:
        mistakes.add(key, "must list at least one value", values)
        return None
    allowed = [_allowed(name, value, key, mistakes) for value in values]  # all are reported
    if not all(allowed):
        return None
    if len(set(values)) < len(values):
        mistakes.add(key, "must name each value once", values)
        return None
    typed = [_typed(name, value) for value in values]
    if name in SCIENTIFIC:
        typed = sorted(typed)
        if name == "prune_ratio" and typed[0] != 0.0:
            rule = "must include 0.0, the dense parent of every pruned network"
            mistakes.add(key, rule, typed, f"write {[0.0, *typed]}")
            return None
    if role == "nuisance":
        return Axis(name, Categorical(tuple(typed)), role)
    return Axis(name, _domain_of(name, typed), role, tuple(typed))


def _range(name: str, value: Mapping[str, Any], mistakes: Mistakes) -> Axis | None:
    key = f"space.{name}"
    before = len(mistakes.lines)
    mistakes.unknown(key, value, {"low", "high", "log", "step", "role"})
    role = value.get("role", "scientific" if name in SCIENTIFIC else "nuisance")
    if role not in ("scientific", "nuisance") or (name in SCIENTIFIC and role != "scientific"):
        rule = "must be scientific" if name in SCIENTIFIC else "must be scientific or nuisance"
        mistakes.add(f"{key}.role", rule, role)
        return None
    if name == "prune_ratio":
        mistakes.add(key, "must list its values (each is a trial of its own)", dict(value))
        return None
    for bound in ("low", "high"):
        if bound not in value:
            mistakes.add(f"{key}.{bound}", "must be given for a range", None)
        elif _is_number(value[bound], f"{key}.{bound}", mistakes):
            # A range's upper end may touch a limit that no value may reach.
            _allowed(name, value[bound], f"{key}.{bound}", mistakes)
    if "step" in value:
        _is_number(value["step"], f"{key}.step", mistakes)
    if not isinstance(value.get("log", False), bool):
        mistakes.add(f"{key}.log", "must be true or false", value["log"])
    if len(mistakes.lines) > before:
        return None
    if role == "scientific":
        return _chosen(name, value, mistakes)
    low, high, log, step = (value.get(name) for name in ("low", "high", "log", "step"))
    domain: Domain
    whole = all(isinstance(number, int) for number in (low, high, step or 1))
    if whole and (name not in LIMITS or name in WHOLE):
        domain = Int(low, high, log=bool(log), step=step)  # type: ignore[arg-type]
    else:
        domain = Float(float(low), float(high), log=bool(log), step=step)  # type: ignore[arg-type]
    return Axis(name, domain, "nuisance")


def _chosen(name: str, value: Mapping[str, Any], mistakes: Mistakes) -> Axis | None:
    """Return an axis whose values the study chooses itself: it starts with a few of the range."""
    key = f"space.{name}"
    low, high = value["low"], value["high"]
    if not (type(low) is int and type(high) is int and 1 <= low < high):
        rule = "a range to choose capacities from must have whole ends from 1 that rise"
        mistakes.add(key, rule, dict(value), "list its values")
        return None
    for unused in ("log", "step"):
        if unused in value:
            rule = "means nothing in a range to choose capacities from: they lie by their ratios"
            mistakes.add(f"{key}.{unused}", rule, value[unused], "remove it")
    values = between(low, high, START_RATIO)
    domain = _domain_of(name, list(values)) if name in SCIENTIFIC else Int(low, high, log=True)
    return Axis(name, domain, "scientific", values, (low, high))


def between(low: int, high: int, ratio: float) -> tuple[int, ...]:
    """Return whole numbers from ``low`` to ``high``, each at most ``ratio`` times the one before.

    Examples
    --------
    >>> between(4, 1024, 4.0)
    (4, 16, 64, 256, 1024)
    """
    steps = math.ceil(math.log(high / low) / math.log(ratio) - 1e-9)
    return tuple(sorted({round(low * (high / low) ** (step / steps)) for step in range(steps + 1)}))


def _domain_of(name: str, values: list[Any]) -> Domain:
    """Return the domain of an enumerated axis: the same for any grid within usual bounds."""
    if name == "width":
        return Int(1, max(8192, *values), log=True)
    if name == "depth":
        return Int(0, max(16, *values))
    if name == "prune_ratio":
        return Float(0.0, max(0.999, *values))
    return Categorical(tuple(values))


def _typed(name: str, value: Any) -> Any:
    """Return a value of a built-in axis as the type it trains with: 0 and 0.0 are one decay."""
    if name not in LIMITS:
        return value
    return int(value) if name in WHOLE else float(value)


def _is_number(value: object, key: str, mistakes: Mistakes) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        mistakes.add(key, "must be a number", value)
        return False
    if not abs(value) <= sys.float_info.max:  # not a number, infinite, or a whole number too large
        mistakes.add(key, "must be a finite number", value)
        return False
    return True


def _allowed(name: str, value: object, key: str, mistakes: Mistakes) -> bool:
    if name not in LIMITS:
        if isinstance(value, str) and not is_text(value):
            mistakes.add(key, NO_CONTROL, value, "leave them out")
            return False
        if isinstance(value, (str, bool)):
            return True
        if not isinstance(value, (int, float)):
            mistakes.add(key, "each value must be a text, a number, true or false", value)
            return False
        return _is_number(value, key, mistakes)
    if not _is_number(value, key, mistakes):
        return False
    assert isinstance(value, (int, float))
    if name in WHOLE and not isinstance(value, int):
        mistakes.add(key, "must be a whole number", value)
        return False
    low, high = LIMITS[name]
    if name == "distill_mixing" and value == high:
        return True
    above = name in ("learning_rate", "distill_temperature")
    if not low <= value < high or (above and value == 0):
        opening = "(" if above else "["
        mistakes.add(key, f"must be in {opening}{low:g}, {high:g})", value)
        return False
    return True


def space_as_text(space: SearchSpace, more: Iterable[Axis] = ()) -> dict[str, Any]:
    """Describe each axis as plain JSON values, for digests and for showing what differs."""
    return {axis.name: axis_as_text(axis) for axis in (*space.axes, *more)}


def axis_as_text(axis: Axis) -> Any:
    """Describe one axis as the study file writes it."""
    if axis.role == "fixed":
        return axis.value
    if axis.between is not None:
        low, high = axis.between
        scientific = {} if axis.name in SCIENTIFIC else {"role": "scientific"}
        return {"low": low, "high": high, **scientific}
    if axis.role == "scientific":
        values = list(axis.values)
        return values if axis.name in SCIENTIFIC else {"values": values, "role": "scientific"}
    domain = axis.domain
    if isinstance(domain, Categorical):
        return list(domain.choices)
    text: dict[str, Any] = {"low": domain.low, "high": domain.high, "log": domain.log}
    if domain.step is not None:
        text["step"] = domain.step
    return text
