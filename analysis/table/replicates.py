"""What rows of one size are to each other; which of them draw the curve.

Rows of one size are replicates where only luck sets them apart. What sets them apart is read off
the other columns, each by its name and its values (:mod:`analysis.table.variation`):

==================== ===============================================================================
rows differ in       then
==================== ===============================================================================
seed, run, time      they are replicates
epoch, step          of each run the best by validation counts, else the last
fold                 each fold is a subset draw, which all sizes share
hyperparameters      of each size the best setting counts: by validation, else by the metric itself
                     (the lower envelope, whose bias is said)
depth, heads, ...    they are ladders of other shapes: asked about where these clearly differ
                     (:mod:`analysis.table.ladders`)
dataset, family, ... they are other questions: asked which one
==================== ===============================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from analysis.table.direction import direction_of_name
from analysis.table.draft import Draft
from analysis.table.fields import FloatArray, IntArray
from analysis.table.questions import ask
from analysis.table.roles import find
from analysis.table.variation import (
    Cells,
    Varying,
    coded,
    is_validation,
    joint,
    varying_columns,
)
from analysis.table.vocabulary import RUNS, is_one

ANOTHER = "another "
"""How the reasons begin for which rows don't draw that are no worse read for it."""
IMPROVING = 0.01
"""A run whose metric fell by this fraction over its last tenth is still improving."""
BINS = 16
"""Where each row has a size of its own, the best setting is looked for among neighbours."""


def settle(draft: Draft) -> Draft:
    """Say what a replicate is, and keep the rows that draw the curve.

    Raises
    ------
    Question
        If rows of one size differ in what makes another question of them.
    """
    cells = Cells.of(draft)
    if not len(cells.rows):
        return draft
    alike = {find(draft, name, "--alike") for name in draft.asked.alike}
    tuned = {find(draft, name, "--tuned") for name in draft.asked.tuned}
    every = list(varying_columns(draft, cells))
    found = [
        one for one in every if one.name not in alike and not _follows_shape(draft, cells, one)
    ]
    found = [replace(one, kind="setting") if one.name in tuned else one for one in found]
    ask(cells, found, [one for one in every if one.name in alike])
    steps = [one for one in found if one.kind == "step" and one.within]
    if steps:
        draft, found = _one_step(draft, cells, found, steps[0])
        cells = Cells.of(draft)
    folds = [one for one in found if one.kind == "fold" and one.within]
    if folds and "draw" not in draft.numbers:
        draft = _folds(draft, cells, folds[0])
    draft = _unused(draft, cells, found)
    settings = [one for one in found if one.kind == "setting"]
    if settings:
        draft = _best_setting(draft, settings)
        cells = Cells.of(draft)
    return draft.telling(replicate=_said(draft, cells, found, alike))


def _follows_shape(draft: Draft, cells: Cells, one: Varying) -> bool:
    """Whether the shape that the user named says all that a column says."""
    if not draft.shape:
        return False
    shape = joint(*(coded(values, cells.rows)[0] for values in draft.shape.values()))
    return len(np.unique(joint(shape, one.codes))) == len(np.unique(shape))


def _one_step(
    draft: Draft, cells: Cells, found: list[Varying], step: Varying
) -> tuple[Draft, list[Varying]]:
    """Of each run one row: the best by validation, else the last."""
    at = step.numbers
    if at is None:
        at = step.codes.astype(np.float64)
    run, scheduled = _runs(draft, cells, found, at)
    found = [one for one in found if one.name not in scheduled]
    if len(np.unique(run)) == len(run):
        return draft.noting(f"each row is a run of its own; they differ in {step.name}"), found
    score, by = _validation(draft, cells)
    if score is not None:
        best = _first_of(run, np.where(np.isfinite(score), score, np.inf), at)
        how = f"of each run the {step.name} that was best on {by}"
    else:
        best = _first_of(run, -at, np.zeros(len(run)))
        how = f"of each run the last {step.name}"
        last = at[best]
        draft = _still_improving(draft, cells, run, at, best)
        how += f" ({last.min():g}" + (f" to {last.max():g})" if last.max() > last.min() else ")")
    drop = np.ones(len(draft.sheet), dtype=bool)
    drop[cells.rows[best]] = False
    draft = draft.leave_out(drop, reason=f"{ANOTHER}{step.name} of the same run", column=step.name)
    draft = draft.taking(step.name, "step", how).noting(f"{how} counts")
    keep = np.zeros(len(run), dtype=bool)
    keep[best] = True
    left = [replace(one, codes=one.codes[keep]) for one in found if one.kind != "step"]
    return draft, left


def _still_improving(
    draft: Draft, cells: Cells, run: IntArray, at: FloatArray, best: IntArray
) -> Draft:
    """Mark the runs whose metric was still falling at their last step."""
    flag = np.zeros(len(draft.sheet))
    last_of = np.empty(int(run.max()) + 1, dtype=np.int64)
    last_of[run[best]] = best
    end = last_of[run]
    start = np.full(len(last_of), np.inf)
    np.minimum.at(start, run, at)
    before = np.flatnonzero(at <= at[end] - 0.1 * (at[end] - start[run]))
    if not len(before):
        return draft
    near = before[np.lexsort((-at[before], run[before]))]
    first = np.concatenate([[True], run[near][1:] != run[near][:-1]])
    near = near[first]
    was, now = cells.error[near], cells.error[last_of[run[near]]]
    improving = was - now > IMPROVING * np.abs(was)
    flag[cells.rows[last_of[run[near]][improving]]] = 1.0
    return draft.with_numbers(still_improving=flag)


def _runs(
    draft: Draft, cells: Cells, found: Sequence[Varying], at: FloatArray
) -> tuple[IntArray, set[str]]:
    """(N,) which run each row is a step of, and what changes along a run by a schedule."""
    n = len(cells.rows)
    settings = [one for one in found if one.kind == "setting"]
    keys: list[Any] = [cells.cell]
    keys += [
        draft.numbers[field][cells.rows] for field in ("seed", "draw") if field in draft.numbers
    ]
    for one in found:
        whole = len(one.levels) == n  # it numbers the rows, or names them
        if one.kind in ("seed", "label") and (not whole or is_one(one.name, RUNS)):
            keys.append(one.codes)
    run = joint(*keys)
    if len(np.unique(joint(run, at))) == n:
        return run, {one.name for one in settings if _differs_within(one, run)}
    steps = len(np.unique(at))
    scheduled = {one.name for one in settings if len(np.unique(joint(at, one.codes))) == steps}
    apart = [one.codes for one in found if one.kind in ("setting", "fold", "unknown")
             and one.name not in scheduled and len(one.levels) < n]  # fmt: skip
    run = joint(run, *apart)
    # Runs that nothing tells apart are told apart by their order, if each has every step.
    order = np.lexsort((cells.rows, at, run))
    same = (run[order][1:] == run[order][:-1]) & (at[order][1:] == at[order][:-1])
    if same.any():
        turn = np.zeros(n, dtype=np.int64)
        starts = np.flatnonzero(np.concatenate([[True], ~same]))
        turn[order] = np.arange(n) - np.repeat(starts, np.diff([*starts, n]))
        run = joint(run, turn)
    return run, scheduled


def _differs_within(one: Varying, group: IntArray) -> bool:
    return len(np.unique(joint(group, one.codes))) > len(np.unique(group))


def _first_of(group: IntArray, *by: FloatArray) -> IntArray:
    """Places of the row of each group that is least by the first key, then by the next."""
    order = np.lexsort((*by[::-1], group))
    first = np.concatenate([[True], group[order][1:] != group[order][:-1]])
    return np.sort(order[first])


def _unused(draft: Draft, cells: Cells, found: Sequence[Varying]) -> Draft:
    """Name the columns in which rows of one size, or sizes, differ and that nothing was made of."""
    for one in found:
        grouped = one.numbers is None and 2 * len(one.levels) <= cells.n
        if one.kind == "unknown" and (one.within or grouped):
            what = "rows of one size differ" if one.within else "sizes differ"
            moves = "and the metric does not clearly move with it" if one.within else (
                "so that what it does can't be told from what the size does")  # fmt: skip
            draft = draft.noting(f"{what} in {one.name} ({one.listed}), {moves}")
    return draft


def _folds(draft: Draft, cells: Cells, fold: Varying) -> Draft:
    """Folds are draws of the data that all sizes share."""
    draw = np.full(len(draft.sheet), -1.0)
    draw[cells.rows] = fold.codes
    draft = draft.with_numbers(draw=draw)
    return draft.taking(fold.name, "draw", "its name: each fold is one draw of the data")


def _best_setting(draft: Draft, settings: Sequence[Varying]) -> Draft:
    """Of each size the rows of the best setting of what was tuned."""
    cells = Cells.of(draft)
    by_name = {one.name: one for one in varying_columns(draft, cells)}
    now = [by_name[one.name] for one in settings if one.name in by_name]
    if not now:
        return draft
    place = _neighbours(cells)
    config = joint(*(one.codes for one in now))
    names = ", ".join(one.name for one in now)
    if len(np.unique(joint(place, config))) == int(place.max()) + 1:
        return draft.noting(
            f"{names} differs between sizes and never within one: what it does can't be told from "
            "what the size does"
        )
    score, by = _validation(draft, cells)
    chosen_by = cells.error if score is None else np.where(np.isfinite(score), score, np.inf)
    pair = joint(place, config)
    count = np.bincount(pair)
    mean = np.bincount(pair, chosen_by) / count
    place_of = np.empty(len(count), dtype=np.int64)
    place_of[pair] = place
    best = _first_of(place_of, mean)
    lose = ~np.isin(pair, best)
    drop = np.zeros(len(draft.sheet), dtype=bool)
    drop[cells.rows[lose]] = True
    per_size = np.bincount(place_of)
    many = f"{per_size.min()} to {per_size.max()}" if np.ptp(per_size) else f"{per_size[0]}"
    near = "" if int(place.max()) + 1 == cells.n else " (and its neighbours)"
    what = by if score is not None else draft.error_column
    draft = draft.leave_out(
        drop, reason=f"{ANOTHER}setting of {names} did better on {what}", column=now[0].name
    )
    for one in now:
        draft = draft.taking(one.name, "tuned", "its name or --tuned")
    if score is not None:
        return draft.noting(f"of each size{near} the best of {many} settings of {names} by {by}")
    return draft.noting(
        f"of each size{near} the best of {many} settings of {names} by {what} itself: the lower "
        "envelope, which flatters every size, and those with more settings more"
    )


def _neighbours(cells: Cells) -> IntArray:
    """(N,) among which rows the best setting is looked for: cells, or neighbours in size."""
    if len(cells.rows) >= 2 * cells.n or cells.n <= BINS:
        return cells.cell
    log_size = np.log(cells.size)
    edges = np.linspace(log_size.min(), log_size.max(), BINS + 1)
    return joint(np.searchsorted(edges[1:-1], log_size))


def _validation(draft: Draft, cells: Cells) -> tuple[FloatArray | None, str]:
    """(N,) what runs scored on validation data, less is better, and the column that says it."""
    if is_validation(draft.error_column):
        return None, ""
    for name in draft.sheet.names:
        if name == draft.error_column or not is_validation(name):
            continue
        better = draft.sheet.better.get(name, "") or direction_of_name(name)
        values = _numbers(draft.cells(name), cells.rows)
        if better and np.isfinite(values).sum() * 2 > len(values):
            return (values if better == "lower" else -values), name
    return None, ""


def _numbers(column: Sequence[Any], rows: IntArray) -> FloatArray:
    values = np.full(len(rows), np.nan)
    for k, row in enumerate(rows.tolist()):
        try:
            values[k] = float(str(column[row]).strip().rstrip("%"))
        except ValueError:
            continue
    return values


def _said(draft: Draft, cells: Cells, found: Sequence[Varying], alike: set[str]) -> str:
    """What a replicate is in this table."""
    counts = np.bincount(cells.cell)
    if counts.max(initial=0) < 2:
        return "none: each size was run once"
    apart = [one.name for one in found if one.kind in ("seed", "fold") and one.within]
    apart += sorted(alike)
    apart = [draft.roles[f] for f in ("seed", "draw") if f in draft.roles] + apart
    by = f", told apart by {', '.join(apart[:3])}" if apart else ""
    counts = counts[counts > 0]
    range_ = f"{counts.min()}" + (f" to {counts.max()}" if np.ptp(counts) else "")
    return f"rows of one size ({range_} each{by})"
