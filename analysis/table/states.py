"""Which runs finished: the words for it of Optuna, MLflow, Ray, Weights & Biases, SLURM and others.

A column is the state of a run where it is called so and holds at least one word that is known, or
where all that it holds are such words. From then on only rows that finished are kept: a word that
nobody knows leaves its row out, and is named.

References
----------
Optuna ``TrialState``; MLflow ``RunStatus``; Ray Tune ``Trial.status``; Weights & Biases, "Run
states"; SLURM ``sacct``, "JOB STATE CODES"; Kubernetes pod and job phases; SageMaker and Vertex AI
job states.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from analysis.table.draft import Draft, shown

FINISHED = frozenset(
    {"complete", "completed", "finished", "finish", "terminated", "success", "succeeded", "done"}
    | {"successful", "ok", "okay", "passed", "ended", "cd"}
)
STOPPED = frozenset(
    {"pruned", "stopped", "stopped_early", "early_stopped", "earlystopped", "interrupted"}
)
FAILED = frozenset(
    {"fail", "failed", "failure", "error", "errored", "crash", "crashed", "killed", "aborted"}
    | {"abort", "diverged", "nan", "oom", "out_of_memory", "oom_killed", "oomkilled", "timeout"}
    | {"timed_out", "time_out", "node_fail", "nodefail", "boot_fail", "deadline", "cancelled"}
    | {"canceled", "preempted", "revoked", "lost", "dead", "evicted", "invalid", "unknown_error"}
    | {"exception", "failed_oom", "unsuccessful", "ca", "oo", "f", "nf", "to", "pr", "broken"}
)
UNFINISHED = frozenset(
    {"running", "pending", "waiting", "scheduled", "queued", "suspended", "paused", "started"}
    | {"preempting", "completing", "configuring", "requeued", "resizing", "stopping", "created"}
    | {"starting", "initializing", "initialising", "submitted", "unfinished", "incomplete"}
    | {"in_progress", "inprogress", "not_started", "restarting", "r", "pd"}
)
MOST_STATES = 30
"""A column of more different words is none of states, whatever they are."""
_SHORT = frozenset({"cd", "ca", "oo", "f", "nf", "to", "pr", "r", "pd", "ok", "nan"})
"""Words that mean other things elsewhere: no column is a state for these alone."""

_NAMED = re.compile(
    r"(?:^|[._/ -])(?:state|status|job_?state|run_?state|trial_?state|outcome|exit_?status"
    r"|completion|run_?status|trial_?status|job_?status)$|^st$",
    re.IGNORECASE,
)
_GOOD = re.compile(
    r"(?:^|[._/ -])(?:is_?)?(?:success|succeeded|successful|finished|completed|complete|ok)$",
    re.IGNORECASE,
)
_BAD = re.compile(
    r"(?:^|[._/ -])(?:is_?|has_?)?(?:failed|failure|crashed|diverged|killed|timed_?out|oom)$",
    re.IGNORECASE,
)
_TRUTHS = {
    **dict.fromkeys(("true", "yes", "1", "1.0", "y", "t"), True),
    **dict.fromkeys(("false", "no", "0", "0.0", "n", "f"), False),
}
_EXIT_CODES = re.compile(
    r"(?:^|[._/ -])(?:exit_?code|return_?code|derivedexitcode)$", re.IGNORECASE
)


def settle(draft: Draft) -> Draft:
    """Leave out what did not finish, by every column of states that there is."""
    if draft.account.ours:
        return draft
    taken = set(draft.roles.values())
    for column in draft.sheet.names:
        if column in taken:
            continue
        if _EXIT_CODES.search(column):
            draft = _by_exit_code(draft, column)
        elif _is_state(draft, column):
            draft = _by_state(draft, column)
        elif _GOOD.search(column) or _BAD.search(column):
            draft = _by_truth(draft, column)
        elif _NAMED.search(column):
            first = next((c for c in draft.cells(column) if c not in (None, "")), "")
            draft = draft.noting(
                f"{column!r} holds no state of a run that is known (such as {shown(first)!r}): "
                "not used as one"
            )
    return draft


def normal(cell: object) -> str:
    """A state as it is looked up: ``TrialState.COMPLETE``, ``CANCELLED by 1000`` -> their word.

    Examples
    --------
    >>> normal("TrialState.COMPLETE"), normal("CANCELLED by 1000"), normal("Out-Of-Memory")
    ('complete', 'cancelled', 'out_of_memory')
    """
    word = "" if cell is None else str(cell).strip().strip("'\"").rpartition(".")[2]
    word = re.sub(r"[\s-]+", "_", word.strip().lower().rstrip("+"))
    return re.sub(r"_by_\d+$", "", word)


def _is_state(draft: Draft, column: str) -> bool:
    """Whether a column holds states."""
    cells = draft.cells(column)
    named = bool(_NAMED.search(column))
    if not named and not isinstance(next((c for c in cells if c not in (None, "")), None), str):
        return False
    words: set[str] = set()
    seen: set[str] = set()
    for cell in cells:
        text = "" if cell is None else str(cell)
        if text in seen:
            continue
        seen.add(text)
        words.add(normal(text))
        if not named and len(words) > MOST_STATES:
            return False
    words.discard("")
    known = FINISHED | FAILED | STOPPED | UNFINISHED | set(map(normal, draft.asked.finished))
    telling = (words & known) - _SHORT
    if named:
        good = "status" in column.lower() and words & {"ok", "okay"}  # as a state, OK is Oklahoma
        return bool(telling or good) or bool(words & known and words <= known)
    return bool(telling & FINISHED) and words <= known


def _by_state(draft: Draft, column: str) -> Draft:
    cells = draft.cells(column)
    meaning = _meanings(map(str, (c for c in cells if c is not None)), draft.asked.finished)
    groups: dict[str, list[str]] = {}
    for word, what in meaning.items():
        groups.setdefault(what, []).append(word)
    draft = draft.taking(column, "state", "its values")
    texts = np.array(["" if cell is None else str(cell) for cell in cells], dtype=object)
    for what, reason in (
        ("stopped", "the run was stopped early"),
        ("failed", "the run failed"),
        ("unfinished", "the run has not finished"),
    ):
        if what in groups:
            draft = draft.leave_out(np.isin(texts, groups[what]), reason=reason, column=column)
    for word in groups.get("unknown", ()):
        reason = (
            "has no state" if not word.strip() else
            f"nobody knows the state {shown(word)!r} (--finished {shown(word)!r} if it is one)"
        )  # fmt: skip
        draft = draft.leave_out(texts == word, reason=reason, column=column)
    return draft.leave_out(texts == "", reason="has no state", column=column)


def _meanings(cells: Iterable[str], finished: tuple[str, ...]) -> dict[str, str]:
    """Each word as it is written -> what it means."""
    own = set(map(normal, finished))
    kinds = {"finished": FINISHED | own, "stopped": STOPPED, "failed": FAILED,
             "unfinished": UNFINISHED}  # fmt: skip
    found = {}
    for cell in dict.fromkeys(cells):
        word = normal(cell)
        found[cell] = next((what for what, words in kinds.items() if word in words), "unknown")
    return found


def _by_exit_code(draft: Draft, column: str) -> Draft:
    """Programs that ended with something else than 0 (``0:0`` as SLURM writes it) failed."""
    texts = [str(cell).strip() for cell in draft.cells(column)]
    if not all(re.fullmatch(r"-?\d+(?:\.0)?(?::\d+)?|None|", text) for text in texts):
        return draft
    bad = [text not in ("0", "0.0", "0:0") for text in texts]
    draft = draft.taking(column, "state", "its name")
    return draft.leave_out(bad, reason="the program did not end with 0", column=column)


def _by_truth(draft: Draft, column: str) -> Draft:
    """Runs of which a column of truths says that they failed, or did not succeed."""
    texts = ["" if cell is None else str(cell).strip().lower() for cell in draft.cells(column)]
    words = set(texts) - {""}
    if not words or not words <= set(_TRUTHS):
        return draft
    wrong = bool(_BAD.search(column))
    bad = np.array([_TRUTHS.get(text, False) == wrong for text in texts])
    if bad[draft.kept].all():
        return draft.noting(f"{column!r} would leave no row and is not used as a state")
    draft = draft.taking(column, "state", "its name")
    return draft.leave_out(bad, reason="the run failed", column=column)
