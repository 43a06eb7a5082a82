"""Running and reading studies from Python: what ``import payoff`` hands out of this package.

What only a run needs (torch, Optuna, MLflow) is imported when it is asked for.
"""

from __future__ import annotations

import dataclasses
import os
import time
import tomllib
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from search_spaces.errors import PayoffError
from study.launch.hints import command
from study.launch.joining import STORAGE, from_environment
from study.places import Places
from study.spec.study_file import StudySpec, load_spec, parse_spec

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis
    from analysis.table.trials import TrialTable

STUDY_FILE = "study.toml"
"""Name of the file, among a study's results, that a study made in Python is written to."""


def load(path: str | Path) -> StudySpec:
    """Read a study file and check it whole.

    Parameters
    ----------
    path : str or Path
        The study file, as ``payoff init`` writes one.

    Returns
    -------
    StudySpec
        The study: frozen, every key with its value. :func:`dataclasses.replace` makes another of
        it, which :func:`run` takes as well.

    Raises
    ------
    StudyFileError
        With every mistake of the file.
    PayoffError
        If the file cannot be read or is not TOML.
    """
    return load_spec(path)


def run(
    study: str | Path | StudySpec | None = None,
    *,
    root: str | Path = "mlruns",
    workers: int | None = None,
    retry_failed: bool = False,
    many: bool = False,
    quiet: bool = False,
) -> StudyAnalysis:
    """Run a study, or go on with it where it stopped; return its analysis.

    The same as ``payoff run``, from a notebook or a script: how far it is goes to standard error,
    every trial to Optuna and MLflow below ``root``, figures and numbers to ``root``/results. A
    study that is done is only analysed again. The workers are processes of their own, so that a
    script needs no ``if __name__ == "__main__"``.

    Parameters
    ----------
    study : str, Path or StudySpec, optional
        A study file, or what :func:`load` made of one; without it the study of digits.
    root : str or Path
        Folder of all storages.
    workers : int, optional
        Worker processes, at least 1; without it as the study says.
    retry_failed : bool
        Whether trials that failed are run again, after your code was mended.
    many : bool
        Whether a study of more than 100,000 trials is meant, and may begin.
    quiet : bool
        Whether to say nothing.

    Returns
    -------
    StudyAnalysis
        Its ``sentence`` says it all, ``rows()`` are the payoff points, ``fits`` the curves.

    Raises
    ------
    PayoffError
        For everything a person can mend.
    KeyboardInterrupt
        If it was interrupted, after what was in hand: what has finished is kept, and the same call
        goes on. Also where what was in hand was the last: a loop over studies ends here.
    """
    _import_optuna()
    from study.launch.progress import Screen, duration
    from study.launch.run import run_study
    from study.terminal import console

    places = Places.at(root)
    spec, file = _read(study)
    if workers is not None:
        if workers < 1:
            raise PayoffError(f"workers: must be a whole number from 1, got {workers!r}")
        spec = dataclasses.replace(spec, run=dataclasses.replace(spec.run, workers=workers))
    if isinstance(study, StudySpec):
        file = _written(spec, places)
    began = time.monotonic()
    # Not as Jupyter's widget, which is another package: plain lines do in a notebook.
    with Screen(console(stderr=True, force_jupyter=False), quiet=quiet) as view:
        outcome = run_study(
            spec, file, places, view, retry_failed=retry_failed, many=many, whole=True
        )
        done = f"{outcome.trials - outcome.before:,} trials in {duration(time.monotonic() - began)}"
        if outcome.analysis is None:
            raise KeyboardInterrupt(f"stopped after {outcome.trials} trials; run it again to go on")
        view.say(f"{done}; figures and numbers: {places.results(spec.name)}")
        if outcome.interrupted:
            last = f"stopped after {outcome.trials} trials, the last"
            raise KeyboardInterrupt(f"{last}; run it again to read the analysis")
    return outcome.analysis


def trials(
    study: str | Path | StudySpec | None = None, *, root: str | Path = "mlruns"
) -> TrialTable:
    """Return the finished trials of a study that was started, as a trial table.

    Parameters
    ----------
    study : str, Path or StudySpec, optional
        A study file, what :func:`load` made of one, or the name of a study; without it the study of
        digits. A file that asks for less than was run gives the trials that it asks for; a name
        gives all of them.
    root : str or Path
        Folder of all storages.

    Raises
    ------
    PayoffError
        If no such study was started, or with other settings, or nothing has finished yet.
    """
    _import_optuna()
    from study.handover.results import table_of
    from study.queue.opening import stored_records, stored_study
    from study.trials.latency import latency_file, with_latency

    places = Places.at(root)
    if isinstance(study, str) and Path(study).suffix != ".toml":
        name, again = study, command("run", "STUDY.toml", places)
        records = stored_records(name, os.environ.get(STORAGE, ""), places, again)
    else:
        spec, file = _read(study)
        name, again = spec.name, command("run", file, places)
        records = stored_study(spec, places, again).records()
    if not records:
        raise PayoffError(f"{name}: no trial has finished yet; go on with: {again}")
    return table_of(with_latency(records, latency_file(places, name)))


def _import_optuna() -> None:
    """Import Optuna without tqdm's advice about a bar in notebooks that nobody shows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="IProgress not found")
        import optuna  # noqa: F401


def _read(study: str | Path | StudySpec | None) -> tuple[StudySpec, str | None]:
    """Return a study, stored where the environment says, and its file if it has one."""
    if isinstance(study, StudySpec):
        return from_environment(study), None
    return from_environment(load_spec(study)), None if study is None else str(study)


def _written(spec: StudySpec, places: Places) -> str:
    """Write a study that has no file where its workers find it; return the path.

    Its addresses are left out: they may hold passwords, and the workers' environment has them.

    Raises
    ------
    PayoffError
        If it holds a mistake, or the file cannot be written.
    """
    from study.spec.sections import StorageSection
    from study.spec.writing import as_toml

    path = places.results(spec.name) / STUDY_FILE
    text = as_toml(dataclasses.replace(spec, storage=StorageSection()), file=str(path))
    parse_spec(tomllib.loads(text), base=spec.base)  # made in Python, it was not checked whole
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise PayoffError(
            f"{path}: cannot be written ({error.strerror}); make room, or choose another root"
        ) from None
    return str(path)
