"""The routes to a small model, and regularisers, as tables for a paper."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from analysis.export.latex import unit_tex
from analysis.export.prose import LATEX, Ink
from analysis.export.tables import PaperTable
from analysis.findings import Estimate
from analysis.routes.paired import Gain
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.tuning.regularisation import Regularisation
from analysis.words.rounding import Measured, significant
from analysis.words.study import verdict_cell
from analysis.words.told import capital
from analysis.words.verdicts import SHORT


def routes_table(analysis: StudyAnalysis) -> PaperTable | None:
    """Payoff point of each route, and its saving at equal error; None without routes."""
    if not analysis.routes:
        return None
    size = analysis.routes[0].size
    unit = unit_tex(size)
    level = f"{100 * analysis.settings.level:g}%"

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        found = []
        for study in analysis.routes:
            for route, saved in study.told:
                verdict = route.fit.verdict
                point = _measured(verdict.estimate if verdict.kind == "pays_off_until" else None)
                saving = _measured(None if saved is None else saved.estimate)
                # The column is as wide as a number: the whole verdict does not fit a page.
                narrow = verdict.kind in ("still_paying", "flat")
                words = ink.words(
                    SHORT[verdict.kind] if narrow else verdict_cell(route.fit, verdict)
                )
                untold = rf"\emph{{{words}}}" if ink is LATEX else words
                found.append(
                    (
                        ink.examples(study.n_examples),
                        ink.words(route.name),
                        ink.number(point, unit) if point else untold,
                        ink.interval(point, unit),
                        ink.number(saving),
                        ink.interval(saving),
                    )
                )
        return found

    name = plain_name(size)
    return PaperTable(
        name="routes",
        caption=(
            f"Routes to a small model: the payoff point of each ({name}), and how many times "
            f"smaller it is than a trained model of equal error, with {level} intervals"
        ),
        head=("Examples", "Route", capital(name), f"{level} interval",
              "Times smaller", f"{level} interval"),
        align="rlrlrl",
        rows=rows,
        tight=True,
    )  # fmt: skip


def regularisation_table(analysis: StudyAnalysis) -> PaperTable | None:
    """What each regulariser is worth by dataset size, and where it moves the payoff point."""
    level = f"{100 * analysis.settings.level:g}%"
    places = [(found, n, gain) for found in analysis.regularisation for n, gain in found.by_data]
    if not places:
        return None

    def rows(ink: Ink) -> Sequence[tuple[str, ...]]:
        return [
            (
                ink.words(plain_name(found.regulariser).replace("_", " ")),
                ink.examples(n),
                *(
                    _minus(ink.words(cell)) if ink is LATEX else cell
                    for cell in _worth(found, n, gain)
                ),
            )
            for found, n, gain in places
        ]

    return PaperTable(
        name="regularisation",
        caption=(
            "What regularisation is worth: the capacities at which another value than the weakest "
            "one tried was chosen on validation, the mean share of the test error that it saves "
            "there, and the factor by which it moves the payoff point (empty: not told), with "
            f"{level} intervals"
        ),
        head=("Regulariser", "Examples", "Chosen", "Saved", f"{level} interval", "Pairs",
              "Payoff point times", f"{level} interval"),
        align="lrrrlrrl",
        rows=rows,
        breaks=frozenset(k for k in range(1, len(places)) if places[k][0] is not places[k - 1][0]),
        tight=True,
    )  # fmt: skip


def _worth(found: Regularisation, n: float, gain: Gain) -> tuple[str, ...]:
    """What a regulariser is worth at one dataset size, cell by cell."""
    steps = [step for step in found.steps if step.n_examples == n]
    used = sum(step.chosen != step.weakest for step in steps)
    shift = next((shift for shift in found.payoff if shift.n_examples == n), None)
    moved = ends = ""
    if shift is not None and not shift.why:
        moved = significant(shift.ratio, 2)
        ends = f"{significant(shift.low, 2)} to {significant(shift.high, 2)}"
        ends += " or beyond" if shift.open else ""
    return (
        f"{used} of {len(steps)}",
        _share(gain.gain),
        f"{_share(gain.low)} to {_share(gain.high)}" if gain.bounded and gain.pairs else "",
        str(gain.pairs),
        moved,
        ends,
    )


def _share(value: float) -> str:
    """A share as per cent, to a tenth where it is small."""
    if not math.isfinite(value):
        return "unknown"
    return f"{100 * value:.1f}%" if abs(value) < 0.0995 else f"{100 * value:.0f}%"


def _minus(text: str) -> str:
    """A hyphen before a digit is a minus."""
    return re.sub(r"(?<!\S)-(?=\d)", "$-$", text)


def _measured(estimate: Estimate | None) -> Measured | None:
    return Measured.of(estimate) if estimate and math.isfinite(estimate.value) else None
