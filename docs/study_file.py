"""Write docs/study-file.md, every key of a study file, from the docstrings of the code.

python docs/study_file.py            prints the page
python docs/study_file.py --write    puts it in its place
"""

from __future__ import annotations

import dataclasses
import inspect
import sys
import typing
from pathlib import Path
from types import UnionType
from typing import Any, Literal

from study.spec.reading import hints_of
from study.spec.routes import DISTILL_AXES
from study.spec.sections import entries
from study.spec.space import DISTILL, LIMITS, space_as_text
from study.spec.study_file import SEMANTIC, parse_spec
from study.spec.writing import AXES, toml_value

PAGE = Path(__file__).with_name("study-file.md")

HEAD = """\
# Every key of a study file

Made from the code's own docstrings by `python docs/study_file.py --write`; a test keeps it true.
`payoff init my-study.toml` writes a file that holds all of them with these words. Every key may be
left out. A mistake is answered with its key, the rule, the value and the remedy, all mistakes at
once, before anything runs.

Sections marked **fixed** decide what a trial returns: once a study has begun they can't change
under its name. Dataset sizes, values of scientific axes, routes and the number of draws may grow or
shrink; capacities only until there are students of the best of them, for another might then teach.
All others may change at any time.
"""


def page() -> str:
    """The page."""
    spec = parse_spec({}, base=Path())  # what a file has that leaves all out
    parts = [HEAD]
    for field in dataclasses.fields(spec):
        if field.name in ("sizes", "base", "distill_axes", "unsaid"):
            continue
        parts.append(_space() if field.name == "space" else _section(spec, field.name))
    return "\n".join(parts)


def _section(spec: Any, name: str) -> str:
    section = getattr(spec, name)
    hints = hints_of(type(section))
    fixed = name in SEMANTIC
    intro = inspect.cleandoc(type(section).__doc__ or "").split(". ")[0]
    intro = " ".join(intro.split()).rstrip(".") + "."
    lines = [f"## [{name}]", intro + (" **Fixed.**" if fixed else ""), ""]
    lines += ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    if name == "data":
        sizes = toml_value(list(spec.sizes))
        words = "Dataset sizes: training examples, rising; subsets are nested. May grow and shrink."
        lines.append(_row("sizes", "list of whole numbers", f"`{sizes}`", words))
    for key, value, doc in entries(section):
        lines.append(_row(key, _kind(hints[key]), f"`{toml_value(value)}`", doc or "see above"))
    return "\n".join(lines) + "\n"


def _space() -> str:
    lines = [
        "## [space]",
        "What varies. A list of `width`, `depth` or `prune_ratio` spans the grid of cells. Any "
        "other list, and any range `{ low = ..., high = ..., log = true }`, is searched in each "
        "cell; a number is fixed. An axis of your own (with a trainer of your own) spans the grid "
        'too if written `{ values = [...], role = "scientific" }`: so you say which one is its '
        "size. A capacity given as a range, "
        "`width = { low = 4, high = 1024 }`, is one whose values the study chooses itself (see "
        "[decide]). With a trainer of your own there are the axes that the file names, and no "
        "others. "
        "**Fixed**, but for the values of scientific axes. The default depends on the model's "
        "family; that of `mlp`:",
        "",
        "| key | allowed | default | meaning |",
        "| --- | --- | --- | --- |",
    ]
    values = space_as_text(parse_spec({}, base=Path()).space, DISTILL_AXES)
    for name in (*values, *(axis for axis in LIMITS if axis not in values)):
        low, high = LIMITS[name]
        end = f"to {high:g}" if name in DISTILL else f"to below {high:g}"
        allowed = f"from {low:g} {end}"
        default = f"`{toml_value(values[name])}`" if name in values else ""
        lines.append(_row(name, allowed, default, AXES.get(name, "")))
    return "\n".join(lines) + "\n"


def _kind(hint: Any) -> str:
    """A type in words."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        return "one of " + ", ".join(f"`{option}`" if option else "empty" for option in options)
    if origin in (typing.Union, UnionType):
        return " or ".join(_kind(option) for option in options if option is not type(None))
    if origin is tuple:
        return f"list: {_kind(options[0])}" if options[0] is not str else "list"
    names = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return names.get(hint, str(hint))


def _row(*cells: str) -> str:
    return "| " + " | ".join(" ".join(cell.replace("|", "\\|").split()) for cell in cells) + " |"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")
