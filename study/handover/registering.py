"""The model of the payoff point: which trial it is, and that trial trained again with its weights.

Studies keep no weights: a trial's settings, data and seed give them back. That they do is checked
by the error on the test set, which must be the one on record.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.shapes.study import nearest_cell
from analysis.words.verdicts import SHORT
from search_spaces.errors import PayoffError, nearest
from study.data.subsets import Standardisation, draw_indices, standardisation
from study.plan.design import slots
from study.record import TrialRecord
from study.trials.laboratory import Laboratory
from study.trials.task import Task

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray
    from torch import nn

    from analysis.study import StudyAnalysis
    from analysis.verdicts.curve_fit import FittedCurve
    from study.spec.study_file import StudySpec

MOST_DIFFERENCE = 2.0
"""Test examples by which a training on another machine may differ and still be the same model."""
MOST_CHANGE = 0.01
"""The same for the error of a regression, as a fraction of it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """A trial's network, which reads raw inputs and answers in the targets' own units."""

    record: TrialRecord
    network: nn.Module
    """Standardises its inputs itself, as the trial's training subset asks, and of a regression
    takes the outputs back."""
    example: NDArray[np.float32]
    """Two raw inputs of the test set."""
    test_error: float
    """Of this training, as on record: of a regression over the training targets' deviation."""


def choose_trial(
    analysis: StudyAnalysis,
    records: Sequence[TrialRecord],
    *,
    cell: str = "",
    n_examples: int | None = None,
) -> TrialRecord:
    """Return the replicate to register.

    Of the cell's replicates that finished well and were not pruned it is the one with the lowest
    *validation* error; the test set chooses nothing. An empty ``cell`` takes the one whose size is
    nearest to the headline payoff point of a dataset size (the largest if None), of the shape that
    is best there.
    """
    if not cell:
        cell = _payoff_cell(_fit_of(analysis, n_examples))
    known = {record.cell for record in records}
    if cell not in known:
        raise PayoffError(f"--cell: the study has no cell {cell!r}{nearest(cell, known)}")
    wanted = (cell, "replicate", "complete", "trained")
    usable = [
        one
        for one in records
        if (one.cell, one.phase, one.status, one.route) == wanted and "test_error" in one.metrics
    ]
    if not usable:
        raise PayoffError(
            f"--cell: no replicate of {cell} was trained to its end as it is; choose another"
        )
    return min(usable, key=lambda one: (one.metrics.get("val_error", math.inf), one.slot))


def train_again(spec: StudySpec, record: TrialRecord, *, cache: Path | None = None) -> TrainedModel:
    """Train a trial again from its record, and check that it is the same model."""
    if spec.training.function:
        raise PayoffError(
            f"{spec.name}: its trials were trained by {spec.training.function}, which returns no "
            "network; save the network there"
        )
    slot = next(one for one in slots(spec) if one.name == record.slot)
    laboratory = Laboratory(spec, cache=cache)
    task = Task(
        slot=slot, params=record.params, optuna_study=record.optuna_study, number=record.trial
    )
    (result,) = laboratory.train([laboratory.job(task)])
    if result.model is None:
        raise PayoffError(f"{record.slot}: trained again it diverged ({result.reason})")
    error, recorded = float(result.scores.test_error), record.metrics["test_error"]
    data = laboratory.dataset
    tested = draw_indices(data, record.n_examples, record.draw, spec.study.seed).test
    allowed = MOST_CHANGE * recorded
    if data.task == "classification":
        allowed = MOST_DIFFERENCE / len(tested)
    if not abs(error - recorded) <= allowed * (1 + 1e-9):
        raise PayoffError(
            f"{record.slot}: trained again its test error is {error:.4g}, on record stands "
            f"{recorded:.4g}; train it where the study ran, with the same versions of torch and "
            "of the data"
        )
    scales = standardisation(data, record.n_examples, record.draw, spec.study.seed)
    return TrainedModel(
        record=record,
        network=_reads_raw_inputs(result.model.cpu(), scales),
        example=np.array(data.x_test[tested[:2]], dtype=np.float32),
        test_error=error,
    )


def _fit_of(analysis: StudyAnalysis, n_examples: int | None) -> FittedCurve:
    sizes = [fit.curve.n_examples for fit in analysis.fits]
    if n_examples is None:
        return analysis.fits[-1]
    if n_examples not in sizes:
        raise PayoffError(
            f"--examples: must be one of {', '.join(map(str, sizes))}, got {n_examples}"
        )
    return analysis.fits[sizes.index(n_examples)]


def _payoff_cell(fit: FittedCurve) -> str:
    """Name of the cell nearest to the payoff point, of the best shape there."""
    point = fit.verdict
    if point.kind == "flat" and len(fit.curve):
        return fit.curve.cell[0]
    if not point.placed:
        raise PayoffError(
            f"there is no payoff point at {fit.curve.n_examples:,} examples under the rule "
            f"{point.rule} ({SHORT[point.kind]}); name a cell with --cell, such as "
            f"{fit.curve.cell[-1] if len(fit.curve) else 'n100-width8-depth1'}"
        )
    return nearest_cell(fit, point.size)


def _reads_raw_inputs(network: nn.Module, scales: Standardisation) -> nn.Module:
    """The network between the standardisation of its training subset and its inverse."""
    import torch
    from torch import Tensor, nn

    class Standardised(nn.Module):
        """Standardises raw inputs, asks the network, and takes its outputs back."""

        center: Tensor
        factor: Tensor
        target_center: Tensor
        target_scale: Tensor

        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("center", torch.from_numpy(scales.center.copy()))
            self.register_buffer("factor", torch.from_numpy(scales.factor.copy()))
            self.register_buffer("target_center", torch.tensor(scales.target_center))
            self.register_buffer("target_scale", torch.tensor(scales.target_scale))
            self.network = network

        def forward(self, inputs: Tensor) -> Tensor:
            outputs: Tensor = self.network((inputs - self.center) * self.factor)
            return outputs * self.target_scale + self.target_center

    return Standardised().eval()
