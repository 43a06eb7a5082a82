"""Which way a metric improves: said by the user, by the source, by its name, or asked.

A column that rises as models get better, read as an error, turns the verdict upside down: the
smallest model would be enough. So the name must say which way it goes, or the source (an Optuna
study's direction, a mark of MLflow), or whoever asks; and whatever says it, values that go the
other way all along the sizes are asked about.

One thing is taken from the values: what nothing is said of, and falls as models grow, is an error.
An accuracy that falls would be answered upside down, so this is asked too where every value is one
that accuracies have (:data:`LIKE_A_SCORE`).
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from analysis.errors import Question
from analysis.metric import Better
from analysis.table.draft import Draft
from analysis.table.fields import FloatArray
from analysis.table.roles import bare
from analysis.table.vocabulary import (
    BOUNDED,
    DIFFERENCES,
    FALLING,
    LIKELIHOOD,
    SAID_OF_ANY,
    TURNED,
    UNBOUNDED,
    last_word,
    words_of,
)

Trend = Literal["falls", "rises", "unclear"]
TREND_BINS = 16
"""Sizes beyond this many are taken together by rank."""
STEADY = 0.7
"""Kendall's tau of means by size from which values go one way all along."""
CLEAR = 3.0
"""Standard errors by which the upper third of the sizes must differ from the lower one."""
DIRECTIONS = frozenset({"direction", "directions", "goal", "optimization_direction"})
"""Columns in which trackers keep which way an objective improves."""
WAYS = (("min", "lower"), ("max", "higher"))
LIKE_A_SCORE = ((0.5, 1.0), (50.0, 100.0))
"""Values that all lie within one of these may be a score that gets worse, as well as an error."""
NAMES_OF_ONE = frozenset({"%", "average", "avg", "mean", "acc %", "percent"})
"""Whole names that are scores where no word says otherwise."""


@dataclass(frozen=True, kw_only=True)
class Direction:
    """Which way a metric improves, and how that is known."""

    better: Better
    why: str


def settle(draft: Draft) -> Draft:
    """Say which way the metric improves.

    Raises
    ------
    Question
        If nothing says it, or the values go the other way all along the sizes.
    """
    column, kept = draft.error_column, draft.kept
    found = find_direction(
        column,
        draft.error[kept],
        draft.size[kept],
        groups=draft.numbers["n_examples"][kept] if "n_examples" in draft.numbers else None,
        given=draft.asked.better,
        source=draft.sheet.better.get(column, "") or _tagged(draft),
        option="--better",
    )
    draft = replace(draft, better=found.better)
    return draft.telling(better=found.better, why_better=found.why)


def _tagged(draft: Draft) -> Better | Literal[""]:
    """Which way the rows themselves say that their objective improves, if its name does not."""
    if direction_of_name(draft.error_column):
        return ""
    for name in draft.sheet.names:
        if bare(name).lower().rpartition(".")[2] not in DIRECTIONS:
            continue
        said = {str(draft.cells(name)[k]).lower() for k in np.flatnonzero(draft.kept).tolist()}
        ways = {next((way for word, way in WAYS if word in one), "") for one in said}
        if ways == {"lower"}:
            return "lower"
        if ways == {"higher"}:
            return "higher"
    return ""


def find_direction(
    name: str,
    values: FloatArray,
    size: FloatArray,
    *,
    groups: FloatArray | None = None,
    given: str = "",
    source: str = "",
    option: str = "better=",
) -> Direction:
    """Which way values of that name improve.

    Parameters
    ----------
    name : str
        Of the column.
    values, size : array of shape (runs,)
        The metric and the size of each run.
    groups : array of shape (runs,), optional
        Dataset size of each run: trends are those within one.
    given, source : str
        ``lower`` or ``higher`` as the user or the source says; empty: they don't.
    option : str
        What the user says it by, for the question.
    """
    if given:
        return Direction(better="higher" if given == "higher" else "lower", why=option.rstrip("="))
    named = source or direction_of_name(name)
    seen = trend(values, size, groups)
    why = "the source says so" if source else "its name"
    said = "the source says that" if source else "its name means that"
    if named:
        against: Trend = "rises" if named == "lower" else "falls"
        if seen == against:
            other = "higher" if named == "lower" else "lower"
            raise _question(
                f"{name!r} {seen} all along the sizes, though {said} {named} is better "
                f"({other}, if the column holds the opposite; {named}, if larger models are worse)",
                option,
                (other, named),
            )
        return Direction(better="higher" if named == "higher" else "lower", why=why)
    if seen == "falls" and not _like_a_score(values):
        return Direction(better="lower", why="it falls as models grow, and its name does not say")
    how = {
        "rises": "rises all along the sizes",
        "falls": "falls as models grow, as an error does, though its values may be a score's",
        "unclear": "goes neither way along the sizes",
    }[seen]
    raise _question(
        f"{name!r}: is higher or lower better? Its name does not say, and it {how}",
        option,
        ("higher", "lower"),
    )


def direction_of_name(name: str) -> Better | Literal[""]:
    """Which way a metric of this name improves; empty where the name does not say.

    Examples
    --------
    >>> [direction_of_name(n) for n in ("acc@1", "R^2", "val/mIoU", "top1_err", "neg_log_loss")]
    ['higher', 'higher', 'higher', 'lower', 'higher']
    >>> direction_of_name("one_minus_score"), direction_of_name("NLL"), direction_of_name("y")
    ('lower', 'lower', '')
    """
    if name.strip().lower() in NAMES_OF_ONE:
        return "higher"
    words = words_of(name)
    if words & DIFFERENCES:
        return ""
    rises = bool(words & (BOUNDED | UNBOUNDED))
    falls = bool(words & FALLING)
    if falls and rises and not words & LIKELIHOOD:
        # The head of the name says what it is: top1_err is an error, and so is error_rate_top1.
        strong = (BOUNDED | UNBOUNDED) - SAID_OF_ANY
        if last_word(name) in strong and not words & {"err", "error", "errors"}:
            return ""
        rises = False
    if words & LIKELIHOOD:
        rises, falls = True, False
    if not rises and not falls:
        return "higher" if "%" in name else ""
    turned = bool(words & TURNED) or name.strip().startswith(("1-", "1 -", "100-", "100 -", "-"))
    return "higher" if rises != turned else "lower"


def _like_a_score(values: FloatArray) -> bool:
    """Whether all values are within what good and poor accuracies have, as fractions or percent."""
    known = values[np.isfinite(values)]
    return any(bool(((known >= low) & (known <= high)).all()) for low, high in LIKE_A_SCORE)


def trend(values: FloatArray, size: FloatArray, groups: FloatArray | None = None) -> Trend:
    """Whether values fall or rise all along the sizes, in most of the groups."""
    if groups is None:
        return _trend(values, size)
    found = [_trend(values[groups == one], size[groups == one]) for one in np.unique(groups)]
    ways: tuple[tuple[Trend, Trend], ...] = (("rises", "falls"), ("falls", "rises"))
    for way, other in ways:
        if found.count(way) * 2 > len(found) and other not in found:
            return way
    return "unclear"


def _trend(values: FloatArray, size: FloatArray) -> Trend:
    good = np.isfinite(values) & np.isfinite(size)
    values, size = values[good], size[good]
    # A trend has no unit: squares of what is near 1e300, or 1e-300, would be no numbers.
    values = values / max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
    levels, index = np.unique(size, return_inverse=True)
    if len(levels) < 3:
        return "unclear"
    if len(levels) > TREND_BINS:
        index = index * TREND_BINS // len(levels)
    count = np.bincount(index)
    mean = np.bincount(index, values) / count
    k = len(mean)
    i, j = np.triu_indices(k, 1)
    tau = float(np.sign(mean[j] - mean[i]).mean())
    if abs(tau) < STEADY:
        return "unclear"
    freedom = len(values) - k
    if freedom > 0:
        within = float(((values - mean[index]) ** 2).sum()) / freedom
        third = max(k // 3, 1)
        low, high = index < third, index >= k - third
        error = np.sqrt(within * (1.0 / low.sum() + 1.0 / high.sum()))
        if abs(float(values[high].mean() - values[low].mean())) < CLEAR * error:
            return "unclear"
    elif k < 5:  # four means in order by chance: one in twelve
        return "unclear"
    return "rises" if tau > 0.0 else "falls"


def _question(text: str, option: str, answers: tuple[str, ...]) -> Question:
    if option.startswith("--"):
        say = " or ".join(f"{option} {shlex.quote(answer)}" for answer in answers)
        return Question(f"{text}; say {say}", add=(f"{option} {answers[0]}",))
    say = " or ".join(f'{option}"{answer}"' for answer in answers)
    return Question(f"{text}; say {say}")
