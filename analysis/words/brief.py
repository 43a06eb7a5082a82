"""The few notes that may change a decision, of all that an analysis found."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from analysis.findings import Finding, Kind
from analysis.verdicts.decide import PayoffPoint
from analysis.words.kinds import notes
from analysis.words.verdicts import alike

MOST = 3
"""More than so many are not read."""

TRAINED = "trained"
"""The route of networks that were trained at their size."""

DECIDING: tuple[tuple[Kind, ...], ...] = (
    ("interleaved",),
    ("cannot_tell",),
    ("longer",),
    ("route", "saving", "crossing"),
    ("emptied_layers", "small_teachers"),
    ("best_shape",),
    ("undertrained",),
    ("tuning", "tuning_unjudged"),
    ("open_crossings", "short_routes"),
    ("growth",),
)
"""What may change a decision, the weightiest first; the kinds of one line weigh alike."""


def brief(findings: Sequence[Finding[Any]]) -> list[str]:
    """Return the sentences of the weightiest findings, those of the largest data set first.

    Of what cannot be told those of the asked rule, but for what the answer itself says; of longer
    training what it would change: the others stand in all notes.
    """
    answered = [f.n_examples for f in findings if f.kind == "answer"]
    asked = next((f.facts.rule for f in findings if isinstance(f.facts, PayoffPoint)), None)
    found: list[str] = []
    for kinds in DECIDING:
        mine = [
            f
            for f in findings
            if f.kind in kinds
            and not (isinstance(f.facts, PayoffPoint) and f.facts.rule != asked)
            and not (f.kind == "longer" and f.next_step is None)
            # The answer is of trained networks: their route, by its own axis, says it twice.
            and not (f.kind == "route" and f.about == TRAINED)
        ]
        mine.sort(key=lambda f: -(f.n_examples or 0.0))
        if kinds == ("cannot_tell",):
            groups = [g for g in alike(mine) if [f.n_examples for f in g] != answered]
            mine = [f for group in groups for f in group]
        found += notes(mine, among=findings)
    return found[:MOST]
