"""What an analysis finds, as facts: what it is, its numbers, how sure they are, what to do next.

Each room makes findings of its own results; :mod:`analysis.words` makes sentences of findings, and
nothing reads a sentence back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeVar, get_args

VerdictKind = Literal[
    "pays_off_until", "still_paying", "flat", "hurts_beyond", "no_upturn", "cannot_tell"
]
Kind = (
    VerdictKind
    | Literal[
        "answer", "growth", "carried", "interleaved",
        "best_shape", "ways_to_grow", "best_network", "shape_and_data", "short_ladders",
        "tuning", "tuning_unjudged", "hyperparameters", "best_value", "longer",
        "pruning",
        "route", "saving", "crossing", "short_routes", "open_crossings",
        "students", "teachers", "law", "regulariser", "masks",
        "emptied_layers", "small_teachers", "left_out", "undertrained",
    ]
)  # fmt: skip
"""Every kind of finding."""

Place = Literal[
    "headline", "payoff", "shapes", "tuning", "pruning", "routes", "distillation", "laws",
    "regularisation", "costs", "failures", "exclusions",
]  # fmt: skip
"""Where a reader looks for a finding."""

_KINDS: dict[Place, tuple[Kind, ...]] = {
    "headline": ("answer",),
    "payoff": (*get_args(VerdictKind), "growth", "carried", "interleaved"),
    "shapes": (
        "best_shape",
        "ways_to_grow",
        "best_network",
        "shape_and_data",
        "short_ladders",
    ),
    "tuning": ("tuning", "tuning_unjudged", "hyperparameters", "best_value", "longer"),
    "pruning": ("pruning",),
    "routes": ("route", "saving", "crossing", "short_routes", "open_crossings"),
    "distillation": ("students", "teachers"),
    "laws": ("law",),
    "regularisation": ("regulariser",),
    "costs": ("masks",),
    "failures": ("emptied_layers", "small_teachers"),
    "exclusions": ("left_out", "undertrained"),
}
PLACES: dict[Kind, Place] = {kind: place for place, kinds in _KINDS.items() for kind in kinds}
"""Where each kind belongs."""

ReasonKind = Literal[
    "no_replicates", "few_sizes", "narrow_range", "unreplicated", "no_errors_made", "law_misfits",
    "wide_interval", "torn", "falls_slowly", "rises_between",
    "no_overlap", "no_common_error", "crossing_torn",
    "few_ratios", "few_points", "no_law_fits",
    "few_capacities", "curves_misfit", "no_payoff_inside", "payoff_outside",
    "unidentified", "unconverged", "underdetermined", "bad_error", "no_finite_start",
    "few_sizes_to_hide", "misses_points", "no_finite_forecast", "few_sizes_to_forecast",
    "few_pairs", "no_freedom", "resamples_fail", "fits_alike", "no_scatter", "exchangeable",
    "open_profile", "open_end", "at_bound", "beyond_points", "one_direction",
    "few_search_trials", "no_effect_seen", "wide_best",
]  # fmt: skip
"""Why something cannot be told."""

ExclusionKind = Literal[
    "search", "longer", "unfinished", "pruned", "distilled", "no_error", "negative_error",
    "no_size", "undertrained", "worse_on_validation", "broken_row", "broken_rows",
]  # fmt: skip
"""Why trials do not draw a curve."""

StepKind = Literal[
    "run_replicates", "add_sizes", "widen_range", "train_seeds", "more_test_examples",
    "another_law", "more_replicates", "try_larger", "add_larger", "add_smaller", "ask_less",
    "same_sizes", "more_or_further", "size_between", "sizes_of_shape",
    "raise_search_trials", "widen_search", "train_longer", "train_some_longer",
    "prune_more_ratios", "run_more_points",
    "lower_prune_ratio", "larger_teacher",
    "more_points", "vary_ratio", "wider_surface", "as_measured", "runs_nearer",
    "off_the_line", "name_shape",
]  # fmt: skip
"""What to change."""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its interval."""

    value: float
    low: float
    high: float
    level: float = 0.9
    """Of the interval."""
    low_open: bool = False
    """The interval reaches below the range tried."""
    high_open: bool = False
    """The interval reaches beyond the range tried."""


@dataclass(frozen=True, kw_only=True)
class Reason:
    """Why something cannot be told, with the numbers that say so; a kind has those it needs."""

    kind: ReasonKind
    about: tuple[str, ...] = ()
    """The routes, the law, or its parameters."""
    of_route: str = ""
    """The route of which it is said, where several are compared."""
    count: int | None = None
    """How many there are: sizes, ratios, points."""
    least: float | None = None
    """What it takes: so many, or that probability."""
    value: float | None = None
    """The range's ratio, the law's parameters, the interval's level, the curve's fall."""
    low: float | None = None
    high: float | None = None
    """Ends of the interval."""
    chances: tuple[tuple[str, float], ...] = ()
    """Answers with their probabilities."""


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """What to change, and to what."""

    kind: StepKind
    now: int | None = None
    """How many there are."""
    to: int | None = None
    """How many there should be, at least."""
    better: int | None = None
    low: float | None = None
    high: float | None = None
    """Sizes, or values of a hyperparameter, from and up to which; the number of a rule."""
    about: str = ""
    """The hyperparameter."""


@dataclass(frozen=True, kw_only=True)
class Exclusion:
    """Trials that do not draw a curve, for one reason."""

    kind: ExclusionKind
    about: str = ""
    """The status, column, route or rule that it is about."""
    count: int


@dataclass(frozen=True, kw_only=True)
class Count:
    """How many, and of how many."""

    n: int
    of: int | None = None
    next_step: NextStep | None = None


Facts = TypeVar("Facts", covariant=True)


@dataclass(frozen=True, kw_only=True)
class Finding(Generic[Facts]):
    """One thing that was found."""

    kind: Kind
    facts: Facts
    """All of its numbers, in the class in which the room that found it holds them."""
    n_examples: float | None = None
    """Dataset size; None where it spans all of them or is not known."""
    about: str = ""
    """The rule, route, law, regulariser or cost."""
    size: str = ""
    """The column that its sizes count."""
    noted: bool = True
    """Whether notes tell it; a table or a picture tells the others."""

    @property
    def place(self) -> Place:
        """Where it belongs."""
        return PLACES[self.kind]

    @property
    def estimate(self) -> Estimate | None:
        """Its one number with its interval; None where it has none, or several."""
        found: Estimate | None = getattr(self.facts, "estimate", None)
        return found

    @property
    def probability(self) -> float | None:
        """Of what is said; None where that is no matter of chance."""
        found: float | None = getattr(self.facts, "probability", None)
        return found

    @property
    def why(self) -> Reason | None:
        """Why it cannot be told; None where it can."""
        found: Reason | None = getattr(self.facts, "why", None)
        return found

    @property
    def next_step(self) -> NextStep | None:
        """What to do; None where nothing is needed."""
        found: NextStep | None = getattr(self.facts, "next_step", None)
        return found
