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
from statistics import NormalDist

import numpy as np

from analysis.export.facts import StudyFacts
from analysis.export.latex import escape
from analysis.export.methods import axis_words
from analysis.export.prose import MARKDOWN
from analysis.forecasts.extrapolation import extrapolate
from analysis.study import StudyAnalysis
from analysis.table.names import format_size, plain_name
from analysis.verdicts.curve_fit import FittedCurve
from analysis.words.kinds import tell
from analysis.words.rounding import significant
from analysis.words.told import capital
from analysis.words.tuning import tuned_enough

UNANSWERED = "not recorded: fill in"
"""What the study does not know and its authors do."""


Answers = dict[str, str]
"""Question -> the study's answer."""


LEAST_KNOWN = 5
"""Fewest sizes that a forecast is made from."""
REACH = 4.0
"""The forecast reaches up to so many times the largest size that it knows: two doublings."""


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """Forecast of the largest sizes of a curve from the others."""

    n_examples: float
    known: float
    """Largest size that the forecast was made from."""
    hidden: int
    """Points beyond it."""
    error: float
    """Root mean square of log(forecast / measured)."""
    inside: int
    """Points whose measured error the band of the forecast mean holds, their own noise allowed."""
    level: float


def checklist(analysis: StudyAnalysis, facts: StudyFacts | None) -> dict[str, Answers]:
    """Group -> its questions, answered."""
    return {
        "The law": _hypothesis(analysis),
        "Training": _setup(analysis, facts),
        "Data points": _data(analysis, facts),
        "Fit": _fit(analysis),
    }


def _hypothesis(analysis: StudyAnalysis) -> Answers:
    s = analysis.settings
    law = (
        "power law with a floor and the passage from chance, with departures, averaged"
        if s.law == "auto"
        else f"{s.law}, chosen beforehand"
    )
    return {
        "What is predicted from what?": (
            f"{plain_name(s.error_name)} from {plain_name(s.size_name)}, one curve for each "
            "dataset size"
        ),
        "Which form is fitted?": law,
        "What is concluded, by which rule?": (
            f"payoff point, {s.rule} rule; {', '.join(s.rules[1:])} beside it; no verdict "
            f"below a probability of {s.confidence:.0%}"
        ),
    }


def _setup(analysis: StudyAnalysis, facts: StudyFacts | None) -> Answers:
    if facts is None:
        names = ("What was varied?", "What was tuned, and how much for each size?",
                 "How many seeds and subset draws?", "How were models trained?")  # fmt: skip
        return dict.fromkeys(names, UNANSWERED)
    ink = MARKDOWN
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
    return {
        "What was varied?": (
            f"{ink.listed(roles['scientific'])}; dataset sizes "
            f"{', '.join(f'{n:,}' for n in facts.sizes)}"
            if roles["scientific"]
            else UNANSWERED
        ),
        "What was tuned, and how much for each size?": tuned,
        "Was tuning enough?": tuned_enough(
            analysis.found("tuning"),
            elsewhere=analysis.tuning is not None and analysis.tuning.elsewhere,
        ),
        "How many seeds and subset draws?": (
            f"{facts.draws} subset draws, {facts.seeds_per_draw} seed"
            f"{'s' if facts.seeds_per_draw > 1 else ''} on each, in every cell"
            + (
                f", and up to {facts.most_draws} draws where more promised to narrow the answer "
                "most for their cost"
                if facts.most_draws
                else ""
            )
            + "; fresh after the search"
        ),
        "How were models trained?": (
            "by the authors' own code" if facts.own_trainer else training or UNANSWERED
        ),
        "What was held fixed?": ink.listed(roles["fixed"]) if roles["fixed"] else "nothing else",
    }


def _data(analysis: StudyAnalysis, facts: StudyFacts | None) -> Answers:
    s = analysis.settings
    sizes = [fit.curve.size for fit in analysis.fits if len(fit.curve)]
    low = min((float(x[0]) for x in sizes), default=math.nan)
    high = max((float(x[-1]) for x in sizes), default=math.nan)
    runs = sum(int(fit.curve.replicates.sum()) for fit in analysis.fits)
    points = sum(len(fit.curve) for fit in analysis.fits)
    counts = "; ".join(f"{count:,} {reason}" for reason, count in analysis.counts.items())
    tests = sorted({fit.curve.n_test for fit in analysis.fits if fit.curve.n_test})
    pool = max((fit.curve.n_test_pool for fit in analysis.fits), default=0)
    (short,) = analysis.found("undertrained")
    kept = "final or best-validation weights, see training" if facts else UNANSWERED
    if facts is not None and "select" in facts.training:
        kept = f"{facts.training['select']} weights of each run; no run gives two points"
    return {
        "How many runs and points?": (
            f"{analysis.n_trials:,} trials, of which {runs:,} replicates draw {points:,} points on "
            f"{len(sizes)} curves"
        ),
        "Which sizes, counted how?": (
            f"{format_size(low)} to {format_size(high)} {plain_name(s.size_name)}"
            + (", biases included" if facts and s.size == "n_parameters" else "")
        ),
        "Which checkpoints?": kept,
        "What is scored, on what?": (
            f"{plain_name(s.error_name)}"
            + (f" on {', '.join(f'{n:,}' for n in tests)} held-out examples" if tests else "")
            + (f", of each draw its own out of {pool:,}" if pool else "")
            + ("; the test set chose nothing" if facts else "")
        ),
        "What was left out, and why?": counts or "nothing",
        "Were runs trained to their end?": (
            f"{tell(short).label}{tell(short).text}"
            + ("; they were kept" if short.facts.n and s.undertrained == "keep" else "")
            + "".join(
                f". {tell(one).label}{tell(one).text}" for one in analysis.found("longer")[-1:]
            )
            if analysis.endings_told
            else UNANSWERED
        ),
        "Are the data points published?": "every trial in trials.csv, the fitted curves in "
        "curves.csv",
    }


def _fit(analysis: StudyAnalysis) -> Answers:
    s = analysis.settings
    if s.law == "auto":
        loss = "normal likelihood of the log error with the covariance of seeds, subset draws and "
        loss += "test examples"
        optimiser = "none: all parameters are summed over a grid"
        drawn = "curves drawn with their probability"
    else:
        failed = sum(fit.failed_resamples for fit in analysis.fits)
        loss = "Huber loss on the log error, summed"
        optimiser = f"Levenberg-Marquardt from many starts; {failed:,} resamples found no fit"
        drawn = "hierarchical bootstrap resamples"
    return {
        "Which loss?": loss,
        "Which optimiser, from which starts?": optimiser,
        "How was uncertainty found?": (
            f"{s.resamples:,} {drawn}, {s.level:.0%} intervals; seed {s.seed}"
        ),
        "How well does it extrapolate?": _score(analysis),
        **_routes(analysis),
        "Can it be repeated?": "versions, digests, seeds and commands are in provenance.json",
    }


def _routes(analysis: StudyAnalysis) -> Answers:
    """How routes to a small model were compared, and how well their laws predict."""
    answers = {}
    if analysis.routes:
        answers["How were the routes compared?"] = (
            f"on {plain_name(analysis.routes[0].size)}, at equal error, by curves of the same "
            "subset draws and test examples"
        )
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
        answers["How well do the routes' laws predict?"] = "; ".join(scores)
    return answers


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


def checklist_markdown(groups: dict[str, Answers]) -> str:
    """The checklist as Markdown."""
    lines = ["# Checklist", ""]
    lines.append("After Li, Kudugunta and Zettlemoyer (2025), (Mis)Fitting: A Survey of Scaling")
    lines.append("Laws [@li2025misfitting].")
    for group, answers in groups.items():
        lines += ["", f"## {group}"]
        lines += [f"- **{asked}** {capital(answer)}." for asked, answer in answers.items()]
    return "\n".join(lines) + "\n"


def checklist_latex(groups: dict[str, Answers]) -> str:
    """The checklist as LaTeX description lists."""
    lines = [r"Checklist after~\cite{li2025misfitting}."]
    for group, answers in groups.items():
        lines += [rf"\paragraph{{{escape(group)}}}", r"\begin{itemize}"]
        for asked, answer in answers.items():
            lines.append(rf"\item \textbf{{{escape(asked)}}} {escape(capital(answer))}.")
        lines.append(r"\end{itemize}")
    return "\n".join(lines) + "\n"


def held_out(fit: FittedCurve) -> HeldOut | None:
    """Hide the sizes within two doublings of the largest; None where too few would be left."""
    curve, level = fit.curve, fit.settings.level
    if not len(curve):
        return None
    known = curve.size < curve.size[-1] / REACH
    if np.unique(curve.size[known]).size < LEAST_KNOWN:
        return None
    error = np.exp(fit.noise.log_error)
    found = extrapolate(curve.size[known], error[known], curve.size[~known], level=level)
    miss = np.log(found.prediction) - np.log(error[~known])
    own = np.sqrt(np.diag(fit.noise.mean_covariance(curve.replicates)))[~known]
    half = (np.log(found.upper) - np.log(found.lower)) / 2.0
    z = NormalDist().inv_cdf((1.0 + level) / 2.0)
    return HeldOut(
        n_examples=curve.n_examples,
        known=float(curve.size[known][-1]),
        hidden=int((~known).sum()),
        error=float(np.sqrt((miss**2).mean())),
        inside=int((np.abs(miss) <= np.hypot(half, z * own)).sum()),
        level=level,
    )
