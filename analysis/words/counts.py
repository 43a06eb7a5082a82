"""What was left out, and what to know of how networks were made, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from analysis.findings import Count, Exclusion, ExclusionKind, Finding
from analysis.words.reasons import what_next
from analysis.words.told import Told

EXCLUSIONS: Mapping[ExclusionKind, Callable[[str], str]] = {
    "search": lambda _: "search trials (their errors helped to choose them)",
    "longer": lambda _: "trials trained twice as long (compared with their replicates)",
    "unfinished": lambda status: f"{status} runs",
    "pruned": lambda _: "pruned models (summarised apart)",
    "distilled": lambda _: "distilled models (another route to a size)",
    "no_error": lambda column: f"runs without {column}",
    "negative_error": lambda column: f"runs whose {column} is negative",
    "no_size": lambda column: f"runs without {column}",
    "undertrained": lambda _: "runs that were still improving at their last step",
    "worse_on_validation": lambda route: (
        f"{route} models whose parent or teacher did worse on the validation set than another of "
        "about the same size"
    ),
    "broken_row": lambda rule: rule,
    "broken_rows": lambda rule: f"rows ({rule})",
}


def excluded(one: Exclusion) -> str:
    """What does not draw a curve, and why."""
    return EXCLUSIONS[one.kind](one.about)


def left_out(f: Finding[Exclusion]) -> Told:
    """Trials that do not draw the curves."""
    return Told(label=f"Left out of the curves: {f.facts.count:,} ", text=excluded(f.facts))


def undertrained(f: Finding[Count]) -> Told:
    """Runs on the curves that were not trained to their end; the label counts them."""
    step = what_next(f.next_step)
    return Told(
        label=f"{f.facts.n:,} of {f.facts.of:,} ",
        text="runs on the curves were still improving at their last step",
        tail=": with longer training their errors may be lower" + (f"; {step}" if step else ""),
    )


def emptied_layers(f: Finding[Count]) -> Told:
    """Networks that pruning emptied."""
    models = "network" if f.facts.n == 1 else "networks"
    return Told(
        text=f"{f.facts.n:,} pruned {models} lost every weight of a layer (without a path "
        "round it, a network then gives the same answer whatever it is asked)",
        tail=f"; {what_next(f.next_step)}",
    )


def small_teachers(f: Finding[Count]) -> Told:
    """Students larger than their teachers."""
    return Told(
        text=f"{f.facts.n:,} of {f.facts.of:,} students had a teacher with fewer "
        "parameters than themselves",
        tail=f"; {what_next(f.next_step)}",
    )
