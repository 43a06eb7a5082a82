"""A search space: named axes with roles, domains and conditions.

The roles are those of the tuning playbook [1]_: a *scientific* axis is what the question is about,
and its values are laid out in a grid; a *nuisance* axis is tuned at each point of that grid, so
that the comparison is fair; a *fixed* axis has one value.

References
----------
.. [1] Godbole, Dahl, Gilmer, Shallue, Nado. Deep Learning Tuning Playbook, 2023, section
   "Identifying scientific, nuisance, and fixed hyperparameters".
   https://github.com/google-research/tuning_playbook
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

from search_spaces.domains import Categorical, Domain, Float, Int, Value
from search_spaces.errors import SpaceError, nearest

Role = Literal["scientific", "nuisance", "fixed"]
ROLES: tuple[Role, ...] = ("scientific", "nuisance", "fixed")


class Suggests(Protocol):
    """The part of Optuna's ``Trial`` that a space needs."""

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a real number of the range."""

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Return a whole number of the range."""

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices."""


@dataclass(frozen=True)
class Condition:
    """An axis is there only where another one has one of these values.

    Examples
    --------
    >>> momentum_needs = Condition("optimizer", ("sgd",))
    >>> momentum_needs.holds({"optimizer": "adamw"})
    False
    """

    axis: str
    """Name of the other axis."""
    values: tuple[Value, ...]
    """Any of them will do. An absent axis has none of them."""

    def __post_init__(self) -> None:
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise SpaceError("when", f"must list values, got {self.values!r}; put it in brackets")
        object.__setattr__(self, "values", tuple(self.values))
        if not self.values:
            raise SpaceError("when", f"must list values of {self.axis}, got none; give one or more")

    @classmethod
    def equals(cls, axis: str, value: Value) -> Condition:
        """Return the condition that ``axis`` has this value."""
        return cls(axis, (value,))

    def holds(self, values: Mapping[str, Value]) -> bool:
        """Whether it is met by a configuration."""
        if self.axis not in values:
            return False
        value = values[self.axis]
        return any(
            value == wanted and isinstance(value, bool) == isinstance(wanted, bool)
            for wanted in self.values
        )

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"axis": self.axis, "values": list(self.values)}


@dataclass(frozen=True)
class Axis:
    """One hyperparameter: its name, what it may be, and what it is there for.

    Raises
    ------
    SpaceError
        If the name is empty, a value lies outside the domain or comes twice, a scientific axis
        has no values, a fixed one has not exactly one, or a nuisance one has any.
    """

    name: str
    domain: Domain
    role: Role
    values: tuple[Value, ...] = ()
    """The grid of a scientific axis, or the one value of a fixed one. The choices of a
    categorical scientific axis are its values unless some are given."""
    when: Condition | None = None

    def __post_init__(self) -> None:
        if not self.name or not isinstance(self.name, str):
            raise SpaceError("", f"an axis needs a name, got {self.name!r}; give one")
        if self.role not in ROLES:
            hint = nearest(str(self.role), ROLES) or f"; use one of {', '.join(ROLES)}"
            raise SpaceError(self.name, f"no such role, got {self.role!r}{hint}")
        if isinstance(self.values, str) or not isinstance(self.values, Sequence):
            raise SpaceError(
                f"{self.name}.values", f"must be a list, got {self.values!r}; put it in brackets"
            )
        values = tuple(self.values)
        if not values and self.role == "scientific" and isinstance(self.domain, Categorical):
            values = self.domain.choices
        if self.role == "nuisance" and values == getattr(self.domain, "choices", None):
            values = ()
        for value in values:
            self._check_value(value)
        values = tuple(self.domain.clean(value) for value in values)
        marked = [(type(value), value) for value in values]
        for index, (_, value) in enumerate(marked):
            if marked[index] in marked[:index]:
                raise SpaceError(
                    f"{self.name}.values", f"each must come once, got {value!r} twice; drop one"
                )
        object.__setattr__(self, "values", values)
        if self.role == "scientific" and not values:
            raise SpaceError(
                f"{self.name}.values", "a scientific axis needs values, got none; list its grid"
            )
        if self.role == "fixed" and len(values) != 1:
            raise SpaceError(
                f"{self.name}.values",
                f"a fixed axis has exactly one, got {len(values)}; "
                "give one or make it scientific or nuisance",
            )
        if self.role == "nuisance" and values:
            raise SpaceError(
                f"{self.name}.values",
                f"a nuisance axis is tuned over its domain, got {list(values)}; "
                "remove them or make it scientific",
            )

    def _check_value(self, value: Value) -> None:
        if not self.domain.contains(value):
            raise SpaceError(
                f"{self.name}.values",
                f"each must lie in its domain ({self.domain}), got {value!r}; "
                "change it or widen the domain",
            )

    @classmethod
    def fixed(cls, name: str, value: Value, *, when: Condition | None = None) -> Axis:
        """Return an axis with one value and nothing else it could be."""
        return cls(name, Categorical((value,)), "fixed", (value,), when)

    @property
    def value(self) -> Value:
        """The value of a fixed axis."""
        if self.role != "fixed":
            raise ValueError(f"{self.name}: only a fixed axis has one value; it is {self.role}")
        return self.values[0]

    def suggest(self, trial: Suggests) -> Value:
        """Ask ``trial`` for a value of the domain; a fixed axis answers itself."""
        if self.role == "fixed":
            return self.value
        domain = self.domain
        if isinstance(domain, Float):
            return trial.suggest_float(
                self.name, domain.low, domain.high, step=domain.step, log=domain.log
            )
        if isinstance(domain, Int):
            return trial.suggest_int(
                self.name, domain.low, domain.high, step=domain.step or 1, log=domain.log
            )
        return cast("Value", trial.suggest_categorical(self.name, domain.choices))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values: all that the digest of a space covers."""
        return {
            "name": self.name,
            "domain": self.domain.to_json(),
            "role": self.role,
            "values": list(self.values),
            "when": None if self.when is None else self.when.to_json(),
        }


@dataclass(frozen=True)
class SearchSpace:
    """Axes that together describe a configuration.

    The order of the axes counts: it is the order of the grid and of the quasi-random coordinates,
    and so it enters the digest.

    Raises
    ------
    SpaceError
        If two axes share a name, a condition names an unknown axis or a value that axis cannot
        have, conditions run in a circle, or a scientific axis hangs on a nuisance one.
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        names = [axis.name for axis in self.axes]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise SpaceError(name, "an axis of this name is there already; rename one")
        for axis in self.axes:
            if axis.when is not None:
                self._check_condition(axis, axis.when)
        self._check_chains()

    def _check_condition(self, axis: Axis, when: Condition) -> None:
        key = f"{axis.name}.when"
        others = [other.name for other in self.axes if other.name != axis.name]
        if when.axis not in others:
            hint = nearest(when.axis, others) or f"; use one of {', '.join(others)}"
            raise SpaceError(key, f"must name another axis, got {when.axis!r}{hint}")
        other = self[when.axis]
        for value in when.values:
            if not other.domain.contains(value):
                raise SpaceError(
                    key,
                    f"must list values of {when.axis} ({other.domain}), got {value!r}; correct it",
                )

    def _check_chains(self) -> None:
        for axis in self.axes:
            path = [axis.name]
            while (when := self[path[-1]].when) is not None:
                path.append(when.axis)
                if path.count(when.axis) > 1:
                    raise SpaceError(
                        f"{axis.name}.when",
                        f"conditions run in a circle: {' -> '.join(path)}; remove one of them",
                    )
                if axis.role == "scientific" and self[when.axis].role == "nuisance":
                    raise SpaceError(
                        f"{axis.name}.when",
                        f"a scientific axis cannot hang on the nuisance axis {when.axis!r}: a grid "
                        "is laid out before anything is tuned; change one of the roles",
                    )

    def __getitem__(self, name: str) -> Axis:
        for axis in self.axes:
            if axis.name == name:
                return axis
        hint = nearest(name, self.names) or f"; there are {', '.join(self.names)}"
        raise KeyError(f"no axis {name!r}{hint}")

    def __contains__(self, name: object) -> bool:
        return name in self.names

    def __iter__(self) -> Iterator[Axis]:
        return iter(self.axes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all axes, in order."""
        return tuple(axis.name for axis in self.axes)

    @property
    def scientific(self) -> tuple[Axis, ...]:
        """What the question is about."""
        return tuple(axis for axis in self.axes if axis.role == "scientific")

    @property
    def nuisance(self) -> tuple[Axis, ...]:
        """What is tuned so that the comparison is fair."""
        return tuple(axis for axis in self.axes if axis.role == "nuisance")

    @property
    def fixed(self) -> tuple[Axis, ...]:
        """What has one value."""
        return tuple(axis for axis in self.axes if axis.role == "fixed")

    @property
    def n_nuisance(self) -> int:
        """Coordinates of a quasi-random point."""
        return len(self.nuisance)

    def suggest(self, trial: Suggests) -> dict[str, Value]:
        """Ask an Optuna trial for a configuration.

        Scientific axes are suggested over their whole domain, not from their grid, so that Optuna
        knows them as ordered quantities and a grid may grow later; a design enqueues its grid.
        Axes whose condition does not hold are absent.

        Parameters
        ----------
        trial : Suggests
            Optuna's ``Trial``, ``FixedTrial``, or anything with the same three methods.

        Returns
        -------
        dict
            Name to value of every axis that is there, fixed ones included, in the space's order.
        """
        found: dict[str, Value] = {}
        for axis in self._parents_first():
            if axis.when is None or axis.when.holds(found):
                found[axis.name] = axis.suggest(trial)
        return self._ordered(found)

    def grid(self) -> tuple[dict[str, Value], ...]:
        """Every combination of the scientific axes' values, each once; the last axis runs fastest.

        An axis whose condition does not hold is absent, and does not multiply the points.
        """
        points: list[dict[str, Value]] = [{}]
        for axis in self._parents_first():
            if axis.role == "nuisance":
                continue
            grown = []
            for point in points:
                if axis.when is None or axis.when.holds(point):
                    grown += [{**point, axis.name: value} for value in axis.values]
                else:
                    grown.append(point)
            points = grown
        names = [axis.name for axis in self.scientific]
        points = [{name: point[name] for name in names if name in point} for point in points]
        points.sort(key=lambda point: [self._rank(name, point) for name in names])
        return tuple(points)

    def from_units(
        self, units: Sequence[float], given: Mapping[str, Value] | None = None
    ) -> dict[str, Value]:
        """Turn one quasi-random point into the nuisance values.

        Parameters
        ----------
        units : sequence of float, length ``n_nuisance``, each in [0, 1)
            One coordinate a nuisance axis, in the space's order. An axis that is absent leaves its
            coordinate unused, so that the others do not move.
        given : mapping, optional
            Values of scientific axes, where conditions hang on them.

        Returns
        -------
        dict
            Name to value of every nuisance axis that is there.
        """
        if len(units) != self.n_nuisance:
            raise ValueError(f"units: need {self.n_nuisance} coordinates, got {len(units)}")
        unit_of = {axis.name: unit for axis, unit in zip(self.nuisance, units, strict=True)}
        known = dict(given or {})
        found: dict[str, Value] = {}
        for axis in self._parents_first():
            if axis.role == "scientific":
                continue
            if axis.when is not None:
                other = self[axis.when.axis]
                if other.role == "scientific" and other.when is None and other.name not in known:
                    raise ValueError(f"given: {axis.name} hangs on {other.name}; give its value")
                if not axis.when.holds(known):
                    continue
            if axis.role == "fixed":
                known[axis.name] = axis.value
            else:
                found[axis.name] = known[axis.name] = axis.domain.from_unit(unit_of[axis.name])
        return self._ordered(found)

    def digest(self) -> str:
        """Hex SHA-256 of the canonical JSON: equal spaces, and only they, have equal digests."""
        text = json.dumps(
            [axis.to_json() for axis in self.axes],
            sort_keys=True,
            separators=(",", ":"),
            allow_nan=False,
        )
        return hashlib.sha256(text.encode()).hexdigest()

    def replace(self, *axes: Axis) -> SearchSpace:
        """Return the space with these axes in the place of those of the same name.

        Raises
        ------
        SpaceError
            If the space has no axis of that name.
        """
        new = {axis.name: axis for axis in axes}
        for name in new:
            if name not in self:
                hint = nearest(name, self.names) or f"; there are {', '.join(self.names)}"
                raise SpaceError(name, f"no such axis to replace{hint}")
        return SearchSpace(tuple(new.get(axis.name, axis) for axis in self.axes))

    def add(self, *axes: Axis) -> SearchSpace:
        """Return the space with these axes after the others."""
        return SearchSpace((*self.axes, *axes))

    def _rank(self, name: str, point: Mapping[str, Value]) -> int:
        """Place of a point's value in the axis's list; an absent axis comes first."""
        return self[name].values.index(point[name]) if name in point else -1

    def _parents_first(self) -> list[Axis]:
        """Every axis after the one its condition names, else in order."""

        def depth(axis: Axis) -> int:
            return 0 if axis.when is None else 1 + depth(self[axis.when.axis])

        return sorted(self.axes, key=depth)

    def _ordered(self, values: Mapping[str, Value]) -> dict[str, Value]:
        return {name: values[name] for name in self.names if name in values}
