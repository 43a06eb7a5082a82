"""One cell as people write numbers, taken apart: digits, suffix, percent, spread, unit.

Nothing here decides between readings: whether ``1.000`` is one or a thousand is told from its whole
column (:mod:`analysis.table.numbers`).

Examples
--------
>>> one = take_apart("22.9M params")
>>> one.digits, one.factor, one.unit
('22.9', 1000000, 'param')
>>> take_apart("30.1 ± 0.3 %").spread, take_apart("30.1 ± 0.3 %").percent
('0.3', True)
>>> take_apart("3072x12") is None
True
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

MISSING = frozenset(
    {"", "-", "--", "---", "–", "—", "?", ".", "n/a", "na", "n.a.", "n.d.", "nan", "-nan", "null"}
    | {"none", "nil", "tbd", "#n/a", "<na>", "missing", "undefined", "not available", "unknown"}
)
"""Words for "there is no number", in lower case."""

_FACTORS: dict[str, int] = {
    "k": 10**3, "thousand": 10**3, "tsd": 10**3,
    "m": 10**6, "mio": 10**6, "mln": 10**6, "mill": 10**6, "million": 10**6, "millions": 10**6,
    "b": 10**9, "bn": 10**9, "g": 10**9, "mrd": 10**9, "billion": 10**9, "billions": 10**9,
    "t": 10**12, "tn": 10**12, "trillion": 10**12, "trillions": 10**12,
    "p": 10**15, "ki": 2**10, "mi": 2**20, "gi": 2**30, "ti": 2**40,
}  # fmt: skip
TIMES = {
    "s": "1", "sec": "1", "second": "1", "ms": "0.001", "msec": "0.001", "us": "0.000001",
    "µs": "0.000001", "μs": "0.000001", "ns": "0.000000001", "min": "60", "h": "3600",
}  # fmt: skip
"""Units of time in seconds."""

_DIGIT_GAPS = re.compile(r"(?<=\d)[ '’_\u00a0\u202f\u2009](?=\d{3}(?!\d))")
_MARKUP = re.compile(r"\\textbf\{|\\mathbf\{|\\underline\{|[{}$*†‡§¶]|\\,|\\%")
_SPREAD = re.compile(r"^(.*?\d.*?)\s*(?:±|\+/-|\+-|\\pm|&plusmn;)\s*(.+)$")
_IN_BRACKETS = re.compile(r"^(.*?\d[^()]*?)\s*\(\s*±?\s*(\d*[.,]\d+)\s*(%?)\s*\)(%?)$")
_NUMBER = re.compile(
    r"^(?P<digits>[+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?)\s*"
    r"(?:[x×*·⋅]?\s*(?P<base>10|2)?(?:\^|\*\*)(?P<power>[+-]?\d+))?\s*(?P<tail>.*)$"
)
_USUAL = re.compile(r"^([+-]?(?:\d[\d.,]*|[.,]\d+)(?:[eE][+-]?\d+)?)(%?)([kKMGTB]?)$")
"""Most numbers are written so: nothing else has to be tried."""
_POWER = re.compile(r"^(?P<base>10|2)(?:\^|\*\*)(?P<power>[+-]?\d+)\s*(?P<tail>.*)$")
_TIMES_POWER = re.compile(
    r"^(?P<digits>[+-]?[\d.,]+)\s*(?:[x×*·⋅]|\\times|\\cdot)\s*10\s*(?:\^|\*\*)?\s*(?P<power>[+-]?\d+)"
    r"\s*(?P<tail>.*)$"
)
_PREFIXED = re.compile(
    r"^(?P<prefix>ki|mi|gi|ti|k|m|g|t|p)?(?P<unit>b|bytes?|flops?|macs?|params?|parameters|"
    r"tokens?|examples?|images?|samples?|weights?)$"
)
_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """What a cell says, its digits still as they are written."""

    digits: str
    """With its marks: ``1.014,45``."""
    factor: int | Decimal = 1
    """What suffix and powers multiply it by."""
    suffix: str = ""
    """As written."""
    percent: bool = False
    spread: str = ""
    """Digits behind ``±``; empty: there is none."""
    unit: str = ""
    """In lower case, in the singular."""
    about: bool = False
    """Whether it says "about"."""


def take_apart(text: str) -> Cell | None:
    """The parts of a cell that is a number; None where it is none. Missing values are none."""
    usual = _USUAL.match(text)
    if usual:
        digits, sign, suffix = usual.groups()
        factor = _FACTORS[suffix.lower()] if suffix else 1
        return Cell(digits=digits, factor=factor, suffix=suffix, percent=bool(sign))
    text = text.replace("\u2212", "-").replace("\u00a0", " ").strip()
    for raised in re.findall(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]+", text):
        text = text.replace(raised, f"^{raised.translate(_SUPERSCRIPTS)}", 1)
    text = text.removeprefix("=").strip("*'\"")
    percent = "%" in text
    text = " ".join(_MARKUP.sub("", text.replace("\\%", "%").replace("**", "^")).split())
    about = text[:1] in "~≈∼" and bool(text)
    text = text.lstrip("~≈∼ ").removeprefix("ca. ")
    spread = ""
    told = _SPREAD.match(text)
    if told:
        text, behind = told.group(1), told.group(2)
        tail = take_apart(behind.replace("%", ""))
        if tail is None or tail.spread:
            return None
        spread = tail.digits
        if tail.factor != 1 or tail.unit:  # "30.1 ± 0.3 M": the suffix is for both
            suffix = behind[len(behind.rstrip("%")) :] or behind
            text = f"{text.rstrip('% ')} {re.sub(r'^[^A-Za-zµμ]*', '', suffix)}".strip()
    else:
        bracketed = _IN_BRACKETS.match(text)
        if bracketed:
            text, spread = bracketed.group(1), bracketed.group(2)
    text = text.replace("%", "").strip()
    cell = _number(text)
    if cell is None:
        return None
    digits, times, suffix, unit = cell
    return Cell(digits=digits, factor=times, suffix=suffix, percent=percent, spread=spread,
                unit=unit, about=about)  # fmt: skip


def _number(text: str) -> tuple[str, int | Decimal, str, str] | None:
    """Digits, factor, suffix and unit."""
    text = _DIGIT_GAPS.sub("", text)
    power = _POWER.match(text)
    if power:
        factor = _power(power.group("base"), power.group("power"))
        return _with_tail("1", factor, power.group("tail"))
    times = _TIMES_POWER.match(text)
    if times and ("^" in text or "10" in text):
        return _with_tail(
            times.group("digits"), _power("10", times.group("power")), times.group("tail")
        )
    plain = _NUMBER.match(text)
    if plain is None or plain.group("power"):
        return None
    return _with_tail(plain.group("digits"), 1, plain.group("tail"))


def _power(base: str, power: str) -> int | Decimal:
    if abs(int(power)) > 400:
        return Decimal("Infinity")
    return Decimal(base) ** int(power)


def _with_tail(
    digits: str, factor: int | Decimal, tail: str
) -> tuple[str, int | Decimal, str, str] | None:
    """What stands behind the digits: suffix, unit, both, or something that makes it no number."""
    tail = tail.strip().rstrip(".")
    if not tail:
        return digits, factor, "", ""
    if re.search(r"\d", tail) or len(tail) > 24 or len(tail.split()) > 2:
        return None
    first, _, rest = tail.partition(" ")
    low = first.lower()
    if low in _FACTORS:
        return digits, factor * _FACTORS[low], first, _singular(rest)
    prefixed = _PREFIXED.match(tail.lower().replace(" ", ""))
    if prefixed:
        prefix = prefixed.group("prefix") or ""
        unit = _singular(prefixed.group("unit"))
        unit = "byte" if unit == "b" else unit
        return digits, factor * _FACTORS.get(prefix, 1), tail, unit
    if not re.fullmatch(r"[A-Za-zµμ/²³ ]+", tail):
        return None
    return digits, factor, "", _singular(tail)


def _singular(word: str) -> str:
    word = word.strip().lower()
    word = {"parameters": "params", "secs": "sec", "seconds": "second"}.get(word, word)
    return word[:-1] if len(word) > 3 and word.endswith("s") else word
