"""Where a study is stored, said from outside its file: by an option or by the environment.

Workers get the addresses through their environment and never in their command line, where any
user of the machine could read a password.
"""

from __future__ import annotations

import dataclasses
import os

from study.spec.study_file import StudySpec

STORAGE, TRACKING = "PAYOFF_STORAGE", "PAYOFF_TRACKING"
"""Variables that take the place of ``storage.optuna`` and ``storage.mlflow``."""


def at(spec: StudySpec, storage: str | None = None, tracking: str | None = None) -> StudySpec:
    """Return the study with its addresses replaced where any are given."""
    changed = dataclasses.replace(
        spec.storage,
        optuna=storage or spec.storage.optuna,
        mlflow=tracking or spec.storage.mlflow,
    )
    return dataclasses.replace(spec, storage=changed)


def from_environment(spec: StudySpec) -> StudySpec:
    """Return the study with the addresses of the environment."""
    return at(spec, os.environ.get(STORAGE), os.environ.get(TRACKING))


def environment(spec: StudySpec) -> dict[str, str]:
    """Return the variables that tell a worker where the study is; empty addresses are left out."""
    both = {STORAGE: spec.storage.optuna, TRACKING: spec.storage.mlflow}
    return {name: address for name, address in both.items() if address}
