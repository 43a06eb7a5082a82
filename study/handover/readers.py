"""Rows for the trial table from an Optuna storage or an MLflow experiment, ours or anybody's.

An address says which: ``optuna+sqlite:///optuna.db#STUDY``, ``optuna+journal://PATH#STUDY``,
``mlflow+sqlite:///mlflow.db#EXPERIMENT``, ``mlflow+http://host:5000#EXPERIMENT``,
``mlflow+./mlruns#EXPERIMENT`` (MLflow's old file store). What a payoff study stored is read back as
the trial table that it is. Of anything else, each trial is a row whose columns are its parameters,
attributes, metrics and tags, by their own names and by names that say where they come from
(``params.X``, ``user_attrs.X``, ``metrics.X``, ``tags.X``).

Optuna and MLflow are imported when such an address is read, and not before. Nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from analysis.table.columns import FIELDS
from analysis.table.fields import Word
from analysis.table.nested import flatten
from search_spaces.errors import PayoffError, nearest
from study.errors import StorageError
from study.places import extra_of, sqlite_address, sqlite_file, with_driver
from study.queue.names import owner_of
from study.record import MalformedRecord, TrialRecord
from study.redaction import redact

if TYPE_CHECKING:
    from optuna.study._frozen import FrozenStudy
    from optuna.trial import FrozenTrial

    from study.queue.opening import Storage
    from study.tracking.reading import LoggedRun

SOURCES = ("optuna+", "mlflow+")
PARENT_TAG = "mlflow.parentRunId"
"""What MLflow tags a run with that another one started."""

_OURS_ALONE = ("trial", "slot", "reason", "params", "test_correct")
"""Columns of the trial table that a stranger's parameter of the same name must not feed."""


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What was read."""

    rows: tuple[dict[str, Any], ...]
    """One a finished trial, failed ones included."""
    left_out: Mapping[str, int]
    """Reason -> trials that are no rows."""
    better: Mapping[str, str] = field(default_factory=dict)
    """Column -> ``lower`` or ``higher``, as the source says that it improves."""


def is_address(table: str) -> bool:
    """Tell whether a table is named by an address of Optuna or MLflow, and not by a file."""
    return table.startswith(SOURCES)


def read_address(table: str) -> Rows:
    """Read what an address names; see the module's docstring for its forms.

    Raises
    ------
    StorageError
        If there is nothing there, or it is not clear which study or experiment is meant.
    """
    address, name = split_name(table)
    source, _, address = address.partition("+")
    if source == "mlflow":
        return rows_from_mlflow(address, name)
    if name.endswith("*"):
        return rows_from_optuna(address, prefix=name[:-1])
    return rows_from_optuna(address, names=(name,) if name else ())


def split_name(table: str) -> tuple[str, str]:
    """Split an address from the name behind ``#``; a ``#`` before the host is the password's.

    Examples
    --------
    >>> split_name("optuna+sqlite:///optuna.db#my%20study")
    ('optuna+sqlite:///optuna.db', 'my study')
    >>> split_name("mlflow+postgresql://anna:a#b@host/db#x")
    ('mlflow+postgresql://anna:a#b@host/db', 'x')
    """
    host = table.rfind("@") + 1
    mark = table.find("#", host)
    if mark < 0:
        return table, ""
    return table[:mark], unquote(table[mark + 1 :])


def rows_from_optuna(address: str, *, names: Sequence[str] = (), prefix: str | None = None) -> Rows:
    """Read the trials of Optuna studies.

    Parameters
    ----------
    address
        Address of a database, or ``journal://PATH``.
    names
        Names of Optuna studies, or of payoff studies (all their dataset sizes). Without names and
        prefix, the storage must hold only one study.
    prefix
        All Optuna studies whose names begin so.

    Returns
    -------
    Rows
        A stranger's objective is the column ``value`` (``values_0``, ... if there are several,
        and also the study's names of its metrics). An objective that was maximised is no error: it
        is called ``score``, and where all scores lie in [0, 1] there is
        ``one_minus_score``. Which way each improves is in ``better``.

    Raises
    ------
    StorageError
        If there is no storage or no such study.
    """
    _require_table(address, "studies", "an Optuna storage")
    from study.queue.away import FOREIGN, unlike
    from study.queue.beats import PREFIX
    from study.queue.opening import open_to_read

    storage = open_to_read(address)
    try:
        every = {
            study.study_name: study
            for study in storage.get_all_studies()
            if not study.study_name.startswith(PREFIX)
        }
        chosen = _chosen(every, redact(address), names, prefix)
        groups = {owner_of(name) for name in chosen}
        rows: list[dict[str, Any]] = []
        left_out: Counter[str] = Counter()
        better: dict[str, str] = {}
        for name in chosen:
            read = _optuna_study(storage, every[name], left_out, better)
            if len(groups) > 1:
                group = owner_of(name)
                read = [_in_group(row, group) for row in read]
            rows += read
    except FOREIGN as error:
        raise error if isinstance(error, PayoffError) else unlike(error) from error
    finally:
        storage.remove_session()
    known = {column: way for column, way in better.items() if way}
    return replace(_some(rows, left_out, redact(address)), better=known)


def rows_from_mlflow(address: str, experiment: str = "") -> Rows:
    """Read the runs of an MLflow experiment.

    A finished run is a complete row, a failed or killed one a failed row; a run that still goes on
    is left out. Runs that a payoff study logged beside its trials (dataset sizes, curves, the
    verdict) are left out too. Per-example correctness is in artifacts and is not read.

    Parameters
    ----------
    address
        Tracking address.
    experiment
        Its name; may be empty where only one experiment has runs.

    Raises
    ------
    StorageError
        If the store does not answer or has no such experiment.
    """
    rows = []
    left_out: Counter[str] = Counter()
    for run in _logged(address, experiment):
        kind = run.tags.get("payoff.kind", "")
        if kind and kind != "trial":
            left_out[f"runs that are no trials ({kind})"] += 1
        elif run.status in ("RUNNING", "SCHEDULED"):
            left_out["runs that have not finished"] += 1
        else:
            rows.append(_run_row(run, ours=kind == "trial"))
    return _some(rows, left_out, redact(address))


def _logged(address: str, experiment: str) -> Sequence[LoggedRun]:
    """The runs of a store, or of the files of an old one."""
    folder = Path(address.removeprefix("file://").removeprefix("file:"))
    if address.startswith("file:") or "://" not in address:
        from study.tracking.file_store import is_file_store, read_file_store

        if is_file_store(folder):
            return read_file_store(folder, experiment)
        if not (folder / "mlflow.db").is_file():
            raise StorageError(
                f"{address}: is no store of MLflow's; name a folder such as ./mlruns, or an "
                "address like sqlite:///FILE or http://HOST"
            )
        address = sqlite_address(folder / "mlflow.db")
    elif not address.startswith(("http://", "https://", "databricks")):
        _require_table(address, "experiments", "an MLflow store")
    from study.tracking.reading import read_runs

    return read_runs(address, experiment)


def _some(rows: list[dict[str, Any]], left_out: Counter[str], shown: str) -> Rows:
    if not rows:
        reasons = "".join(f"; {count} {reason}" for reason, count in left_out.items())
        raise StorageError(f"{shown}: holds no finished trial{reasons}")
    return Rows(rows=tuple(rows), left_out=dict(left_out))


def _require_table(address: str, table: str, what: str) -> None:
    """Raise unless the database is there: opening it with Optuna or MLflow would create it."""
    if address.startswith("journal://"):
        return
    shown = redact(address)
    if "://" not in address:
        raise StorageError(
            f"{shown}: not an address; it must be like sqlite:///FILE or http://HOST"
        )
    file = sqlite_file(address)
    if file is not None and not file.is_file():
        raise StorageError(
            f"{shown}: there is no file {file}; correct the address "
            "(an absolute path has four slashes: sqlite:////data/x.db)"
        )
    import sqlalchemy

    try:
        engine = sqlalchemy.create_engine(with_driver(address))
        found = sqlalchemy.inspect(engine).has_table(table)
        engine.dispose()
    except ImportError as error:
        extra = extra_of(address)
        raise StorageError(
            f"{shown}: the database's driver is not installed ({redact(error)}); "
            + (f"pip install 'payoff[{extra}]'" if extra else "install it")
        ) from None
    except sqlalchemy.exc.SQLAlchemyError as error:
        reason = redact(str(error), address).splitlines()[0]
        raise StorageError(
            f"{shown}: the database cannot be read ({reason}); see that it runs, that the address "
            "is right and that its driver is installed"
        ) from None
    if not found:
        raise StorageError(f"{shown}: the database is not {what}; correct the address")


# -- Optuna -------------------------------------------------------------------------------------


def _chosen(
    known: Collection[str], shown: str, names: Sequence[str], prefix: str | None
) -> list[str]:
    """Names of the Optuna studies asked for, in the storage's order."""
    groups = dict.fromkeys(owner_of(name) for name in known)
    listed = ", ".join(groups) or "none"
    if prefix is not None:
        chosen = [name for name in known if name.startswith(prefix)]
        if not chosen:
            raise StorageError(f"{shown}: no study begins with {prefix!r} (it has: {listed})")
        return chosen
    if not names:
        if len(groups) != 1:
            what = "holds several studies" if groups else "holds no study"
            raise StorageError(f"{shown}: {what}; name one as #STUDY (it has: {listed})")
        return list(known)
    for name in names:
        if name not in known and name not in groups:
            raise StorageError(
                f"{shown}: there is no study {name!r}"
                f"{nearest(name, [*groups, *known])} (it has: {listed})"
            )
    return [name for name in known if name in names or owner_of(name) in names]


def _optuna_study(
    storage: Storage, study: FrozenStudy, left_out: Counter[str], better: dict[str, str]
) -> list[dict[str, Any]]:
    """Rows of one study; which way its objectives improve joins ``better``, empty in conflict."""
    from optuna.trial import TrialState

    rows = []
    study_id = storage.get_study_id_from_name(study.study_name)
    trials = storage.get_all_trials(study_id, deepcopy=False)
    objectives = _objectives(study, trials)
    ways = _ways(study)
    named = dict(zip(objectives, ways, strict=True))
    numbered = dict(zip(_numbered(len(ways)), ways, strict=True))
    ours = any("record" in trial.user_attrs for trial in trials)
    for column, way in ({} if ours else {**numbered, **named, "one_minus_score": "lower"}).items():
        better[column] = way if better.get(column, way) == way else ""
    for trial in trials:
        if "record" in trial.user_attrs and trial.state.is_finished():
            try:
                rows.append(TrialRecord.from_content(trial.user_attrs["record"]).row())
            except MalformedRecord:
                left_out["trials whose record cannot be read"] += 1
        elif trial.state == TrialState.PRUNED:
            left_out["trials that Optuna stopped early"] += 1
        elif not trial.state.is_finished():
            left_out["trials that have not finished"] += 1
        else:
            values = dict(zip(objectives, trial.values or (), strict=False))
            if len(ways) > 1:
                values |= dict(zip(_numbered(len(ways)), trial.values or (), strict=False))
            rows.append(_trial_row(study.study_name, trial, values))
    return _complemented(rows) if "score" in objectives else rows


def _objectives(study: FrozenStudy, trials: Sequence[FrozenTrial]) -> list[str]:
    """Columns of the objectives' values."""
    from optuna.study import StudyDirection

    count = len(study.directions)
    if count == 1:
        maximised = study.directions[0] == StudyDirection.MAXIMIZE
        return ["score" if maximised else "value"]
    names = study.system_attrs.get("study:metric_names") or []
    return list(names) if len(names) == count else [f"values_{k}" for k in range(count)]


def _ways(study: FrozenStudy) -> list[str]:
    """Which way each objective improves."""
    from optuna.study import StudyDirection

    maximised = StudyDirection.MAXIMIZE
    return ["higher" if way == maximised else "lower" for way in study.directions]


def _numbered(count: int) -> list[str]:
    """The names that Optuna's own tables have for several objectives."""
    return [f"values_{k}" for k in range(count)]


def _complemented(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give scores that are all fractions their complements, which are errors."""
    scores = [row["score"] for row in rows if row.get("score") is not None]
    if scores and all(0.0 <= score <= 1.0 for score in scores):
        for row in rows:
            if row.get("score") is not None:
                row["one_minus_score"] = 1.0 - row["score"]
    return rows


def _trial_row(study_name: str, trial: FrozenTrial, values: Mapping[str, float]) -> dict[str, Any]:
    from optuna.trial import TrialState

    done = trial.state == TrialState.COMPLETE
    row: dict[str, Any] = {
        "study": study_name,
        "trial": trial.number,
        "status": "complete" if done else "failed",
        "reason": "" if done else str(trial.system_attrs.get("fail_reason", "")),
    }
    if trial.duration is not None:
        row["wall_seconds"] = trial.duration.total_seconds()
    _spread(row, "", values)
    _spread(row, "params.", trial.params)
    _spread(row, "user_attrs.", flatten(trial.user_attrs))
    return row


def _in_group(row: dict[str, Any], group: str) -> dict[str, Any]:
    """Keep the cells and slots of several payoff studies apart."""
    return row | {key: f"{group}/{row[key]}" for key in ("slot", "cell") if row.get(key)}


# -- MLflow -------------------------------------------------------------------------------------


def _run_row(run: LoggedRun, *, ours: bool) -> dict[str, Any]:
    done = run.status == "FINISHED"
    row: dict[str, Any] = {
        "run_id": run.run_id,
        "run_name": run.name,
        "status": "complete" if done else "failed",
        "reason": "" if done else f"the run is {run.status}",
    }
    tags = {
        name: value
        for name, value in run.tags.items()
        if not name.startswith("mlflow.") or name == PARENT_TAG
    }
    params = dict(run.params)
    if ours:
        logged: dict[str, Mapping[str, Any]] = {
            "tags": tags, "params": dict(params), "metrics": run.metrics
        }  # fmt: skip
        for name, field in FIELDS.items():
            # The last name is the run's own cost; that of its whole route has a column beside it.
            value = logged.get(field.logged, {}).get(field.names[-1])
            if value is not None:
                row[name] = value
            if field.charted:
                params.pop(name, None)  # no hyperparameter
    _spread(row, "metrics.", run.metrics)
    _spread(row, "params.", params)
    _spread(row, "tags.", tags)
    if "wall_seconds" not in row and run.start_ms is not None and run.end_ms is not None:
        row["wall_seconds"] = (run.end_ms - run.start_ms) / 1000.0
    return row


# -- both ---------------------------------------------------------------------------------------


def _spread(row: dict[str, Any], origin: str, values: Mapping[str, Any]) -> None:
    """Add columns by the names that say where they come from and, if free, by their own."""
    for name, value in values.items():
        if origin:
            row[origin + name] = value
        if name in row or name in _OURS_ALONE:
            continue
        field = FIELDS.get(name)
        if isinstance(field, Word) and field.choices and value not in field.choices:
            continue
        row[name] = value


__all__ = ["Rows", "is_address", "read_address", "rows_from_mlflow", "rows_from_optuna"]
