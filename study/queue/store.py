"""The queue of trials in Optuna's storage: setting up, taking, telling, putting back.

One Optuna study per dataset size. Every trial of the design is queued there before the first one
runs, so the total is exact; a worker claims a *unit* (trials that share one training) by moving
its trials from WAITING to RUNNING, which storage decides for exactly one claimant.

A worker keeps a picture of the queue of its own (:mod:`study.queue.readiness`) and reads the
storage again only now and then: a picture that is behind costs a refused claim, never a wrong one.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import random
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState, create_trial

from search_spaces.domains import Categorical, Domain, Int
from study.compression.teachers import Teacher
from study.plan.design import Slot, best_of, fixed_params, n_search, pack_group, space_of, teachers
from study.queue.beats import BEATS
from study.queue.lean import LeanStorage
from study.queue.opening import LocalStorage
from study.queue.orphans import ORPHAN_SECONDS, Orphans
from study.queue.readiness import Readiness, State, needs
from study.queue.reading import (
    DIGEST,
    FINGERPRINTS,
    SEMANTICS,
    TEACHERS,
    VERSION,
    StudyReader,
    explained,
)
from study.record import TrialRecord, Value
from study.trials.task import Task

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec

FAIR_SHARES = 6
"""One claim takes at most this fraction of what is ready: small packs at the end of a study cost
less than workers that wait for the last large one."""

LOOK_SECONDS = 10.0
"""A picture of the queue that is older is renewed even if it shows something to take."""

LOOK_SHARE, IDLE_SHARE = 50.0, 4.0
"""Renewing the picture takes at most one part in so many of the time: while there is something to
take, and while there is nothing."""

LONGEST_SKIP = 10
"""A worker that finds units taken by others moves on by up to 2 to this power of them."""


@dataclass(frozen=True, kw_only=True)
class Claim(Task):
    """One trial in a worker's hands."""

    trial_id: int


class StudyStore(StudyReader):
    """A study's trials in Optuna's storage, to be queued, taken and told."""

    def __init__(self, spec: StudySpec, storage: BaseStorage) -> None:
        super().__init__(spec, storage)
        every = tuple(self._slots.values())
        self._ready = Readiness(
            every,
            needs(every),
            order=lambda slot: (slot.phase == "replicate", -self._costs[slot.unit]),
            group=lambda slot: pack_group(spec, slot),
        )
        self._seen: dict[str, tuple[str, FrozenTrial]] = {}
        """(Optuna study, trial) by slot, as last read."""
        self._slot_of: dict[int, str] = {}
        self._searches: dict[str, list[str]] = defaultdict(list)
        self._teachers: dict[str, tuple[str, ...]] = {}
        self._half: list[str] = []
        """Slots that are ours in the storage, but not in any worker's hands yet."""
        self._orphans: Orphans[tuple[int, datetime.datetime | None]] = Orphans(
            max(ORPHAN_SECONDS, 2 * spec.run.lease / BEATS)
        )
        self._looked, self._look_cost = float("-inf"), 0.0

    @property
    def storage(self) -> BaseStorage:
        """Optuna's storage."""
        return self._storage

    @property
    def is_local(self) -> bool:
        """Whether only processes of this machine can see the storage."""
        return isinstance(self._storage, LocalStorage)

    # -- setting up -------------------------------------------------------------------------

    @explained
    def prepare(self, fingerprints: Mapping[str, str] | None = None) -> int:
        """Create the Optuna studies and queue what is missing; return how many were queued.

        ``fingerprints`` name the content of data and code that stand outside the study file; they
        are stored with the study, and must be the same when it goes on.

        Safe to call again, also after a crash half-way. Callers on one machine take turns
        (:func:`study.launch.locking.exclusively`); of callers on several machines a database queues
        each trial for the first alone. Behind a proxy two may queue the same: then the trial with
        the lower number is the slot's, and nobody takes the other.
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
                missing = [self._template(slot) for slot in expected if slot.name not in known]
                if isinstance(self._storage, LeanStorage):
                    queued += self._storage.create_many(study_id, missing, once="slot")
                else:
                    for template in missing:
                        self._storage.create_new_trial(study_id, template)
                    queued += len(missing)
        return queued

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
        if best := best_of(self.spec):
            self._storage.set_study_user_attr(study_id, TEACHERS, list(best))
        return study_id

    def _template(self, slot: Slot) -> FrozenTrial:
        params = {
            name: value
            for name, value in slot.params.items()
            if name not in fixed_params(self.spec, slot.cell)
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
        for axis in (*self.spec.space.axes, *self.spec.distill_axes):
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

    @explained
    def claim(self, worker: str, *, most: int = 1) -> tuple[Claim, ...] | None:
        """Take the next units; an empty tuple if nothing is ready yet, None if nothing is left.

        Search comes first and the dearest unit first, so that no long training is left to the
        end. With ``most`` above 1, units that can train together with the first are taken too, and
        never more than a fair share of what is ready, so that no worker stands idle at the end.
        """
        age = time.monotonic() - self._looked
        if len(self._ready):
            if age > max(LOOK_SECONDS, LOOK_SHARE * self._look_cost):
                self._look()
        elif age > IDLE_SHARE * self._look_cost:
            self._look()
        with self.in_bulk():
            if self._half:
                self._half[:] = [name for name in self._half if self._is_still(name, worker)]
            else:
                for unit in self._line(most, seed=worker):
                    for name in self._ready.members(unit):
                        self._take(name, worker)
            if self._half:
                # Kept until the claims are complete: should the storage go away in between, the
                # next call goes on with what is ours already.
                claims = self._claims([self._seen[name] for name in self._half])
                self._half.clear()
                return claims
        return () if self._ready.unfinished else None

    def _line(self, most: int, *, seed: str) -> Iterator[str]:
        """Yield the units to try, until as many were taken as may be.

        A unit that was tried is off the list, taken or not. After a refusal others are at work on
        the same part of the line, so the next try is some way on, further each time.
        """
        most = min(most, max(1, len(self._ready) // FAIR_SHARES))
        draws = random.Random(f"{seed} {len(self._ready)}")
        group: Hashable | None = None
        refusals = n_units = 0
        while n_units < most:
            skip = draws.randrange(1 << min(refusals, LONGEST_SKIP))
            found = self._ready.next(group, skip)
            if found is None:
                return
            before = len(self._half)
            yield found[1]
            if len(self._half) > before:
                group, n_units, refusals = found[0], n_units + 1, 0
            else:
                refusals += 1

    def _look(self) -> None:
        """Bring the picture of the queue level with the storage."""
        began = time.monotonic()
        for name, trial in self._all_trials():
            slot = trial.user_attrs["slot"]
            if self._ready.state(slot) == "finished" and slot in self._seen:
                if not self._seen[slot][1].state.is_finished():
                    self._seen[slot] = (name, trial)
                continue
            self._seen[slot] = (name, trial)
            self._slot_of[trial._trial_id] = slot
            self._ready.update(slot, _state(trial), suspect=deaths_of(trial) > 0)
        self._looked = time.monotonic()
        self._look_cost = self._looked - began

    def _take(self, slot: str, worker: str) -> None:
        """Take a trial, and sign it at once: see :mod:`study.queue.orphans`."""
        trial_id = self._seen[slot][1]._trial_id
        try:
            mine = self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        except optuna.exceptions.UpdateFinishedTrialError:
            self._ready.update(slot, "finished")
            return
        self._ready.update(slot, "running")
        if mine:
            self._half.append(slot)
            self._sign(slot, worker)

    def _is_still(self, slot: str, worker: str) -> bool:
        """Tell whether what was taken before the storage went away is ours, and sign it if so.

        Meanwhile somebody may have held us for dead, and somebody else have it.
        """
        trial = self._storage.get_trial(self._seen[slot][1]._trial_id)
        mine = trial.state == TrialState.RUNNING and _signed(trial) in ("", worker)
        if mine and not _signed(trial):
            self._sign(slot, worker)
        elif not mine:
            self._ready.update(slot, _state(trial))
        return mine

    def _sign(self, slot: str, worker: str) -> None:
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            trial_id = self._seen[slot][1]._trial_id
            self._storage.set_trial_user_attr(trial_id, "claim", {"worker": worker})

    def _claims(
        self,
        taken: Sequence[tuple[str, FrozenTrial]],
    ) -> tuple[Claim, ...]:
        claims = []
        for name, trial in taken:
            slot = self._slots[trial.user_attrs["slot"]]
            nuisance: dict[str, Value] = {}
            if slot.phase == "replicate" and n_search(self.spec, slot.cell):
                winner = best_of_search(self._search_of(slot.cell.name))
                nuisance = (
                    {}
                    if winner is None
                    else {
                        axis.name: winner.params[axis.name]
                        for axis in space_of(self.spec, slot.cell).nuisance
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
                    teacher=self._teacher(slot),
                )
            )
        return tuple(claims)

    def _teacher(self, slot: Slot) -> Teacher | None:
        """Return the best of those that may teach a student; None for whom is no student."""
        if not slot.cell.teacher:
            return None
        if not self._teachers:
            self._teachers = teachers(self._slots.values())
        best = best_of_search(self._finished(self._teachers[slot.unit]))
        if best is None:
            return None
        record = best.user_attrs["record"]
        return Teacher(
            slot=self._slots[best.user_attrs["slot"]],
            params=record["params"],
            metrics=record["metrics"],
            sizes=record["sizes"],
        )

    def _search_of(self, cell: str) -> list[FrozenTrial]:
        """Return the search trials of a cell, each with its result."""
        if not self._searches:
            for slot in self._slots.values():
                if slot.phase == "search":
                    self._searches[slot.cell.name].append(slot.name)
        return self._finished(self._searches[cell])

    def _finished(self, names: Iterable[str]) -> list[FrozenTrial]:
        """Return trials that have finished, each with its result."""
        found = []
        for name in names:
            study, trial = self._seen[name]
            if not trial.state.is_finished():  # finished since the last look
                trial = self._storage.get_trial(trial._trial_id)
                self._seen[name] = (study, trial)
            found.append(trial)
        return found

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
            space = space_of(self.spec, slot.cell)
            suggested = space.suggest(optuna.trial.Trial(study, trial._trial_id))
        return {
            axis.name: suggested[axis.name] for axis in space.nuisance if axis.name in suggested
        }

    @explained
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
            self._note(trial_id, "finished")
            return False
        self._note(trial_id, "finished")
        return True

    def _note(self, trial_id: int, state: State, *, suspect: bool | None = None) -> None:
        if trial_id in self._slot_of:
            self._ready.update(self._slot_of[trial_id], state, suspect=suspect)

    @explained
    def give_back(self, claims: Sequence[Claim]) -> None:
        """Put claimed trials back into the queue, as if they had never been taken."""
        for claim in claims:
            self._requeue(claim.trial_id)

    @explained
    def dead(self, is_alive: Callable[[str], bool]) -> list[tuple[str, FrozenTrial]]:
        """Return (Optuna study, trial) of each running trial whose worker is dead."""
        running = [one for one in self._all_trials() if one[1].state == TrialState.RUNNING]
        orphans = self._orphans_of(trial for _, trial in running if not _signed(trial))
        return [
            (name, trial)
            for name, trial in running
            if (not is_alive(worker) if (worker := _signed(trial)) else trial._trial_id in orphans)
        ]

    def _orphans_of(self, unsigned: Iterable[FrozenTrial]) -> set[int]:
        """Return the ids of trials that have been unsigned for too long."""
        if self.is_local:  # written by this machine's clock
            now = datetime.datetime.now()
            return {
                trial._trial_id
                for trial in unsigned
                if trial.datetime_start is not None
                and (now - trial.datetime_start).total_seconds() > ORPHAN_SECONDS
            }
        named = {(trial._trial_id, trial.datetime_start): trial._trial_id for trial in unsigned}
        return {named[one] for one in self._orphans.look(named)}

    def lose_sight(self) -> None:
        """Forget how long trials have been unsigned: the storage was away from us."""
        self._orphans.lose_sight()

    @explained
    def holds(self, record: TrialRecord) -> bool:
        """Tell whether this very result, and not another of its trial, is the one that counts."""
        trial_id = self.id_of(record.slot)
        if trial_id is None:
            return False
        trial = self._storage.get_trial(trial_id)
        told = trial.user_attrs.get("record", {})
        return trial.state.is_finished() and all(
            told.get(name) == getattr(record, name) for name in ("worker", "finished_at", "status")
        )

    @explained
    def id_of(self, slot: str) -> int | None:
        """Return Optuna's internal id of a slot's trial; None if it was never queued."""
        if slot not in self._seen and slot in self._slots:
            self._look()
        return self._seen[slot][1]._trial_id if slot in self._seen else None

    @explained
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
            deaths = deaths_of(trial) + blame
            if blame and deaths >= self.spec.run.max_attempts:
                worker = trial.user_attrs.get("claim", {}).get("worker", "unknown")
                reason = f"its worker died {deaths} times, the last one was {worker}"
                give_up(trial._trial_id, self.failed_record(name, trial, reason))
            else:
                self._requeue(trial._trial_id, deaths)
                again += 1
        return again

    def _requeue(self, trial_id: int, deaths: int | None = None) -> None:
        # The signature goes first: a trial that is running and unsigned is never taken for dead
        # until it has been so for a while, so nobody can put it back a second time.
        with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):
            self._storage.set_trial_user_attr(trial_id, "claim", {"worker": ""})
            if deaths:
                self._storage.set_trial_user_attr(trial_id, "deaths", deaths)
            self._storage.set_trial_state_values(trial_id, TrialState.WAITING)
            self._note(trial_id, "waiting", suspect=bool(deaths) or None)

    def failed_record(self, name: str, trial: FrozenTrial, reason: str) -> TrialRecord:
        """Return the record of a trial that gave no result."""
        from study.trials.records import failed

        slot = self._slots[trial.user_attrs["slot"]]
        task = Task(slot=slot, params=slot.params, optuna_study=name, number=trial.number)
        return failed(self.spec, task, reason)


def deaths_of(trial: FrozenTrial) -> int:
    """How many workers may have died of a trial."""
    return int(trial.user_attrs.get("deaths", 0))


def _signed(trial: FrozenTrial) -> str:
    """Return the worker that signed for a trial; empty if nobody did."""
    return str(trial.user_attrs.get("claim", {}).get("worker", ""))


def _state(trial: FrozenTrial) -> State:
    if trial.state.is_finished():
        return "finished"
    return "waiting" if trial.state == TrialState.WAITING else "running"


def best_of_search(trials: Sequence[FrozenTrial]) -> FrozenTrial | None:
    """Return the search trial with the lowest validation error, then loss, then number.

    Validation sets are small, so that ties in error are common; the loss decides them.
    """
    found = [trial for trial in trials if trial.state == TrialState.COMPLETE]

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
