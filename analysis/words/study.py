"""What an analysis says to people: one sentence, a Markdown report."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from analysis.table.names import NAMES, plain_name
from analysis.table.trials import UNKNOWN
from analysis.tuning.sensitivity import LEAST_TRIALS
from analysis.verdicts.decide import PayoffPoint, describe, format_size, interval
from analysis.words.routes import finding_lines, route_lines

if TYPE_CHECKING:
    from analysis.routes.pruning import PruneLadder
    from analysis.settings import AnalysisSettings
    from analysis.study import StudyAnalysis
    from analysis.verdicts.curve_fit import CurveFit

VERDICTS = {
    "pays_off_until": "pays off until",
    "still_paying": "still paying at the largest size tried",
    "flat": "flat: the smallest size is enough",
    "hurts_beyond": "hurts beyond",
    "no_upturn": "no upturn",
    "cannot_tell": "cannot tell",
}


def sentence(analysis: StudyAnalysis) -> str:
    """The answer for the largest dataset, in one sentence."""
    if not analysis.fits:
        return "There is nothing to say yet: no trial has finished."
    fit = analysis.fits[-1]
    s = analysis.settings
    size, error = plain_name(s.size_name), plain_name(s.error_name)
    point = fit.verdict
    n = fit.curve.n_examples
    start = "" if n == UNKNOWN else f"With {n:,} training examples, "
    overfit = next(p for p in fit.payoffs if p.rule == "overfit")
    body = _clause(point, size, error, s)
    plateau = next(p for p in fit.payoffs if p.rule == "plateau")
    if point.kind == "cannot_tell" and plateau.kind == "pays_off_until":
        ends = interval(plateau.low, plateau.high, plateau.low_open, plateau.high_open)
        body = (
            f"about {format_size(plateau.size)} {size} ({plateau.level:.0%} interval {ends}) come "
            f"within {100 * s.plateau:.3g}% of the best {error} in the range; {body}"
        )
    if overfit.kind == "hurts_beyond" and point.rule != "overfit":
        body += f"; {_upturn(overfit, size, error)}"
    text = start + body + "."
    return text[0].upper() + text[1:]


def _clause(point: PayoffPoint, size: str, error: str, s: AnalysisSettings) -> str:
    """The headline verdict as a clause."""
    if point.kind == "pays_off_until":
        ends = interval(point.low, point.high, point.low_open, point.high_open)
        return (
            f"more capacity pays off until about {format_size(point.size)} {size} "
            f"({point.level:.0%} interval {ends}); {_rule_clause(point, error, s)}"
        )
    if point.kind == "still_paying":
        return f"more capacity is still paying at the largest size tried; {point.next_step}"
    if point.kind == "flat":
        return f"the smallest size tried is enough: {_rule_clause(point, error, s)}"
    if point.kind == "hurts_beyond":
        return _upturn(point, size, error)
    if point.kind == "no_upturn":
        return f"the {error} does not turn up anywhere in the range tried"
    return (
        f"it cannot be told yet where capacity stops paying off, because {point.why}; "
        f"{point.next_step}"
    )


def _rule_clause(point: PayoffPoint, error: str, s: AnalysisSettings) -> str:
    """What the rule says about sizes past the payoff point."""
    if point.rule == "marginal":
        amount = f"{s.marginal:g}" if s.marginal_is_absolute else f"{s.marginal:.3g}"
        if not s.marginal_is_absolute:
            amount = f"{100 * s.marginal:.3g}%"
        return f"past that, doubling the size lowers the {error} by less than {amount}"
    if point.rule == "plateau":
        return f"its {error} is within {100 * s.plateau:.3g}% of the best in the range"
    return f"past that, the price of size outweighs the {error} saved"


def _upturn(point: PayoffPoint, size: str, error: str) -> str:
    ends = interval(point.low, point.high, point.low_open, point.high_open)
    text = (
        f"the {error} turns up beyond about {format_size(point.size)} {size} "
        f"({point.level:.0%} interval {ends})"
    )
    if point.falls_again:
        return f"{text}, inside the range, and falls again past {format_size(point.peak)}"
    return f"{text}, so that bigger models there are worse"


def markdown(analysis: StudyAnalysis) -> str:
    """Verdict, table of payoff points, what was left out."""
    rows = analysis.rows()
    lines = [f"**{analysis.sentence}**", ""]
    if rows:
        heads = list(rows[0])
        lines.append("| " + " | ".join(heads) + " |")
        lines.append("| " + " | ".join("---" for _ in heads) + " |")
        lines += ["| " + " | ".join(row.values()) + " |" for row in rows]
    lines += ["", *_notes(analysis)]
    return "\n".join(lines).rstrip() + "\n"


def table_row(s: AnalysisSettings, fit: CurveFit, point: PayoffPoint) -> dict[str, str]:
    """One row of the payoff table, in words."""
    n = fit.curve.n_examples
    placed = point.kind in ("pays_off_until", "hurts_beyond") and math.isfinite(point.size)
    verdict = VERDICTS[point.kind]
    if point.falls_again and point.kind == "hurts_beyond":
        verdict = "turns up, then falls again"
    ends = interval(point.low, point.high, point.low_open, point.high_open)
    return {
        "examples": "all" if n == UNKNOWN else f"{n:,}",
        "rule": rule_name(point, s),
        "verdict": verdict,
        plain_name(s.size_name): format_size(point.size) if placed else "",
        f"{s.level:.0%} interval": ends if placed else "",
        plain_name(s.error_name): f"{float(fit.predict(point.size)):.3g}" if placed else "",
    }


def rule_name(point: PayoffPoint, s: AnalysisSettings) -> str:
    """A rule with its number."""
    if point.rule == "economic" or (point.rule == "marginal" and s.marginal_is_absolute):
        return f"{point.rule} {point.parameter:.3g}"
    return f"{point.rule} {100 * point.parameter:.3g}%"


def _notes(analysis: StudyAnalysis) -> list[str]:
    """Reasons of "cannot tell", next steps, exclusions, prune ratios."""
    s = analysis.settings
    lines = []
    for fit in analysis.fits:
        for point in fit.payoffs:
            if point.kind == "cannot_tell":
                n = fit.curve.n_examples
                where = "" if n == UNKNOWN else f"{n:,} examples, "
                lines.append(f"- {where}{point.rule}: {describe(point, '')}; {point.next_step}.")
    if analysis.growth is not None:
        g = analysis.growth
        ahead = g.forecast(2 * max(g.n_examples))
        moves = (
            "does not clearly change with the number of training examples: a power of"
            if g.low < 0.0 < g.high
            else f"{'grows' if g.exponent > 0 else 'shrinks'} with the number of training examples "
            "to the power"
        )
        lines.append(
            f"- The payoff point {moves} "
            f"{g.exponent:.2f} ({g.level:.0%} interval {g.low:.2f} to {g.high:.2f}). If that goes "
            f"on, with {ahead.n_examples:,} it would lie at about {format_size(ahead.size)} "
            f"{plain_name(s.size_name)} "
            f"({interval(ahead.low, ahead.high, False, False)})."
        )
    lines += _tuning(analysis)
    if analysis.ladders:
        lines.append(f"- Pruning: {_pruning(analysis.ladders[-1], plain_name(s.size_name))}.")
    if analysis.routes:
        lines += route_lines(analysis.routes[-1])
    lines += finding_lines(analysis)
    lines += [f"- {remark}." for remark in analysis.remarks]
    for reason, count in analysis.counts.items():
        lines.append(f"- Left out of the curves: {count:,} {reason}.")
    if analysis.undertrained:
        total = sum(int(fit.curve.replicates.sum()) for fit in analysis.fits)
        lines.append(
            f"- {analysis.undertrained:,} of {total:,} runs on the curves were still improving at "
            "their last step: with longer training their errors may be lower."
        )
    return lines


def _tuning(analysis: StudyAnalysis) -> list[str]:
    """Whether the search was long enough, and what mattered at the largest dataset."""
    tuning = analysis.tuning
    if tuning is None:
        return []
    if not tuning.judged:
        most = max((cell.trials for cell in tuning.cells), default=0)
        return [
            f"- Tuning cannot be judged: {most} search trials a cell at most, and fewer than "
            f"{LEAST_TRIALS} say nothing. The error of a cell, and any rise from one to the next, "
            "may be the luck of its search; raise search.trials."
        ]
    short = tuning.short
    text = (
        f"- Tuning: the last doubling of the search trials saved {tuning.mean_gain:.1%} of the "
        f"error on average; another would still pay in {len(short)} of {tuning.judged} cells"
    )
    lines = [text + ("; raise search.trials." if 2 * len(short) > tuning.judged else ".")]
    largest = max(effect.n_examples for effect in tuning.effects) if tuning.effects else UNKNOWN
    seen = [
        f"{effect.hyperparameter}: {effect.words}"
        for effect in tuning.effects
        if effect.n_examples == largest and effect.capacity == "all"
    ]
    if seen:
        at = "" if largest == UNKNOWN else f" at {largest:,} examples"
        lines.append(f"- Hyperparameters in the range searched{at}: {'; '.join(seen)}.")
    return lines


def _pruning(ladder: PruneLadder, size: str) -> str:
    """What may be pruned from the largest model of the largest dataset."""
    n = "" if ladder.n_examples == UNKNOWN else f"{ladder.n_examples:,} examples and "
    start = f"at {n}{format_size(ladder.size)} {size}, "
    if ladder.free_ratio == 0.0:
        least = ladder.steps[0]
        return (
            f"{start}even the smallest ratio tried, {least.prune_ratio:.0%}, costs more than "
            f"{ladder.allowed:.0%} more error ({least.cost:+.0%})"
        )
    shown = (
        "shown by the interval too"
        if ladder.sure_ratio >= ladder.free_ratio
        else f"shown up to {ladder.sure_ratio:.0%}"
        if ladder.sure_ratio
        else "not shown yet: the interval reaches higher"
    )
    return (
        f"{start}up to {ladder.free_ratio:.0%} of the weights can go for at most "
        f"{ladder.allowed:.0%} more error ({shown})"
    )


__all__ = ["NAMES", "VERDICTS", "markdown", "plain_name", "rule_name", "sentence", "table_row"]
