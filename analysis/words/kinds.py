"""Every kind of finding with the function that words it: the only way from a finding to text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from analysis.findings import Finding, Kind, Place
from analysis.words import counts, ladders, routes, shapes, tuning, verdicts
from analysis.words.told import Told

WORDS: dict[Kind, Callable[[Finding[Any]], Told]] = {
    "answer": verdicts.answer,
    "pays_off_until": verdicts.verdict,
    "still_paying": verdicts.verdict,
    "flat": verdicts.verdict,
    "hurts_beyond": verdicts.verdict,
    "no_upturn": verdicts.verdict,
    "cannot_tell": verdicts.verdict,
    "growth": verdicts.growth,
    "carried": shapes.carried,
    "interleaved": shapes.interleaved,
    "best_shape": ladders.best_shape,
    "ways_to_grow": ladders.ways_to_grow,
    "best_network": ladders.best_network,
    "shape_and_data": ladders.shape_and_data,
    "short_ladders": ladders.short_ladders,
    "tuning": tuning.tuning,
    "tuning_unjudged": tuning.tuning_unjudged,
    "hyperparameters": tuning.hyperparameters,
    "best_value": tuning.best_value,
    "longer": tuning.longer,
    "pruning": routes.pruning,
    "route": routes.route,
    "saving": routes.saving,
    "crossing": routes.crossing,
    "short_routes": routes.short_routes,
    "open_crossings": routes.open_crossings,
    "students": routes.students,
    "teachers": routes.teachers,
    "law": routes.law,
    "regulariser": tuning.regulariser,
    "masks": routes.masks,
    "emptied_layers": counts.emptied_layers,
    "small_teachers": counts.small_teachers,
    "left_out": counts.left_out,
    "undertrained": counts.undertrained,
}


def tell(finding: Finding[Any]) -> Told:
    """Return what is said of a finding."""
    return WORDS[finding.kind](finding)


def notes(
    findings: Iterable[Finding[Any]], *places: Place, among: Iterable[Finding[Any]] | None = None
) -> list[str]:
    """Return the sentences of what notes tell, at some places or (but for the headline) at all.

    Verdicts that cannot be told for one reason are one sentence. ``among``: all that there are,
    where ``findings`` are some of them.
    """
    findings = list(findings)
    every = findings if among is None else list(among)
    kept = [f for f in findings if f.noted]
    kept = [f for f in kept if (f.place in places if places else f.place != "headline")]
    untold = verdicts.alike([f for f in kept if f.kind == "cannot_tell"])
    found = []
    for one in kept:
        group = next((group for group in untold if one in group), [one])
        if len(group) == 1:
            found.append(f"{tell(one).whole}.")
        elif one is group[0]:
            label = verdicts.of_all(group, every)
            found.append(f"{replace(tell(one), label=label).whole}.")
    return found
