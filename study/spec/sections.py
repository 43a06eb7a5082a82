"""The sections of a study file, a dataclass each: every key with its default and its meaning.

What a section's ``check`` adds to the mistakes is every rule that its values break.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from analysis.settings import AnalysisSettings
from study.data.source import DataSource
from study.models.registry import CUSTOM, FAMILIES
from study.redaction import keep_secret
from study.spec.reading import Mistakes, field_docs
from study.spec.routes import Method, Scope

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
"""A study's name is also a folder's name and part of an Optuna study's name."""

if TYPE_CHECKING:
    FamilyName = str
else:
    FamilyName = Literal[(*FAMILIES, CUSTOM)]  # read and documented like every other choice

Route = Literal["train", "prune", "distill"]
"""How networks of a size are made."""

BudgetKind = Literal["trials", "flops", "seconds"]

# Limits far beyond any use: they catch a slip of the pen before it fills a disk or a memory.
MOST = 10**8
"""Of steps, epochs, examples a step, resamples."""
MOST_REPEATS = 10**5
"""Of trials a cell, draws, attempts."""
MOST_GIB = 1_000_000

MOST_PROCESSES = 1024
"""Of workers on one machine, and of threads of one worker."""


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
        if not NAME.fullmatch(self.name):
            mistakes.add("study.name", "letters, digits, '.', '_' and '-' only", self.name)
        mistakes.between("study.seed", self.seed, 0, 2**63 - 1)
        mistakes.distinct("study.routes", self.routes)
        if "train" not in self.routes:
            rule = "must have train: pruning and distilling start from trained networks"
            mistakes.add("study.routes", rule, list(self.routes), 'add "train"')


@dataclass(frozen=True, kw_only=True)
class ModelSection:
    """Which models are compared."""

    family: FamilyName = "mlp"
    """{known}, or custom (then function names your own)."""
    function: str = ""
    """Your own model, "file.py:name" or "module:name": called as
    name(width, depth, dropout, input_shape, n_outputs), returns a torch.nn.Module."""

    @staticmethod
    def known() -> str:
        """Return the families that stand in the words on ``family``."""
        return ", ".join(FAMILIES)

    def check(self, mistakes: Mistakes) -> None:
        if self.family == "custom" and not self.function:
            rule, remedy = 'must name a function when family = "custom"', 'set it to "file.py:name"'
            mistakes.add("model.function", rule, self.function, remedy)
        if self.family != "custom" and self.function:
            rule, remedy = (
                f"unused by family = {self.family!r}",
                'set family = "custom" or remove it',
            )
            mistakes.add("model.function", rule, self.function, remedy)


@dataclass(frozen=True, kw_only=True)
class TrainingSection:
    """How each model is trained. Hyperparameters that are searched stand in [space]."""

    function: str = ""
    """Your own trainer instead of ours, "file.py:name": called as
    name(config, n_examples, seed), returns a dict with val_error, test_error and n_parameters at
    least. One trial goes first, alone; what fails later runs again with payoff run
    --retry-failed."""
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
        for name in ("batch_size", "epochs", "evaluations"):
            mistakes.between(f"training.{name}", getattr(self, name), 1, MOST)
        for name in ("min_steps", "patience"):
            mistakes.between(f"training.{name}", getattr(self, name), 0, MOST)
        mistakes.within("training.warmup_fraction", self.warmup_fraction, "[0, 1)")

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
        mistakes.distinct("pruning.methods", self.methods)
        mistakes.distinct("pruning.scopes", self.scopes)
        mistakes.within("pruning.level_ratio", self.level_ratio, "(0, 1)")
        mistakes.within("pruning.fine_tune_fraction", self.fine_tune_fraction, "[0, 10]")
        mistakes.within("pruning.learning_rate_factor", self.learning_rate_factor, "(0, 10]")


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
        mistakes.distinct("distillation.teachers", self.teachers)


@dataclass(frozen=True, kw_only=True)
class SearchSection:
    """How the nuisance hyperparameters of each cell are tuned, on validation error only."""

    trials: int = 3
    """Search trials a cell; of 50 cells or more, 2 are enough where winners are pooled. 0 is
    allowed when no hyperparameter is left to tune."""
    sampler: Literal["halton", "random", "tpe", "model"] = "halton"
    """halton: quasi-random points fixed by the study's seed, the same for any number of workers;
    random: likewise but independent; tpe: Optuna's TPE, which learns from the trials before it;
    model: halton, but for the last point of each cell, which a model of all points of the study
    chooses where it is expected to lower the error of the cell's winner most. That point waits for
    all others. Of more than 300 cells, or where the model cannot tell, it is halton's too."""
    winner: Literal["pooled", "best"] = "pooled"
    """What replicates are trained with. pooled: where a model of all search trials of the study has
    the lowest error for the cell, so that each cell learns from all and fewer trials a cell are
    enough; replicates then wait for the whole search. best: the values of the cell's search trial
    with the lowest validation error, which is also taken where a model cannot tell: of fewer trials
    in all than two for each hyperparameter and two more, or of errors below zero."""

    def check(self, mistakes: Mistakes) -> None:
        mistakes.between("search.trials", self.trials, 0, MOST_REPEATS)


@dataclass(frozen=True, kw_only=True)
class ReplicatesSection:
    """How often the winner of each cell is retrained; only replicates draw the curve."""

    draws: int = 6
    """Independent subset draws, each with a test set of its own (data.test_sets) or, where that is
    fixed, a validation set of its own."""
    seeds_per_draw: int = 1
    """Trainings on each draw, with fresh seeds."""
    longer: int = 0
    """Replicates of each cell that are trained once more, with the same seed and twice the steps.
    They draw no curve: they tell how far the payoff point would move if all trained longer. One of
    each cell is mostly enough; it can be added to a finished study."""

    def check(self, mistakes: Mistakes) -> None:
        mistakes.between("replicates.draws", self.draws, 1, MOST_REPEATS)
        mistakes.between("replicates.seeds_per_draw", self.seeds_per_draw, 1, MOST_REPEATS)
        mistakes.between("replicates.longer", self.longer, 0, max(self.total, 0))

    @property
    def total(self) -> int:
        """Replicates of one cell."""
        return self.draws * self.seeds_per_draw


BUDGET = re.compile(
    r"\s*([0-9][0-9_,]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)\s*(?:GPU |CPU |core )?([A-Za-z]+)\s*"
)
"""A budget: a number and its unit; hours may be said to be those of a processor."""

BUDGETS: Mapping[str, tuple[BudgetKind, float]] = {
    "trial": ("trials", 1.0),
    "trials": ("trials", 1.0),
    "flop": ("flops", 1.0),
    "flops": ("flops", 1.0),
    "s": ("seconds", 1.0),
    "seconds": ("seconds", 1.0),
    "min": ("seconds", 60.0),
    "minutes": ("seconds", 60.0),
    "h": ("seconds", 3600.0),
    "hour": ("seconds", 3600.0),
    "hours": ("seconds", 3600.0),
    "day": ("seconds", 86400.0),
    "days": ("seconds", 86400.0),
}
"""Unit of a budget, in small letters: what it counts, and how many of that one is."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What all trials of a study may take, at most."""

    kind: BudgetKind
    """trials, flops (of the training) or seconds (of all workers together)."""
    amount: float


@dataclass(frozen=True, kw_only=True)
class DecideSection:
    """Whether the study chooses its own next trials, and when it is done."""

    until: Literal["designed", "decided"] = "designed"
    """designed: the trials of the grid, and no more. decided: the grid is the first round; after
    each round those trials are queued that promise to narrow the answer most for their cost, until
    it is as narrow as target, the budget is spent, or no trial would help. A file that has this
    section means decided."""
    target: float = 3.0
    """The answer is narrow enough where the upper end of a payoff point's interval is at most so
    many times the lower end."""
    budget: str = ""
    """What all trials may take: "2000 trials", "1e15 FLOPs" of training, "10 min" or "40 h" of
    workers' time. Empty: four times the training FLOPs of the first round."""
    sizes: tuple[int, ...] = ()
    """Dataset sizes whose answer is wanted; empty: all."""
    rounds: int = 12
    """At most so many rounds after the first."""

    def check(self, mistakes: Mistakes) -> None:
        mistakes.between("decide.rounds", self.rounds, 1, MOST_REPEATS)
        if not 1.1 <= self.target <= 1e6:
            mistakes.add("decide.target", "must be from 1.1 to 1e6", self.target, "such as 3")
        if self.budget and self.spending is None:
            rule = "must be a number above 0 and its unit"
            remedy = 'such as "2000 trials", "1e15 FLOPs", "10 min" or "40 h"'
            mistakes.add("decide.budget", rule, self.budget, remedy)

    @property
    def goes_on(self) -> bool:
        """Whether the study chooses its own next trials."""
        return self.until == "decided"

    @property
    def spending(self) -> Budget | None:
        """The budget; None if none is given."""
        found = BUDGET.fullmatch(self.budget)
        if found is None or found[2].lower() not in BUDGETS:
            return None
        kind, each = BUDGETS[found[2].lower()]
        amount = float(found[1].replace(",", "")) * each
        return Budget(kind=kind, amount=amount) if 0.0 < amount < math.inf else None


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

    def __post_init__(self) -> None:
        keep_secret(self.optuna, self.mlflow)


SECTIONS: Mapping[str, type[Any]] = {
    "study": StudySection,
    "data": DataSource,
    "model": ModelSection,
    "training": TrainingSection,
    "pruning": PruningSection,
    "distillation": DistillationSection,
    "search": SearchSection,
    "replicates": ReplicatesSection,
    "decide": DecideSection,
    "run": RunSection,
    "storage": StorageSection,
}
"""Sections by name; beside them [space] and [analysis]."""

ANALYSIS = (
    "size", "route_size", "metric", "rule", "marginal", "marginal_is_absolute", "of", "plateau",
    "upturn", "price", "level", "resamples",
)  # fmt: skip
"""Settings of the analysis that a study file may say. May change freely: the analysis is applied to
the trials afterwards."""


def entries(section: Any) -> Iterator[tuple[str, Any, str]]:
    """Yield every key of a section as the study file has it: name, value, meaning."""
    docs = field_docs(type(section))
    for field in fields(section):
        if field.name in ANALYSIS or not isinstance(section, AnalysisSettings):
            value = getattr(section, field.name)
            yield field.name, 0.0 if value is None else value, docs[field.name]  # None: no price
