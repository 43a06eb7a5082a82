"""Files as strangers write them: each gives what its plain form gives, or asks what it must ask.

``reading.toml`` has a section for each file of ``reading/``. All of them are the same runs, written
in so many ways. Its keys:

=========== ====================================================================================
options     of ``payoff fit``
asks        what the one line says that asks or refuses; without it the file is answered
plain       the plain form: ``base`` (the default) or ``means``
without     runs (size, seed) that must be left out
left_out    reason (a part of it) -> rows
rows        rows of the file, where they are not as many as the plain form has
scale       unit of the sizes; ``error_scale`` likewise
rtol        how far rounding takes the numbers from the plain ones
examples    dataset sizes, one curve each
spread      whether the spread of each error is known
says        what ``--explain`` says, in parts
=========== ====================================================================================
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.table.reading import read_table
from analysis.table.trials import TrialTable
from search_spaces.errors import PayoffError
from study.cli import fit, main

HERE = Path(__file__).parent
FILES: dict[str, dict[str, Any]] = tomllib.loads((HERE / "reading.toml").read_text("utf-8"))
ANSWERED = [name for name, wanted in FILES.items() if "asks" not in wanted]
ASKED = [name for name, wanted in FILES.items() if "asks" in wanted]
LARGEST_SHIFT = 0.25
"""Relative distance of two payoff points of the same runs, a few of them left out in one."""


def test_each_file_has_its_section_and_each_section_its_file() -> None:
    assert set(FILES) == {file.name for file in (HERE / "reading").iterdir()}


def test_the_kinds_are_many() -> None:
    assert len(ANSWERED) >= 100 and len(ASKED) >= 20


def plain_runs(name: str) -> list[tuple[float, float, int]]:
    """Size, error and seed of each run of a plain form, read without the code under test."""
    with (HERE / "reading" / f"{name}.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [
        (float(row["n_parameters"]), float(row["test_error"]), int(row.get("seed", 0)))
        for row in rows
    ]


def answer(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    """What ``payoff fit`` finds."""
    assert main(["fit", *words, "--json", "--explain", "--resamples", "100"]) == 0
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return {**json.loads(out), "said": err}


def table_of(name: str) -> TrialTable:
    """What ``payoff fit`` reads of a file."""
    parser = argparse.ArgumentParser()
    fit.arguments(parser)
    words = [str(HERE / "reading" / name), *FILES[name].get("options", ())]
    return fit.read_named(parser.parse_args(words)).table


@pytest.mark.parametrize("name", ANSWERED)
def test_it_is_read_as_its_plain_form(name: str) -> None:
    wanted = FILES[name]
    table = table_of(name)
    runs = plain_runs(wanted.get("plain", "base"))
    gone = [tuple(one) for one in wanted.get("without", ())]
    runs = [run for run in runs if (run[0], run[2]) not in gone]
    same_numbers(table, runs, wanted)
    assert (table.spread is not None) == wanted.get("spread", False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ANSWERED)
def test_it_is_answered_as_its_plain_form(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = FILES[name]
    found = answer(capsys, str(HERE / "reading" / name), *wanted.get("options", ()))
    account = found["reading"]
    assert account["rows_used"] == len(table_of(name))
    for reason, count in wanted.get("left_out", {}).items():
        counted = [one["count"] for one in account["left_out"] if reason in one["reason"]]
        assert sum(counted) == count, account["left_out"]
    for words in wanted.get("says", ()):
        assert words in found["said"]
    same_answer(found, wanted)


def same_numbers(
    table: TrialTable, runs: list[tuple[float, float, int]], wanted: dict[str, Any]
) -> None:
    """Sizes and errors are those of the plain form."""
    own = np.array([phase == "replicate" for phase in table.phase])
    own &= np.array([status == "complete" for status in table.status])
    examples = wanted.get("examples")
    assert sorted(set(table.n_examples[own].tolist())) == (examples or [table.n_examples[0]])
    if examples:
        own &= table.n_examples == max(examples)
    rtol = wanted.get("rtol", 1e-9)
    order = np.lexsort((table.test_error[own], table.n_parameters[own]))
    size, error = table.n_parameters[own][order], table.test_error[own][order]
    plain = np.array(sorted(run[:2] for run in runs))
    np.testing.assert_allclose(size, plain[:, 0] * wanted.get("scale", 1.0), rtol=rtol)
    if rtol < 0.1:
        np.testing.assert_allclose(error, plain[:, 1] * wanted.get("error_scale", 1.0), rtol=rtol)


def same_answer(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    """The payoff point is where that of the true curve is."""
    for point in found["payoff"]:
        if point["rule"] == "marginal":
            assert point["verdict"] == "pays_off_until", point
            shift = point["size"] / wanted.get("scale", 1.0) / TRUTH
            assert abs(np.log(shift)) < LARGEST_SHIFT, point


TRUTH = 11_100.0
"""Size from which a doubling of .05 + .25 (n / 250)^-.7 saves less than a tenth."""


@pytest.mark.parametrize("name", ASKED)
def test_it_asks_in_one_line(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = FILES[name]
    assert main(["fit", str(HERE / "reading" / name), *wanted.get("options", ())]) == 2
    out, err = capsys.readouterr()
    assert out == "" and len(err.splitlines()) == 1
    assert err.startswith("payoff: ") and wanted["asks"] in err


DAMAGE = (b",", b";", b'"', b"\n", b"\r", b"#", b"-", b"%", b"e", b"M", b"{", b"]", b"null", b"nan",
          b"1e99999", b"\x00", b"\xff", b"9" * 400, b"FAILED", b"|")  # fmt: skip


@pytest.mark.slow
def test_no_damage_ends_in_a_traceback(tmp_path: Path) -> None:
    draw = random.Random(0)
    files = [file for file in (HERE / "reading").iterdir() if file.stat().st_size < 20_000]
    ends = {"read": 0, "asked": 0}
    for file in sorted(files) * 3:
        content = bytearray(file.read_bytes())
        for _ in range(draw.choice((1, 1, 3, 20))):
            place = draw.randrange(len(content) + 1)
            content[place : place + draw.choice((0, 0, 1, 9))] = draw.choice(DAMAGE)
        damaged = tmp_path / f"damaged{file.suffix}"
        damaged.write_bytes(content)
        try:
            table = read_table(damaged)
        except PayoffError:
            ends["asked"] += 1
        else:
            assert len(table) and not np.isinf(table.test_error).any()
            ends["read"] += 1
    assert min(ends.values()) > 50
