"""What is found wrong before a study starts, and what is known again when it goes on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from study.errors import StudyFileError
from study.models.registry import FAMILIES
from study.models.weights import weights_of
from study.plan.design import cells
from study.preflight.check import check_study, fingerprints
from study.preflight.routes import weight_counts
from study.spec.study_file import StudySpec, parse_spec
from study.trials.laboratory import Laboratory

MODEL = """
from torch import nn

def build(width, depth, dropout, input_shape, n_outputs):
    return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, n_outputs))
"""
OWN_MODEL = {"family": "custom", "function": "models.py:build"}


def custom(folder: Path, code: str, **sections: Any) -> StudySpec:
    (folder / "models.py").write_text(code)
    return parse_spec({"model": OWN_MODEL, "data": {"sizes": [80]}, **sections}, base=folder)


def mistakes(spec: StudySpec) -> tuple[str, ...]:
    with pytest.raises(StudyFileError) as caught:
        check_study(spec)
    return tuple(caught.value.mistakes)


def test_the_default_study_passes() -> None:
    assert check_study(parse_spec({}, base=Path.cwd())).dataset.name == "digits"


def test_a_good_model_of_ones_own_passes(tmp_path: Path) -> None:
    assert check_study(custom(tmp_path, MODEL)).own_model is not None


@pytest.mark.skipif(torch.cuda.is_available(), reason="the device is there")
def test_a_device_that_is_not_there_is_one_line() -> None:
    (line,) = mistakes(parse_spec({"run": {"device": "cuda"}}, base=Path.cwd()))
    assert line.startswith("run.device: cannot be used here, got 'cuda' (")
    assert "\n" not in line


@pytest.mark.parametrize("device", ["meta", "nonsense"])
def test_a_device_that_cannot_compute_is_one_line(device: str) -> None:
    (line,) = mistakes(parse_spec({"run": {"device": device}}, base=Path.cwd()))
    assert line.startswith(f"run.device: cannot be used here, got '{device}' (")
    assert "\n" not in line


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (
            "def build(width, depth): ...",
            "must take (width, depth, dropout, input_shape, n_outputs), got build(width, depth) "
            "in models.py",
        ),
        ("def build(*everything):\n    return 3\n", "must return a torch.nn.Module"),
        (MODEL.replace("n_outputs))", "7))"), "must map a batch of 2 to shape (2, 10), got (2, 7)"),
        (MODEL.replace("Linear(64", "Linear(65"), "got RuntimeError: mat1 and mat2"),
        (
            MODEL.replace("    return", "    assert width < 100, 'too wide'\n    return"),
            "models.py fails (line 5), got AssertionError: too wide; correct the code "
            "(at width 256, depth 2)",
        ),
        (
            "from torch import nn\n\ndef build(*everything):\n    return nn.Flatten()\n",
            "must have parameters to train",
        ),
    ],
)
def test_a_broken_model_function_is_one_line(code: str, words: str, tmp_path: Path) -> None:
    (line,) = mistakes(custom(tmp_path, code))
    assert line.startswith("model.function: ")
    assert words in line
    assert "\n" not in line


def test_a_trainer_with_other_parameters_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def train(config): ...\n")
    raw = {"training": {"function": "mine.py:train"}, "space": {"width": [2, 4]}}
    spec = parse_spec(raw, base=tmp_path)
    assert mistakes(spec) == (
        "training.function: must take (config, n_examples, seed), got train(config) in mine.py; "
        "correct its parameters",
    )


def test_everything_wrong_is_said_at_once(tmp_path: Path) -> None:
    spec = custom(
        tmp_path, "def build(): ...", data={"sizes": [80, 5000]}, run={"device": "nonsense"}
    )
    assert {line.split(":")[0] for line in mistakes(spec)} == {
        "model.function",
        "run.device",
        "data.sizes",
    }


def test_a_trainer_of_ones_own_is_checked_without_torch(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def train(config, n_examples, seed): ...\n")
    code = (
        "import sys; from pathlib import Path; from study.spec.study_file import parse_spec; "
        "from study.preflight.check import check_study, fingerprints; "
        "raw = {'training': {'function': 'mine.py:train'}, 'space': {'width': [2, 4]}}; "
        "spec = parse_spec(raw, base=Path(sys.argv[1])); "
        "print(list(fingerprints(spec, check_study(spec))), 'torch' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == "['training.function mine.py'] False"


def test_perceptrons_on_the_processor_are_checked_without_torch() -> None:
    code = (
        "import sys; from study.spec.study_file import load_spec; "
        "from study.preflight.check import check_study; "
        "check_study(load_spec(None)); print('torch' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_are_counted_as_the_built_network_has_them(family: str) -> None:
    spec = parse_spec(
        {
            "model": {"family": family},
            "space": {"width": [4, 8], "depth": [1, 3], "prune_ratio": [0.0, 0.5]},
        },
        base=Path(),
    )
    laboratory = Laboratory(spec)
    for cell in cells(spec):
        built = weights_of(laboratory.build(cell.capacity))
        counted = weight_counts(laboratory, cell.capacity)
        assert counted == {name: weight.numel() for name, weight in built.items()}


def marks(spec: StudySpec) -> dict[str, str]:
    return fingerprints(spec, check_study(spec))


def table(folder: Path, shift: float) -> StudySpec:
    rows = [f"{i % 7 + shift},{i % 5},{i % 3}" for i in range(400)]
    (folder / "customers.csv").write_text("\n".join(["a,b,kind", *rows]) + "\n")
    data = {
        "name": "table",
        "file": "customers.csv",
        "target": "kind",
        "task": "classification",
        "sizes": [80],
    }
    return parse_spec({"data": data}, base=folder)


def test_changed_data_change_their_fingerprint_and_nothing_else(tmp_path: Path) -> None:
    first = marks(table(tmp_path, 0.0))
    assert list(first) == ["data"]
    assert marks(table(tmp_path, 0.0)) == first
    assert marks(table(tmp_path, 0.5)) != first


def test_changed_code_changes_the_fingerprint_of_its_file(tmp_path: Path) -> None:
    (tmp_path / "layers.py").write_text("from deeper import x\n")
    (tmp_path / "deeper.py").write_text("import layers\nimport sys\nx = 1\n")
    (tmp_path / "unrelated.py").write_text("x = 1\n")
    (tmp_path / "kit").mkdir()
    (tmp_path / "kit" / "__init__.py").write_text("")
    (tmp_path / "kit" / "blocks.py").write_text("y = 1\n")
    spec = custom(tmp_path, f"import kit.blocks\nfrom layers import x\n{MODEL}")
    first = marks(spec)
    assert sorted(first) == [
        "data",
        "model.function deeper.py",
        "model.function kit/__init__.py",
        "model.function kit/blocks.py",
        "model.function layers.py",
        "model.function models.py",
    ]
    with (tmp_path / "deeper.py").open("a") as file:
        file.write("x = 2\n")
    second = marks(spec)
    assert {name for name in first if first[name] != second[name]} == {"model.function deeper.py"}


def test_line_endings_are_no_change(tmp_path: Path) -> None:
    spec = custom(tmp_path, MODEL)
    first = marks(spec)
    (tmp_path / "models.py").write_bytes(MODEL.replace("\n", "\r\n").encode())
    assert marks(spec) == first


def test_a_model_may_be_any_callable_of_a_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kit_of_ours").mkdir()
    (tmp_path / "kit_of_ours" / "__init__.py").write_text("")
    code = f"from functools import partial\nfrom . import widths\n{MODEL}\nours = partial(build)\n"
    (tmp_path / "kit_of_ours" / "models.py").write_text(code)
    (tmp_path / "kit_of_ours" / "widths.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    spec = parse_spec(
        {"model": {"family": "custom", "function": "kit_of_ours.models:ours"}}, base=tmp_path
    )
    assert list(marks(spec)) == [
        "data",
        "model.function kit_of_ours/models.py",
        "model.function kit_of_ours/widths.py",
    ]
