"""Which study stands in a storage: what is written with it, and must stay the same."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import optuna
from optuna.storages import BaseStorage

from study.errors import StorageError
from study.plan.design import best_of
from study.queue.names import owner_of
from study.spec.study_file import StudySpec, differences

DIGEST, SEMANTICS, VERSION = "payoff.digest", "payoff.study", "payoff.optuna_version"
FINGERPRINTS = "payoff.fingerprints"
TEACHERS = "payoff.best_of"
"""Attribute of an Optuna study with the capacities of whose networks the best teaches, from the
moment that there are students of it."""


def write_identity(
    storage: BaseStorage, study_id: int, spec: StudySpec, fingerprints: Mapping[str, str]
) -> None:
    """Write what a study is into one of its Optuna studies, unless it stands there."""
    if DIGEST not in storage.get_study_user_attrs(study_id):
        semantics = json.dumps(spec.semantics(), sort_keys=True)
        storage.set_study_user_attr(study_id, SEMANTICS, semantics)
        storage.set_study_user_attr(study_id, VERSION, optuna.__version__)
        storage.set_study_user_attr(study_id, FINGERPRINTS, dict(fingerprints))
        storage.set_study_user_attr(study_id, DIGEST, spec.digest())
    if best := best_of(spec):
        storage.set_study_user_attr(study_id, TEACHERS, list(best))


def as_begun(storage: BaseStorage, spec: StudySpec) -> StudySpec:
    """Return the study as the storage says that it was begun, where its file leaves that open."""
    if not spec.leaves_open:
        return spec
    for study in storage.get_all_studies():
        semantics = study.user_attrs.get(SEMANTICS)
        if semantics is not None and owner_of(study.study_name) == spec.name:
            return spec.as_stored(json.loads(semantics))
    return spec


def check_identity(
    storage: BaseStorage, spec: StudySpec, fingerprints: Mapping[str, str] | None
) -> None:
    """Raise StorageError if the study in the storage is not the one in the file."""
    digest = spec.digest()
    for study in storage.get_all_studies():
        stored = study.user_attrs.get(DIGEST)
        if stored is None or owner_of(study.study_name) != spec.name:
            continue
        written_by = str(study.user_attrs.get(VERSION, optuna.__version__))
        if written_by.split(".")[0] != optuna.__version__.split(".")[0]:
            raise StorageError(
                f"{spec.name}: stored by Optuna {written_by}, this is {optuna.__version__}; "
                f"install optuna=={written_by}, or start afresh with --root"
            )
        if stored != digest:
            changed = differences(json.loads(study.user_attrs[SEMANTICS]), spec.semantics())
            raise StorageError(
                f"study.name: {spec.name!r} was started with other settings "
                f"({'; '.join(changed)}); undo the change, or give the study a new name"
            )
        _check_teachers(spec, study.user_attrs.get(TEACHERS, ()))
        if fingerprints is not None:
            _check_fingerprints(spec, study.user_attrs.get(FINGERPRINTS, {}), fingerprints)


def renew_fingerprints(
    storage: BaseStorage, spec: StudySpec, found: Mapping[str, str], *, code_only: bool
) -> tuple[str, ...]:
    """Write what stands outside the study file anew; return the names of what has changed.

    With ``code_only`` the data must be the same: StorageError says so, and nothing is written.
    """
    changed: dict[str, None] = {}
    studies = [
        study
        for study in storage.get_all_studies()
        if owner_of(study.study_name) == spec.name and DIGEST in study.user_attrs
    ]
    for study in studies:
        stored = study.user_attrs.get(FINGERPRINTS, {})
        if code_only:
            same = {name: value for name, value in stored.items() if name == "data"}
            _check_fingerprints(spec, same, found)
        changed |= dict.fromkeys(_changed(stored, found))
    for study in studies if changed else ():
        study_id = storage.get_study_id_from_name(study.study_name)
        storage.set_study_user_attr(study_id, FINGERPRINTS, dict(found))
    return tuple(changed)


def _changed(stored: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    return [name for name in sorted(stored) if stored[name] != found.get(name)]


def _check_teachers(spec: StudySpec, stored: Sequence[str]) -> None:
    """Raise StorageError if the best of other networks would teach than have taught."""
    found = best_of(spec)
    if stored and found and set(stored) != set(found):
        changed = [f"+{name}" for name in found if name not in stored]
        changed += [f"-{name}" for name in stored if name not in found]
        raise StorageError(
            f"study.name: {spec.name!r} has students of the best of its networks, and "
            f"the best of others would teach from now on ({', '.join(changed)}); undo the "
            "change, name capacities as distillation.teachers, or give the study a new name"
        )


def _check_fingerprints(
    spec: StudySpec, stored: Mapping[str, str], found: Mapping[str, str]
) -> None:
    if changed := _changed(stored, found):
        more = "" if "data" in changed else ", or run what failed again with --retry-failed"
        raise StorageError(
            f"study.name: {spec.name!r} was started with other {', '.join(changed)} "
            f"(the content differs); undo the change, or give the study a new name{more}"
        )
