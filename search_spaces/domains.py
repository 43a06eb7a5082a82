"""Domains: the values one axis may take.

A domain is checked when it is built, so that one which exists is sound. Bounds are inclusive.
``log`` spaces values by their logarithm; ``step`` puts them on ``low, low + step, ..., high``.
The two exclude each other, as they do in Optuna.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeGuard

from search_spaces.errors import SpaceError

Value = str | int | float | bool
"""What a hyperparameter may be: a plain JSON scalar."""

LATTICE_TOLERANCE = 1e-9
"""How far, in steps, a float may lie off its lattice: 0.1 + 0.2 is on a lattice of tenths."""


@dataclass(frozen=True)
class Float:
    """Real numbers in ``[low, high]``.

    Examples
    --------
    >>> Float(0.0, 10.0).from_unit(0.25)
    2.5
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if name == "step" and value is None:
                continue
            if not _is_number(value) or not math.isfinite(value):
                raise SpaceError(name, f"must be a finite number, got {value!r}; give a number")
            object.__setattr__(self, name, float(value))
        _check_range(self)
        if self.step is not None:
            count = (self.high - self.low) / self.step
            if abs(count - round(count)) > LATTICE_TOLERANCE * max(1.0, count):
                below = self.low + math.floor(count) * self.step
                raise SpaceError(
                    "step",
                    f"must divide high - low = {self.high - self.low:g}, got {self.step:g}; "
                    f"set high = {below:g} or change step",
                )

    def contains(self, value: object) -> bool:
        """Whether ``value`` is one of the domain's."""
        if not _is_number(value) or not self.low <= value <= self.high:
            return False
        if self.step is None:
            return True
        count = (value - self.low) / self.step
        return abs(count - round(count)) <= LATTICE_TOLERANCE * max(1.0, count)

    def clean(self, value: Value) -> Value:
        """Return a contained ``value`` as the domain's own type."""
        return float(value)

    def from_unit(self, unit: float) -> float:
        """Map ``unit`` in [0, 1) to a value: uniform units give uniform (or log-uniform) values."""
        _check_unit(unit)
        if self.step is not None:
            count = round((self.high - self.low) / self.step) + 1
            return self._lattice(math.floor(unit * count))
        if self.log:
            span = math.log(self.high / self.low)
            return _clip(self.low * math.exp(unit * span), self.low, self.high)
        return _clip(self.low + unit * (self.high - self.low), self.low, self.high)

    def __str__(self) -> str:
        return _range_text(self)

    def _lattice(self, index: int) -> float:
        assert self.step is not None
        return _clip(float(f"{self.low + index * self.step:.12g}"), self.low, self.high)


@dataclass(frozen=True)
class Int:
    """Whole numbers in ``[low, high]``.

    Examples
    --------
    >>> [Int(1, 8).from_unit(unit) for unit in (0.0, 0.25, 0.99)]
    [1, 3, 8]
    """

    low: int
    high: int
    log: bool = False
    step: int | None = None

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            value = getattr(self, name)
            if name == "step" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise SpaceError(name, f"must be a whole number, got {value!r}; write it so")
        _check_range(self)
        if self.step is not None and (self.high - self.low) % self.step:
            below = self.high - (self.high - self.low) % self.step
            raise SpaceError(
                "step",
                f"must divide high - low = {self.high - self.low}, got {self.step}; "
                f"set high = {below} or change step",
            )

    def contains(self, value: object) -> bool:
        """Whether ``value`` is one of the domain's; True and 1.0 are not whole numbers."""
        if isinstance(value, bool) or not isinstance(value, int):
            return False
        return self.low <= value <= self.high and (value - self.low) % (self.step or 1) == 0

    def clean(self, value: Value) -> Value:
        """Return a contained ``value`` as the domain's own type."""
        return int(value)

    def from_unit(self, unit: float) -> int:
        """Map ``unit`` in [0, 1) to a value.

        Without ``log`` each value has the same share of the unit interval; with it, value k has
        that of [k - 1/2, k + 1/2) on the log axis, as in Optuna's samplers.
        """
        _check_unit(unit)
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            value = math.floor(math.exp(low + unit * (high - low)) + 0.5)
            return min(max(value, self.low), self.high)
        step = self.step or 1
        return self.low + math.floor(unit * ((self.high - self.low) // step + 1)) * step

    def __str__(self) -> str:
        return _range_text(self)


@dataclass(frozen=True)
class Categorical:
    """One of several choices without an order; 1, 1.0 and True are three different ones."""

    choices: tuple[Value, ...]

    def __post_init__(self) -> None:
        if isinstance(self.choices, str) or not hasattr(self.choices, "__iter__"):
            raise SpaceError("choices", f"must be a list, got {self.choices!r}; put it in brackets")
        object.__setattr__(self, "choices", tuple(self.choices))
        if not self.choices:
            raise SpaceError("choices", "must not be empty, got []; give at least one")
        for choice in self.choices:
            if not isinstance(choice, str | int | float) or not _is_finite(choice):
                raise SpaceError(
                    "choices", f"each must be a text, number or boolean, got {choice!r}; remove it"
                )
        marked = [(type(choice), choice) for choice in self.choices]
        for index, pair in enumerate(marked):
            if pair in marked[:index]:
                raise SpaceError("choices", f"each must come once, got {pair[1]!r} twice; drop one")

    def contains(self, value: object) -> bool:
        """Whether ``value`` is one of the choices, type included."""
        return any(type(value) is type(choice) and value == choice for choice in self.choices)

    def clean(self, value: Value) -> Value:
        """Return ``value`` as it is."""
        return value

    def from_unit(self, unit: float) -> Value:
        """Map ``unit`` in [0, 1) to a choice; each has the same share."""
        _check_unit(unit)
        return self.choices[math.floor(unit * len(self.choices))]

    def __str__(self) -> str:
        return "one of " + ", ".join(repr(choice) for choice in self.choices)


Domain = Float | Int | Categorical


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _check_range(domain: Float | Int) -> None:
    if not isinstance(domain.log, bool):
        raise SpaceError("log", f"must be true or false, got {domain.log!r}; write one of them")
    if domain.low >= domain.high:
        state = "empty" if domain.low == domain.high else "reversed"
        remedy = (
            "for a single value make the axis fixed" if state == "empty" else "swap low and high"
        )
        raise SpaceError(
            "low",
            f"must be below high, got the {state} range [{domain.low}, {domain.high}]; {remedy}",
        )
    if domain.log and domain.low <= 0:
        raise SpaceError(
            "low",
            f"must be above zero on a log axis, got [{domain.low}, {domain.high}]; "
            "raise low or set log = false",
        )
    if domain.step is not None:
        if domain.step <= 0:
            raise SpaceError("step", f"must be above zero, got {domain.step}; raise it")
        if domain.log:
            raise SpaceError(
                "step", f"cannot go with log = true, got {domain.step}; drop one of the two"
            )


def _check_unit(unit: float) -> None:
    if not 0 <= unit < 1:
        raise ValueError(f"unit: must be in [0, 1), got {unit}")


def _range_text(domain: Float | Int) -> str:
    text = f"{domain.low:g} to {domain.high:g}"
    if domain.log:
        text += ", log"
    return text if domain.step is None else f"{text}, step {domain.step:g}"
