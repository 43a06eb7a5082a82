"""Why something cannot be told, and what to do next, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from analysis.findings import NextStep, Reason, ReasonKind, StepKind
from analysis.table.names import format_size
from analysis.words.rounding import short, span


def why(reason: Reason | None) -> str:
    """A reason as a clause; empty where there is none."""
    if reason is None:
        return ""
    clause = REASONS[reason.kind](reason)
    return f"of {reason.of_route}, {clause}" if reason.of_route else clause


def what_next(step: NextStep | None) -> str:
    """A next step as an instruction; empty where there is none."""
    return "" if step is None else STEPS[step.kind](step)


def interval(low: float, high: float, low_open: bool = False, high_open: bool = False) -> str:
    """An interval of sizes in words; open ends say that it reaches out of the range."""
    left = f"below {format_size(low)}" if low_open else format_size(low)
    right = f"beyond {format_size(high)}" if high_open else format_size(high)
    return f"{left} to {right}"


def _few_sizes(r: Reason) -> str:
    what = "there is only one size" if r.count == 1 else f"there are only {r.count} sizes"
    return f"{what}, and fewer than {r.least} cannot show where a curve bends"


def _torn(r: Reason) -> str:
    (first, p), (second, q) = r.chances
    answers = {
        "flat": "the smallest size is already enough",
        "pays_off_until": "the payoff point lies inside the range",
        "still_paying": "the largest size still pays",
        "hurts_beyond": "it does" if first == "no_upturn" else "the error turns up again",
        "no_upturn": "it never does" if first == "hurts_beyond" else "the error never turns up",
    }
    return (
        f"{answers[first]} ({p:.0%}) or {answers[second]} ({q:.0%}): neither reaches {r.least:.0%}"
    )


def _falls_slowly(r: Reason) -> str:
    more = f"more than {100 * (r.least or 0.0):.3g}%"
    asked = {
        "marginal": "no single doubling gains as much as the rule asks",
        "plateau": f"the best is no {more} away, as the rule counts",
    }
    fall = 100 * (r.value or 0.0)
    rule = asked.get(r.about[0], "the rule asks for more")
    return f"larger sizes are clearly better, by {fall:.2g}% in all, though {rule}"


def _crossing_torn(r: Reason) -> str:
    first, second = r.about
    answers = {
        "crosses": "they cross",
        "first_better": f"{first} is better",
        "second_better": f"{second} is better",
    }
    return "; ".join(f"{answers[kind]} with probability {p:.0%}" for kind, p in r.chances)


def _few_points(r: Reason) -> str:
    pruned = "pruning" in r.about
    what = "ratios of all capacities" if pruned else "students with known teachers"
    return f"{r.count} {what} cannot carry a law of {r.value} parameters"


def _beyond_points(r: Reason) -> str:
    low, high, value = r.low or 0.0, r.high or 0.0, r.value or 0.0
    times = value / high if value > high else low / value if value else 0.0
    side = "above" if value > high else "below"
    return (
        f"{', '.join(r.about)} {value:.3g} is {times:.3g} times {side} the runs' "
        f"{low:.3g} to {high:.3g}"
    )


def _widen_search(s: NextStep) -> str:
    end, to = ("high", s.high) if s.low is None else ("low", s.low)
    way = "up" if end == "high" else "down"
    key = f" (in a study file: space.{s.about}.{end})" if s.about.isidentifier() else ""
    return f"search {way} to {short(to or 0.0)} too{key}"


def _more_replicates(s: NextStep) -> str:
    text = f"train {s.to} replicates of each size instead of {s.now}"
    if s.low is None or s.high is None:
        return text
    return f"{text}, above all from {format_size(s.low)} to {format_size(s.high)}"


def _size(size: float | None) -> str:
    return "-" if size is None else format_size(size)


REASONS: Mapping[ReasonKind, Callable[[Reason], str]] = {
    "no_replicates": lambda r: "no replicate trial is left for this curve",
    "few_sizes": _few_sizes,
    "narrow_range": lambda r: (
        f"the largest size is only {r.value:.3g} times the smallest, less than two doublings"
    ),
    "unreplicated": lambda r: (
        f"no size was trained twice, and {r.count} sizes cannot tell noise from shape"
    ),
    "no_errors_made": lambda r: (
        "more than half of the sizes made no error at all on the test examples"
    ),
    "law_misfits": lambda r: (
        f"the law {', '.join(r.about)} found no fit on too many of the curves drawn"
    ),
    "wide_interval": lambda r: (
        f"the {r.value:.0%} interval, {_size(r.low)} to {_size(r.high)}, covers most of the "
        "of sizes tried"
    ),
    "torn": _torn,
    "falls_slowly": _falls_slowly,
    "rises_between": lambda r: "a rise is drawn between two sizes that no size tried shows",
    "no_overlap": lambda r: f"the sizes of {' and '.join(r.about)} hardly overlap",
    "no_common_error": lambda r: "the two routes reach no error in common",
    "crossing_torn": _crossing_torn,
    "few_ratios": lambda r: (
        ("1 prune ratio shows" if r.count == 1 else f"{r.count} prune ratios show") + " no law"
    ),
    "few_points": _few_points,
    "no_law_fits": lambda r: "the solver found no fit; the errors follow no such curve",
    "few_capacities": lambda r: f"fewer than {r.least} capacities with and without",
    "curves_misfit": lambda r: "the curves could not be fitted",
    "no_payoff_inside": lambda r: "there is no payoff point in the range",
    "payoff_outside": lambda r: "the payoff point lies outside the range of sizes tried",
    "unidentified": lambda r: (
        f"the data do not identify {', '.join(r.about) or 'all'}; add sizes or use a simpler law"
    ),
    "unconverged": lambda r: (
        "stopped while still improving; raise max_iterations or use a simpler law"
    ),
    "underdetermined": lambda r: (
        "fewer distinct sizes than the law's parameters; add sizes or use a simpler law"
    ),
    "bad_error": lambda r: (
        "an error that is not finite and positive; exclude it or give it weight 0"
    ),
    "no_finite_start": lambda r: (
        "the law has no finite value at any start; check the scale of x and y"
    ),
    "few_sizes_to_hide": lambda r: "too few sizes remain to fit it when the largest are hidden",
    "misses_points": lambda r: "misses the points by more than their noise explains",
    "no_finite_forecast": lambda r: "its forecast is not a finite positive number",
    "few_sizes_to_forecast": lambda r: f"fewer than {r.least} sizes would remain to forecast from",
    "few_pairs": lambda r: (
        f"{r.count} distinct pairs of size and data, fewer than the law's {r.value:g} parameters"
    ),
    "fits_alike": lambda r: (
        f"other values of {', '.join(r.about) or 'its parameters'} fit the runs as well"
    ),
    "no_freedom": lambda r: (
        f"{r.count} runs and {r.value:g} parameters: the law goes through every point, and nothing "
        "is left to tell its noise"
    ),
    "resamples_fail": lambda r: (
        f"{r.count} of {r.value:g} resamples of the runs have too few distinct points, or no fit"
    ),
    "no_scatter": lambda r: (
        f"all {r.count} runs lie on the law to rounding, so that nothing tells their noise"
    ),
    "exchangeable": lambda r: (
        "the runs lie about one line of size and data, along which the terms of size and data may "
        f"change places: {', '.join(r.about)} are not told apart"
    ),
    "open_profile": lambda r: f"the runs exclude no value of {', '.join(r.about)} on either side",
    "open_end": lambda r: f"the runs set no end to {', '.join(r.about)} on one side",
    "at_bound": lambda r: f"{', '.join(r.about)} ended on the law's bound",
    "beyond_points": _beyond_points,
    "one_direction": lambda r: (
        "all runs lie on one line of size and data, and this is off it: it follows from the form "
        "of the law alone"
    ),
    "few_search_trials": lambda r: f"{r.count} search trials in {r.least} cells are too few",
    "no_effect_seen": lambda r: (
        f"no effect shows in the range searched, {span(r.low or 0.0, r.high or 0.0)}"
    ),
    "wide_best": lambda r: (
        f"the {r.value:.0%} interval, {span(r.low or 0.0, r.high or 0.0)}, covers most of the "
        "range searched"
    ),
}

STEPS: Mapping[StepKind, Callable[[NextStep], str]] = {
    "run_replicates": lambda s: "run replicate trials",
    "add_sizes": lambda s: (
        f"add sizes until there are at least {s.to}, better {s.better}, each about double the one "
        "before"
    ),
    "widen_range": lambda s: f"widen the range to {_size(s.low)} - {_size(s.high)}",
    "train_seeds": lambda s: f"train each size with at least {s.to} seeds",
    "more_test_examples": lambda s: "use more test examples, or smaller sizes",
    "another_law": lambda s: "take another law, or the average of all",
    "more_replicates": _more_replicates,
    "try_larger": lambda s: f"try sizes up to {_size(s.high)}",
    "add_larger": lambda s: f"add sizes up to {_size(s.high)}",
    "add_smaller": lambda s: f"add sizes down to {_size(s.low)}",
    "ask_less": lambda s: f"say with a smaller threshold, such as {s.low:g}, what a gain is worth",
    "size_between": lambda s: (
        f"a size between {_size(s.low)} and {_size(s.high)} would tell where in between"
    ),
    "sizes_of_shape": lambda s: (
        f"try at least {s.to} sizes of two shapes each (at most {s.now} now)"
    ),
    "same_sizes": lambda s: "run both routes over the same sizes",
    "more_or_further": lambda s: "run more replicates of both routes, or sizes further apart",
    "raise_search_trials": lambda s: "raise search.trials",
    "train_longer": lambda s: (
        "set training.epochs and training.min_steps to twice what they are, in a new study"
    ),
    "train_some_longer": lambda s: (
        "set replicates.longer = 1 and run the study again: some networks trained twice as long "
        "say how far the payoff point would move"
    ),
    "widen_search": _widen_search,
    "prune_more_ratios": lambda s: f"prune to at least {s.to}",
    "run_more_points": lambda s: f"run at least {s.to}",
    "lower_prune_ratio": lambda s: "lower the largest prune_ratio or start from larger networks",
    "larger_teacher": lambda s: "name a larger one in distillation.teachers to have none",
    "more_points": lambda s: (
        f"run at least {s.to} distinct pairs of size and data instead of {s.now}, or use a law of "
        "fewer parameters"
    ),
    "vary_ratio": lambda s: (
        "run some sizes with other amounts of data for each parameter, such as "
        f"{s.low:.2g} and {s.high:.2g}"
    ),
    "wider_surface": lambda s: (
        "widen the ranges of size and data, or use a law of fewer parameters (chinchilla_tied)"
    ),
    "as_measured": lambda s: "give errors as they were measured, with their noise",
    "runs_nearer": lambda s: "run some points nearer to what is asked",
    "off_the_line": lambda s: "run some points off that line: other data for the same sizes",
    "name_shape": lambda s: (
        "name the column that sets them apart with --shape (in Python: shape=), or take one of "
        "them with --where"
    ),
}
