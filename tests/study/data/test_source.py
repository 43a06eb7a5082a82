"""Every mistake of a [data] section is found before anything is loaded."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from study.data.loaders import LOADERS, loader
from study.data.registry import load_dataset
from study.data.source import DataSource, check
from study.errors import StudyFileError


def test_the_default_source_is_sound() -> None:
    assert check(DataSource()) == []
    assert check(DataSource(), Path()) == []


@pytest.mark.parametrize(
    ("fields", "start"),
    [
        ({"name": "MNITS"}, "data.name: no such data, got 'MNITS'; did you mean 'MNIST'?"),
        (
            {"name": "imagenet-21k"},
            "data.name: no such data, got 'imagenet-21k'; use one of digits",
        ),
        ({"label_noise": 1.5}, "data.label_noise: must be in [0, 1), got 1.5; "),
        ({"label_noise": 1}, "data.label_noise: must be in [0, 1), got 1; "),
        ({"label_noise": -0.1}, "data.label_noise: must be in [0, 1), got -0.1; "),
        ({"label_noise": math.nan}, "data.label_noise: must be in [0, 1), got nan; "),
        ({"test": 1.0}, "data.test: a share must be in (0, 1), got 1.0; write a count"),
        ({"test": -0.2}, "data.test: a share must be in (0, 1), got -0.2; "),
        ({"validation": -3}, "data.validation: must be a count or a share below 1, got -3; "),
        ({"validation": True}, "data.validation: must be a count or a share below 1, got True; "),
        ({"validation": "157"}, "data.validation: must be a count or a share below 1, got '157'; "),
        ({"seed": -1}, "data.seed: must be a whole number from 0 to 4294967295, got -1; "),
        ({"duplicates": "remove"}, "data.duplicates: must be report or drop, got 'remove'; "),
        ({"file": "a.csv"}, "data.file: means nothing when name = 'digits', got 'a.csv'; "),
        ({"task": "regression"}, "data.task: means nothing when name = 'digits'"),
        ({"n_examples": 100}, "data.n_examples: means nothing when name = 'digits', got 100; "),
        (
            {"name": "mnist1d", "n_examples": 4001},
            "data.n_examples: must be a multiple of 10 (ten classes) of at least 30, got 4001; ",
        ),
        ({"name": "mnist1d", "n_examples": 0}, "data.n_examples: must be a multiple of 10"),
        ({"name": "MNIST"}, "data.root: must be given when name = 'MNIST', got ''; add it"),
        (
            {"name": "CIFAR10", "root": ".", "test": 0.1},
            "data.test: CIFAR10 has its own test set, got 0.1; remove it",
        ),
        ({"name": "SVHN", "root": "absent"}, "data.root: there is no such folder, got "),
        (
            {"name": "ImageFolder", "root": ".", "image_size": -1},
            "data.image_size: must be a whole number from 0 to 4096, got -1; ",
        ),
        (
            {"name": "table", "file": "a.xlsx", "target": "y", "task": "regression"},
            "data.file: must end in .csv, .parquet, .npz, got 'a.xlsx'; convert the file",
        ),
        (
            {"name": "table", "file": "a.csv", "target": "y", "task": "regression"},
            "data.file: there is no such file, got ",
        ),
        (
            {"name": "function", "function": "data.py:f", "task": "classification"},
            "data.function: there is no such file, got ",
        ),
        (
            {"name": "function", "function": "data.py", "task": "classification"},
            "data.function: must name a file or module and a function, got 'data.py'; write ",
        ),
    ],
)
def test_each_mistake_names_key_rule_value_and_remedy(
    fields: dict[str, Any], start: str, tmp_path: Path
) -> None:
    mistakes = check(DataSource(**fields), tmp_path)
    assert len(mistakes) == 1
    assert mistakes[0].startswith(start)
    with pytest.raises(StudyFileError) as caught:
        load_dataset(DataSource(**fields), base=tmp_path)
    assert caught.value.mistakes == tuple(mistakes)


def test_tables_are_checked_for_what_their_columns_cannot_be() -> None:
    table: dict[str, Any] = {"name": "table", "file": "a.csv", "task": "classification"}
    arrays = {**table, "file": "a.npz"}
    for fields, start in [
        (table, "data.target: must name the column to predict, got ''; add it"),
        ({**table, "target": "y", "features": ("x", "y")}, "data.features: must not hold the targ"),
        ({**table, "target": "y", "features": ("x", "x")}, "data.features: each column must come "),
        (
            {**table, "target": "y", "test_file": "b.npz"},
            "data.test_file: must be a CSV or Parquet",
        ),
        ({**arrays, "features": ("a", "b")}, "data.features: names the one array of inputs"),
        ({**arrays, "test_file": "b.csv"}, "data.test_file: an NPZ file holds its own test set"),
        (
            {**table, "target": "y", "test_file": "b.csv", "test": 5},
            "data.test: the test set is in ",
        ),
        ({**table, "target": "y", "task": "auto"}, "data.task: must be given when name = 'table'"),
        (
            {**table, "target": "y", "task": "regression", "label_noise": 0.1},
            "data.label_noise: needs labels, got 0.1",
        ),
    ]:
        mistakes = check(DataSource(**fields))
        assert [mistake.startswith(start) for mistake in mistakes] == [True], mistakes
    assert check(DataSource(**arrays)) == []
    assert check(DataSource(**{**table, "target": "y", "test_file": "b.csv"})) == []


def test_all_mistakes_come_at_once() -> None:
    source = DataSource(label_noise=2.0, test=1.5, seed=-1, file="x.csv", duplicates="no")  # type: ignore[arg-type]
    keys = [mistake.partition(":")[0] for mistake in check(source)]
    assert sorted(keys) == [
        "data.duplicates",
        "data.file",
        "data.label_noise",
        "data.seed",
        "data.test",
    ]


def test_files_are_looked_for_only_where_a_base_is_given(tmp_path: Path) -> None:
    source = DataSource(name="table", file="a.csv", target="y", task="regression")
    assert check(source) == []
    (tmp_path / "a.csv").write_text("x,y\n1,2\n")
    assert check(source, tmp_path) == []
    assert check(DataSource(name="KMNIST", root="absent", download=True), tmp_path) == []


@pytest.mark.parametrize("name", LOADERS)
def test_every_name_has_a_loader_that_is_cheap_to_import(name: str) -> None:
    found = loader(name)
    assert callable(found.load)
    assert found.requires <= found.uses


def test_checking_loads_no_heavy_library() -> None:
    code = (
        "import sys; from study.data.source import DataSource, check; "
        "from study.data.loaders import *; "
        "[check(DataSource(name=name)) for name in LOADERS]; import study.data.registry; "
        "print(sorted({'torch', 'torchvision', 'pandas', 'sklearn', 'scipy', 'mnist1d', 'PIL'}"
        " & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"
