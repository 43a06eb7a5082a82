"""What a metric is: its kind, by its name and its values; a score's bound; its errors.

========== =================================================================================
kind       taken for it
========== =================================================================================
error      what falls and is never negative; scores bounded by 1 or 100, as what they lack
nats, bits losses and log-likelihoods, unless they are never negative and fall to a third or
           less: then little of them is floor, and they are read as errors
perplexity what is called so
own        what rises without end, what falls through zero
========== =================================================================================

One column has one scale: fractions beside percent are refused, with the rows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.errors import AnalysisError, Question
from analysis.metric import MOST_NATS, Better, Metric, MetricKind, metric_of
from analysis.settings import AnalysisSettings
from analysis.table.direction import trend
from analysis.table.draft import MOST_ROWS_NAMED, Draft, shown
from analysis.table.fields import BEYOND, BoolArray, FloatArray, is_measurable
from analysis.table.vocabulary import (
    BELOW_ZERO,
    BITS,
    BOUNDED,
    DIFFERENCES,
    FALLING,
    LIKELIHOOD,
    NATS,
    PERPLEXITY,
    POSITIVE,
    SAID_OF_ANY,
    TURNED,
    UNBOUNDED,
    words_of,
)

LARGEST_EXPONENT = 115.0
"""Losses beyond this have no perplexity that a computer can hold."""
MOST_EXPONENT = 115.0
"""Of e, whose power is the largest error that is read: beyond, even what somebody calls nats is
refused."""
MOST_FLOOR = 1.0 / 3.0
"""A loss that falls to this share of its largest value is not mostly floor."""
MIXED = 20.0
"""Values of one size, or of neighbours, that differ by this factor may be in two units."""
ALIKE = 3.0
"""Taken by 100, they must then differ by no more than this."""


def settle(draft: Draft) -> Draft:
    """Say what the metric is, and make errors of it; rows without an error are left out.

    Raises
    ------
    Question
        If the values don't fit what they are called.
    AnalysisError
        If one column has two scales.
    """
    column = draft.error_column
    draft = _below_zero(draft)
    kept = draft.kept
    metric = find_metric(
        column, draft.error[kept], draft.size[kept], better=draft.better,
        given=draft.asked.metric, of=draft.asked.of, option="--metric ",
    )  # fmt: skip
    error = metric.to_error(draft.error)
    draft = replace(draft, metric=metric).with_numbers(**{draft.error_field: error})
    if draft.spread is not None and metric.additive and metric.kind != "perplexity":
        draft = replace(draft, spread=draft.spread * error * metric.per_unit)
    broken = kept & (~np.isfinite(error) | (error < 0.0))
    reason = f"{column}: lies beyond {metric.bound:g}" if metric.formula else f"{column}: no error"
    draft = draft.leave_out(broken, reason=reason, column=column)
    beyond = (error > 0.0) & ~is_measurable(error)
    draft = draft.leave_out(beyond, reason=f"{column}: {BEYOND}", column=column)
    return draft.telling(unit=metric.unit or _unit(draft), transform=metric.formula)


def find_metric(
    name: str,
    values: FloatArray,
    size: FloatArray,
    *,
    better: str,
    given: str = "",
    of: str = "",
    option: str = "metric=",
) -> Metric:
    """What values of that name are.

    Parameters
    ----------
    name : str
        Of the column.
    values, size : array of shape (runs,)
        The metric and the size of each run.
    better : {"lower", "higher"}
        Which way it improves.
    given : str
        Its kind, as the user says; empty: they don't.
    of : str
        What a rule's fraction shall be of: ``perplexity`` says that it is a loss.
    option : str
        What the user says it by, for the question.
    """
    values = values[np.isfinite(values)]
    way: Better = "higher" if better == "higher" else "lower"
    words = words_of(name)
    if given == "error" and way == "higher":
        return Metric(name=name, better="higher", bound=_bound(name, values, option))
    if given:
        _check_exponent(given, values, name, option)
        return metric_of(given, _means(values, size), better=way, name=name)
    if way == "higher":
        return _rising(name, words, values, size, option)
    kind = _falling(words, values)
    if of == "perplexity" and kind in ("error", "own"):
        kind = "bits" if words & BITS else "perplexity" if words & PERPLEXITY else "nats"
        _check_exponent(kind, values, name, option)
    return metric_of(kind, _means(values, size), better="lower", name=name)


def measured_errors(
    values: Sequence[object],
    size: Sequence[object],
    settings: AnalysisSettings,
    *,
    name: str,
    better: str = "",
    metric: str = "",
    groups: FloatArray | None = None,
) -> tuple[FloatArray, Metric | None]:
    """Errors of values that a program gave, and the metric that they are of.

    None as the metric: they are plain errors and stand as they are.

    Raises
    ------
    Question
        If they rise all along the sizes and nobody said which way is better, or are below zero and
        nobody said what they are.
    """
    number, sizes = _floats(values), _floats(size)
    kind = metric or (settings.metric if settings.metric != "error" else "")
    known = np.isfinite(number) & np.isfinite(sizes)
    if not known.any():
        return number, None
    within = None if groups is None else groups[known]
    if not better and trend(number[known], sizes[known], within) == "rises":
        raise Question(
            f"{name!r} rises all along the sizes, and an error falls as models get better; say "
            'better="higher" if it is a score, or better="lower" if larger models are worse'
        )
    way = "higher" if better == "higher" else "lower"
    if way == "lower" and not kind:
        negative = int((number[known] < 0.0).sum())
        if _reaches_below(number[known], sizes[known]):
            raise Question(
                f"{name}: is below zero in {negative} of {int(known.sum())} runs, and no error is; "
                'say what it is: metric="nats" (a log-likelihood) or metric="own" (its own unit)'
            )
        return number, None
    found = find_metric(name, number[known], sizes[known], better=way, given=kind, option="metric=")
    return found.to_error(number), found


def _reaches_below(values: FloatArray, size: FloatArray) -> bool:
    """Whether negative values are no single slips but where the metric goes."""
    negative = values < 0.0
    _, index = np.unique(size, return_inverse=True)
    below = int((np.bincount(index, values) < 0.0).sum())
    return below >= 2 or (below == 1 and int(negative.sum()) * 12 >= len(values))


def _floats(values: Sequence[object]) -> FloatArray:
    """Values as numbers; NaN for what is none: whoever checks the table says so."""
    found = np.full(len(values), np.nan)
    for k, value in enumerate(values):
        try:
            found[k] = float(value)  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            continue
    return found


def refuse_mixed(draft: Draft) -> Draft:
    """Raise unless the metric has one scale: percent in some rows, fractions in others."""
    index = np.flatnonzero(draft.kept)
    values, size = draft.error[index], draft.size[index]
    wrong = mixed_scales(values, size)
    if not wrong.any():
        return draft
    rows = index[wrong]
    first = ", ".join(
        f"row {row + 1}: {shown(draft.cells(draft.error_column)[row])}"
        for row in rows[:MOST_ROWS_NAMED]
    )
    more = ", ..." if len(rows) > MOST_ROWS_NAMED else ""
    raise AnalysisError(
        f"{draft.error_column}: {len(rows)} of {len(values)} values are in percent, the others "
        f"fractions ({first}{more}); write all of them alike"
    )


def mixed_scales(values: FloatArray, size: FloatArray) -> BoolArray:
    """(runs,) which values are in percent where others are fractions; none where all are alike.

    They are if the values that are above 1 jump by a factor to those that are not, within a size or
    from one size to the next, and no longer do so divided by 100.
    """
    none = np.zeros(len(values), dtype=bool)
    high = values > 1.0
    if (values <= 0.0).any() or high.all() or not high.any() or values.max() > 100.0:
        return none
    divided = np.where(high, values / 100.0, values)
    order = np.lexsort((values, size))
    jumps = np.abs(np.diff(np.log(values[order])))
    then = np.abs(np.diff(np.log(divided[order])))
    crossing = high[order][1:] != high[order][:-1]
    if not crossing.any() or np.median(jumps[crossing]) < np.log(MIXED):
        return none
    if np.median(then[crossing]) > np.log(ALIKE):
        return none
    return high


def _rising(
    name: str, words: frozenset[str], values: FloatArray, size: FloatArray, option: str
) -> Metric:
    """What rises: a bounded score, a log-likelihood, or a thing of its own units."""
    if words & TURNED and words & FALLING and not words & LIKELIHOOD and (values <= 0.0).all():
        return Metric(name=name, better="higher", bound=0.0)
    if words & LIKELIHOOD and "likelihood" not in words - LIKELIHOOD:
        if _nats(values) and (values.max() <= 0.0 or values.min() < 0.0):
            return Metric(kind="nats", better="higher", name=name)
        return metric_of("own", _means(values, size), better="higher", name=name)
    strong = words & (BOUNDED - SAID_OF_ANY)
    if words & DIFFERENCES or (words & UNBOUNDED and not strong):
        return metric_of("own", _means(values, size), better="higher", name=name)
    if strong or ("%" in name):
        return Metric(name=name, better="higher", bound=_bound(name, values, option))
    # A score, an average, or a name that says nothing: bounded where it looks it.
    if len(values) and values.min() >= 0.0 and values.max() <= 100.0:
        return Metric(name=name, better="higher", bound=1.0 if values.max() <= 1.0 else 100.0)
    return metric_of("own", _means(values, size), better="higher", name=name)


def _bound(name: str, values: FloatArray, option: str) -> float:
    """1 or 100, as the values say.

    Raises
    ------
    Question
        If no such bound fits them.
    """
    if not len(values):
        return 1.0
    low, high = float(values.min()), float(values.max())
    if low < 0.0 and not words_of(name) & BELOW_ZERO:
        raise Question(
            f"{name!r} should be a score from 0 to 1 or 100, and is as low as {low:g}; if it is "
            f"in units of its own, say {option.strip()}{_quoted(option, 'own')}",
            add=(f"{option}own",) if option.startswith("--") else (),
        )
    if high > 100.0:
        raise Question(
            f"{name!r} should be a score from 0 to 1 or 100, and is as high as {high:g}; if it is "
            f"in units of its own, say {option.strip()}{_quoted(option, 'own')}",
            add=(f"{option}own",) if option.startswith("--") else (),
        )
    return 1.0 if high <= 1.0 else 100.0


def _quoted(option: str, word: str) -> str:
    return f" {word}" if option.startswith("--") else f'"{word}"'


def _falling(words: frozenset[str], values: FloatArray) -> MetricKind:
    """What falls: an error, a loss, a perplexity, or a thing of its own units."""
    low, high = (float(values.min()), float(values.max())) if len(values) else (0.0, 0.0)
    if words & PERPLEXITY:
        return "perplexity" if low >= 1.0 else "error"
    if words & (NATS | BITS):
        if 0.0 <= low <= MOST_FLOOR * high:
            return "error"
        if not _nats(values):
            return "own" if low < 0.0 else "error"
        return "bits" if words & BITS else "nats"
    return "own" if low < 0.0 else "error"


def _nats(values: FloatArray) -> bool:
    """Whether values can be mean losses: their perplexities are numbers, and differ by some."""
    if not len(values):
        return True
    return bool(np.abs(values).max() < LARGEST_EXPONENT and values.max() - values.min() < MOST_NATS)


def _check_exponent(kind: str, values: FloatArray, name: str, option: str) -> None:
    """Raise unless the perplexities of nats or bits are numbers that a float can hold."""
    if kind not in ("nats", "bits"):
        return
    most = MOST_EXPONENT / (math.log(2.0) if kind == "bits" else 1.0)
    beyond = np.abs(values) > most
    if not beyond.any():
        return
    worst = float(values[np.argmax(np.abs(values))])
    raise AnalysisError(
        f"{name}: {int(beyond.sum())} of {len(values)} values are above {most:.0f} {kind} (one is "
        f"{worst:g}), and means over examples or tokens are not; if they are sums over examples, "
        f"divide them by their number, or say {option.strip()}{_quoted(option, 'own')}"
    )


def _below_zero(draft: Draft) -> Draft:
    """What can't be negative and is: left out where all are one number that stands for none."""
    column, kept = draft.error_column, draft.kept
    negative = kept & (draft.error < 0.0)
    positive = words_of(column) & POSITIVE and not draft.asked.metric and draft.better == "lower"
    if not negative.any() or not positive:
        return draft
    if len(np.unique(draft.error[negative])) == 1 and negative.sum() * 4 < kept.sum():
        return draft.leave_out(negative, reason=f"{column}: must not be negative", column=column)
    rows = np.flatnonzero(negative)
    first = ", ".join(f"row {k + 1}: {draft.error[k]:g}" for k in rows[:MOST_ROWS_NAMED])
    raise Question(
        f"{column!r} is called an error, and is below zero in {len(rows)} rows ({first}); if that "
        "is meant, say what it is: --metric nats (a log-likelihood) or --metric own (its own unit)",
        add=("--metric own",),
    )


def _means(values: FloatArray, size: FloatArray) -> FloatArray:
    """Mean value of each size: what a metric spans is told by them, not by single runs."""
    if len(values) != len(size):
        return values
    _, index = np.unique(size, return_inverse=True)
    mean: FloatArray = np.bincount(index, values) / np.bincount(index)
    return mean if len(mean) > 1 else values


def _unit(draft: Draft) -> str:
    values = draft.error[draft.kept]
    if not len(values):
        return ""
    bound = draft.metric.bound
    if bound is not None:
        return "fraction" if bound == 1.0 else "percent"
    return "fraction" if float(values.max()) <= 1.0 else ""
