"""The files beside a study file that its workers need wherever they are: own code, own data.

Code is followed through its imports, as for the fingerprints
(:func:`study.preflight.check.with_imports`). What a function opens by itself while it runs is not
known, and not found.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from search_spaces.errors import PayoffError
from study.preflight.check import with_imports
from study.spec.study_file import StudySpec


def own_files(spec: StudySpec) -> dict[str, Path]:
    """Return the files that a study names relative to its file, by that relative path.

    What is named by an absolute path is taken to be at the same place there. A folder of images,
    or a file above the study file's folder, can't be handed on.
    """
    base = spec.base.resolve()
    found: dict[str, Path] = {}
    for key, path in _named(spec, base):
        if not path.is_relative_to(base):
            raise PayoffError(
                f"{key}: must lie below the study file's folder {base} to be handed on, "
                f"got {path}; move it there, or name it by an absolute path at which every "
                "worker finds it"
            )
        found[path.relative_to(base).as_posix()] = path
    return dict(sorted(found.items()))


def _named(spec: StudySpec, base: Path) -> Iterator[tuple[str, Path]]:
    """Yield (key of the study file, file) of everything that is named relative to ``base``."""
    if spec.data.root and _is_relative(spec.data.root):
        raise PayoffError(
            f"data.root: a folder cannot be handed on to workers elsewhere, "
            f"got {spec.data.root!r}; name it by an absolute path at which every worker finds it"
        )
    for key, file in (("data.file", spec.data.file), ("data.test_file", spec.data.test_file)):
        if file and _is_relative(file):
            yield key, _below(base, file)
    for key, reference in (
        ("training.function", spec.training.function),
        ("model.function", spec.model.function),
        ("data.function", spec.data.function),
    ):
        place = reference.rpartition(":")[0]
        if not place or (place.endswith(".py") and not _is_relative(place)):
            continue
        for code in (_below(base, place),) if place.endswith(".py") else _module(place, base):
            yield key, code
            yield from ((key, path) for path in with_imports(code.resolve(), base)[1:])


def _below(base: Path, place: str) -> Path:
    """Return the path of what is named, links kept: workers look for it by that name."""
    return Path(os.path.normpath(base / place))


def _is_relative(place: str) -> bool:
    return not Path(place).expanduser().is_absolute()


def _module(name: str, base: Path) -> Iterator[Path]:
    """Yield the files of a module below ``base`` and of its packages; none if it is installed."""
    parts = name.split(".")
    for n in range(1, len(parts) + 1):
        for file in (base.joinpath(*parts[:n], "__init__.py"),
                     base.joinpath(*parts[: n - 1], f"{parts[n - 1]}.py")):  # fmt: skip
            if file.is_file():
                yield file
