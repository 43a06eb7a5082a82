"""Writing a study file: every key with its meaning and value, read off the dataclasses."""

from __future__ import annotations

import dataclasses
import json
import re
import textwrap
from collections.abc import Mapping
from typing import Any

from search_spaces.errors import PayoffError, nearest
from study.spec.embedded import EXAMPLES
from study.spec.sections import entries
from study.spec.space import space_as_text
from study.spec.study_file import StudySpec, load_spec, parse_spec

HEADER = """\
# A study for payoff: how big must the model be for this data, and where does more stop paying off?
#   payoff run {file} --dry-run    what it will take
#   payoff run {file}              run it; the same again goes on where it stopped
# Every key stands here with its value; remove what you don't want to say, defaults stay.
"""

AXES = {
    "width": "Units of each hidden layer (channels of a convolution). List the values.",
    "depth": "Hidden layers (blocks). List the values.",
    "prune_ratio": "Share of the weights removed after training; each a trial of its own. "
    "0.0 is the dense network. { levels = 10, rate = 0.2 } means 0.0 and the ratios after each of "
    "10 levels that remove 20% of what is left.",
    "learning_rate": "A range is searched, a number is fixed.",
    "weight_decay": "L2 (decoupled with adamw), on weights only.",
    "dropout": "Probability that a hidden unit is dropped.",
    "l1": "Factor of the sum of absolute weights in the loss.",
    "l2": "Factor of half the sum of squared weights in the loss: an L2 term of the gradient, not "
    "decoupled.",
    "patience": "As training.patience, for an axis of early stopping.",
    "distill_temperature": "Students only: what logits of student and teacher are divided by.",
    "distill_mixing": "Students only: share of the teacher's answers in the loss.",
    "label_smoothing": "Share of the label's weight spread over all classes.",
    "momentum": "Of sgd.",
}


def study_file(example: str, *, name: str) -> str:
    """Return the text of a commented study file made from one of the examples."""
    if example not in EXAMPLES:
        known = ", ".join(EXAMPLES)
        raise PayoffError(
            f"--example: must be one of {known}, got {example!r}{nearest(example, EXAMPLES)}"
        )
    raw = {**EXAMPLES[example]}
    raw["study"] = {**raw.get("study", {}), "name": safe_name(name)}
    return as_toml(parse_spec(raw, base=load_spec(None).base), file=f"{name}.toml")


def safe_name(name: str) -> str:
    """Return the nearest name that a study may have."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "-" for c in name)
    return kept.lstrip("._-") or "study"


def as_toml(spec: StudySpec, *, file: str) -> str:
    """Return a study as TOML, every key commented."""
    parts = [HEADER.format(file=file)]
    for field in dataclasses.fields(spec):
        if field.name in ("sizes", "base", "distill_axes", "unsaid"):
            continue
        if field.name == "space":
            parts.append(_space(spec))
            continue
        section = getattr(spec, field.name)
        lines = [f"[{field.name}]"]
        if field.name == "data":
            lines += _entry("sizes", list(spec.sizes), "Dataset sizes: training examples, rising.")
        for key, value, doc in entries(section):
            lines += _entry(key, value, doc)
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def _space(spec: StudySpec) -> str:
    lines = [
        "[space]",
        "# What varies. Lists of width, depth and prune_ratio span the grid of cells; any other",
        "# list, and any range {low, high}, is searched in each cell; a number is fixed. An axis",
        '# of your own spans the grid too if written { values = [...], role = "scientific" }.',
    ]
    values = space_as_text(spec.space, spec.distill_axes)
    for name, value in values.items():
        lines += _entry(name, value, AXES.get(name, ""))
    return "\n".join(lines) + "\n"


def _entry(key: str, value: object, doc: str) -> list[str]:
    comment = textwrap.wrap(" ".join(doc.split()), width=96)
    return [*(f"# {line}" for line in comment), f"{key} = {toml_value(value)}"]


def toml_key(key: str) -> str:
    """Return a key as TOML writes it.

    Examples
    --------
    >>> toml_key("width"), toml_key("my axis")
    ('width', '"my axis"')
    """
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _quoted(key)


def _quoted(text: str) -> str:
    # TOML's escapes are JSON's, and one more character must be escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it.

    Examples
    --------
    >>> toml_value({"low": 1e-4, "log": True})
    '{ low = 0.0001, log = true }'
    """
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(name)} = {toml_value(item)}" for name, item in value.items())
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, (int, float)):
        return repr(value).lower()  # true, false
    return _quoted(str(value))
