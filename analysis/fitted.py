"""A size-versus-error curve and a surface of size and data, fitted: the public notebook interface.

>>> from payoff import fit_curve
>>> fit = fit_curve([100, 200, 400, 800, 1600, 3200], [.5, .4, .33, .29, .27, .26])
>>> fit.predict(400.0).shape
()
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from analysis.curves.curve import build_curves
from analysis.errors import AnalysisError
from analysis.findings import Exclusion, Finding
from analysis.forecasts.coordinates import (
    FLOPS_PER_PARAMETER_AND_EXAMPLE,
    Given,
    sizes_and_data,
)
from analysis.forecasts.frontier import FrontierPoint
from analysis.forecasts.support import UnsupportedForecast
from analysis.forecasts.surface import FittedSurface, runs_of
from analysis.laws.fitting import DELTA_UNKNOWN_NOISE
from analysis.laws.law import Law
from analysis.metric import MetricKind
from analysis.settings import AnalysisSettings
from analysis.shapes.best import Span, no_loss, spans
from analysis.shapes.findings import BestShape, shape_findings
from analysis.shapes.study import choices_of
from analysis.table.metrics import measured_errors
from analysis.table.names import format_size
from analysis.table.reading import read_arrays
from analysis.table.shapes import require_few, shapes_of
from analysis.table.trials import FloatArray, TrialTable
from analysis.verdicts.curve_fit import FittedCurve
from analysis.verdicts.findings import gauge_of, interleaved
from analysis.words.counts import excluded
from analysis.words.kinds import tell
from analysis.words.reasons import what_next
from analysis.words.surfaces import caution, listed, placed
from analysis.words.verdicts import phrase


@dataclass(frozen=True, kw_only=True, eq=False)
class CurveFit(FittedCurve):
    """A fitted curve that says what was found."""

    def best_shapes(self) -> tuple[Span, ...]:
        """The best shape at each size; empty where there is one shape, or none can be compared.

        Returns
        -------
        tuple of Span
            Neighbouring sizes at which the same shape is taken, the smallest first: its name, from
            which size to which, and whether it is told better than all others (``"best"``), loses
            nothing (``"enough"``), or cannot be told from them (``"open"``).
        """
        return spans(choices_of(self))

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
        lines += [tell(one).whole for one in self._of_shapes()]
        lines += [f"left out: {one.count} {excluded(one)}" for one in curve.excluded]
        return "\n".join(lines)

    def _of_shapes(self) -> list[Finding[Any]]:
        """What is found of shapes: the best at each size, or why none can be compared."""
        found = self.best_shapes()
        if not found or self.ladders is None:
            return [*interleaved((self,)), *shape_findings((), (self,), self.settings)]
        best = BestShape(
            spans=found,
            simplest=self.ladders.shapes[0].name,
            most=found[-1].high,
            gauge=gauge_of(self.settings),
            loss=no_loss(self.settings),
        )
        return [Finding(kind="best_shape", facts=best, size=self.settings.size_name)]


class SurfaceFit(FittedSurface):
    """A fitted surface that says what was found, and warns of what its runs cannot support."""

    def predict(
        self,
        n_parameters: Given = None,
        n_examples: Given = None,
        *,
        flops: Given = None,
        examples_per_parameter: Given = None,
        flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
    ) -> FloatArray:
        """Predicted error where any two of the four say; NaN where the runs do not tell it.

        Parameters
        ----------
        n_parameters, n_examples, flops, examples_per_parameter : array-like, positive
            Two of them, broadcast against each other.
        flops_per : float
            FLOPs of training per parameter and example.

        Returns
        -------
        array
            Of their common shape.

        Warns
        -----
        UnsupportedForecast
            Where the runs cannot support what is asked: beyond their ranges of sizes, data, FLOPs
            and examples per parameter, off the line that they lie on, or not identified. It holds
            the facts (``cautions``), which :meth:`cautions` gives without a warning.
        """
        n, d = sizes_and_data(
            n_parameters, n_examples, flops=flops, examples_per_parameter=examples_per_parameter,
            flops_per=flops_per,
        )  # fmt: skip
        # What has no band may have a number.
        found = tuple(
            one for one in self.cautions(n, d, flops_per=flops_per) if one.why.kind != "no_scatter"
        )
        if found:
            told = "; ".join(caution(one, n.size) for one in found)
            warnings.warn(UnsupportedForecast(told, found), stacklevel=2)
        return super().predict(n, d)

    def summary(self, points: Sequence[FrontierPoint] = ()) -> str:
        """What was found, in lines for a notebook or a terminal.

        Parameters
        ----------
        points : sequence of FrontierPoint, optional
            Of :func:`payoff.frontier`, to be told too.
        """
        low, high = self.x.min(axis=0), self.x.max(axis=0)
        ranges = (
            f"{format_size(a)} to {format_size(b)} {name}"
            for a, b, name in zip(low, high, self.law.inputs, strict=True)
        )
        lines = [f"{len(self.y)} runs, {', '.join(ranges)}, law {self.law.name}"]
        lines += listed(self.parameters)
        if self.n_failed and self.fit.ok[0]:
            lines.append(f"left out: {self.n_failed} resamples without a fit")
        for point in points:
            lines += placed(point)
        return "\n".join(lines)


def fit_surface(
    n_parameters: Given = None,
    n_examples: Given = None,
    error: Given = None,
    *,
    flops: Given = None,
    examples_per_parameter: Given = None,
    flops_per: float = FLOPS_PER_PARAMETER_AND_EXAMPLE,
    law: str | Law = "chinchilla",
    delta: float = DELTA_UNKNOWN_NOISE,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> SurfaceFit:
    """Fit the error of runs of many sizes on many amounts of data.

    Parameters
    ----------
    n_parameters, n_examples, flops, examples_per_parameter : arrays of shape (n,), positive
        One run each; any two of them say what it was.
    error : array of shape (n,), positive
        The error or loss of each run.
    flops_per : float
        FLOPs of training per parameter and example; 6 for a dense network.
    law : str or Law
        ``"chinchilla"``, or ``"size_data"`` with the passage from chance; the same with one
        exponent: ``"chinchilla_tied"``, ``"size_data_tied"``, and ``"gadre"``, which tells the
        tied law in compute and examples per parameter (Gadre et al. 2024). A subclass of
        `analysis.laws.surfaces.Reparametrised` tells a law in parameters of your own.
    delta : float in (0, inf]
        Huber threshold in log error.
    n_resamples : int
        Bootstrap resamples for standard errors and intervals, at least 2.
    level : float in (0, 1)
        Level of the intervals.
    seed : int
        Of the resamples.

    Returns
    -------
    SurfaceFit
        What the runs do not identify has no number there (NaN), and says why.

    Raises
    ------
    AnalysisError
        For wrong arguments, and where a value of the runs is not finite and positive.

    Examples
    --------
    >>> import numpy as np
    >>> from payoff import fit_surface
    >>> n = np.geomspace(1e5, 1e8, 12)
    >>> noise = np.exp(0.01 * np.random.default_rng(0).standard_normal(12))
    >>> on_a_line = fit_surface(n, 20 * n, (0.3 + 50 * n**-0.35 + 200 * (20 * n)**-0.4) * noise,
    ...                         n_resamples=50)
    >>> on_a_line.parameters["alpha"].identified
    False
    >>> on_a_line.parameters["alpha"].why.kind
    'exchangeable'
    """
    if error is None:
        raise AnalysisError("error: must be given, one number a run")
    n, d = sizes_and_data(
        n_parameters, n_examples, flops=flops, examples_per_parameter=examples_per_parameter,
        flops_per=flops_per,
    )  # fmt: skip
    x, y = runs_of(n, d, np.array(error, dtype=np.float64))
    return SurfaceFit.of(law, x, y, delta=delta, n_resamples=n_resamples, level=level, seed=seed)


def fit_curve(
    size: Sequence[float] | FloatArray,
    error: Sequence[float] | FloatArray,
    *,
    examples: Sequence[int] | npt.NDArray[np.int64] | None = None,
    seed: Sequence[int] | npt.NDArray[np.int64] | None = None,
    draw: Sequence[int] | npt.NDArray[np.int64] | None = None,
    shape: Sequence[Any] | npt.NDArray[Any] | None = None,
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
    shape : array-like, optional
        How the model of each run is made beside its size, as a number or a word: its depth, say.
        Each shape has a curve of its own.
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
        If the arrays differ in length, no run is usable, there are several dataset sizes, or more
        shapes than make curves.
    """
    columns = {"n_parameters": size, "test_error": error, "n_examples": examples}
    columns |= {"seed": seed, "draw": draw}
    # By position: a column of a filtered or sorted frame would be read by its labels.
    arrays = {name: np.asarray(v).tolist() for name, v in columns.items() if v is not None}
    shapes = None if shape is None else shapes_of(np.asarray(shape, dtype=object).tolist())
    lengths = {name: len(values) for name, values in arrays.items()}
    if shapes is not None:
        lengths["shape"] = len(shapes)
    if len(set(lengths.values())) > 1:
        raise AnalysisError(f"fit_curve: all arrays must have one length, got {lengths}")
    draft = read_arrays(arrays, {"n_parameters": "size", "test_error": "error",
                                 "n_examples": "examples"})  # fmt: skip
    settings = settings or AnalysisSettings()
    labels = dict[str, Any]()
    if shapes is not None:
        missing = np.array([one is None for one in shapes], dtype=bool)
        draft = draft.leave_out(missing, reason="runs without a shape")
        told = tuple(shapes[k] for k in np.flatnonzero(draft.kept).tolist())
        require_few(set(told), "shape: it")
        labels["params"] = {"shape": told}
        settings = replace(settings, shape=("shape",))
    numbers = {name: values[draft.kept] for name, values in draft.numbers.items()}
    settings = replace(settings, law=law, size_label="size")
    errors, measured = measured_errors(
        numbers["test_error"].tolist(), numbers["n_parameters"].tolist(), settings,
        name="error", better=better, metric=metric or "",
    )  # fmt: skip
    if measured is not None:
        settings = settings.measuring(measured)
        numbers["test_error"] = errors
    n_runs = int(draft.kept.sum())
    numbers["n_test"] = np.full(n_runs, float(n_test))
    table = TrialTable.from_columns(numbers | labels, n_runs)
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
