"""Good practice for scaling-law fits, as a checklist filled in with what the study did.

The four groups are those of the survey's checklist; the questions are put in our own words and
for curves of error against size.

References
----------
Li, Kudugunta, Zettlemoyer (2025), "(Mis)Fitting: A Survey of Scaling Laws", ICLR: sections 3-6 and
the checklist in its appendix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from analysis.export.facts import StudyFacts
from analysis.export.held_out import held_out
from analysis.export.latex import escape
from analysis.export.methods import axis_words
from analysis.export.prose import Ink
from analysis.study import StudyAnalysis
from analysis.table.names import format_size, plain_name
from analysis.words.kinds import tell
from analysis.words.rounding import significant

UNANSWERED = "not recorded: fill in"
"""What the study does not know and its authors do."""


@dataclass(frozen=True, kw_only=True)
class Item:
    """One question and the study's answer."""

    group: str
    question: str
    answer: str


def checklist(analysis: StudyAnalysis, facts: StudyFacts | None) -> tuple[Item, ...]:
    """Every item, answered."""
    return (
        *_hypothesis(analysis),
        *_setup(analysis, facts),
        *_data(analysis, facts),
        *_fit(analysis),
    )


def _hypothesis(analysis: StudyAnalysis) -> list[Item]:
    s = analysis.settings
    law = (
        "power law with a floor and the passage from chance, with smooth departures, averaged"
        if s.law == "auto"
        else f"{s.law}, chosen beforehand"
    )
    group = "The law"
    return [
        Item(group=group, question="What is predicted from what?", answer=(
            f"{plain_name(s.error_name)} from {plain_name(s.size_name)}, one curve for each "
            "dataset size"
        )),
        Item(group=group, question="Which form is fitted?", answer=law),
        Item(group=group, question="What is concluded, by which rule?", answer=(
            f"payoff point, {s.rule} rule; {', '.join(s.rules[1:])} beside it; no verdict "
            f"below a probability of {s.confidence:.0%}"
        )),
    ]  # fmt: skip


def _setup(analysis: StudyAnalysis, facts: StudyFacts | None) -> list[Item]:
    group, ink = "Training", Ink(form="markdown")
    if facts is None:
        names = ("What was varied?", "What was tuned, and how much for each size?",
                 "How many seeds and subset draws?", "How were models trained?")  # fmt: skip
        return [Item(group=group, question=name, answer=UNANSWERED) for name in names]
    roles = {
        role: [axis_words(a, ink) for a in facts.axes if a.role == role]
        for role in ("scientific", "nuisance", "fixed")
    }
    tuned = "nothing"
    if roles["nuisance"]:
        tuned = (
            f"{ink.listed(roles['nuisance'])}; {facts.search_trials} search trials in every cell "
            f"({facts.sampler}), on validation error"
        )
        students = [axis_words(a, ink) for a in facts.student_axes if a.role == "nuisance"]
        tuned += f"; of students also {ink.listed(students)}" if students else ""
    training = ", ".join(f"{name} {value}" for name, value in facts.training.items())
    return [
        Item(group=group, question="What was varied?", answer=(
            f"{ink.listed(roles['scientific'])}; dataset sizes "
            f"{', '.join(f'{n:,}' for n in facts.sizes)}"
            if roles["scientific"] else UNANSWERED
        )),
        Item(group=group, question="What was tuned, and how much for each size?", answer=tuned),
        Item(group=group, question="Was tuning enough?", answer=_tuning(analysis)),
        Item(group=group, question="How many seeds and subset draws?", answer=(
            f"{facts.draws} subset draws, {facts.seeds_per_draw} seed"
            f"{'s' if facts.seeds_per_draw > 1 else ''} on each, in every cell; fresh after the "
            "search"
        )),
        Item(group=group, question="How were models trained?", answer=(
            "by the authors' own code" if facts.own_trainer else training or UNANSWERED
        )),
        Item(group=group, question="What was held fixed?", answer=(
            ink.listed(roles["fixed"]) if roles["fixed"] else "nothing else"
        )),
    ]  # fmt: skip


def _tuning(analysis: StudyAnalysis) -> str:
    for found in analysis.found("tuning"):
        return f"the last doubling of the search {tell(found).text}"
    return "cannot be judged: too few search trials"


def _data(analysis: StudyAnalysis, facts: StudyFacts | None) -> list[Item]:
    s, group = analysis.settings, "Data points"
    sizes = [fit.curve.size for fit in analysis.fits if len(fit.curve)]
    low = min((float(x[0]) for x in sizes), default=math.nan)
    high = max((float(x[-1]) for x in sizes), default=math.nan)
    runs = sum(int(fit.curve.replicates.sum()) for fit in analysis.fits)
    points = sum(len(fit.curve) for fit in analysis.fits)
    counts = "; ".join(f"{count:,} {reason}" for reason, count in analysis.counts.items())
    tests = sorted({fit.curve.n_test for fit in analysis.fits if fit.curve.n_test})
    (short,) = analysis.found("undertrained")
    kept = "final or best-validation weights, see training" if facts else UNANSWERED
    if facts is not None and "select" in facts.training:
        kept = f"{facts.training['select']} weights of each run; no run gives two points"
    return [
        Item(group=group, question="How many runs and points?", answer=(
            f"{analysis.n_trials:,} trials, of which {runs:,} replicates draw {points:,} points on "
            f"{len(sizes)} curves"
        )),
        Item(group=group, question="Which sizes, counted how?", answer=(
            f"{format_size(low)} to {format_size(high)} {plain_name(s.size_name)}, biases included"
            if s.size == "n_parameters"
            else f"{format_size(low)} to {format_size(high)} {plain_name(s.size_name)}"
        )),
        Item(group=group, question="Which checkpoints?", answer=kept),
        Item(group=group, question="What is scored, on what?", answer=(
            f"{plain_name(s.error_name)}"
            + (f" on {', '.join(f'{n:,}' for n in tests)} held-out examples" if tests else "")
            + "; the test set chose nothing"
        )),
        Item(group=group, question="What was left out, and why?", answer=counts or "nothing"),
        Item(group=group, question="Were runs trained to their end?", answer=(
            f"{tell(short).label}{tell(short).text}"
            + ("; they were kept" if s.undertrained == "keep" else "")
        )),
        Item(group=group, question="Are the data points published?", answer=(
            "every trial in trials.csv, the fitted curves in curves.csv"
        )),
    ]  # fmt: skip


def _fit(analysis: StudyAnalysis) -> list[Item]:
    s, group = analysis.settings, "Fit"
    auto = s.law == "auto"
    failed = sum(fit.failed_resamples for fit in analysis.fits)
    return [
        Item(group=group, question="Which loss?", answer=(
            "normal likelihood of the log error with the covariance of seeds, subset draws and "
            "test examples" if auto else "Huber loss on the log error, summed"
        )),
        Item(group=group, question="Which optimiser, from which starts?", answer=(
            "none: all parameters are summed over a grid" if auto
            else f"Levenberg-Marquardt from many starts; {failed:,} resamples found no fit"
        )),
        Item(group=group, question="How was uncertainty found?", answer=(
            f"{s.resamples:,} curves drawn with their probability, {s.level:.0%} intervals; seed "
            f"{s.seed}" if auto
            else f"{s.resamples:,} hierarchical bootstrap resamples, {s.level:.0%} intervals; seed "
            f"{s.seed}"
        )),
        Item(group=group, question="How well does it extrapolate?", answer=_score(analysis)),
        *_routes(analysis, group),
        Item(group=group, question="Can it be repeated?", answer=(
            "versions, digests, seeds and commands are in provenance.json"
        )),
    ]  # fmt: skip


def _routes(analysis: StudyAnalysis, group: str) -> list[Item]:
    """How routes to a small model were compared, and how well their laws predict."""
    items = []
    if analysis.routes:
        items.append(Item(group=group, question="How were the routes compared?", answer=(
            f"on {plain_name(analysis.routes[0].size)}, at equal error, by curves of the same "
            "subset draws and test examples"
        )))  # fmt: skip
    scores = [
        f"{law.law} law{f' ({law.method})' if law.method else ''}"
        f"{f' at {law.n_examples:,} examples' if law.n_examples > 0 else ''}: "
        f"{score.points} hidden points with a mean relative error of "
        f"{100 * score.mean_relative_error:.1f}%"
        + ("" if math.isnan(score.noise) else f", noise alone {100 * score.noise:.1f}%")
        for law in analysis.laws
        if (score := law.score("interpolation")) is not None
    ]
    if scores:
        question = "How well do the routes' laws predict?"
        items.append(Item(group=group, question=question, answer="; ".join(scores)))
    return items


def _score(analysis: StudyAnalysis) -> str:
    scores = [score for fit in analysis.fits if (score := held_out(fit)) is not None]
    if not scores:
        return "not tested: too few sizes to hide the largest"
    return "; ".join(
        (f"at {score.n_examples:,} examples, " if score.n_examples > 0 else "")
        + f"from sizes up to {format_size(score.known)} the {score.hidden} larger ones were "
        f"forecast with a root mean square log error of {significant(score.error, 2)}, "
        f"{score.inside} of them within the {score.level:.0%} band"
        for score in scores
    )


def checklist_markdown(items: tuple[Item, ...]) -> str:
    """The checklist as Markdown."""
    lines = ["# Checklist", ""]
    lines.append("After Li, Kudugunta and Zettlemoyer (2025), (Mis)Fitting: A Survey of Scaling")
    lines.append("Laws [@li2025misfitting].")
    for group in dict.fromkeys(item.group for item in items):
        lines += ["", f"## {group}"]
        lines += [
            f"- **{item.question}** {item.answer[:1].upper()}{item.answer[1:]}."
            for item in items
            if item.group == group
        ]
    return "\n".join(lines) + "\n"


def checklist_latex(items: tuple[Item, ...]) -> str:
    """The checklist as LaTeX description lists."""
    lines = [r"Checklist after~\cite{li2025misfitting}."]
    for group in dict.fromkeys(item.group for item in items):
        lines += [rf"\paragraph{{{escape(group)}}}", r"\begin{itemize}"]
        lines += [
            rf"\item \textbf{{{escape(item.question)}}} "
            f"{escape(item.answer[:1].upper() + item.answer[1:])}."
            for item in items
            if item.group == group
        ]
        lines.append(r"\end{itemize}")
    return "\n".join(lines) + "\n"
