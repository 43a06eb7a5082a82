"""Names of Optuna studies: a study has one for each dataset size."""

from __future__ import annotations

_SIZE = "/n="


def optuna_study(study: str, n_examples: int) -> str:
    """Return the name of a study's Optuna study of one dataset size."""
    return f"{study}{_SIZE}{n_examples}"


def owner_of(name: str) -> str:
    """Return the study that an Optuna study belongs to; a stranger's belongs to itself.

    Examples
    --------
    >>> owner_of("digits/n=80"), owner_of("mine")
    ('digits', 'mine')
    """
    return name.partition(_SIZE)[0]
