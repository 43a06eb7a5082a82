"""Which column of a stranger's table is the size, the error, the dataset size: what the user named.

A column is never used because of its name alone, but for the two names that the commands document,
``n_parameters`` and ``test_error``. A name may be given without the prefix that a tracker put
before it (``params.``, ``metrics.``, ``config/``, ``user_attrs_``, ...) where only one column fits.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType

from analysis.errors import AnalysisError, Question
from analysis.table.columns import names_of
from analysis.table.draft import Draft
from analysis.table.fields import Cost, Error
from search_spaces.errors import nearest

PREFIX = re.compile(
    r"^(?:params|metrics|tags|config|summary|user_attrs|system_attrs|hyperparameters|hparams"
    r"|hparam|data|value|metric|param|attributes)[./_]"
)
"""What trackers put before a name."""

_SIZES = re.compile(
    r"(?:^|[^a-z])(?:n|num|number|total|trainable|model)?[_ ]?(?:params?|parameters|param_?count"
    r"|param_?num|model_?size|size|weights|width)(?:[^a-z]|$)",
    re.IGNORECASE,
)
_ERRORS = re.compile(
    r"err|loss|acc|top.?[15]|auc|f1|bleu|mse|mae|nll|perplexity|ppl|score|wer|fid|r2|r\^2|value",
    re.IGNORECASE,
)
MOST_LISTED = 20
"""Columns that a message lists."""


def settle(draft: Draft) -> Draft:
    """Find the columns that the user named."""
    asked = draft.asked
    size = asked.size if asked.size in names_of(Cost) else "n_parameters"
    error = asked.error if asked.error in names_of(Error) else "test_error"
    roles = {
        field: find(draft, mapped, "--map") if mapped else _named(draft, column, option)
        for field, column, option in ((size, asked.size, "--size"), (error, asked.error, "--error"))
        for mapped in [asked.columns.get(field)]
    }
    for field, column in asked.columns.items():
        roles[field] = find(draft, column, asked.options.get(field, "--map"))
    _refuse_shared(roles, size, error)
    draft = replace(draft, roles=MappingProxyType(roles), size_field=size, error_field=error)
    plain = {size: "size", error: "error", "n_examples": "examples", "n_test": "test examples"}
    options = {size: "--size", error: "--error", **asked.options}
    for field, column in roles.items():
        draft = draft.taking(column, plain.get(field, field), options.get(field, "--map"))
    return draft


def find(draft: Draft, wanted: str, option: str) -> str:
    """The column of a name.

    Raises
    ------
    AnalysisError
        If there is none.
    Question
        If several could be meant.
    """
    names = draft.sheet.names
    if wanted in names:
        return wanted
    for alike in (
        [name for name in names if _plain(name) == _plain(wanted)],
        [name for name in names if bare(name).casefold() == wanted.casefold()],
    ):
        if len(alike) == 1:
            return alike[0]
        if alike:
            listed = " or ".join(map(repr, alike))
            raise Question(f"{option}: {wanted!r} may be {listed}; give the whole name")
    close = nearest(wanted, names) or nearest(wanted, [bare(name) for name in names])
    raise AnalysisError(
        f"{option}: {draft.sheet.name} has no column {wanted!r}{close} "
        f"(its columns: {listed_names(names)})"
    )


def _plain(name: str) -> str:
    """A name without what the eye passes over: case, blanks, a # in front."""
    return " ".join(name.lstrip("# ").split()).casefold()


def bare(name: str) -> str:
    """A name without what a tracker put before it."""
    return PREFIX.sub("", name)


def listed_names(names: Sequence[str]) -> str:
    """Names for a message, not all of a hundred."""
    more = f", and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else ""
    return ", ".join(names[:MOST_LISTED]) + more


def _named(draft: Draft, wanted: str, option: str) -> str:
    """The size's or the error's column; where only the usual name is missing, say what to give."""
    usual = {"--size": "n_parameters", "--error": "test_error"}[option]
    try:
        return find(draft, wanted, option)
    except Question:
        raise
    except AnalysisError:
        if wanted != usual:
            raise
    pattern = _SIZES if option == "--size" else _ERRORS
    names = draft.sheet.names
    likely = [name for name in names if pattern.search(name)]
    what = "size of each model" if option == "--size" else "error"
    hint = f", such as {option} {_quoted(likely[0])}" if likely else ""
    raise Question(
        f"{option}: which column of {draft.sheet.name} is the {what}? Name it{hint} "
        f"(its columns: {listed_names(names)})"
    )


def _quoted(name: str) -> str:
    import shlex

    return shlex.quote(name)


def _refuse_shared(roles: dict[str, str], size: str, error: str) -> None:
    if roles[size] == roles[error]:
        raise AnalysisError(
            f"--size and --error name the same column {roles[size]!r}; give each its own"
        )
