"""The study file: TOML in, a checked and frozen :class:`StudySpec` out, all mistakes at once."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from analysis.table.names import Cost
from search_spaces.errors import PayoffError
from search_spaces.space import Axis, SearchSpace
from study.data.source import DataSource
from study.data.source import check as check_source
from study.errors import StudyFileError
from study.spec.reading import Mistakes, read_section
from study.spec.routes import Method, Scope, check_routes, later_defaults, read_distill_axes
from study.spec.space import read_space, space_as_text

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A study's name is also a folder's name and part of an Optuna study's name."""

SEMANTIC = ("study", "data", "model", "space", "training", "pruning", "search", "replicates")
"""Sections that decide what a trial returns: they make the digest. The rest may change freely."""

LATER: dict[str, tuple[str, ...]] = {
    "pruning": ("level_ratio",),
    "distillation": ("regression",),
    "space": ("distill_temperature", "distill_mixing", "l2", "patience"),
}
"""Keys that are part of the digest only when they are not at their default: studies from before
there were such keys stay what they are."""

EXTENT: dict[str, tuple[str, ...]] = {
    "study": ("description", "routes"),
    "replicates": ("draws",),
    "pruning": ("methods", "scopes"),
    "distillation": ("teachers",),
}
"""Keys that only say which trials there are (or nothing): no part of the digest."""

Route = Literal["train", "prune", "distill"]
"""How networks of a size are made."""

WHEREABOUTS = ("root", "download")
"""Keys of [data] that say where the examples lie, not what they are: no part of the digest. That
the examples are the same is seen from the examples: `study.preflight.check.fingerprints`."""

# Limits far beyond any use: they catch a slip of the pen before it fills a disk or a memory.
MOST = 10**8
"""Of steps, epochs, examples a step, resamples."""
MOST_REPEATS = 10**5
"""Of trials a cell, draws, attempts."""
MOST_GIB = 1_000_000

MOST_PROCESSES = 1024
"""Of workers on one machine, and of threads of one worker."""
MOST_EXAMPLES = 10**12
"""Of a dataset size."""


@dataclass(frozen=True, kw_only=True)
class StudySection:
    """What the study is called and what it asks."""

    name: str = "digits-mlp"
    """Name of the study: letters, digits, dots, dashes. It names folders and Optuna studies."""
    seed: int = 0
    """Every random number of the study follows from it."""
    description: str = ""
    """One line for people: what the study asks. Shown in the MLflow UI."""
    routes: tuple[Route, ...] = ("train", "prune")
    """How networks of each size are made: train (small from the start), prune (from trained ones,
    to each prune_ratio of [space]), distill (trained to answer like a trained one)."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        if not NAME.fullmatch(self.name):
            mistakes.add("study.name", "letters, digits, '.', '_' and '-' only", self.name)
        mistakes.between("study.seed", self.seed, 0, 2**63 - 1)
        mistakes.distinct("study.routes", self.routes)
        if "train" not in self.routes:
            mistakes.add(
                "study.routes",
                "must have train: pruning and distilling start from trained networks",
                list(self.routes),
                'add "train"',
            )


@dataclass(frozen=True, kw_only=True)
class ModelSection:
    """Which models are compared."""

    family: Literal["mlp", "cnn", "resnet", "vit", "custom"] = "mlp"
    """mlp, cnn, resnet, vit, or custom (then function names your own)."""
    function: str = ""
    """Your own model, "file.py:name" or "module:name": called as
    name(width, depth, dropout, input_shape, n_outputs), returns a torch.nn.Module."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        if self.family == "custom" and not self.function:
            mistakes.add(
                "model.function",
                'must name a function when family = "custom"',
                self.function,
                'set it to "file.py:name"',
            )
        if self.family != "custom" and self.function:
            mistakes.add(
                "model.function",
                f"unused by family = {self.family!r}",
                self.function,
                'set family = "custom" or remove it',
            )


@dataclass(frozen=True, kw_only=True)
class TrainingSection:
    """How each model is trained. Hyperparameters that are searched stand in [space]."""

    function: str = ""
    """Your own trainer instead of ours, "file.py:name": called as
    name(config, n_examples, seed), returns a dict with val_error, test_error and n_parameters at
    least."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    """adamw or sgd (with momentum from [space], 0.9 unless set there)."""
    batch_size: int = 64
    """Examples a step; smaller subsets train in full batches."""
    epochs: int = 30
    """Passes over the training subset ..."""
    min_steps: int = 400
    """... but at least so many optimiser steps, so that small subsets are not undertrained."""
    warmup_fraction: float = 0.05
    """Share of the steps in which the learning rate rises linearly."""
    schedule: Literal["constant", "cosine"] = "cosine"
    """Learning rate after the warm-up: cosine (falls to zero) or constant."""
    evaluations: int = 15
    """How often, spread evenly over the steps, the validation set is scored."""
    patience: int = 0
    """Stop after so many evaluations without a better validation loss; 0 never stops early."""
    select: Literal["best", "last"] = "best"
    """Weights that are scored: best (lowest validation loss) or last."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        for name in ("batch_size", "epochs", "evaluations"):
            mistakes.between(f"training.{name}", getattr(self, name), 1, MOST)
        for name in ("min_steps", "patience"):
            mistakes.between(f"training.{name}", getattr(self, name), 0, MOST)
        if not 0 <= self.warmup_fraction < 1:
            mistakes.add("training.warmup_fraction", "must be in [0, 1)", self.warmup_fraction)

    def steps(self, n_examples: int) -> int:
        """Optimiser steps of one training on ``n_examples``."""
        per_epoch = max(1, -(-n_examples // self.batch_size))
        return max(self.epochs * per_epoch, self.min_steps)


@dataclass(frozen=True, kw_only=True)
class PruningSection:
    """How a trained network is pruned to each prune_ratio of [space]."""

    fine_tune_fraction: float = 0.3
    """Steps of fine-tuning after pruning, as a share of the training steps; 0 prunes only."""
    learning_rate_factor: float = 1.0
    """Peak learning rate of the fine-tuning, as a factor of the parent's."""
    methods: tuple[Method, ...] = ("one-shot",)
    """How, each method a trial of its own: one-shot (one cut, then fine-tuning), untuned (one cut
    and nothing after), iterative (level after level, fine-tuning after each), rewind-weights
    (likewise, but each level trains again from the first weights: the lottery ticket protocol),
    rewind-rate (likewise from the trained weights, with the learning rates of training),
    structured (whole units or channels of least L1 norm; the network becomes really smaller)."""
    scopes: tuple[Scope, ...] = ("global",)
    """Where the least weights are looked for: global (all layers together) or layerwise (the same
    share of each layer)."""
    level_ratio: float = 0.2
    """Share of the remaining weights that each level of the iterative methods removes."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        mistakes.distinct("pruning.methods", self.methods)
        mistakes.distinct("pruning.scopes", self.scopes)
        if not 0 < self.level_ratio < 1:
            mistakes.add("pruning.level_ratio", "must be in (0, 1)", self.level_ratio)
        if not 0 <= self.fine_tune_fraction <= 10:
            mistakes.add(
                "pruning.fine_tune_fraction", "must be in [0, 10]", self.fine_tune_fraction
            )
        if not 0 < self.learning_rate_factor <= 10:
            mistakes.add(
                "pruning.learning_rate_factor", "must be in (0, 10]", self.learning_rate_factor
            )


@dataclass(frozen=True, kw_only=True)
class DistillationSection:
    """How students are taught, when distill is among the routes. Temperature and mixing stand in
    [space], as distill_temperature and distill_mixing."""

    teachers: tuple[str, ...] = ("best",)
    """From whom, each teacher a curve of its own: best (the trained network of the same examples
    with the lowest validation error), or a capacity of the grid such as "width64-depth2"."""
    regression: Literal["", "outputs"] = ""
    """How a regression is distilled: outputs (squared distance to the teacher's outputs, mixed
    with that to the targets). Must be said."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        mistakes.distinct("distillation.teachers", self.teachers)


@dataclass(frozen=True, kw_only=True)
class SearchSection:
    """How the nuisance hyperparameters of each cell are tuned, on validation error only."""

    trials: int = 5
    """Search trials a cell. 0 is allowed when no hyperparameter is left to tune."""
    sampler: Literal["halton", "random", "tpe"] = "halton"
    """halton: quasi-random points fixed by the study's seed, the same for any number of workers;
    random: likewise but independent; tpe: Optuna's TPE, which learns from the trials before it."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        mistakes.between("search.trials", self.trials, 0, MOST_REPEATS)


@dataclass(frozen=True, kw_only=True)
class ReplicatesSection:
    """How often the winner of each cell is retrained; only replicates draw the curve."""

    draws: int = 5
    """Independent subset draws (each with a validation set of its own)."""
    seeds_per_draw: int = 1
    """Trainings on each draw, with fresh seeds."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        mistakes.between("replicates.draws", self.draws, 1, MOST_REPEATS)
        mistakes.between("replicates.seeds_per_draw", self.seeds_per_draw, 1, MOST_REPEATS)

    @property
    def total(self) -> int:
        """Replicates of one cell."""
        return self.draws * self.seeds_per_draw


@dataclass(frozen=True, kw_only=True)
class RunSection:
    """How the machine is used. May change between two runs of one study."""

    workers: int = 0
    """Worker processes; 0 means one for each core."""
    threads: int = 1
    """Arithmetic threads of each worker; workers x threads should not exceed the cores."""
    device: str = "cpu"
    """cpu, cuda, cuda:1, mps ..."""
    trainer: Literal["packs", "torch-packs", "reference"] = "packs"
    """packs: many models as one program, many times faster, by kernels that this machine's C
    compiler makes once, in some seconds; torch-packs: by torch's own operations, as without a
    compiler; reference: one by one, by the plain loop. A trial is the same to rounding."""
    memory_gib: float = 0.0
    """GiB that training may take in each worker besides the data; 0 sets no bound."""
    latency: bool = False
    """Whether to time every architecture when all trials are done: median and 95th percentile at
    batch 1 and 128, on one core that should have nothing else to do. Later: payoff measure."""
    energy: bool = False
    """Whether to estimate the energy of every training (CodeCarbon: pip install 'payoff[energy]'),
    the parent's or the teacher's included; then energy_joules can be the size axis."""
    max_attempts: int = 3
    """How often a trial whose worker died is run before it counts as failed."""
    patience: float = 600.0
    """Seconds that workers wait for a database that is away, or for room on a full disk."""
    lease: float = 60.0
    """Seconds without a sign after which a worker on another machine counts as dead."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        mistakes.between("run.workers", self.workers, 0, MOST_PROCESSES)
        mistakes.between("run.threads", self.threads, 1, MOST_PROCESSES)
        mistakes.between("run.memory_gib", self.memory_gib, 0, MOST_GIB)
        mistakes.between("run.max_attempts", self.max_attempts, 1, MOST_REPEATS)
        mistakes.between("run.patience", self.patience, 0, MOST)
        mistakes.between("run.lease", self.lease, 2, MOST)
        if not re.fullmatch(r"[a-z]+(:\d+)?", self.device):
            mistakes.add("run.device", "must be a torch device", self.device, 'such as "cuda:0"')


@dataclass(frozen=True, kw_only=True)
class StorageSection:
    """Where trials are stored and logged. May change only for a fresh study."""

    optuna: str = ""
    """Address of Optuna's storage, such as postgresql://user@host/db; empty: mlruns/optuna.journal.
    Leave passwords to the environment (PGPASSWORD) or a .pgpass file."""
    mlflow: str = ""
    """MLflow tracking address, such as http://host:5000; empty: mlruns/mlflow.db."""

    def check(self, mistakes: Mistakes) -> None:
        """Nothing that can be known before connecting."""


@dataclass(frozen=True, kw_only=True)
class AnalysisSection:
    """How the trials are read. May change freely: it is applied to the trials afterwards."""

    size: Cost = "n_parameters"
    """What the size axis counts: n_parameters, n_nonzero, flops_per_example, model_bytes or any
    other cost that was measured."""
    route_size: Literal["", Cost] = ""
    """What the comparison of the routes counts, likewise; empty: size, or n_nonzero where pruned
    networks keep their zeros and size does not see them."""
    rule: Literal["marginal", "plateau", "overfit", "economic"] = "marginal"
    """The rule whose payoff point comes first: marginal, plateau, overfit or economic.
    The others are reported beside it."""
    marginal: float = 0.10
    """marginal: size pays while doubling it lowers the error by at least this fraction."""
    plateau: float = 0.10
    """plateau: the smallest size whose error is at most this fraction above the best in range."""
    upturn: float = 0.05
    """overfit: the error turns up when it rises from a minimum by at least this fraction."""
    price: float = 0.0
    """economic: error that one more unit of size must save to be worth it; 0 leaves it out."""
    level: float = 0.9
    """Coverage that every interval aims at."""
    resamples: int = 2000
    """Curves drawn from all that the data leave possible."""

    def check(self, mistakes: Mistakes) -> None:
        """Report every rule that is broken."""
        for name in ("marginal", "plateau", "upturn"):
            if not 0 < getattr(self, name) < 1:
                mistakes.add(f"analysis.{name}", "must be in (0, 1)", getattr(self, name))
        if not 0.5 <= self.level < 1:
            mistakes.add("analysis.level", "must be in [0.5, 1)", self.level)
        mistakes.between("analysis.resamples", self.resamples, 100, MOST)
        mistakes.between("analysis.price", self.price, 0, sys.float_info.max)
        if self.rule == "economic" and self.price == 0:
            mistakes.add("analysis.price", "the economic rule needs one", self.price)


@dataclass(frozen=True, kw_only=True)
class StudySpec:
    """One study, whole: checked, frozen, with a digest that names what it computes."""

    study: StudySection = field(default_factory=StudySection)
    data: DataSource = field(default_factory=DataSource)
    sizes: tuple[int, ...] = (80, 160, 320, 640, 1280)
    """Dataset sizes, rising; ``sizes`` in the [data] section of the file."""
    model: ModelSection = field(default_factory=ModelSection)
    space: SearchSpace
    training: TrainingSection = field(default_factory=TrainingSection)
    pruning: PruningSection = field(default_factory=PruningSection)
    distillation: DistillationSection = field(default_factory=DistillationSection)
    distill_axes: tuple[Axis, ...] = ()
    """Axes that only students have; they stand in the [space] section of the file."""
    search: SearchSection = field(default_factory=SearchSection)
    replicates: ReplicatesSection = field(default_factory=ReplicatesSection)
    run: RunSection = field(default_factory=RunSection)
    storage: StorageSection = field(default_factory=StorageSection)
    analysis: AnalysisSection = field(default_factory=AnalysisSection)
    base: Path = field(default_factory=Path.cwd)
    """Folder that relative paths in the file start from."""

    @property
    def name(self) -> str:
        """The study's name."""
        return self.study.name

    def semantics(self) -> dict[str, dict[str, Any]]:
        """Everything that decides what a trial returns, as plain JSON values.

        What only says which trials there are is left out: a study may grow (or shrink) by dataset
        sizes, values of scientific axes and draws, and its trials stay what they are.
        """
        sections: dict[str, dict[str, Any]] = {}
        for name in (*SEMANTIC, "distillation"):
            if name == "space":
                sections[name] = space_as_text(self.space, self.distill_axes)
            else:
                sections[name] = json.loads(json.dumps(dataclasses.asdict(getattr(self, name))))
        defaults = {"space": later_defaults()}
        for name, keys in LATER.items():
            default = defaults.get(name) or dataclasses.asdict(getattr(self, name).__class__())
            for key in keys:
                if sections[name].get(key) == default.get(key):
                    sections[name].pop(key, None)
        data = sections["data"]
        for name in WHEREABOUTS:
            del data[name]
        for name in ("test", "validation"):
            data[name] = data[name] or 0  # 0 and 0.0 both leave the size to the data
        for axis in self.space.scientific:
            sections["space"][axis.name] = "scientific"
        for name, keys in EXTENT.items():
            for key in keys:
                del sections[name][key]
        return {name: section for name, section in sections.items() if section or name in SEMANTIC}

    def digest(self) -> str:
        """Hex SHA-256 of :meth:`semantics`: equal digests compute equal trials."""
        text = json.dumps(self.semantics(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Name every key whose value differs: ``"training.epochs: 30 -> 40"``."""
    lines = []
    for section in sorted({*old, *new}):
        before, after = old.get(section, {}), new.get(section, {})
        for key in sorted({*before, *after}):
            was, now = (json.dumps(values.get(key), sort_keys=True) for values in (before, after))
            if was != now:  # as text, like the digest: 0 and 0.0 are two axes of an own trainer
                lines.append(f"{section}.{key}: {was} -> {now}")
    return lines


def load_spec(path: str | Path | None, *, base: Path | None = None) -> StudySpec:
    """Read and check a study file whole; ``None`` gives the embedded default study.

    Relative paths in it start from ``base``; without one, from the file's own folder.

    Raises
    ------
    StudyFileError
        With every mistake of the file.
    PayoffError
        If the file cannot be read or is not TOML.
    """
    if path is None:
        return parse_spec({}, base=base or Path.cwd())
    file = Path(path).expanduser()
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise PayoffError(
            f"{file}: there is no such study file; write one with: payoff init {file}"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise PayoffError(f"{file}: cannot be read ({error}); give a TOML text file") from None
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also a number of 5,000 digits
        raise PayoffError(f"{file}: not valid TOML: {error}") from None
    return parse_spec(raw, base=base or file.resolve().parent)


def parse_spec(raw: Mapping[str, Any], *, base: Path) -> StudySpec:
    """Build a spec from the parsed TOML; raise :class:`StudyFileError` with all mistakes."""
    mistakes = Mistakes()
    sections: dict[str, Any] = {
        "study": StudySection,
        "data": DataSource,
        "model": ModelSection,
        "training": TrainingSection,
        "pruning": PruningSection,
        "distillation": DistillationSection,
        "search": SearchSection,
        "replicates": ReplicatesSection,
        "run": RunSection,
        "storage": StorageSection,
        "analysis": AnalysisSection,
    }
    mistakes.unknown("", raw, {*sections, "space"})
    raw = {name: value for name, value in raw.items() if name in sections or name == "space"}
    for name in [name for name, value in raw.items() if not isinstance(value, Mapping)]:
        mistakes.add(name, "must be a section", raw[name], f"write [{name}] and its keys below it")
        del raw[name]
    data = dict(raw.get("data", {}))
    sizes = _read_sizes(data.pop("sizes", None), mistakes)
    values: dict[str, Any] = {}
    for name, section in sections.items():
        given = data if name == "data" else raw.get(name, {})
        also = {"sizes"} if name == "data" else set()
        values[name] = read_section(section, name, given, mistakes, also=also)
    mistakes.lines.extend(check_source(values["data"], base))
    for name, section in values.items():
        if name != "data":
            section.check(mistakes)
    model, training, search = values["model"], values["training"], values["search"]
    routes = values["study"].routes
    given = raw.get("space", {})
    space = read_space(given, model.family, bool(training.function), mistakes)
    students = read_distill_axes(given, "distill" in routes, mistakes)
    if space is not None:
        space = check_routes(space, values, given, mistakes)
    searched = [*(space.nuisance if space else ()), *(a for a in students if a.role == "nuisance")]
    if searched and search.trials == 0:
        names = ", ".join(axis.name for axis in searched)
        mistakes.add(
            "search.trials",
            f"must be at least 1 while {names} are ranges",
            0,
            "give each a single value in [space], or search",
        )
    if mistakes.lines:
        raise StudyFileError(mistakes.lines)
    assert space is not None
    return StudySpec(sizes=sizes, space=space, distill_axes=students, base=base, **values)


def _read_sizes(value: object, mistakes: Mistakes) -> tuple[int, ...]:
    default = (80, 160, 320, 640, 1280)
    if value is None:
        return default
    if not isinstance(value, list) or not value:
        mistakes.add("data.sizes", "must be a list of dataset sizes", value, "such as [100, 1000]")
        return default
    wrong = [
        item
        for item in value
        if not isinstance(item, int) or isinstance(item, bool) or not 2 <= item <= MOST_EXAMPLES
    ]
    if wrong:
        rule = f"each must be a whole number from 2 to {MOST_EXAMPLES:,}"
        mistakes.add("data.sizes", rule, wrong[0])
        return default
    if sorted(set(value)) != value:
        mistakes.add("data.sizes", "must rise, each once", value, f"write {sorted(set(value))}")
    return tuple(value)
