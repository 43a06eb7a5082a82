"""Every command of the README works as it is written.

They speak of files of the reader's: here ``my-study.toml`` is the study that ``payoff init``
writes, cut down to a few seconds, and the tables are made from it. A command that serves pages is
started, asked for its page and ended with Ctrl-C. What is not run here is listed in ``ELSEWHERE``,
with the place that does; a command of no known kind fails.
"""

from __future__ import annotations

import csv
import re
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.docs.pages import ROOT, blocks, commands, run

ELSEWHERE = {
    "pip install": ".ci/run, in a new environment",
    "pytest": ".ci/run",
    "python -m benchmarks.": "by hand: figures of a quiet machine",
    "python -m benchmarks.calibration": "tests/analysis/test_simulation.py, with fewer studies",
    "payoff launch my-study.toml --workers 64 --on slurm": "tests/study/launch/test_engines.py",
    "payoff worker my-study.toml --storage postgresql": "tests/study/launch/test_distributed.py",
    "payoff run routes.toml": "tests/acceptance/test_routes.py",
}
"""Beginning of a command -> what runs it."""

DEFAULT_STUDY = "payoff run"
"""The whole default study: tests/acceptance/test_default_study.py."""


def is_elsewhere(command: str) -> bool:
    return command == DEFAULT_STUDY or command.startswith(tuple(ELSEWHERE))


@pytest.fixture(scope="module")
def reader_s_folder(tmp_path_factory: pytest.TempPathFactory, environment: dict[str, str]) -> Path:
    """What the README takes for granted: a study of the reader's, and tables from elsewhere."""
    folder = tmp_path_factory.mktemp("reader")
    run("payoff init my-study.toml", folder, environment)
    run(f"python {ROOT / '.ci' / 'shrink.py'} my-study.toml", folder, environment)
    rng = np.random.default_rng(0)
    rows = [
        (int(m), int(n), float((0.05 + (m / 50) ** -0.7) * np.exp(0.05 * rng.standard_normal())))
        for n in (100, 400)
        for m in np.geomspace(100, 1e5, 8).repeat(3)
    ]
    _csv(folder / "trials.csv", ["n_parameters", "n_examples", "test_error"], rows)
    wandb = ["State", "config.n_train", "summary.params", "summary.test_err"]
    _csv(folder / "wandb.csv", wandb, [("finished", n, m, e) for m, n, e in rows])
    code = """
        import optuna
        study = optuna.create_study(storage="sqlite:///optuna.db", study_name="my-study")
        for k in range(1, 9):
            study.add_trial(optuna.trial.create_trial(
                params={"n_params": 2**k}, value=0.1 + 1.0 / 2**k,
                distributions={"n_params": optuna.distributions.IntDistribution(1, 1024)},
            ))
    """
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=folder, env=environment, check=True
    )
    return folder


def _csv(path: Path, head: list[str], rows: Sequence[tuple[object, ...]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([head, *rows])


@pytest.mark.slow
def test_every_command_of_the_readme_works(
    reader_s_folder: Path, environment: dict[str, str]
) -> None:
    found = [
        command
        for block in blocks(ROOT / "README.md")
        if not block.language
        for command in commands(block)
    ]
    assert len(found) >= 12
    first = "payoff init my-study.toml"
    assert first in found  # the fixture has run it
    for command in found:
        if command != first and not is_elsewhere(command):
            run(command, reader_s_folder, environment)
    assert (reader_s_folder / "paper" / "macros.tex").is_file()


def test_the_study_files_of_the_readme_hold_no_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from study.spec.study_file import parse_spec

    monkeypatch.chdir(tmp_path)
    header = [*(f"f{k}" for k in range(3)), "churned"]
    lines = [",".join(header), *(f"{k},{k % 7},{k % 5},{k % 2}" for k in range(6000))]
    (tmp_path / "customers.csv").write_text("\n".join(lines))
    import pandas

    pandas.read_csv("customers.csv").to_parquet("customers.parquet")
    (tmp_path / "models.py").write_text("def build(**words): ...\n")
    (tmp_path / "mine.py").write_text("def train(config, n_examples, seed): ...\n")
    studies = [b for b in blocks(ROOT / "README.md") if b.language == "toml"]
    assert len(studies) >= 3
    for block in studies:
        raw = tomllib.loads(block.text)
        assert parse_spec(raw, base=tmp_path).sizes, block.text


@pytest.mark.slow
def test_the_python_blocks_of_the_readme_run(
    reader_s_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(reader_s_folder)
    size = np.geomspace(100, 1e5, 10).repeat(3)
    rng = np.random.default_rng(0)
    names: dict[str, Any] = {
        "size": size,
        "error": (0.05 + (size / 50) ** -0.7) * np.exp(0.05 * rng.standard_normal(30)),
        "seed": np.tile([0, 1, 2], 10),
    }
    ran = ""
    for block in blocks(ROOT / "README.md"):
        if block.language == "python" and "payoff." in block.text:
            exec(compile(block.text, "README.md", "exec"), names)
            ran += block.text
    assert ran.count("import payoff") == 1
    assert "payoff.run(" in ran
    assert "payoff.fit_curve(" in ran
    assert len(names["table"]) == names["analysis"].n_trials


def test_pages_and_notebooks_use_the_supported_interface_and_nothing_else() -> None:
    docs = ROOT / "docs"
    pages = [ROOT / "README.md", *docs.glob("*.md"), *docs.glob("notebooks/*.ipynb")]
    inner = re.compile(r"\b(?:from|import) (?:analysis|study|search_spaces)\b")
    assert [page.name for page in pages if inner.search(page.read_text())] == []
