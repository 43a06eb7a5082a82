"""What can only be checked with data and code in hand, before anything is written."""

from __future__ import annotations

import ast
import hashlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from search_spaces.errors import PayoffError
from study.data.subsets import check_sizes
from study.errors import StudyFileError
from study.models.registry import family_named
from study.plan.design import cells
from study.preflight.routes import check_routes
from study.record import Value
from study.redaction import redact
from study.spec.study_file import StudySpec
from study.trials.laboratory import Laboratory
from study.user_code import describe_failure

MODEL_ARGUMENTS = ("width", "depth", "dropout", "input_shape", "n_outputs")
"""What a user's own model function is called with, in this order."""

TRAINER_ARGUMENTS = ("config", "n_examples", "seed")
"""What a user's own trainer is called with, in this order."""

INSTALLED = ("site-packages", "dist-packages")
"""Folders of installed packages."""

FINGERPRINT_CHARACTERS = 16
"""Hex digits of a fingerprint: two files of one study never share 64 bits by chance."""


def check_study(spec: StudySpec, *, cache: Path | None = None) -> Laboratory:
    """Load the data, draw every subset, find the user's functions, use the device, build models.

    Nothing is trained. Torch, which takes two seconds to import, is imported only where something
    is to be tried with it: not on the processor for a family that can be counted without building,
    which no width or depth makes impossible, nor with a trainer of the user's own.
    StudyFileError tells everything that is wrong.
    """
    laboratory = Laboratory(spec, cache=cache)
    mistakes: list[str] = []

    def attempt(action: Callable[[], Any]) -> bool:
        try:
            action()
        except StudyFileError as error:
            mistakes.extend(error.mistakes)
        except PayoffError as error:
            mistakes.append(str(error))
        else:
            return True
        return False

    attempt(lambda: laboratory.meter)
    if attempt(lambda: laboratory.own_trainer):
        mistakes += _signature(
            laboratory.own_trainer, "training.function", spec.training.function, TRAINER_ARGUMENTS
        )
    wrong_model = True
    if attempt(lambda: laboratory.own_model):
        found = _signature(
            laboratory.own_model, "model.function", spec.model.function, MODEL_ARGUMENTS
        )
        mistakes += found
        wrong_model = bool(found)
    if not spec.training.function:
        device = [] if spec.run.device == "cpu" else _device(spec.run.device)
        mistakes += device
        if attempt(lambda: laboratory.dataset):
            n_draws = spec.replicates.draws + 1
            mistakes += check_sizes(laboratory.dataset, spec.sizes, n_draws, spec.study.seed)
            if not wrong_model:
                found = []
                countable = family_named(spec.model.family).weights is not None
                if not (countable and spec.run.device == "cpu"):
                    found = _models(laboratory, "cpu" if device else spec.run.device)
                mistakes += found or check_routes(laboratory)
    if mistakes:
        raise StudyFileError(list(dict.fromkeys(mistakes)))
    return laboratory


def _signature(
    function: Callable[..., Any] | None, key: str, reference: str, names: tuple[str, ...]
) -> list[str]:
    """Say so if a function cannot be called with as many arguments as it will be."""
    if function is None:
        return []
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, say: the call itself will show
        return []
    try:
        signature.bind(*names)
    except TypeError:
        given = ", ".join(map(str, signature.parameters.values()))
        place, _, name = reference.rpartition(":")
        return [
            f"{key}: must take ({', '.join(names)}), got {name}({given}) in {place}; "
            "correct its parameters"
        ]
    return []


def _device(name: str) -> list[str]:
    """Say so if the device cannot do arithmetic here."""
    import torch

    try:
        (torch.zeros(1, device=name) + 1).item()
    except Exception as error:  # whatever the device's driver raises
        return [
            f"run.device: cannot be used here, got {name!r} ({_first_line(error)}); set another"
        ]
    return []


def _models(laboratory: Laboratory, device: str) -> list[str]:
    """Build the smallest and the largest model and show each two examples."""
    grid = [cell.capacity for cell in cells(laboratory.spec)]
    order = sorted(grid, key=lambda capacity: tuple(float(value) for value in capacity.values()))
    found = (_model(laboratory, capacity, device) for capacity in (order[0], order[-1]))
    mistake = next(filter(None, found), "")
    return [mistake] if mistake else []


def _model(laboratory: Laboratory, capacity: Mapping[str, Value], device: str) -> str:
    import torch

    spec, dataset = laboratory.spec, laboratory.dataset
    own = bool(spec.model.function)
    key = "model.function" if own else "model.family"
    words = ", ".join(f"{name} {value}" for name, value in capacity.items())
    try:
        model = laboratory.build(capacity)
        if next(model.parameters(), None) is None:
            return f"{key}: must have parameters to train, got none at {words}; correct the code"
        model.to(device).eval()
        with torch.no_grad():
            answer = model(torch.zeros(2, *dataset.input_shape, device=device))
        shape = tuple(getattr(answer, "shape", ()))
    except Exception as error:
        if own and not isinstance(error, PayoffError):
            return f"{describe_failure(key, spec.model.function, error)} (at {words})"
        text = _first_line(error)
        return f"{key}: cannot be built at {words}, got {type(error).__name__}: {text}; change it"
    if shape != (2, dataset.n_outputs):
        return (
            f"{key}: must map a batch of 2 to shape {(2, dataset.n_outputs)}, got {shape} at "
            f"{words}; correct the code"
        )
    return ""


def _first_line(error: BaseException) -> str:
    lines = redact(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def fingerprints(spec: StudySpec, laboratory: Laboratory) -> dict[str, str]:
    """Name the content of all that decides a result and stands outside the study file.

    What it is in words for people (``"data"``, ``"model.function models.py"``) -> a hash of its
    content. A study goes on only while they stay the same. Of the user's code these are the file or
    module named and, in turn, what it imports from the folders of the study file and its own; of
    data from a function their arrays, whatever code made them.
    """
    found: dict[str, str] = {}
    functions = {"training.function": spec.training.function}
    if laboratory.own_trainer is None:
        found["data"] = laboratory.dataset.digest[:FINGERPRINT_CHARACTERS]
        functions = {"model.function": spec.model.function}
        assert not spec.model.function or laboratory.own_model is not None  # its module is loaded
    base = spec.base.resolve()
    for key, reference in functions.items():
        for path in with_imports(_source(reference, base), base):
            text = path.read_bytes().replace(b"\r\n", b"\n")
            name = path.relative_to(base) if path.is_relative_to(base) else Path(*path.parts[-2:])
            digest = hashlib.sha256(text).hexdigest()[:FINGERPRINT_CHARACTERS]
            found[f"{key} {name.as_posix()}"] = digest
    return found


def _source(reference: str, base: Path) -> Path | None:
    """Return the file of a loaded function's reference, if it has one."""
    place = reference.rpartition(":")[0]
    if place.endswith(".py"):
        return (base / Path(place).expanduser()).resolve()
    file = getattr(sys.modules.get(place), "__file__", None)
    return Path(file).resolve() if file else None


def with_imports(file: Path | None, base: Path) -> list[Path]:
    """Return a file and the user's files that it imports, they in turn, and so on."""
    found = [] if file is None else [file]
    for path in found:  # grows while it is walked
        folders = dict.fromkeys((path.parent, found[0].parent, base))
        # What is installed has a version of its own and is not followed.
        folders = {folder: None for folder in folders if folder.name not in INSTALLED}
        for module in _imports(path):
            for folder in folders:
                for candidate in (folder / f"{module}.py", folder / module / "__init__.py"):
                    if candidate.is_file() and candidate.resolve() not in found:
                        found.append(candidate.resolve())
    return found


def _imports(path: Path) -> Iterator[str]:
    """Yield every module that a file imports, as a relative path without suffix."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            up = "../" * (node.level - 1)
            module = (node.module or "").replace(".", "/")
            inside = [f"{module}/{alias.name}".lstrip("/") for alias in node.names]
            yield from (up + name for name in (module, *inside) if name)
        for name in names:
            parts = name.split(".")
            yield from ("/".join(parts[:n]) for n in range(1, len(parts) + 1))
