"""One size-versus-error curve, fitted: the public notebook interface.

>>> from payoff import fit_curve
>>> fit = fit_curve([100, 200, 400, 800, 1600, 3200], [.5, .4, .33, .29, .27, .26])
>>> fit.predict(400.0).shape
()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.curves.curve import build_curves
from analysis.errors import AnalysisError
from analysis.findings import Exclusion
from analysis.metric import MetricKind
from analysis.settings import AnalysisSettings
from analysis.table.metrics import measured_errors
from analysis.table.names import format_size
from analysis.table.reading import read_arrays
from analysis.table.trials import FloatArray, TrialTable
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.findings import gauge_of
from analysis.words.counts import excluded
from analysis.words.reasons import what_next
from analysis.words.verdicts import phrase


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveFit(FittedCurve):
    """A fitted curve that says what was found."""

    def summary(self) -> str:
        """What was found, in lines for a notebook or a terminal."""
        name = self.settings.size_name
        curve = self.curve
        lines = [
            f"{len(curve)} points of {int(curve.replicates.sum())} runs"
            + (
                f", {format_size(curve.size[0])} to {format_size(curve.size[-1])} {name}"
                if len(curve)
                else ""
            )
        ]
        for point in self.payoffs:
            said = phrase(point, name, gauge_of(self.settings))
            lines.append(f"{point.rule} ({point.parameter:g}): {said}")
            if point.next_step is not None:
                lines.append(f"    next: {what_next(point.next_step)}")
        lines += [f"left out: {one.count} {excluded(one)}" for one in curve.excluded]
        return "\n".join(lines)


def fit_curve(
    size: Sequence[float] | FloatArray,
    error: Sequence[float] | FloatArray,
    *,
    examples: Sequence[int] | npt.NDArray[np.int64] | None = None,
    seed: Sequence[int] | npt.NDArray[np.int64] | None = None,
    draw: Sequence[int] | npt.NDArray[np.int64] | None = None,
    law: str = "auto",
    n_test: int = 0,
    better: Literal["", "lower", "higher"] = "",
    metric: MetricKind | None = None,
    settings: AnalysisSettings | None = None,
) -> CurveFit:
    """Fit one size-versus-error curve.

    Parameters
    ----------
    size, error : array-like of shape (runs,)
        Size and error of each run; runs of one size are replicates. An error falls as models get
        better: of one that rises all along the sizes it is asked what it is.
    examples : array-like, optional
        Dataset size of each run. All must be the same: one curve has one dataset size.
    seed, draw : array-like, optional
        Seed and subset draw of each run.
    law : str
        ``"auto"`` averages over laws and smooth departures; a name fits that law alone.
    n_test : int
        Test examples behind each error; 0 if unknown.
    better : {"lower", "higher"}, optional
        Which way ``error`` improves. A score from 0 to 1 or 100 is drawn as what it lacks, any
        other in its own units.
    metric : str, optional
        What it is, if no plain error: ``"nats"``, ``"bits"``, ``"perplexity"``, ``"own"``.
    settings : AnalysisSettings, optional
        Rules, level, resamples.

    Returns
    -------
    CurveFit

    Raises
    ------
    Question
        If the errors rise all along the sizes, and ``better`` is not said.
    AnalysisError
        If the arrays differ in length, no run is usable, or there are several dataset sizes.
    """
    columns = {"n_parameters": size, "test_error": error, "n_examples": examples}
    columns |= {"seed": seed, "draw": draw}
    # By position: a column of a filtered or sorted frame would be read by its labels.
    arrays = {name: np.asarray(v).tolist() for name, v in columns.items() if v is not None}
    lengths = {name: len(values) for name, values in arrays.items()}
    if len(set(lengths.values())) > 1:
        raise AnalysisError(f"fit_curve: all arrays must have one length, got {lengths}")
    draft = read_arrays(arrays, {"n_parameters": "size", "test_error": "error",
                                 "n_examples": "examples"})  # fmt: skip
    numbers = {name: values[draft.kept] for name, values in draft.numbers.items()}
    settings = replace(settings or AnalysisSettings(), law=law, size_label="size")
    errors, measured = measured_errors(
        numbers["test_error"].tolist(), numbers["n_parameters"].tolist(), settings,
        name="error", better=better, metric=metric or "",
    )  # fmt: skip
    if measured is not None:
        settings = settings.measuring(measured)
        numbers["test_error"] = errors
    n_runs = int(draft.kept.sum())
    numbers["n_test"] = np.full(n_runs, float(n_test))
    table = TrialTable.from_columns(numbers, n_runs)
    if not len(table):
        reasons = "; ".join(d.reason for d in draft.account.left_out) or "there are none"
        raise AnalysisError(f"fit_curve: no usable run ({reasons})")
    curves = build_curves(table, settings)
    if len(curves) > 1:
        raise AnalysisError(
            f"examples: one curve has one dataset size, got {len(curves)}; fit each alone, or "
            "use payoff.analyse on a trial table"
        )
    broken = tuple(
        Exclusion(kind="broken_row", about=out.reason, count=out.count)
        for out in draft.account.left_out
    )
    curve = replace(curves[0], excluded=curves[0].excluded + broken)
    return CurveFit.of(curve, settings)
