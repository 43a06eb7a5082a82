"""How long trained networks take to answer, measured apart from the training.

Latency depends on an architecture, not on its weights: each architecture of a study is built once
and timed, one after the other, in one process with one arithmetic thread, kept on one core where
the system allows it. What was measured stands in one file below the root and joins the trials when
they are analysed. Measure on a machine that does nothing else: no measuring can make up for that.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import platform
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from study.spec.routes import capacities, capacity_name

if TYPE_CHECKING:
    from torch import nn

    from study.places import Places
    from study.record import TrialRecord
    from study.trials.laboratory import Laboratory

REPEATS = {1: 400, 128: 200}
"""Timed passes by batch size: one example as on a device, and many as on a server; so many passes
are enough for a 95th percentile."""


def latency_file(places: Places, study: str) -> Path:
    """Return the file of what was measured for a study."""
    return places.root / "measured" / f"{study}.json"


def architecture(record: TrialRecord) -> str:
    """Name the architecture of a finished trial: its capacity, and the units that pruning left."""
    cell = record.cell.partition("-")[2].partition("-distilled")[0]
    units = units_of(record)
    return f"{cell}-units{'x'.join(map(str, units))}" if units else cell


def units_of(record: TrialRecord) -> tuple[int, ...]:
    """Return the hidden units of each layer that structured pruning left; empty for others."""
    places = takewhile(record.sizes.__contains__, (f"units_{n}" for n in count(1)))
    return tuple(int(record.sizes[place]) for place in places)


def measure_latencies(
    laboratory: Laboratory,
    records: Iterable[TrialRecord],
    *,
    on_each: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, dict[str, float]]:
    """Time every architecture of the finished trials.

    ``on_each`` is called with how many are done, of how many. Returned are, per architecture,
    ``latency_seconds`` and ``latency_p95_seconds`` (batch 1), ``latency_128_seconds`` and
    ``latency_128_p95_seconds``.
    """
    from study.models.sizes import measure_latency

    wanted = {
        architecture(record): record
        for record in records
        if record.status == "complete" and record.route != "custom"
    }
    asked = {capacity_name(capacity): capacity for capacity in capacities(laboratory.spec.space)}
    found: dict[str, dict[str, float]] = {}
    shape = laboratory.dataset.input_shape
    with _one_core():
        for done, (name, record) in enumerate(wanted.items()):
            on_each(done, len(wanted))
            units = units_of(record)
            dense = name.partition("-units")[0]
            if dense not in asked:
                continue  # the study file no longer asks for it
            model = laboratory.build(asked[dense]).to(laboratory.spec.run.device)
            model = with_units(model, units) if units else model
            times: dict[str, float] = {}
            for batch, repeats in REPEATS.items():
                taken = measure_latency(model, shape, batch_size=batch, repeats=repeats)
                prefix = "latency" if batch == 1 else f"latency_{batch}"
                times[f"{prefix}_seconds"] = taken.median_seconds
                times[f"{prefix}_p95_seconds"] = taken.p95_seconds
            found[name] = times
        on_each(len(wanted), len(wanted))
    return found


def with_units(model: nn.Module, units: tuple[int, ...]) -> nn.Module:
    """Return a smaller network with so many units in each group, whichever they are."""
    import torch

    from study.compression.structured import groups, masks_of, smaller

    kept = {
        group.maker: torch.arange(group.n_units) < n
        for group, n in zip(groups(model), units, strict=True)
    }
    return smaller(model.cpu(), masks_of(model.cpu(), kept))


def write_latencies(path: Path, found: Mapping[str, Mapping[str, float]]) -> None:
    """Write what was measured, and on what, to a file, whole or not at all."""
    import torch

    path.parent.mkdir(parents=True, exist_ok=True)
    machine = f"{platform.machine()} {platform.processor()}".strip()
    content = {"machine": machine, "torch": torch.__version__, "architectures": found}
    fresh = path.with_suffix(".writing")
    fresh.write_text(json.dumps(content, indent=1), encoding="utf-8")
    fresh.replace(path)


def measured(path: Path) -> dict[str, dict[str, float]]:
    """Return what a file says, per architecture; nothing if there is none that can be read."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["architectures"])
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def with_latency(records: Iterable[TrialRecord], path: Path) -> tuple[TrialRecord, ...]:
    """Return the records, each with the latency of its architecture where that was measured."""
    known = measured(path)
    return tuple(
        dataclasses.replace(record, sizes={**record.sizes, **known.get(architecture(record), {})})
        for record in records
    )


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """Stay on one core with one thread inside, as far as the system lets us."""
    import torch

    threads = torch.get_num_threads()
    cores = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    torch.set_num_threads(1)
    try:
        if cores:
            os.sched_setaffinity(0, {max(cores)})
        yield
    finally:
        if cores:
            os.sched_setaffinity(0, cores)
        torch.set_num_threads(threads)
