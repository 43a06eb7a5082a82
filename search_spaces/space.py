"""A search space: named axes with roles and domains.

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

import itertools
from collections.abc import Iterator, Sequence
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
class Axis:
    """One hyperparameter: its name, what it may be, and what it is there for."""

    name: str
    domain: Domain
    role: Role
    values: tuple[Value, ...] = ()
    """The grid of a scientific axis, or the one value of a fixed one. The choices of a
    categorical scientific axis are its values unless some are given."""
    between: tuple[int, int] | None = None
    """Of a scientific axis: whole numbers from which a study may choose more values by itself;
    None: its values are all that there are."""

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
        if self.between is not None and (
            self.role != "scientific" or not self.between[0] < self.between[1]
        ):
            raise SpaceError(
                self.name,
                f"only a scientific axis may be chosen from a range, which must rise, got "
                f"{self.role} and {self.between!r}; list its values",
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
    def fixed(cls, name: str, value: Value) -> Axis:
        """Return an axis with one value and nothing else it could be."""
        return cls(name, Categorical((value,)), "fixed", (value,))

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


@dataclass(frozen=True)
class SearchSpace:
    """Axes that together describe a configuration.

    The order of the axes counts: it is the order of the grid and of the quasi-random coordinates.
    """

    axes: tuple[Axis, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "axes", tuple(self.axes))
        names = [axis.name for axis in self.axes]
        for index, name in enumerate(names):
            if name in names[:index]:
                raise SpaceError(name, "an axis of this name is there already; rename one")

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
        """
        return {axis.name: axis.suggest(trial) for axis in self.axes}

    def grid(self) -> tuple[dict[str, Value], ...]:
        """Every combination of the scientific values, each once; the last axis runs fastest."""
        names = [axis.name for axis in self.scientific]
        points = itertools.product(*(axis.values for axis in self.scientific))
        return tuple(dict(zip(names, point, strict=True)) for point in points)

    def from_units(self, units: Sequence[float]) -> dict[str, Value]:
        """Turn a quasi-random point, a coordinate in [0, 1) an axis, into the nuisance values."""
        if len(units) != self.n_nuisance:
            raise ValueError(f"units: need {self.n_nuisance} coordinates, got {len(units)}")
        pairs = zip(self.nuisance, units, strict=True)
        return {axis.name: axis.domain.from_unit(unit) for axis, unit in pairs}

    def replace(self, *axes: Axis) -> SearchSpace:
        """Return the space with these axes in the place of those of the same name."""
        new = {axis.name: axis for axis in axes}
        for name in new:
            if name not in self:
                hint = nearest(name, self.names) or f"; there are {', '.join(self.names)}"
                raise SpaceError(name, f"no such axis to replace{hint}")
        return SearchSpace(tuple(new.get(axis.name, axis) for axis in self.axes))

    def add(self, *axes: Axis) -> SearchSpace:
        """Return the space with these axes after the others."""
        return SearchSpace((*self.axes, *axes))
