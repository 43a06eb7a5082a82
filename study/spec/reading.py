"""Reading one section of a study file into a dataclass, collecting mistakes instead of raising."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import textwrap
import types
import typing
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

from analysis.table.columns import names_of
from analysis.table.fields import Cost
from search_spaces.errors import nearest
from study.redaction import redact

LONGEST_VALUE = 160
"""Characters of a wrong value that a message quotes."""


class Mistakes:
    """Every mistake of a study file, each with its key, the rule, the value and the remedy."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add(self, key: str, rule: str, value: object, remedy: str = "") -> None:
        """Note one mistake; passwords in the value are masked and a long value is cut."""
        quoted = redact(repr(value))
        if len(quoted) > LONGEST_VALUE:
            quoted = f"{quoted[:LONGEST_VALUE]} ..."
        self.lines.append(f"{key}: {rule}, got {quoted}" + (f"; {remedy}" if remedy else ""))

    def between(self, key: str, value: float, low: float, high: float) -> None:
        """Note a mistake unless ``low <= value <= high``."""
        if value > high:
            self.add(key, f"must be at most {high:,}", value)
        elif not value >= low:
            self.add(key, f"must be at least {low:,}", value)

    def within(self, key: str, value: float, interval: str) -> None:
        """Note a mistake unless the value lies in an interval such as ``(0, 1]``."""
        low, high = map(float, interval[1:-1].split(","))
        ends = (interval[0] == "[" and value == low) or (interval[-1] == "]" and value == high)
        if not (low < value < high or ends):
            self.add(key, f"must be in {interval}", value)

    def distinct(self, key: str, values: Sequence[object]) -> None:
        """Note a mistake unless there are values, each once."""
        if not values or len(set(values)) < len(values):
            self.add(key, "must name at least one, and each once", list(values))

    def unknown(self, section: str, given: Iterable[str], known: Collection[str]) -> None:
        """Note every key that is not known, with the nearest name that is."""
        for name in given:
            if name not in known:
                key = f"{section}.{name}: unknown key" if section else f"{name}: unknown section"
                self.lines.append(
                    key + (nearest(name, known) or f"; known: {', '.join(sorted(known))}")
                )


def read_values(
    section: type[Any],
    name: str,
    given: Mapping[str, Any],
    mistakes: Mistakes,
    keys: Collection[str] | None = None,
    also: Collection[str] = (),
) -> dict[str, Any]:
    """Read ``keys`` of a dataclass (all if None); a wrong one is noted and its default used.

    Those of ``also`` are read elsewhere.
    """
    hints = hints_of(section)
    fields = dataclasses.fields(section)
    values = {field.name: field.default for field in fields if keys is None or field.name in keys}
    mistakes.unknown(name, given, (*values, *also))
    for key, value in given.items():
        if key not in values:
            continue
        try:
            values[key] = _convert(value, hints[key])
        except ValueError as error:
            rule, *remedy = error.args
            mistakes.add(f"{name}.{key}", rule, value, *remedy)
    return values


def hints_of(section: type[Any]) -> dict[str, Any]:
    """Return the type of each key of a section; of a cost's name, a Literal of all that there are.

    What else such a key may be is named behind the annotation of
    :data:`analysis.settings.CostName`.
    """
    hints = typing.get_type_hints(section, include_extras=True)
    literal: Any = Literal
    return {
        name: literal[*hint.__metadata__[1:], *names_of(Cost)]
        if typing.get_origin(hint) is Annotated
        else hint
        for name, hint in hints.items()
    }


_KINDS: Mapping[Any, tuple[Any, str]] = {
    bool: (bool, "must be true or false"),
    int: (int, "must be a whole number"),
    float: ((int, float), "must be a number"),
    str: (str, "must be text in quotes"),
}


def _convert(value: object, hint: Any) -> object:
    """Return ``value`` as the annotated type, or raise ValueError of the rule (and a remedy)."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value not in options:
            words = [str(option) for option in options]
            remedy = nearest(str(value), words).removeprefix("; ")
            raise ValueError(f"must be one of {', '.join(words)}", remedy)
        return value
    if origin in (typing.Union, types.UnionType):
        reasons = []
        for option in options:
            if option is types.NoneType:
                continue
            try:
                return _convert(value, option)
            except ValueError as error:
                reasons.append(error.args[0])
        raise ValueError(" or ".join(dict.fromkeys(reasons)))
    if origin is tuple:
        if not isinstance(value, list):
            raise ValueError("must be a list")
        return tuple(_convert(item, options[0]) for item in value)
    kind, rule = _KINDS[hint]
    if not isinstance(value, kind) or (isinstance(value, bool) and hint is not bool):
        raise ValueError(rule)
    if isinstance(value, str) and not is_text(value):
        raise ValueError(NO_CONTROL, "leave them out")
    if hint is float:
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise ValueError("must be a finite number")
        return number
    return value


NO_CONTROL = "must have no control characters"


def is_text(value: str) -> bool:
    """Tell whether a text has no control characters: no name of a column, file or study has them.

    Examples
    --------
    >>> is_text("größe (大)"), is_text("red\\x1b[31m")
    (True, False)
    """
    return not any(
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in value
    )


def field_docs(section: type[Any]) -> dict[str, str]:
    """Return the docstring that stands under each field of a dataclass.

    A field without one is documented together with those before it and maps to ``""``. ``{known}``
    stands for what a registry holds, by the section's own ``known()``.
    """
    body = ast.parse(textwrap.dedent(inspect.getsource(section))).body[0]
    assert isinstance(body, ast.ClassDef)
    docs: dict[str, str] = {}
    for node, after in zip(body.body, [*body.body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            words = after.value if isinstance(after, ast.Expr) else None
            text = words.value if isinstance(words, ast.Constant) else ""
            doc = inspect.cleandoc(text) if isinstance(text, str) else ""
            known = section.known() if "{known}" in doc else ""
            docs[node.target.id] = doc.replace("{known}", known)
    return docs
