"""Every field of a trial, declared once: study files, records, MLflow, tables and words follow.

A new one is one line of :class:`Columns`; that of a new cost names the file which declares and
measures it. What a record keeps under its name, in the part that the line says, is logged in
MLflow, read back from there and from Optuna, and written to ``trials.csv``; a
:class:`~analysis.table.fields.Cost` can be the size axis of study files and commands as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args

from analysis.table.costs import cost_in
from analysis.table.fields import (
    Bits,
    Cost,
    Count,
    Error,
    Field,
    Flag,
    Integer,
    Number,
    Params,
    Share,
    Size,
    Word,
)

Phase = Literal["search", "replicate", "longer"]
Status = Literal["complete", "diverged", "failed"]
PHASES: tuple[str, ...] = get_args(Phase)
STATUSES: tuple[str, ...] = get_args(Status)
ROUTES = ("trained", "pruned", "distilled", "custom")


class Columns:
    """The columns of a trial table, in the order in which files are written."""

    trial = Integer(keys=("optuna_trial",))
    """Number of the trial; the row's position where the source has none."""
    slot = Word()
    """The trial's place in the design, unique; empty where the source has none."""
    cell = Word()
    """Name of the trial's dataset size and capacity; empty where the source has none."""
    phase = Word(choices=PHASES, default="replicate")
    """Only replicates draw curves; longer: a replicate trained once more, twice as long."""
    status = Word(choices=STATUSES, default="complete")
    reason = Word()
    """Why a trial diverged or failed."""
    route = Word(choices=ROUTES, default="trained")
    """How the model was made small; a row without one is trained."""
    method = Word()
    """How it was pruned (``"one-shot-global"``, ``"structured-layerwise"``, ...); else empty."""
    parent = Word()
    """Slot of the dense trial that a pruned one was made from; empty otherwise."""
    teacher = Word()
    """Slot of the trial that a distilled one learnt from; empty otherwise."""
    n_examples = Count(least=1, charted=True)
    draw = Integer(charted=True)
    seed = Integer(charted=True)
    width = Integer(place="params")
    depth = Integer(place="params")
    prune_ratio = Share(place="params")
    """Fraction of weights removed."""
    n_parameters = Cost(plain="parameters", pruned=False)
    n_nonzero = Cost(plain="non-zero weights")
    macs_per_example = Cost(plain="MACs per example")
    flops_per_example = Cost(plain="FLOPs per example")
    model_bytes = Cost(plain="bytes", unit="byte")
    sparse_bytes = Cost(plain="bytes (stored sparse)", unit="byte")
    """Bytes on disk where zeros are not stored."""
    peak_memory_bytes = cost_in("analysis.table.costs.memory")
    latency_seconds = Cost(plain="seconds per prediction", unit="second")
    """Median time of one prediction of one example."""
    latency_p95_seconds = Cost(plain="seconds per prediction (95th percentile)", unit="second")
    latency_128_seconds = Cost(plain="seconds per batch of 128", unit="second")
    """Median time of one prediction of 128 examples."""
    latency_128_p95_seconds = Cost(
        plain="seconds per batch of 128 (95th percentile)", unit="second"
    )
    train_flops = Cost(
        plain="training FLOPs", place="metrics", keys=("route_flops", "train_flops"), pruned=False
    )
    """Of the whole route, its parent's or its teacher's training included, in the counting of
    ``flops_per_example``."""
    train_seconds = Cost(
        plain="seconds of training",
        unit="second",
        place="metrics",
        keys=("route_seconds", "train_seconds"),
        pruned=False,
    )
    """Likewise."""
    energy_joules = cost_in("analysis.table.costs.energy")
    teacher_size = Size()
    """Parameters of the teacher; NaN where there is none."""
    val_error = Error(plain="validation error")
    test_error = Error(plain="test error")
    train_error = Error(plain="training error")
    still_improving = Flag()
    stopped_early = Flag()
    layer_emptied = Flag()
    """Pruning left nothing of a layer: without a path round it, the network answers the same
    whatever it is asked."""
    wall_seconds = Number(unit="second", place="own")
    n_test = Integer(default=0)
    """Test examples behind ``test_error``; 0 if unknown."""
    n_test_pool = Integer(default=0, only_if_any=True)
    """How many examples the test sets of the draws are drawn from; 0 where all trials are tested on
    the same ones. With it, trials of different draws are tested on different examples."""
    test_correct = Bits()
    """Packed bits of per-example test correctness, most significant first; None if unknown."""
    params = Params()
    """Hyperparameter name -> value of each trial, None where a trial has no such value."""


_DECLARED = {name: field for name, field in vars(Columns).items() if isinstance(field, Field)}
FIELDS: Mapping[str, Field[Any]] = MappingProxyType(_DECLARED)
"""Every field by its name."""


def names_of(kind: type[Field[Any]]) -> tuple[str, ...]:
    """Names of the fields of one kind."""
    return tuple(name for name, field in FIELDS.items() if isinstance(field, kind))
