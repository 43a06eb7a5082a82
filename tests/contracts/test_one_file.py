"""A new family, law, data set, engine or cost is one file and one line in its room's registry.

A copy of the house gets one of each from tests/toys, and nothing else; a study of them is run,
pruned, exported and fitted as a user would, by commands in processes of their own.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from tests.support.commands import environment
from tests.toys.grams import GRAMS_PER_FLOP

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TOYS = ROOT / "tests" / "toys"

PLACES = {
    "skip.py": ("study/models", "registry.py", '    "skip": "study.models.skip",\n'),
    "rings.py": (
        "study/data/loaders", "__init__.py", '    "rings": "study.data.loaders.rings",\n'
    ),
    "relay.py": (
        "study/launch/engines", "__init__.py", '    "relay": "study.launch.engines.relay",\n'
    ),
    "logarithmic.py": ("analysis/laws", "__init__.py", '    "logarithmic",\n'),
    "grams.py": (
        "analysis/table/costs",
        "../columns.py",
        '    grams_of_co2 = cost_in("analysis.table.costs.grams")\n',
    ),
}  # fmt: skip
"""Toy -> its room, the file of the room's registry, and its line there."""

ABOVE = {
    "skip.py": '    "vit": "study.models.vit",\n',
    "rings.py": '    "function": "study.data.loaders.function",\n',
    "relay.py": '    "ray": "study.launch.engines.ray",\n',
    "logarithmic.py": '    "weibull",\n',
    "grams.py": '    energy_joules = cost_in("analysis.table.costs.energy")\n',
}
"""The line that it is put under."""

STUDY = """
[study]
name = "toys"
[data]
name = "rings"
n_examples = 600
sizes = [60, 240]
[model]
family = "skip"
[space]
learning_rate = 0.02
[training]
epochs = 2
min_steps = 60
evaluations = 3
[pruning]
methods = ["structured"]
[search]
trials = 0
[replicates]
draws = 2
[analysis]
size = "grams_of_co2"
resamples = 100
"""

FIT = """
from analysis.export.methods import methods
from analysis.laws.fitting import fit_law
from analysis.settings import AnalysisSettings
from analysis.study import analyse
from analysis.table.reading import read_table

table = read_table("runs.csv", columns={"n_parameters": "size", "test_error": "error"})
size, error = table.column("n_parameters"), table.column("test_error")
print(*fit_law("logarithmic", size, error).parameters[0])
settings = AnalysisSettings(law="logarithmic", resamples=200)
print(methods(analyse(table, settings), None, "markdown"), end="")
"""

READ = """
import json
import sys

from analysis.table.trials import TrialTable
from study.handover.readers import read_address

table = TrialTable.from_rows(read_address(sys.argv[1]).rows)
print(json.dumps(sorted(table.column("grams_of_co2").tolist())))
"""

TRUTH = (0.6, 0.04)
"""Of the law: a, and what one unit of log size is worth."""


@dataclass(frozen=True)
class House:
    """A copy of the packages that commands run from."""

    root: Path

    def add(self, toy: str) -> None:
        """Put a toy's file into its room, and its one line into the registry."""
        room, registry, line = PLACES[toy]
        shutil.copy(TOYS / toy, self.root / room / toy)
        file = self.root / room / registry
        text = file.read_text()
        assert text.count(ABOVE[toy]) == 1
        file.write_text(text.replace(ABOVE[toy], ABOVE[toy] + line))

    def run(self, *words: str, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run Python in a folder with the packages of this house."""
        found = environment()
        found["PYTHONPATH"] = os.pathsep.join([str(self.root), found["PYTHONPATH"]])
        return subprocess.run(
            [sys.executable, "-P", *words],
            cwd=folder,
            env=found,
            capture_output=True,
            text=True,
            check=False,
        )

    def payoff(self, *words: str, folder: Path) -> str:
        """Run a command, which must end well; return what it printed."""
        done = self.run("-m", "study.cli", *words, folder=folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    root = tmp_path_factory.mktemp("house")
    for package in ("study", "analysis", "search_spaces"):
        shutil.copytree(
            ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    house = House(root)
    for toy in PLACES:
        house.add(toy)
    return house


@pytest.fixture(scope="module")
def folder(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the study has run, been exported, and been fitted by the law."""
    folder = tmp_path_factory.mktemp("study")
    (folder / "toys.toml").write_text(STUDY)
    words = ("toys.toml", "--workers", "1", "--on", "relay", "--baton", "baton.txt", "--quiet")
    house.payoff("launch", *words, folder=folder)
    house.payoff("export", "toys.toml", "--to", "paper", folder=folder)
    return folder


def trials(folder: Path) -> list[dict[str, str]]:
    with (folder / "paper" / "trials.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_family_is_trained_and_pruned_by_its_own_cuts_and_named(folder: Path) -> None:
    rows = trials(folder)
    assert len(rows) == 2 * 4 * 2 * 2
    assert {row["status"] for row in rows} == {"complete"}
    dense = {row["slot"]: row for row in rows if row["route"] == "trained"}
    pruned = [row for row in rows if row["route"] == "pruned"]
    assert len(pruned) == len(dense)
    for row in pruned:
        width, parent = int(row["width"]), dense[row["parent"]]
        # Of 2 width hidden units half are gone, each with the weights in and out and a bias.
        gone = width * (2 * width + 1)
        assert float(row["n_parameters"]) == float(parent["n_parameters"]) - gone
    assert "(perceptrons with skip connections)" in (folder / "paper" / "methods.md").read_text()


def test_a_typo_in_its_name_is_answered_with_it(house: House, folder: Path) -> None:
    (folder / "typo.toml").write_text('[model]\nfamily = "skpi"\n')
    done = house.run("-m", "study.cli", "run", "typo.toml", "--dry-run", folder=folder)
    assert done.returncode == 2
    assert "must be one of mlp, cnn, resnet, vit, skip, custom, got 'skpi'" in done.stderr
    assert "did you mean 'skip'?" in done.stderr


def test_the_data_are_split_digested_checked_and_cited(house: House, folder: Path) -> None:
    rows = trials(folder)
    # Test sets rotate: each draw is tested on all that it does not train on.
    assert {row["n_test"] for row in rows} == {"312", "492"}
    assert len({row["n_test_pool"] for row in rows}) == 1
    provenance = json.loads((folder / "paper" / "provenance.json").read_text())
    (digest,) = provenance["study"]["data_digests"]
    assert len(digest) == 64
    paper = folder / "paper"
    assert "on two rings [@nobody1900rings] with" in (paper / "methods.md").read_text()
    assert "@misc{nobody1900rings," in (paper / "references.bib").read_text()
    (folder / "odd.toml").write_text('[data]\nname = "rings"\nn_examples = 601\n')
    done = house.run("-m", "study.cli", "run", "odd.toml", "--dry-run", folder=folder)
    assert "data.n_examples: must be even (two rings), got 601" in done.stderr
    house.payoff("init", "fresh.toml", folder=folder)
    assert "rings (toy)" in " ".join((folder / "fresh.toml").read_text().replace("#", "").split())


def test_the_engine_ran_the_workers_to_the_end_as_it_was_told(house: House, folder: Path) -> None:
    assert (folder / "baton.txt").read_text().startswith("1\n")
    assert "relay: where starts are noted" in house.payoff("launch", "--help", folder=folder)
    assert "32" in house.payoff("status", "toys.toml", folder=folder)


def test_the_cost_is_measured_logged_read_back_and_the_size_of_a_verdict(
    house: House, folder: Path
) -> None:
    rows = trials(folder)
    assert next(iter(rows[0])) == "trial"
    names = list(rows[0])
    assert names[names.index("energy_joules") + 1] == "grams_of_co2"
    for row in rows:
        assert float(row["grams_of_co2"]) == GRAMS_PER_FLOP * float(row["train_flops"]) > 0.0
    assert "| Grams of CO2 |" in (folder / "paper" / "payoff.md").read_text()
    grams = sorted(float(row["grams_of_co2"]) for row in rows)
    for address in (
        "mlflow+sqlite:///mlruns/mlflow.db#toys",
        "optuna+journal://mlruns/optuna.journal#toys",
    ):
        read = house.run("-c", READ, address, folder=folder)
        assert read.returncode == 0, read.stderr
        assert json.loads(read.stdout) == grams
        words = (address, "--size", "grams_of_co2", "--resamples", "100", "--json")
        found = json.loads(house.payoff("fit", *words, folder=folder))
        assert found["settings"]["size"] == "grams_of_co2"
        assert max(point["high"] or 0.0 for point in found["payoff"]) <= 4 * grams[-1]


def test_the_law_finds_its_truth_and_is_named(house: House, folder: Path) -> None:
    sizes = np.geomspace(100, 100_000, 9)
    generator = np.random.default_rng(0)
    lines = ["size,error,seed"]
    for seed in range(5):
        noise = np.exp(0.01 * generator.standard_normal(len(sizes)))
        errors = (TRUTH[0] - TRUTH[1] * np.log(sizes)) * noise
        lines += [f"{n:.0f},{e:.6f},{seed}" for n, e in zip(sizes, errors, strict=True)]
    (folder / "runs.csv").write_text("\n".join(lines) + "\n")
    found = house.run("-c", FIT, folder=folder)
    assert found.returncode == 0, found.stderr
    parameters, paragraph = found.stdout.splitlines()
    np.testing.assert_allclose([float(word) for word in parameters.split()], TRUTH, rtol=0.05)
    assert "the law logarithmic was fitted" in paragraph

    table = ("runs.csv", "--size", "size", "--error", "error", "--seed", "seed")
    law = ("--law", "logarithmic", "--resamples", "200")
    said = json.loads(house.payoff("fit", *table, *law, "--json", folder=folder))
    point = said["payoff"][0]
    assert point["verdict"] == "still_paying"  # what a doubling saves does not fall
    truth = TRUTH[0] - TRUTH[1] * np.log(sizes[-1])
    np.testing.assert_allclose(point["error_at_size"], truth, rtol=0.02)
