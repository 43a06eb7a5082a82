"""The queue of trials in Optuna's storage. The only importer of ``optuna.storages``.

One Optuna study per dataset size. Every trial of the design is queued there before the first one
runs, so the total is exact; a worker claims a *unit* (trials that share one training) by moving
its trials from WAITING to RUNNING, which storage decides for exactly one claimant.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import functools
import json
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage, JournalStorage, RDBStorage, get_storage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.domains import Categorical, Domain, Int
from study.design import Slot, fixed_params, n_search, pack_group, relative_cost, slots
from study.errors import StorageError
from study.journal import NoLock, append
from study.places import Places
from study.record import TrialRecord, Value
from study.redaction import redact

if TYPE_CHECKING:
    from study.spec import StudySpec

P = ParamSpec("P")
T = TypeVar("T")

ORPHAN_SECONDS = 15.0
"""A running trial that nobody signed for after so long: its worker died while claiming it."""

FAIR_SHARES = 6
"""One claim takes at most this fraction of what is ready: small packs at the end of a study cost
less than workers that wait for the last large one."""

SQLITE_SECONDS = 60.0
"""How long a writer waits for SQLite's one lock before it gives up."""

DIGEST, SEMANTICS, VERSION = "payoff.digest", "payoff.study", "payoff.optuna_version"
FINGERPRINTS = "payoff.fingerprints"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One trial in a worker's hands."""

    optuna_study: str
    trial_id: int
    number: int
    slot: Slot
    params: Mapping[str, Value]
    """Every hyperparameter, the nuisance ones included."""


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How far a study is."""

    total: int
    waiting: int
    running: int
    complete: int
    failed: int
    """Finished without a usable result: diverged or failed."""

    @property
    def finished(self) -> int:
        """Trials that will not run again."""
        return self.complete + self.failed


@dataclass(frozen=True, kw_only=True)
class StudyProgress:
    """How far a study is, in all that a person wants to see."""

    counts: Counts
    cells_done: int
    cells_total: int
    cost_done: float
    cost_total: float
    best_error: float | None
    """Lowest validation error so far, at the largest dataset size that has any."""
    best_size: int | None
    """That dataset size."""


class LocalJournal(JournalFileBackend):
    """Optuna's journal file with the writing of :mod:`study.journal`."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path), lock_obj=NoLock())  # type: ignore[arg-type]
        self.path = path
        self.durable = True

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append, all or nothing, and reach the disk before returning."""
        try:
            append(self.path, logs, durable=self.durable)
        except OSError as error:
            raise StorageError(
                f"{self.path}: cannot be written ({error.strerror}); "
                "make room, then start the study again: nothing that was finished is lost"
            ) from None


class LocalStorage(JournalStorage):
    """Optuna's journal storage over a :class:`LocalJournal`."""

    def __init__(self, path: Path) -> None:
        self.journal = LocalJournal(path)
        super().__init__(self.journal)


def open_storage(address: str, places: Places) -> BaseStorage:
    """Open Optuna's storage: an address, or the journal below ``places`` if it is empty.

    Raises
    ------
    StorageError
        If it can't be opened, or was written by another version of Optuna.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shown = redact(address) if address else str(places.optuna_journal)
    try:
        if address.startswith("sqlite:"):
            return get_storage(_open_sqlite(address))
        if address:
            return get_storage(address)
        places.optuna_journal.parent.mkdir(parents=True, exist_ok=True)
        return LocalStorage(places.optuna_journal)
    except OSError as error:
        raise StorageError(
            f"{shown}: cannot be opened ({error.strerror or error}); "
            "make room, or choose another folder with --root"
        ) from None
    except (AssertionError, KeyError, ValueError, TypeError) as error:
        raise StorageError(
            f"{shown}: is not a journal that Optuna {optuna.__version__} can read "
            f"({redact(str(error)) or type(error).__name__}); "
            "use the version that wrote it, or start afresh with --root"
        ) from None
    except ImportError as error:
        raise StorageError(
            f"{shown}: the database's driver is not installed ({redact(str(error))}); "
            "for PostgreSQL: pip install psycopg2-binary, for MySQL: pip install pymysql"
        ) from None
    except Exception as error:
        raise StorageError(
            f"{shown}: Optuna {optuna.__version__} cannot open this storage "
            f"({redact(str(error).splitlines()[0])}); "
            "check the address, or upgrade the storage with: optuna storage upgrade"
        ) from None


def open_to_read(address: str) -> BaseStorage:
    """Open a storage that anybody's studies stand in, and create nothing there.

    Parameters
    ----------
    address
        A database's address, or ``journal://PATH`` for a journal file.

    Raises
    ------
    StorageError
        If there is none, or it is not one that this version of Optuna can read.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    shown = redact(address)
    try:
        if address.startswith("journal://"):
            path = Path(address.removeprefix("journal://"))
            if not path.is_file():
                raise StorageError(f"{shown}: there is no such file; correct the path")
            return LocalStorage(path)
        return get_storage(RDBStorage(address, skip_table_creation=True))
    except StorageError:
        raise
    except Exception as error:
        text = redact(str(error), address)
        reason = text.splitlines()[0] if text else type(error).__name__
        raise StorageError(
            f"{shown}: not a storage that Optuna {optuna.__version__} can read ({reason}); "
            "correct the address, install its driver, or upgrade it with: optuna storage upgrade"
        ) from None


def _open_sqlite(address: str) -> RDBStorage:
    """Open SQLite so that reading a trial's state and changing it is one step.

    Optuna locks the row it is about to change (SELECT ... FOR UPDATE), which SQLite does not know:
    two claimants could both read WAITING. Taking the write lock at the start of each transaction
    closes that gap.
    """
    from sqlalchemy import event

    storage = RDBStorage(address, engine_kwargs={"connect_args": {"timeout": SQLITE_SECONDS}})

    def connect(connection: Any, _: object) -> None:
        connection.isolation_level = None

    def begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    event.listen(storage.engine, "connect", connect)
    event.listen(storage.engine, "begin", begin)
    storage.engine.dispose()
    return storage


def _explained(method: Callable[P, T]) -> Callable[P, T]:
    """Turn a database's errors into one line without its password."""

    @functools.wraps(method)
    def explained(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(*args, **kwargs)
        except Exception as error:
            module = type(error).__module__.split(".")[0]
            internal = isinstance(error, optuna.exceptions.StorageInternalError)
            if module != "sqlalchemy" and not internal:
                raise
            text = redact(str(error).splitlines()[0])
            raise StorageError(
                f"storage.optuna: the database did not answer ({text}); "
                "see that it runs, then start the study again: nothing that was finished is lost"
            ) from None

    return explained


class StudyStore:
    """A study's trials in Optuna's storage."""

    def __init__(self, spec: StudySpec, storage: BaseStorage) -> None:
        self.spec = spec
        self.digest = spec.digest()
        self._storage = storage
        self._slots: dict[str, Slot] = {slot.name: slot for slot in slots(spec)}
        self._studies: dict[str, int] = {}
        self._costs: dict[str, float] = {}
        self._units: dict[str, Slot] = {slot.unit: slot for slot in self._slots.values()}
        self._order: dict[str, tuple[bool, float]] = {}
        for slot in self._slots.values():
            cost = relative_cost(spec, slot.cell)
            self._costs[slot.unit] = cost
            self._order[slot.unit] = (slot.phase == "replicate", -cost)

    # -- setting up -------------------------------------------------------------------------

    def study_name(self, n_examples: int) -> str:
        """Return the name of the Optuna study of one dataset size."""
        return f"{self.spec.name}/n={n_examples}"

    @_explained
    def is_started(self) -> bool:
        """Tell whether the storage holds any Optuna study of this one."""
        names = {study.study_name for study in self._storage.get_all_studies()}
        return any(self.study_name(n) in names for n in self.spec.sizes)

    @_explained
    def prepare(self, fingerprints: Mapping[str, str] | None = None) -> int:
        """Create the Optuna studies and queue what is missing; return how many were queued.

        ``fingerprints`` name the content of data and code that stand outside the study file; they
        are stored with the study, and must be the same when it goes on.

        Safe to call again, also after a crash half-way. Callers on one machine take turns
        (:func:`study.launch.local.exclusively`).
        """
        self.check_unchanged(fingerprints)
        wanted: dict[int, list[Slot]] = defaultdict(list)
        for slot in self._slots.values():
            wanted[slot.cell.n_examples].append(slot)
        queued = 0
        with self.in_bulk():
            for n_examples, expected in wanted.items():
                study_id = self._create(self.study_name(n_examples), fingerprints)
                known = {trial.user_attrs.get("slot") for trial in self._trials(study_id)}
                for slot in expected:
                    if slot.name not in known:
                        self._storage.create_new_trial(study_id, self._template(slot))
                        queued += 1
        return queued

    @_explained
    def check_unchanged(self, fingerprints: Mapping[str, str] | None = None) -> None:
        """Raise StorageError if the study in the storage is not the one in the file."""
        for study in self._storage.get_all_studies():
            stored = study.user_attrs.get(DIGEST)
            if stored is None or not study.study_name.startswith(f"{self.spec.name}/n="):
                continue
            written_by = str(study.user_attrs.get(VERSION, optuna.__version__))
            if written_by.split(".")[0] != optuna.__version__.split(".")[0]:
                raise StorageError(
                    f"{self.spec.name}: stored by Optuna {written_by}, this is "
                    f"{optuna.__version__}; install optuna=={written_by}, "
                    "or start afresh with --root"
                )
            if stored != self.digest:
                from study.spec import differences

                changed = differences(
                    json.loads(study.user_attrs[SEMANTICS]), self.spec.semantics()
                )
                raise StorageError(
                    f"study.name: {self.spec.name!r} was started with other settings "
                    f"({'; '.join(changed)}); undo the change, or give the study a new name"
                )
            if fingerprints is not None:
                self._check_fingerprints(study.user_attrs.get(FINGERPRINTS, {}), fingerprints)

    def _check_fingerprints(self, stored: Mapping[str, str], found: Mapping[str, str]) -> None:
        changed = [
            name
            for name in sorted({*stored, *found})
            if name in stored and stored[name] != found.get(name)
        ]
        if changed:
            raise StorageError(
                f"study.name: {self.spec.name!r} was started with other {', '.join(changed)} "
                "(the content differs); undo the change, or give the study a new name"
            )

    def _create(self, name: str, fingerprints: Mapping[str, str] | None) -> int:
        try:
            study_id = self._storage.create_new_study([optuna.study.StudyDirection.MINIMIZE], name)
        except optuna.exceptions.DuplicatedStudyError:
            study_id = self._storage.get_study_id_from_name(name)
        if DIGEST not in self._storage.get_study_user_attrs(study_id):
            semantics = json.dumps(self.spec.semantics(), sort_keys=True)
            self._storage.set_study_user_attr(study_id, SEMANTICS, semantics)
            self._storage.set_study_user_attr(study_id, VERSION, optuna.__version__)
            self._storage.set_study_user_attr(study_id, FINGERPRINTS, dict(fingerprints or {}))
            self._storage.set_study_user_attr(study_id, DIGEST, self.digest)
        return study_id

    def _template(self, slot: Slot) -> FrozenTrial:
        params = {
            name: value
            for name, value in slot.params.items()
            if name not in fixed_params(self.spec)
        }
        return create_trial(
            state=TrialState.WAITING,
            params=dict(params),
            distributions={name: self._distribution(name) for name in params},
            user_attrs={
                "slot": slot.name,
                "unit": slot.unit,
                "cell": slot.cell.name,
                "phase": slot.phase,
                "draw": slot.draw,
                "seed": slot.seed,
            },
        )

    def _distribution(self, name: str) -> BaseDistribution:
        for axis in self.spec.space.axes:
            if axis.name == name:
                return distribution(axis.domain)
        return CategoricalDistribution((0.0,))  # prune_ratio where the space has no such axis

    @contextlib.contextmanager
    def in_bulk(self) -> Iterator[None]:
        """Reach the disk once at the end instead of at each step (journal only).

        What is written is safe from a killed process at once. A machine that loses its power may
        forget it; then those trials run again, and what they return is the same.
        """
        if not isinstance(self._storage, LocalStorage):
            yield
            return
        journal = self._storage.journal
        before, journal.durable = journal.durable, False
        try:
            yield
        finally:
            journal.durable = before
            if before:
                journal.append_logs([])

    # -- the queue --------------------------------------------------------------------------

    @_explained
    def claim(self, worker: str, *, most: int = 1) -> tuple[Claim, ...] | None:
        """Take the next units; an empty tuple if nothing is ready yet, None if nothing is left.

        Search comes first and the dearest unit first, so that no long training is left to the
        end. A replicate is ready when every search trial of its cell has finished. With ``most``
        above 1, units that can train together with the first are taken too, and never more than a
        fair share of what is ready, so that no worker stands idle at the end.
        """
        trials = self._all_trials()
        waiting: dict[str, list[tuple[str, FrozenTrial]]] = defaultdict(list)
        searching: Counter[str] = Counter()
        unfinished = 0
        for name, trial in trials:
            if trial.state.is_finished():
                continue
            unfinished += 1
            if trial.user_attrs["phase"] == "search":
                searching[trial.user_attrs["cell"]] += 1
            if trial.state == TrialState.WAITING:
                waiting[trial.user_attrs["unit"]].append((name, trial))
        suspects = {
            unit for unit, items in waiting.items() if any(_deaths(trial) for _, trial in items)
        }
        ready = [
            unit
            for unit in sorted(waiting, key=self._order.__getitem__)
            if self._units[unit].phase == "search" or not searching[self._units[unit].cell.name]
        ]
        most = min(most, max(1, len(ready) // FAIR_SHARES))
        taken: list[tuple[str, FrozenTrial]] = []
        together: tuple[object, ...] | None = None
        n_units = 0
        with self.in_bulk():
            for unit in ready:
                group = pack_group(self.spec, self._units[unit])
                if unit in suspects:
                    # What killed its worker is tried again alone: its packmates are innocent.
                    if taken:
                        continue
                    most = 1
                elif together not in (None, group):
                    continue
                mine = [item for item in waiting[unit] if self._take(item[1], worker)]
                if mine:
                    together, n_units = group, n_units + 1
                    taken += mine
                if n_units >= most:
                    break
            if taken:
                return self._claims(taken, trials)
        return () if unfinished else None

    def _take(self, trial: FrozenTrial, worker: str) -> bool:
        try:
            if not self._storage.set_trial_state_values(trial._trial_id, TrialState.RUNNING):
                return False
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        claim = {"worker": worker, "deaths": _deaths(trial)}
        self._storage.set_trial_user_attr(trial._trial_id, "claim", claim)
        return True

    def _claims(
        self,
        taken: Sequence[tuple[str, FrozenTrial]],
        trials: Sequence[tuple[str, FrozenTrial]],
    ) -> tuple[Claim, ...]:
        claims = []
        for name, trial in taken:
            slot = self._slots[trial.user_attrs["slot"]]
            nuisance: dict[str, Value] = {}
            if slot.phase == "replicate" and n_search(self.spec):
                winner = best_of_search(trials, slot.cell.name)
                nuisance = (
                    {}
                    if winner is None
                    else {
                        axis.name: winner.params[axis.name]
                        for axis in self.spec.space.nuisance
                        if axis.name in winner.params
                    }
                )
                self._set_params(trial, nuisance)
            elif slot.phase == "search" and self.spec.search.sampler == "tpe":
                nuisance = self._suggest(name, trial, slot)
            claims.append(
                Claim(
                    optuna_study=name,
                    trial_id=trial._trial_id,
                    number=trial.number,
                    slot=slot,
                    params={**slot.params, **nuisance},
                )
            )
        return tuple(claims)

    def _set_params(self, trial: FrozenTrial, params: Mapping[str, Value]) -> None:
        for name, value in params.items():
            if name not in trial.params:
                shape = self._distribution(name)
                internal = shape.to_internal_repr(value)
                self._storage.set_trial_param(trial._trial_id, name, internal, shape)

    def _suggest(self, name: str, trial: FrozenTrial, slot: Slot) -> dict[str, Value]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
            sampler = optuna.samplers.TPESampler(seed=slot.seed, constant_liar=True)
            study = optuna.load_study(study_name=name, storage=self._storage, sampler=sampler)
            suggested = self.spec.space.suggest(optuna.trial.Trial(study, trial._trial_id))
        return {
            axis.name: suggested[axis.name]
            for axis in self.spec.space.nuisance
            if axis.name in suggested
        }

    @_explained
    def finish(self, trial_id: int, record: TrialRecord) -> bool:
        """Tell Optuna the result; False if the trial had finished before."""
        content = dataclasses.asdict(record)
        del content["curve"]  # MLflow keeps the curves; a row of the trial table needs none
        usable = record.status == "complete" and "val_error" in record.metrics
        try:
            self._storage.set_trial_user_attr(trial_id, "record", content)
            if usable:
                values = [record.metrics["val_error"]]
                self._storage.set_trial_state_values(trial_id, TrialState.COMPLETE, values)
            else:
                self._storage.set_trial_state_values(trial_id, TrialState.FAIL)
        except optuna.exceptions.UpdateFinishedTrialError:
            return False
        return True

    @_explained
    def give_back(self, claims: Sequence[Claim]) -> None:
        """Put claimed trials back into the queue, as if they had never been taken."""
        for claim in claims:
            self._requeue(claim.trial_id, _deaths(self._storage.get_trial(claim.trial_id)))

    @_explained
    def dead(self, is_alive: Callable[[str], bool]) -> list[tuple[str, FrozenTrial]]:
        """Return (Optuna study, trial) of each running trial whose worker is dead."""
        found = []
        now = datetime.datetime.now()
        for name, trial in self._all_trials():
            if trial.state != TrialState.RUNNING:
                continue
            worker = trial.user_attrs.get("claim", {}).get("worker", "")
            if worker:
                if is_alive(worker):
                    continue
            elif (
                trial.datetime_start is not None
                and (now - trial.datetime_start).total_seconds() < ORPHAN_SECONDS
            ):
                continue
            found.append((name, trial))
        return found

    @_explained
    def requeue(
        self,
        dead: Sequence[tuple[str, FrozenTrial]],
        *,
        blame: bool,
        give_up: Callable[[int, TrialRecord], None],
    ) -> int:
        """Put dead workers' trials back into the queue; return how many.

        Callers on one machine take turns, as with :meth:`prepare`.

        Parameters
        ----------
        dead
            What :meth:`dead` returned.
        blame
            Whether the workers may have died of their trials: not if the whole run was killed. A
            trial with as many such deaths as the study file allows is handed to ``give_up``, with
            its Optuna id and a record that says so, instead.
        """
        again = 0
        for name, trial in dead:
            deaths = _deaths(trial) + blame
            if blame and deaths >= self.spec.run.max_attempts:
                worker = trial.user_attrs.get("claim", {}).get("worker", "unknown")
                reason = f"its worker died {deaths} times, the last one was {worker}"
                give_up(trial._trial_id, self.failed_record(name, trial, reason))
            else:
                self._requeue(trial._trial_id, deaths)
                again += 1
        return again

    def _requeue(self, trial_id: int, deaths: int) -> None:
        # The signature goes first: a trial that is running and unsigned is never taken for dead
        # until it has been so for a while, so nobody can put it back a second time.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial_id, "claim", {"worker": "", "deaths": deaths})
            self._storage.set_trial_state_values(trial_id, TrialState.WAITING)

    def failed_record(self, name: str, trial: FrozenTrial, reason: str) -> TrialRecord:
        """Return the record of a trial that gave no result."""
        from study.trial import failed

        slot = self._slots[trial.user_attrs["slot"]]
        return failed(self.spec, slot, slot.params, reason, optuna_study=name, number=trial.number)

    # -- reading ----------------------------------------------------------------------------

    @_explained
    def counts(self) -> Counts:
        """Count the trials by state."""
        return self._count(Counter(trial.state for _, trial in self._all_trials()))

    def _count(self, states: Counter[TrialState]) -> Counts:
        return Counts(
            total=len(self._slots),
            waiting=states[TrialState.WAITING],
            running=states[TrialState.RUNNING],
            complete=states[TrialState.COMPLETE],
            failed=states[TrialState.FAIL] + states[TrialState.PRUNED],
        )

    @_explained
    def progress(self) -> StudyProgress:
        """Return counts, cells, cost and the best validation error."""
        trials = [trial for _, trial in self._all_trials()]
        states = Counter(trial.state for trial in trials)
        open_cells = {t.user_attrs["cell"] for t in trials if not t.state.is_finished()}
        every = {slot.cell.name for slot in self._slots.values()}
        # A unit is one training, whatever is pruned from it: its cost is spread over its trials.
        sizes = Counter(slot.unit for slot in self._slots.values())
        each = {
            name: self._costs[slot.unit] / sizes[slot.unit] for name, slot in self._slots.items()
        }
        done = [trial for trial in trials if trial.state.is_finished()]
        best: dict[int, float] = {}
        for trial in done:
            if trial.state == TrialState.COMPLETE and trial.value is not None:
                n_examples = self._slots[trial.user_attrs["slot"]].cell.n_examples
                best[n_examples] = min(trial.value, best.get(n_examples, trial.value))
        largest = max(best, default=None)
        return StudyProgress(
            counts=self._count(states),
            cells_done=len(every - open_cells) if trials else 0,
            cells_total=len(every),
            cost_done=sum(each[trial.user_attrs["slot"]] for trial in done),
            cost_total=sum(each.values()),
            best_error=None if largest is None else best[largest],
            best_size=largest,
        )

    @_explained
    def records(self) -> tuple[dict[str, Any], ...]:
        """Return the record of every finished trial, in the order of the design."""
        found = {
            trial.user_attrs["slot"]: trial.user_attrs["record"]
            for _, trial in self._all_trials()
            if trial.state.is_finished() and "record" in trial.user_attrs
        }
        return tuple(found[name] for name in self._slots if name in found)

    @_explained
    def n_unused(self) -> int:
        """Count finished trials that the study file no longer asks for: kept, but not read."""
        prefix = f"{self.spec.name}/n="
        return sum(
            trial.state.is_finished()
            and "slot" in trial.user_attrs
            and trial.user_attrs["slot"] not in self._slots
            for study in self._storage.get_all_studies()
            if study.study_name.startswith(prefix)
            for trial in self._storage.get_all_trials(study._study_id, deepcopy=False)
        )

    @_explained
    def running(self) -> tuple[tuple[str, str, datetime.datetime | None], ...]:
        """Return (slot, worker, since when) of each running trial."""
        return tuple(
            (
                trial.user_attrs["slot"],
                trial.user_attrs.get("claim", {}).get("worker", ""),
                trial.datetime_start,
            )
            for _, trial in self._all_trials()
            if trial.state == TrialState.RUNNING
        )

    @_explained
    def unfinished(self) -> dict[str, int]:
        """Return Optuna's internal trial id by slot, of trials without a result."""
        return {
            trial.user_attrs["slot"]: trial._trial_id
            for _, trial in self._all_trials()
            if not trial.state.is_finished()
        }

    def _all_trials(self) -> list[tuple[str, FrozenTrial]]:
        if len(self._studies) < len(self.spec.sizes):
            names = {study.study_name: study._study_id for study in self._storage.get_all_studies()}
            for n_examples in self.spec.sizes:
                name = self.study_name(n_examples)
                if name in names:
                    self._studies[name] = names[name]
        return [
            (name, trial)
            for name, study_id in self._studies.items()
            for trial in self._trials(study_id)
        ]

    def _trials(self, study_id: int) -> list[FrozenTrial]:
        """Return the trials of one Optuna study that belong to the design."""
        return [
            trial
            for trial in self._storage.get_all_trials(study_id, deepcopy=False)
            if trial.user_attrs.get("slot") in self._slots
        ]


def _deaths(trial: FrozenTrial) -> int:
    """How many workers may have died of a trial."""
    return int(trial.user_attrs.get("claim", {}).get("deaths", 0))


def best_of_search(trials: Sequence[tuple[str, FrozenTrial]], cell: str) -> FrozenTrial | None:
    """Return the search trial of a cell with the lowest validation error, then loss, then number.

    Validation sets are small, so that ties in error are common; the loss decides them.
    """
    found = [
        trial
        for _, trial in trials
        if trial.state == TrialState.COMPLETE
        and trial.user_attrs["cell"] == cell
        and trial.user_attrs["phase"] == "search"
    ]

    def rank(trial: FrozenTrial) -> tuple[float, float, int]:
        metrics = trial.user_attrs["record"]["metrics"]
        return metrics["val_error"], metrics.get("val_loss", float("inf")), trial.number

    return min(found, key=rank, default=None)


def distribution(domain: Domain) -> BaseDistribution:
    """Return Optuna's distribution of a domain."""
    if isinstance(domain, Categorical):
        return CategoricalDistribution(tuple(domain.choices))
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step or 1)
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)
