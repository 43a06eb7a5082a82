"""What can only be checked with the data in hand, before anything is written."""

from __future__ import annotations

from pathlib import Path

from study.data.subsets import check_sizes
from study.errors import PayoffError, StudyFileError
from study.spec import StudySpec
from study.trial import Laboratory


def check_study(spec: StudySpec, *, cache: Path | None = None) -> Laboratory:
    """Load the data, draw every subset and find the user's functions; return the laboratory.

    Raises
    ------
    StudyFileError
        With everything that is wrong.
    """
    laboratory = Laboratory(spec, cache=cache)
    mistakes: list[str] = []

    def attempt(action: object) -> bool:
        assert callable(action)
        try:
            action()
        except StudyFileError as error:
            mistakes.extend(error.mistakes)
        except PayoffError as error:
            mistakes.append(str(error))
        return not mistakes

    attempt(lambda: laboratory.own_trainer)
    attempt(lambda: laboratory.own_model)
    if not spec.training.function and attempt(lambda: laboratory.dataset):
        n_draws = spec.replicates.draws + 1
        mistakes += check_sizes(laboratory.dataset, spec.sizes, n_draws, spec.study.seed)
    if mistakes:
        raise StudyFileError(list(dict.fromkeys(mistakes)))
    return laboratory
