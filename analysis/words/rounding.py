r"""Numbers with as many digits as their uncertainty leaves: the one place where digits are cut.

A standard uncertainty keeps two digits if its first three lie in 100-354, one if in 355-949, and is
rounded up to 10 of the next place above that; the value is cut at the same place. An interval that
is about symmetric is written with its standard uncertainty in brackets, ``5.2(8)e3``; of any other
the value is cut as its narrower arm asks, and the ends keep two digits each.

References
----------
Particle Data Group (2024), "Review of Particle Physics", introduction, section 5.3: rounding.
JCGM 100:2008 (GUM), section 7.2.2: the standard uncertainty of the last digits in brackets.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from statistics import NormalDist
from typing import Self

from analysis.findings import Estimate
from analysis.table.names import format_size

SYMMETRIC = 1.5
"""Arms of an interval whose ratio is at most this are told by one number."""
END_DIGITS = 2
"""Digits of an end of an asymmetric interval."""
PLAIN_BELOW, PLAIN_ABOVE = 1e5, 1e-3
"""Between these, a number without uncut zeros is written without an exponent."""


@dataclass(frozen=True, kw_only=True)
class Measured(Estimate):
    """A number with its interval; an open end reaches out of the range tried.

    Examples
    --------
    >>> Measured(value=5234.0, low=3950.0, high=6600.0).concise
    '5.2(8)e3'
    >>> Measured(value=11123.0, low=4170.0, high=85000.0, high_open=True).interval
    '4.2e3 to >8.5e4'
    """

    @classmethod
    def of(cls, estimate: Estimate) -> Self:
        """What was found, to be written."""
        return cls(**vars(estimate))

    @property
    def symmetric(self) -> bool:
        """Whether one number tells both arms."""
        arms = sorted((self.high - self.value, self.value - self.low))
        return not (self.low_open or self.high_open) and 0.0 < arms[1] <= SYMMETRIC * arms[0]

    @property
    def spread(self) -> float:
        """Standard uncertainty that the interval, or its narrower arm, stands for."""
        z = NormalDist().inv_cdf((1.0 + self.level) / 2.0)
        if self.symmetric:
            return (self.high - self.low) / (2.0 * z)
        arms = [arm for arm in (self.high - self.value, self.value - self.low) if arm > 0.0]
        return min(arms, default=abs(self.value)) / z

    @property
    def rounded(self) -> float:
        """The value, cut."""
        return float(_cut(self.value, last_place(self.spread)))

    @property
    def concise(self) -> str:
        """``5.2(8)e3``, or ``1.1e4`` where the interval is not symmetric; siunitx reads both."""
        if not math.isfinite(self.value):
            return ""
        place = last_place(self.spread)
        return written(self.value, place, self.spread if self.symmetric else None)

    @property
    def arms(self) -> tuple[str, str, str, int]:
        """Value, upper and lower standard arm, and a common exponent of ten.

        Examples
        --------
        >>> Measured(value=0.034, low=0.025, high=0.055).arms
        ('0.034', '0.013', '0.005', 0)
        """
        place = last_place(self.spread)
        z = NormalDist().inv_cdf((1.0 + self.level) / 2.0)
        size = abs(self.rounded)
        plain = place <= 0 and PLAIN_ABOVE <= size < PLAIN_BELOW
        exponent = 0 if plain or not size else math.floor(math.log10(size))
        up, down = (self.high - self.value) / z, (self.value - self.low) / z
        value, plus, minus = (
            f"{_cut(number, place).scaleb(-exponent):f}" for number in (self.value, up, down)
        )
        return value, plus, minus, exponent

    @property
    def full(self) -> str:
        """With its uncertainty, whether symmetric or not: ``5.2(8)e3``, ``0.034(+0.013-0.005)``."""
        if self.symmetric or not math.isfinite(self.value):
            return self.concise
        value, plus, minus, exponent = self.arms
        return f"{value}(+{plus}-{minus})" + (f"e{exponent}" if exponent else "")

    @property
    def interval(self) -> str:
        """Both ends; ``>`` and ``<`` say that they are open."""
        low, high = self.ends
        return f"{'<' * self.low_open}{low} to {'>' * self.high_open}{high}"

    @property
    def ends(self) -> tuple[str, str]:
        """Both ends, cut."""
        place = last_place(self.spread)
        if self.symmetric:
            return written(self.low, place), written(self.high, place)
        return significant(self.low, END_DIGITS), significant(self.high, END_DIGITS)


def last_place(spread: float) -> int:
    """Power of ten of the last digit that a standard uncertainty leaves.

    Examples
    --------
    >>> last_place(0.0123), last_place(812.0), last_place(0.096)
    (-3, 2, -2)
    """
    if not (math.isfinite(spread) and spread > 0.0):
        return -3
    first = math.floor(math.log10(spread))
    three = round(spread / 10.0 ** (first - 2))
    if three >= 1000:
        first, three = first + 1, 100
    if three <= 354:
        return first - 1
    return first


def written(value: float, place: int, spread: float | None = None) -> str:
    """A number cut at a power of ten, its uncertainty in brackets if one is given.

    Examples
    --------
    >>> written(0.01913, -4, 0.0012), written(11123.0, 3), written(0.5, -2)
    ('0.0191(12)', '1.1e4', '0.50')
    """
    cut = _cut(value, place)
    brackets = "" if spread is None else f"({int(_cut(spread, place).scaleb(-place))})"
    size = abs(float(cut))
    plain = place <= 0 and size < PLAIN_BELOW and (size >= PLAIN_ABOVE or size == 0.0)
    if plain:
        return f"{cut:f}{brackets}"
    exponent = max(cut.adjusted(), place) if cut else place
    return f"{cut.scaleb(-exponent):f}{brackets}e{exponent}"


def significant(value: float, digits: int) -> str:
    """A number with so many significant digits.

    Examples
    --------
    >>> significant(4170.0, 2), significant(0.0345, 2), significant(85000.0, 2)
    ('4.2e3', '0.034', '8.5e4')
    """
    if not math.isfinite(value):
        return ""
    if value == 0.0:
        return "0"
    return written(value, math.floor(math.log10(abs(value))) - digits + 1)


def short(value: float) -> str:
    """A value of a hyperparameter, with two digits of what is small.

    Examples
    --------
    >>> short(0.01234), short(3e-5), short(64.0), short(512.0)
    ('0.012', '3.0e-5', '64', '512')
    """
    return significant(value, 2) if abs(value) < 99.5 else format_size(value)


def span(low: float, high: float) -> str:
    """From one value of a hyperparameter to another."""
    return f"{short(low)} to {short(high)}"


def _cut(value: float, place: int) -> Decimal:
    return Decimal(repr(value)).quantize(Decimal(1).scaleb(place), rounding=ROUND_HALF_EVEN)
