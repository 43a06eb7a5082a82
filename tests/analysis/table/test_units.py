"""Units that a column's own name, or its cells, tell: made the field's, and said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from analysis.table.draft import Asked
from analysis.table.reading import Reading, read, read_table
from analysis.table.sheet import Sheet
from analysis.table.units import unit_in

SIZES = [100.0 * 2**k for k in range(6)]


@pytest.mark.parametrize(
    ("name", "unit", "times"),
    [
        ("latency ms", "second", 1e-3), ("latencyMs", "second", 1e-3), ("lat(µs)", "second", 1e-6),
        ("train_hours", "second", 3600.0), ("time (min)", "second", 60.0),
        ("lat_ns", "second", 1e-9),
        ("min_latency_s", "second", 1.0), ("latency_seconds", "second", 1.0),
        ("size MB", "byte", 1e6), ("model_mib", "byte", 2.0**20), ("bytes", "byte", 1.0),
        ("energy_kWh", "joule", 3.6e6), ("joules", "joule", 1.0),
        ("Params (M)", "", 1e6), ("params_m", "", 1e6), ("M params", "", 1e6), ("mparams", "", 1e6),
        ("GFLOPs", "", 1e9), ("train_tflops", "", 1e12), ("macs [G]", "", 1e9),
        ("params", "", 1.0), ("m", "", 1.0), ("n_params", "", 1.0), ("m_params", "", 1.0),
    ],
)  # fmt: skip
def test_a_name_tells_its_unit(name: str, unit: str, times: float) -> None:
    assert unit_in(name, unit)[1] == times


def reading(cells: list[object], column: str, **asked: object) -> Reading:
    rows = [
        {"params": n, "err": 0.05 + 4.0 / n, column: cell}
        for n, cell in zip(SIZES, cells, strict=True)
    ]
    columns = {"latency_seconds": column}
    given = {"size": "params", "columns": columns, **asked}
    return read(Sheet.of_rows(rows, name="t"), Asked(error="err", **given))  # type: ignore[arg-type]


@pytest.mark.parametrize("as_size", [False, True])
def test_milliseconds_become_the_seconds_of_their_field(as_size: bool) -> None:
    asked = {"size": "latency_seconds"} if as_size else {}
    found = reading([2.0 * k for k in range(1, 7)], "latency ms", **asked)
    assert found.table.latency_seconds == pytest.approx(np.arange(1, 7) * 0.002)
    assert "latency ms is in ms: times 0.001, as latency_seconds is in seconds" in (
        found.account.notes
    )
    (taken,) = (one for one in found.account.columns if one.column == "latency ms")
    assert taken.read_as == "ms, made seconds"


def test_cells_with_a_unit_count_before_the_name() -> None:
    every = reading([f"{k} ms" for k in range(1, 7)], "latency")
    assert every.table.latency_seconds == pytest.approx(np.arange(1, 7) * 0.001)
    mixed = reading(["1 ms", "2 ms", "3 ms", "4 ms", "5 ms", "0.006 s"], "latency ms")
    assert mixed.table.latency_seconds == pytest.approx(np.arange(1, 7) * 0.001)


def test_a_size_by_its_own_name_stays_as_it_is_and_one_for_a_field_does_not(tmp_path: Path) -> None:
    path = tmp_path / "models.csv"
    lines = [f"{n},{0.05 + 4 / n:.4f}" for n in SIZES]
    path.write_text("\n".join(["Params (M),test_error", *lines]))
    own = read(
        Sheet.of_rows([{"Params (M)": n, "test_error": 0.05 + 4 / n} for n in SIZES], name="t"),
        Asked(size="Params (M)"),
    )
    assert own.table.n_parameters.tolist() == SIZES
    table = read_table(path, columns={"n_parameters": "Params (M)"})
    assert table.n_parameters.tolist() == [n * 1e6 for n in SIZES]
    whole = [f"{n * 1e6:.0f},{0.05 + 4 / n:.4f}" for n in SIZES]
    path.write_text("\n".join(["Params (M),test_error", *whole]))
    table = read_table(path, columns={"n_parameters": "Params (M)"})
    assert table.n_parameters.tolist() == [n * 1e6 for n in SIZES]
