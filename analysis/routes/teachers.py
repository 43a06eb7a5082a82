"""Distillation: what a teacher saves a student, and whether a stronger teacher hurts.

At one dataset size and one student size, students of different teachers are compared with models
trained alone and with each other, pair by pair. Of several teachers the best on the *validation*
set is the one compared: the test set chooses nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from analysis.curves.curve import rows_with, teacher_is_axis
from analysis.findings import Estimate
from analysis.routes.paired import Gain, Pairs, gains, pair_up
from analysis.settings import AnalysisSettings
from analysis.table.trials import FloatArray, IntArray, TrialTable, exact, middle

SAME_SIZE = 1.02
"""A trained model within this factor of a student's size is its equal."""

TeacherVerdict = Literal["hurts", "helps", "no_difference_seen"]


@dataclass(frozen=True, kw_only=True)
class StudentGain:
    """A student against a model of its size that was trained alone."""

    n_examples: float
    size: float
    """Parameters of the student."""
    teacher_size: float
    """Of the teacher that was best on the validation set (the geometric mean where each draw has
    its own best teacher); NaN if unknown."""
    error: float
    alone_error: float
    gain: float
    """Fraction of the error alone that distillation saves."""
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, kw_only=True)
class TeacherStep:
    """Students of one teacher size."""

    teacher_size: float
    error: float
    validation_error: float
    gain: float
    """Fraction of the smallest teacher's students' error that this teacher's save."""
    low: float
    high: float
    pairs: int


@dataclass(frozen=True, kw_only=True)
class TeacherLadder:
    """Students of one size, by the size of their teacher."""

    n_examples: float
    size: float
    steps: tuple[TeacherStep, ...]
    """In order of teacher size."""
    verdict: TeacherVerdict
    """Of the strongest teacher against the best of the weaker ones (by validation)."""
    change: float
    """Relative rise of the error with the strongest teacher (negative: it fell)."""
    change_low: float
    change_high: float
    level: float

    @property
    def estimate(self) -> Estimate:
        """The change."""
        low, high = self.change_low, self.change_high
        return Estimate(value=self.change, low=low, high=high, level=self.level)


@dataclass(frozen=True, kw_only=True)
class Distilled:
    """What the distilled models of a study say."""

    gains: tuple[StudentGain, ...]
    teachers: tuple[TeacherLadder, ...]
    """Only where students of one size had teachers of several sizes."""


def study_teachers(table: TrialTable, s: AnalysisSettings) -> Distilled | None:
    """Compare students with models trained alone and with students of other teachers, if any."""
    error = table.column(s.error)
    usable = rows_with(table, phase="replicate", status="complete")
    usable &= np.isfinite(error) & np.isfinite(table.n_parameters)
    students = usable & rows_with(table, route="distilled")
    alone = usable & rows_with(table, route="trained") & (table.prune_ratio == 0.0)
    if not students.any():
        return None
    axis = teacher_is_axis(table)
    groups: dict[tuple[float, float], dict[float, list[int]]] = {}
    for row in np.flatnonzero(students):
        key = (exact(table.n_examples[row]), float(table.n_parameters[row]))
        teacher = float(np.nan_to_num(table.teacher_size[row], nan=-1.0)) if axis else -1.0
        groups.setdefault(key, {}).setdefault(teacher, []).append(int(row))
    ordered = sorted(groups.items())
    return Distilled(
        gains=_student_gains(table, ordered, alone, error, s.level),
        teachers=_teacher_ladders(table, ordered, error, s.level),
    )


_Groups = list[tuple[tuple[float, float], dict[float, list[int]]]]


def _student_gains(
    table: TrialTable, groups: _Groups, alone: np.ndarray[Any, Any], error: FloatArray, level: float
) -> tuple[StudentGain, ...]:
    gathered: list[tuple[float, float, float, IntArray, IntArray, Pairs]] = []
    for (n, size), by_teacher in groups:
        near = np.abs(np.log(table.n_parameters / size)) < math.log(SAME_SIZE)
        rivals = np.flatnonzero(alone & (table.n_examples == n) & near)
        if not len(rivals):
            continue
        teacher = _best(table, by_teacher)
        rows = np.array(by_teacher[teacher], dtype=np.int64)
        gathered.append((n, size, teacher, rows, rivals, pair_up(table, rivals, rows, error)))
    found = gains([pairs for *_, pairs in gathered], level)
    return tuple(
        StudentGain(
            n_examples=n,
            size=size,
            teacher_size=teacher if teacher > 0.0 else middle(table.teacher_size[rows]),
            error=float(error[rows].mean()),
            alone_error=float(error[rivals].mean()),
            **vars(gain),
        )
        for (n, size, teacher, rows, rivals, _), gain in zip(gathered, found, strict=True)
    )


def _best(table: TrialTable, by_teacher: dict[float, list[int]]) -> float:
    """The teacher size whose students did best on the validation set; the largest if unknown."""
    validation = {t: float(table.val_error[rows].mean()) for t, rows in by_teacher.items()}
    if any(math.isnan(v) for v in validation.values()):
        return max(by_teacher)
    return min(validation, key=lambda t: (validation[t], t))


def _teacher_ladders(
    table: TrialTable, groups: _Groups, error: FloatArray, level: float
) -> tuple[TeacherLadder, ...]:
    several = [(key, dict(sorted(by.items()))) for key, by in groups if len(by) > 1]
    compared: dict[tuple[float, float, float], Pairs] = {}
    rivals = []
    for index, (_, by) in enumerate(several):
        rows = {t: np.array(r, dtype=np.int64) for t, r in by.items()}
        least, *larger = rows
        rival = _best(table, {t: by[t] for t in [least, *larger[:-1]]})
        rivals.append(rival)
        # Where the weakest teacher is the rival too, both questions are one comparison.
        for first, second in [*((least, t) for t in larger), (rival, larger[-1])]:
            if (index, first, second) not in compared:
                pairs = pair_up(table, rows[first], rows[second], error)
                compared[index, first, second] = pairs
    found = dict(zip(compared, gains(list(compared.values()), level), strict=True))
    ladders = []
    for index, ((n, size), by) in enumerate(several):
        least, *larger = by
        own = [found[index, least, t] for t in larger]
        last = found[index, rivals[index], larger[-1]]
        same = Gain(gain=0.0, low=0.0, high=0.0, pairs=len(next(iter(by.values()))))
        ladders.append(_ladder(table, n, size, by, [same, *own], last, error, level))
    return tuple(ladders)


def _ladder(
    table: TrialTable,
    n: float,
    size: float,
    by: dict[float, list[int]],
    own: Sequence[Gain],
    last: Gain,
    error: FloatArray,
    level: float,
) -> TeacherLadder:
    verdict: TeacherVerdict = "no_difference_seen"
    if last.better is not None:
        verdict = "helps" if last.better else "hurts"
    return TeacherLadder(
        n_examples=n,
        size=size,
        steps=tuple(
            TeacherStep(
                teacher_size=teacher,
                error=float(error[rows].mean()),
                validation_error=float(table.val_error[rows].mean()),
                **vars(gain),
            )
            for (teacher, rows), gain in zip(by.items(), own, strict=True)
        ),
        verdict=verdict,
        change=-last.gain,
        change_low=-last.high,
        change_high=-last.low,
        level=level,
    )
