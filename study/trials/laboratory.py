"""From claimed trials to their results: data, model, training, pruning, measuring.

Pure of storage and tracking: what it needs is in the spec and the claim, what it yields is a
:class:`~study.record.TrialRecord` for each trial.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from importlib.metadata import version
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from analysis.table.trials import SIZES
from study.compression.teachers import Answers, Teacher
from study.data.registry import load_dataset
from study.data.subsets import draw_split
from study.plan.design import Cell, Slot, cells, space_of
from study.record import RecordStatus, TrialRecord, Value, finite, pack_bits
from study.spec.routes import capacity_name
from study.user_code import load_function

if TYPE_CHECKING:
    from torch import nn

    from search_spaces.space import Axis
    from study.data.dataset import Dataset
    from study.models.sizes import Sizes
    from study.packs.packing import TrainJob
    from study.spec.study_file import StudySpec
    from study.training.settings import TrainResult, TrainSettings
    from study.training.tensors import TensorSplit
    from study.trials.energy import EnergyMeter

SIZE_NAMES = tuple(name for name in SIZES if not name.startswith("train_"))
"""Metrics of a user's own trainer that count as sizes; its train_flops and train_seconds are costs
of the training and stay metrics."""


REQUIRED_METRICS = ("val_error", "test_error", "n_parameters")
"""What a user's own trainer must return."""

SPLIT_BYTES = 2 * 2**30
"""Bytes of data subsets that a worker holds ready, at most (one is held whatever it takes)."""

MOST_UNITS = 48
"""Trainings that a worker takes at a time, at most: enough for full packs, and little enough that
a crash costs seconds."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One trial to run."""

    slot: Slot
    params: Mapping[str, Value]
    optuna_study: str
    number: int
    teacher: Teacher | None = None
    """Of whom it learns, for a student."""


class _PackFailed(Exception):
    """A pack raised; carries the tasks that have no record yet."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        super().__init__("a pack failed")
        self.tasks = tuple(tasks)


class Laboratory:
    """Runs units of one study on one device, with its data and models kept ready."""

    def __init__(self, spec: StudySpec, *, worker: str = "", cache: Path | None = None) -> None:
        self.spec = spec
        self.cache = cache
        """Folder for data that is slow to generate; None keeps nothing."""
        self.digest = spec.digest()
        self.worker = worker
        self._splits: dict[tuple[int, int], TensorSplit] = {}
        self._peaks: dict[object, float] = {}

    @cached_property
    def dataset(self) -> Dataset:
        """The study's data set, loaded on first use."""
        return load_dataset(self.spec.data, base=self.spec.base, cache=self.cache)

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every cell of the study."""
        return cells(self.spec)

    @cached_property
    def _answers(self) -> Answers:
        """What the teachers of this study answer."""
        if self.cache is None:
            return Answers(None)
        key = f"{self.digest[:16]}-{self.dataset.digest[:8]}"
        return Answers(self.cache / "teachers" / key)

    @property
    def _memory(self) -> int | None:
        """Bytes that training may take, or None."""
        return round(self.spec.run.memory_gib * 2**30) or None

    @property
    def most_units(self) -> int:
        """How many trainings are worth taking at a time."""
        if self.spec.training.function:
            return 1
        # Each training of a pack may need a subset of its own.
        largest = self._bytes([(self.spec.sizes[-1], 0)])
        return max(1, min(MOST_UNITS, SPLIT_BYTES // max(1, largest)))

    @cached_property
    def meter(self) -> EnergyMeter | None:
        """What tells the energy of a training, if the study asks for it."""
        from study.trials.energy import EnergyMeter

        return EnergyMeter() if self.spec.run.energy else None

    @cached_property
    def own_trainer(self) -> Callable[..., Mapping[str, Any]] | None:
        """The user's own trainer, if the study file names one."""
        reference = self.spec.training.function
        return load_function(reference, "training.function", self.spec.base) if reference else None

    @cached_property
    def own_model(self) -> Callable[..., Any] | None:
        """The user's own model, if the study file names one."""
        reference = self.spec.model.function
        return load_function(reference, "model.function", self.spec.base) if reference else None

    def split(self, n_examples: int, draw: int) -> TensorSplit:
        """Return the tensors of one subset; those used last are kept, within a bound."""
        from study.training.tensors import TensorSplit

        key = (n_examples, draw)
        found = self._splits.pop(key, None)
        if found is None:
            split = draw_split(self.dataset, n_examples, draw, self.spec.study.seed)
            found = TensorSplit.from_split(split, self.spec.run.device)
        self._splits[key] = found  # a dict keeps its order: the last is the latest used
        while len(self._splits) > 1 and self._bytes(self._splits) > SPLIT_BYTES:
            del self._splits[next(iter(self._splits))]
        return found

    def _bytes(self, keys: Iterable[tuple[int, int]]) -> int:
        """Return the bytes of the inputs of some subsets."""
        fixed = len(self.dataset.x_test) + self.dataset.n_validation
        each = self.dataset.x_test.nbytes // max(1, len(self.dataset.x_test))
        return sum((n_examples + fixed) * each for n_examples, _ in keys)

    def run(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, TrialRecord]]:
        """Yield each task with its record; an exception becomes a failed record.

        Tasks of one unit share the dense parent, which is trained once. Units that one program can
        train together are trained together; what a trial returns does not depend on that.
        """
        units: dict[str, list[Task]] = {}
        for task in tasks:
            axes = space_of(self.spec, task.slot.cell).axes
            searched = [axis for axis in axes if axis.role == "nuisance"]
            if any(self._is_missing(axis, task) for axis in searched):
                yield task, self._failed(task, "every search trial of its cell failed", time.time())
            elif task.slot.cell.teacher and task.teacher is None:
                reason = "every network that could have been its teacher failed"
                yield task, self._failed(task, reason, time.time())
            else:
                units.setdefault(task.slot.unit, []).append(task)
        if self.own_trainer is not None:
            for task in [task for unit in units.values() for task in unit]:
                yield task, self._guarded(task, self._run_own)
            return
        try:
            yield from self._run_units(list(units.values()), self.trainer())
        except _PackFailed as failure:
            # One of the pack is at fault; alone each shows its own reason.
            for task in failure.tasks:
                yield task, self._guarded(task, self._run_alone)

    def _run_units(
        self, units: Sequence[Sequence[Task]], train: Callable[..., list[TrainResult]]
    ) -> Iterator[tuple[Task, TrialRecord]]:
        started = time.time()
        train = self._metered(train)
        left = [task for unit in units for task in unit]

        def attempt(action: Callable[[], Any]) -> Any:
            try:
                return action()
            except Exception as error:
                raise _PackFailed(left) from error

        attempt(lambda: self._ask_teachers([unit[0] for unit in units], train))
        parents = attempt(
            lambda: train(
                [self._job(unit[0]) for unit in units],
                device=self.spec.run.device,
                custom_model=self.own_model,
            )
        )
        to_prune: list[tuple[Task, TrainResult]] = []
        for unit, parent in zip(units, parents, strict=True):
            if "distill" in self.spec.study.routes and not unit[0].slot.cell.teacher:
                attempt(partial(self._offer, unit[0], parent))
            for task in unit:
                if task.slot.prune_ratio > 0:
                    to_prune.append((task, parent))
                    continue
                record = attempt(partial(self._record_of, task, parent, started))
                left.remove(task)
                yield task, record
        started = time.time()
        pruned = attempt(lambda: self._prune(to_prune, train))
        for (task, parent), result in zip(to_prune, pruned, strict=True):
            record = attempt(partial(self._record_of, task, result, started, parent))
            left.remove(task)
            yield task, record

    def _metered(self, train: Callable[..., list[TrainResult]]) -> Callable[..., list[TrainResult]]:
        """Return a trainer that says what its results took, if the study asks for that."""
        meter = self.meter
        if meter is None:
            return train

        def measured(*args: Any, **words: Any) -> list[TrainResult]:
            from study.trials.energy import shared

            results, joules = meter.measure(lambda: train(*args, **words))
            return shared(results, joules)

        return measured

    def _run_alone(self, task: Task, started: float) -> TrialRecord:
        ((_, record),) = self._run_units([[task]], _train_each)
        return record

    def _guarded(self, task: Task, run: Callable[[Task, float], TrialRecord]) -> TrialRecord:
        started = time.time()
        try:
            return run(task, started)
        except Exception as error:
            cause = error.__cause__ if isinstance(error, _PackFailed) else error
            return self._failed(task, describe(cause or error), started)

    def _is_missing(self, axis: Axis, task: Task) -> bool:
        return task.slot.phase == "replicate" and axis.name not in task.params and axis.when is None

    def build(self, capacity: Mapping[str, Value], *, dropout: float = 0.0) -> nn.Module:
        """Return an untrained model of one capacity."""
        from study.models.registry import build_model

        return build_model(
            self.spec.model.family,
            width=int(capacity["width"]),
            depth=int(capacity["depth"]),
            dropout=dropout,
            input_shape=self.dataset.input_shape,
            n_outputs=self.dataset.n_outputs,
            custom=self.own_model,
            seed=0,
        )

    # -- our own trainers -------------------------------------------------------------------

    def settings(self, task: Task | Teacher) -> TrainSettings:
        """Return what the trainer is told for one trial."""
        from study.training.settings import TrainSettings

        training = self.spec.training
        steps = training.steps(task.slot.cell.n_examples)
        params = {"patience": training.patience, **task.params}
        del params["prune_ratio"]
        return TrainSettings(
            family=self.spec.model.family,
            optimizer=training.optimizer,
            batch_size=training.batch_size,
            steps=steps,
            warmup_fraction=training.warmup_fraction,
            schedule=training.schedule,
            evaluate_every=max(1, steps // training.evaluations),
            select=training.select,
            seed=task.slot.seed,
            **params,  # type: ignore[arg-type]
        )

    def retrain(self, task: Task) -> TrainResult:
        """Train one dense trial again, by the trainer that the study was run with."""
        (result,) = self.trainer()(
            [self._job(task)], device=self.spec.run.device, custom_model=self.own_model
        )
        return result

    def trainer(self) -> Callable[..., list[TrainResult]]:
        """Return what trains jobs as the study file says: ``run.trainer`` and its memory."""
        trainer = self.spec.run.trainer
        if trainer == "reference":
            return _train_each
        return partial(
            _train_together, memory_budget=self._memory, compiled=trainer != "torch-packs"
        )

    def _job(self, task: Task | Teacher) -> TrainJob:
        from study.packs.packing import TrainJob

        taught = task.teacher if isinstance(task, Task) else None
        return TrainJob(
            settings=self.settings(task),
            data=self.split(task.slot.cell.n_examples, task.slot.draw),
            keep_initial=isinstance(task, Task) and "rewind-weights" in self.spec.pruning.methods,
            teacher=None if taught is None else self._answers.of(taught.slot),
        )

    def _offer(self, task: Task, result: TrainResult) -> None:
        """Keep a trained network's answers, if it may become a teacher."""
        cell = task.slot.cell
        named = capacity_name(cell.capacity) in self.spec.distillation.teachers
        data = self.split(cell.n_examples, task.slot.draw)
        self._answers.offer(task.slot, result, data, keep=named)

    def _ask_teachers(self, tasks: Sequence[Task], train: Callable[..., list[TrainResult]]) -> None:
        """Have the answers of all teachers at hand; train again those that answered elsewhere."""
        wanted = {task.teacher.slot.name: task.teacher for task in tasks if task.teacher}
        absent = [
            teacher
            for teacher in wanted.values()
            if not self._answers.has(
                teacher.slot,
                self.split(teacher.slot.cell.n_examples, teacher.slot.draw),
            )
        ]
        if absent:
            jobs = [self._job(teacher) for teacher in absent]
            results = train(jobs, device=self.spec.run.device, custom_model=self.own_model)
            for teacher, job, result in zip(absent, jobs, results, strict=True):
                self._answers.offer(teacher.slot, result, job.data, keep=True)

    def _record_of(
        self,
        task: Task,
        result: TrainResult,
        started: float,
        parent: TrainResult | None = None,
    ) -> TrialRecord:
        sizes: dict[str, float] = {}
        if result.model is not None:
            from study.models.sizes import measure

            shapes = tuple(tuple(parameter.shape) for parameter in result.model.parameters())
            counted = measure(
                result.model,
                self.dataset.input_shape,
                architecture=(
                    self.spec.model.family,
                    tuple(task.slot.cell.capacity.items()),
                    self.dataset.n_outputs,
                    shapes,
                ),
            )
            sizes = sizes_of(counted)
            sizes["peak_memory_bytes"] = self._peak_bytes(task)
            sizes |= finite({"energy_joules": route_energy(task, result, parent)})
            if task.slot.method.startswith("structured"):
                from study.compression.structured import groups

                found = enumerate(groups(result.model), start=1)
                sizes |= {f"units_{place}": float(group.n_units) for place, group in found}
        if task.teacher is not None and "n_parameters" in task.teacher.sizes:
            sizes["teacher_size"] = task.teacher.sizes["n_parameters"]
        scores = result.scores
        metrics = finite(
            {
                "train_error": scores.train_error,
                "train_loss": scores.train_loss,
                "val_error": scores.val_error,
                "val_loss": scores.val_loss,
                "test_error": scores.test_error,
                "test_loss": scores.test_loss,
                "train_flops": result.train_flops,
                "steps": result.steps_done,
                "best_step": result.best_step,
                "train_seconds": result.wall_seconds,
                **price(task, result, parent),
            }
        )
        curve = {
            name: tuple(
                (point.step, float(getattr(point, name)))
                for point in result.curve
                if math.isfinite(getattr(point, name))
            )
            for name in ("train_loss", "val_loss", "val_error")
        }
        started = max(started, time.time() - result.wall_seconds)  # its share of its pack's time
        return self._record(
            task,
            started,
            status=result.status,
            reason=result.reason,
            metrics=metrics,
            sizes=sizes,
            flags={
                "stopped_early": result.stopped_early,
                "still_improving": result.still_improving,
                "layer_emptied": bool(result.emptied_layers),
                **student_flags(task, sizes),
            },
            curve=curve,
            test_correct=pack_bits(scores.test_correct) if result.model is not None else "",
            n_test=len(self.dataset.y_test),
        )

    def _peak_bytes(self, task: Task | Teacher) -> float:
        """Return the peak memory of the trainings that led to a network: the largest of them."""
        from study.trials.memory import training_peak_bytes

        settings = self.settings(task)
        capacity = task.slot.cell.capacity
        batch = min(settings.batch_size, task.slot.cell.n_examples)
        drops = settings.dropout > 0
        key = (tuple(capacity.items()), batch, drops)
        if key not in self._peaks:
            shape = self.dataset.input_shape
            model = self.build(capacity, dropout=settings.dropout)
            self._peaks[key] = float(
                training_peak_bytes(model, shape, batch, settings, self.dataset.task)
            )
        own = self._peaks[key]
        teacher = task.teacher if isinstance(task, Task) else None
        return own if teacher is None else max(own, self._peak_bytes(teacher))

    def _prune(
        self,
        pairs: Sequence[tuple[Task, TrainResult]],
        train: Callable[..., list[TrainResult]],
    ) -> list[TrainResult]:
        """Prune each parent to its task's ratio and fine-tune; all of them together."""
        from study.compression.packs import PruneJob, prune_pack

        pruning = self.spec.pruning
        jobs = []
        for task, parent in pairs:
            settings = self.settings(task)
            jobs.append(
                PruneJob(
                    parent=parent,
                    settings=settings,
                    data=self.split(task.slot.cell.n_examples, task.slot.draw),
                    ratio=task.slot.prune_ratio,
                    method=cast(Any, task.slot.method.rpartition("-")[0]),
                    scope=cast(Any, task.slot.method.rpartition("-")[2]),
                    level_ratio=pruning.level_ratio,
                    fine_tune_steps=round(settings.steps * pruning.fine_tune_fraction),
                    learning_rate_factor=pruning.learning_rate_factor,
                )
            )
        return prune_pack(jobs, train=train, custom_model=self.own_model)

    # -- a user's own trainer ---------------------------------------------------------------

    def _run_own(self, task: Task, started: float) -> TrialRecord:
        assert self.own_trainer is not None
        config = {**task.params, "draw": task.slot.draw}
        own_trainer, n_examples, joules = self.own_trainer, task.slot.cell.n_examples, math.nan
        began = time.monotonic()
        if self.meter is None:
            answer = own_trainer(config, n_examples, task.slot.seed)
        else:
            answer, joules = self.meter.measure(
                lambda: own_trainer(config, n_examples, task.slot.seed)
            )
        seconds = time.monotonic() - began
        if not isinstance(answer, Mapping):
            raise TypeError(
                f"the trainer must return a dict of metrics, not {type(answer).__name__}"
            )
        missing = [
            name for name in ("val_error", "test_error", "n_parameters") if name not in answer
        ]
        if missing:
            raise KeyError(f"the trainer's answer lacks {', '.join(missing)}")
        correct = answer.get("test_correct")
        bits = None if correct is None else np.asarray(correct, dtype=bool)
        numbers = {
            name: number
            for name, value in answer.items()
            if (number := as_number(value)) is not None
        }
        numbers.setdefault("train_seconds", seconds)
        numbers.setdefault("energy_joules", joules)
        no_numbers = [name for name in REQUIRED_METRICS if name not in numbers]
        if no_numbers:
            raise TypeError(f"the trainer's {', '.join(no_numbers)} must be numbers")
        diverged = not (
            math.isfinite(numbers["val_error"]) and math.isfinite(numbers["test_error"])
        )
        return self._record(
            task,
            started,
            status="diverged" if diverged else "complete",
            reason="the trainer returned an error that is not finite" if diverged else "",
            metrics=finite({k: v for k, v in numbers.items() if k not in SIZE_NAMES}),
            sizes=finite({k: v for k, v in numbers.items() if k in SIZE_NAMES}),
            flags={k: bool(v) for k, v in answer.items() if isinstance(v, (bool, np.bool_))},
            curve={},
            test_correct=pack_bits(bits),
            n_test=0 if bits is None else len(bits),
        )

    # -- records ----------------------------------------------------------------------------

    def _failed(self, task: Task, reason: str, started: float) -> TrialRecord:
        return failed(
            self.spec,
            task.slot,
            task.params,
            reason,
            optuna_study=task.optuna_study,
            number=task.number,
            worker=self.worker,
            started=started,
        )

    def _record(
        self,
        task: Task,
        started: float,
        *,
        status: RecordStatus,
        reason: str,
        metrics: Mapping[str, float],
        sizes: Mapping[str, float],
        flags: Mapping[str, bool],
        curve: Mapping[str, tuple[tuple[int, float], ...]],
        test_correct: str,
        n_test: int,
    ) -> TrialRecord:
        slot = task.slot
        return TrialRecord(
            study=self.spec.name,
            study_digest=self.digest,
            optuna_study=task.optuna_study,
            trial=task.number,
            slot=slot.name,
            cell=slot.cell.name,
            phase=slot.phase,
            status=status,
            reason=reason,
            route=route_of(self.spec, slot),
            n_examples=slot.cell.n_examples,
            draw=slot.draw,
            seed=slot.seed,
            params=dict(task.params),
            metrics=metrics,
            sizes=sizes,
            flags=flags,
            curve=curve,
            test_correct=test_correct,
            n_test=n_test,
            data_digest="" if self.own_trainer is not None else self.dataset.digest,
            code_version=code_version(self.spec),
            worker=self.worker,
            started_at=started,
            finished_at=time.time(),
            method=slot.method,
            parent=slot.unit if slot.method else "",
            teacher="" if task.teacher is None else task.teacher.slot.name,
        )


def _train_together(jobs: Sequence[TrainJob], **how: Any) -> list[TrainResult]:
    from study.packs.fused import train_pack

    return train_pack(jobs, **how)


def _train_each(
    jobs: Sequence[TrainJob], *, custom_model: Any = None, **_: Any
) -> list[TrainResult]:
    """Train one after the other by the reference trainer."""
    from study.packs.trainer import train_alone

    return [train_alone(job, custom_model) for job in jobs]


def failed(
    spec: StudySpec,
    slot: Slot,
    params: Mapping[str, Value],
    reason: str,
    *,
    optuna_study: str,
    number: int,
    worker: str = "",
    started: float | None = None,
) -> TrialRecord:
    """Return the record of a trial that raised, or whose workers died."""
    now = time.time()
    return TrialRecord(
        study=spec.name,
        study_digest=spec.digest(),
        optuna_study=optuna_study,
        trial=number,
        slot=slot.name,
        cell=slot.cell.name,
        phase=slot.phase,
        status="failed",
        reason=reason,
        route=route_of(spec, slot),
        n_examples=slot.cell.n_examples,
        draw=slot.draw,
        seed=slot.seed,
        params=dict(params),
        metrics={},
        sizes={},
        flags={},
        code_version=code_version(spec),
        worker=worker,
        started_at=now if started is None else started,
        finished_at=now,
        method=slot.method,
        parent=slot.unit if slot.method else "",
    )


def price(task: Task, result: TrainResult, parent: TrainResult | None) -> dict[str, float]:
    """Return what it took to get this network, its parent's or its teacher's training included."""
    flops, seconds = result.train_flops, result.wall_seconds
    if parent is not None:
        flops, seconds = flops + parent.train_flops, seconds + parent.wall_seconds
    if task.teacher is not None:
        flops += task.teacher.metrics.get("train_flops", math.nan)
        seconds += task.teacher.metrics.get("train_seconds", math.nan)
    return {"route_flops": flops, "route_seconds": seconds}


def route_energy(task: Task, result: TrainResult, parent: TrainResult | None) -> float:
    """Return the joules it took to get this network, by its whole route; NaN if unknown."""
    joules = result.energy_joules
    if parent is not None:
        joules += parent.energy_joules
    if task.teacher is not None:
        joules += task.teacher.sizes.get("energy_joules", math.nan)
    return joules


def student_flags(task: Task, sizes: Mapping[str, float]) -> dict[str, bool]:
    """Say whether a student's teacher has fewer parameters than itself."""
    if task.teacher is None:
        return {}
    teacher = task.teacher.sizes.get("n_parameters", math.inf)
    return {"teacher_smaller": teacher < sizes.get("n_parameters", 0.0)}


def route_of(spec: StudySpec, slot: Slot) -> str:
    """Name how the model is made."""
    if spec.training.function:
        return "custom"
    if slot.cell.teacher:
        return "distilled"
    return "pruned" if slot.prune_ratio > 0 else "trained"


def sizes_of(sizes: Sizes) -> dict[str, float]:
    """Return the sizes that a record keeps."""
    return {
        "n_parameters": float(sizes.n_parameters),
        "n_nonzero": float(sizes.n_nonzero),
        "n_weights": float(sizes.n_weights),
        "macs_per_example": float(sizes.macs_per_example),
        "flops_per_example": float(sizes.flops_per_example),
        "model_bytes": float(sizes.model_bytes),
        "sparse_bytes": float(sizes.sparse_bytes),
    }


@lru_cache(maxsize=8)
def _file_digest(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def code_version(spec: StudySpec) -> str:
    """Name this package's version and the content of the user's own code files."""
    parts = [f"payoff {_own_version()}"]
    for reference in (spec.model.function, spec.training.function, spec.data.function):
        file = spec.base / reference.rpartition(":")[0]
        if reference and file.is_file():
            parts.append(f"{file.name} {_file_digest(file)}")
    return ", ".join(parts)


@lru_cache(maxsize=1)
def _own_version() -> str:
    return version("payoff")  # reads a file


def as_number(value: object) -> float | None:
    """Return a number of any library (NumPy and torch scalars too); None for anything else.

    Examples
    --------
    >>> as_number(np.float32(0.5)), as_number(np.array(3)), as_number(True), as_number("x")
    (0.5, 3.0, None, None)
    """
    if isinstance(value, (bool, np.bool_, str)):
        return None
    item = getattr(value, "item", None)
    try:
        plain = item() if callable(item) else value
    except (ValueError, RuntimeError):  # an array of several numbers
        return None
    return float(plain) if isinstance(plain, Real) and not isinstance(plain, bool) else None


def describe(error: BaseException) -> str:
    """Say in one line what was raised and where."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0] if text else ''}{where}"
