"""The methods paragraph, filled with the study's own figures, and what it cites."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from analysis.export.facts import AxisFacts, StudyFacts
from analysis.export.prose import Ink
from analysis.settings import AnalysisSettings
from analysis.shapes.best import ENOUGH, LEVEL, LIKELY, TOLD
from analysis.study import StudyAnalysis
from analysis.table.names import plain_name
from analysis.verdicts.findings import gauge_of

SAMPLERS = {
    "halton": ("quasi-random (scrambled Halton) points", "bousquet2017critical"),
    "random": ("random points", "bergstra2012random"),
    "model": (
        "quasi-random (scrambled Halton) points, the last of each cell chosen by the knowledge "
        "gradient of a Gaussian process of all others",
        "frazier2009knowledge",
    ),
    "tpe": ("points of the tree-structured Parzen estimator", "bergstra2011algorithms"),
}
"""Name -> what it is, and what it comes from."""
_OPTIMIZERS = {"adamw": "AdamW", "sgd": "stochastic gradient descent with momentum"}

SOURCES = {
    "one-shot": "han2015learning",
    "untuned": "han2015learning",
    "iterative": "han2015learning",
    "rewind-weights": "frankle2019lottery",
    "rewind-rate": "renda2020comparing",
    "structured": "li2017pruning",
}
"""Way of pruning -> what it comes from."""

_SCOPES = {"global": "over all layers together", "layerwise": "in each layer"}


def methods(
    analysis: StudyAnalysis, facts: StudyFacts | None, form: Literal["latex", "markdown"]
) -> str:
    """The paragraph as LaTeX (needs siunitx and the bibliography) or Markdown."""
    ink = Ink(form=form)
    parts: list[str] = []
    if facts is not None:
        parts += [_design(analysis, facts, ink), _search(analysis, facts, ink)]
        parts.append(_training(facts, ink))
    parts += [
        _curve(analysis, ink),
        _shapes(analysis, ink),
        _verdict(analysis, ink),
        _left_out(analysis, ink),
    ]
    if facts is not None:
        parts.append(_programs(facts, ink))
    text = " ".join(part for part in parts if part)
    if form == "latex":  # numbers and names that cannot be broken, in lines of any length
        text = rf"{{\emergencystretch=3em {text}\par}}"
    return text + "\n"


def axis_words(axis: AxisFacts, ink: Ink) -> str:
    """An axis with its values or range."""
    name = ink.words(axis.name.replace("_", " "))
    if axis.low is not None and axis.high is not None:
        how = "log-uniform" if axis.log else "uniform"
        return f"{name} ({how} on {ink.span(axis.low, axis.high)})"
    values = [
        ink.number(v)
        if isinstance(v, int | float) and not isinstance(v, bool)
        else ink.words(str(v))
        for v in axis.values
    ]
    if axis.role == "fixed":
        return f"{name} {values[0]}"
    return f"{name} ({', '.join(values)})"


def _design(analysis: StudyAnalysis, facts: StudyFacts, ink: Ink) -> str:
    science = [axis_words(a, ink) for a in facts.axes if a.role == "scientific"]
    sizes = [ink.number(n) for n in facts.sizes]
    cite = ink.cite(*facts.references) if facts.references else ""
    varied = f", varying {ink.listed(science)}" if science else ""
    return (
        f"We trained {ink.number(analysis.n_trials)} models ({ink.words(facts.model)}) on "
        f"{ink.words(facts.data)}{cite} with {ink.listed(sizes)} training examples{varied}."
    )


def _search(analysis: StudyAnalysis, facts: StudyFacts, ink: Ink) -> str:
    nuisance = [axis_words(a, ink) for a in facts.axes if a.role == "nuisance"]
    seeds = facts.seeds_per_draw
    again = (
        f"{ink.number(facts.draws)} independent subset draws with "
        f"{ink.number(seeds)} fresh seed{'s' if seeds > 1 else ''} each"
    )
    if facts.most_draws:
        again += (
            f", and on up to {ink.number(facts.most_draws)} draws in rounds that followed: in "
            "each, the trials were trained that promised to narrow the intervals of the payoff "
            "points most for their cost; intervals of a study that chooses its own runs are a "
            "little too sure (in simulations that stopped when they were narrow, 90% intervals "
            "held the truth in 83%)"
        )
    if facts.search_trials and nuisance:
        how, key = SAMPLERS.get(facts.sampler, (ink.words(facts.sampler), ""))
        cite = ink.cite(key) if key else ""
        what = "the winner"
        if facts.winner == "pooled":
            model = f"a Gaussian process of all search trials{ink.cite('rasmussen2006gaussian')}"
            what = f"the values at which {model} has the lowest mean in the cell"
        start = (
            f"In each cell (a dataset size and a capacity) we tuned {ink.listed(nuisance)} on "
            f"validation error with {ink.number(facts.search_trials)} trials at {how}{cite}, and "
            f"retrained {what} on {again}."
        )
    else:
        start = f"Each cell (a dataset size and a capacity) was trained on {again}."
    tests = sorted({fit.curve.n_test for fit in analysis.fits if fit.curve.n_test})
    test = f" of {ink.number(tests[0])} examples" if len(tests) == 1 else ""
    if len(tests) > 1:
        test = f" of {ink.number(tests[0])} to {ink.number(tests[-1])} examples"
    if pool := max((fit.curve.n_test_pool for fit in analysis.fits), default=0):
        return (
            f"{start} Only these replicates draw the curves, each scored on the test set{test} of "
            f"its draw, taken from the {ink.number(pool)} examples on which nothing was chosen and "
            "disjoint from its training subset."
        )
    return (
        f"{start} Only these replicates, scored on a test set{test} on which nothing was chosen, "
        "draw the curves."
    )


def _training(facts: StudyFacts, ink: Ink) -> str:
    t = facts.training
    if facts.own_trainer or not t:
        return "Models were trained by the authors' own code." if facts.own_trainer else ""
    cite = ink.cite("loshchilov2019decoupled") if t["optimizer"] == "adamw" else ""
    after = "cosine decay to zero" if t["schedule"] == "cosine" else "a constant rate"
    kept = (
        "the weights of lowest validation loss were scored"
        if t["select"] == "best"
        else "the last weights were scored"
    )
    fixed = [axis_words(a, ink) for a in facts.axes if a.role == "fixed" and a.values[0]]
    held = f" Fixed: {ink.listed(fixed)}." if fixed else ""
    text = (
        f"Training used {_OPTIMIZERS[str(t['optimizer'])]}{cite}, batches of "
        f"{ink.number(int(t['batch_size']))}, {ink.number(int(t['epochs']))} epochs but at least "
        f"{ink.number(int(t['min_steps']))} steps, a linear warm-up over "
        f"{ink.percent(float(t['warmup_fraction']))} of them and {after}; {kept}.{held}"
    )
    tuned = [axis_words(a, ink) for a in facts.student_axes if a.role == "nuisance"]
    parts = (text, pruning_words(facts, ink), student_words(facts, tuned, ink))
    return " ".join(part for part in parts if part)


def _curve(analysis: StudyAnalysis, ink: Ink) -> str:
    s = analysis.settings
    error, size = ink.words(plain_name(s.error_name)), ink.words(plain_name(s.size_name))
    noise = (
        "The noise of a point (seeds, shared subset draws, shared test examples) was estimated "
        f"with moderated variances{ink.cite('smyth2004linear')}."
    )
    if s.law == "auto" and s.scale.additive:
        how = (
            f"For each dataset size, {error} against {size} was modelled as a power law above a "
            "floor of any value, the likelihood normal in the log of the distance to a number "
            "below all values; such numbers were weighed by marginal likelihood, with "
            f"departures from the law, smooth{ink.cite('rasmussen2006gaussian')} or by bends, "
            "steps and humps, all parameters summed by population Monte Carlo. "
            f"Intervals come from {ink.number(s.resamples)} curves drawn with their probability."
        )
    elif s.law == "auto":
        how = (
            f"For each dataset size, {error} against {size} was modelled on the log scale as a "
            "power law with a floor and a passage from chance"
            f"{ink.cite('rosenfeld2020constructive')}, averaged by marginal likelihood with other "
            f"laws and with departures, smooth{ink.cite('rasmussen2006gaussian')} or by bends, "
            "steps and humps; the likelihood is normal in log error, and all parameters are summed "
            "by population Monte Carlo, so that no optimum depends on a start. Intervals come from "
            f"{ink.number(s.resamples)} curves drawn with their probability, blurred between two "
            "sizes where they turn sharply."
        )
    else:
        how = (
            f"For each dataset size the law {ink.words(s.law)} was fitted to {error} against "
            f"{size} with a summed Huber loss on the log error"
            f"{ink.cite('hoffmann2022training')} from many starts, and again to "
            f"{ink.number(s.resamples)} hierarchical bootstrap resamples."
        )
    return f"{how} {noise}"


def _shapes(analysis: StudyAnalysis, ink: Ink) -> str:
    """How shapes were compared; empty where they were not."""
    if not analysis.shapes:
        return ""
    n = max(len(one.shapes) for one in analysis.shapes)
    axes = [ink.words(plain_name(name).replace("_", " ")) for name in analysis.shapes[-1].axes]
    size = ink.words(plain_name(analysis.settings.size_name))
    return (
        f"Networks of {ink.number(n)} shapes ({ink.listed(axes)}) have curves of their own, drawn "
        "together: each is the common curve, moved by nothing, by a factor, by a difference that "
        "fades as networks grow, by a tilt, or smoothly, all weighed by marginal likelihood. The "
        f"curve of a dataset size is that of the best shape at each number of {size}. A shape is "
        f"called the best where it is better than all others with probability {ink.percent(TOLD)} "
        "or more. Where none is, the simplest is taken of those that are worse than the likeliest "
        f"with a probability below {ink.percent(LIKELY)}; it is called enough where the "
        f"probability is {ink.percent(ENOUGH)} or more that no other saves {ink.percent(LEVEL)} "
        "of the error."
    )


def _verdict(analysis: StudyAnalysis, ink: Ink) -> str:
    s = analysis.settings
    amount = ink.number(s.marginal) if s.marginal_is_absolute else ink.percent(s.marginal)
    gauge = gauge_of(s)
    what, whole = "error", "best in range"
    if gauge is not None:
        what = "perplexity" if gauge.of == "perplexity" else s.error_name
        of = {"reducible": " of what lies above its floor", "span": " of its span over the sizes"}
        if not s.marginal_is_absolute:
            amount += of.get(gauge.of, "")
        whole = f"best in range{of.get(gauge.of, '')}"
    moves = "raises" if s.scale.shown_better == "higher" else "lowers"
    worse = "falls" if moves == "raises" else "rises"
    rules = {
        "marginal": f"the size from which doubling {moves} the {what} by less than {amount}",
        "plateau": (
            f"the smallest size whose {what} is within {ink.percent(s.plateau)} of the {whole}"
        ),
        "overfit": f"the size from which the {what} {worse} by at least {ink.percent(s.upturn)}",
        "economic": (
            f"the size from which one more unit saves less than {ink.number(s.price or 0.0)} of "
            f"{what}"
        ),
    }
    others = [f"{rule} ({rules[rule]})" for rule in s.rules[1:]]
    beside = f"; beside it we report {ink.listed(others)}" if others else ""
    return (
        f"The payoff point is {rules[s.rule]} ({s.rule} rule), with its {ink.percent(s.level)} "
        f"interval{beside}. A verdict is given where its probability reaches "
        f"{ink.percent(s.confidence)}."
    )


def _left_out(analysis: StudyAnalysis, ink: Ink) -> str:
    counts = [
        f"{ink.number(count)} {ink.words(reason)}" for reason, count in analysis.counts.items()
    ]
    text = f"Left out of the curves: {ink.listed(counts)}." if counts else "No run was left out."
    total = sum(int(fit.curve.replicates.sum()) for fit in analysis.fits)
    short = ink.number(analysis.undertrained)
    if analysis.endings_told:
        text += f" Of {ink.number(total)} runs on the curves {short} were still improving at their "
        text += "last step."
    if not analysis.longer:
        return text
    pairs = ink.number(analysis.longer[-1].pairs)
    return (
        f"{text} To tell what longer training would do, {pairs} replicates were trained once more, "
        "with the same seed, hyperparameters and examples and twice the steps. The log ratio of "
        "their errors, as a Gaussian process of log size, log dataset size and shape, was added to "
        "every drawn curve, and the payoff point found again."
    )


def _programs(facts: StudyFacts, ink: Ink) -> str:
    named = [f"payoff {facts.versions.get('payoff', '')}".strip()]
    for name, words, key in (
        ("torch", "PyTorch", "paszke2019pytorch"),
        ("optuna", "Optuna", "akiba2019optuna"),
        ("mlflow", "MLflow", "zaharia2018mlflow"),
    ):
        if name in facts.versions and not (name == "torch" and facts.own_trainer):
            named.append(f"{words} {facts.versions[name]}{ink.cite(key)}")
    return f"Programs: {ink.listed(named)}. The study's seed is {ink.number(facts.seed)}."


def methods_of(facts: StudyFacts) -> tuple[str, ...]:
    """Ways of pruning; empty where nothing was pruned."""
    if not facts.pruning:
        return ()
    return tuple(str(facts.pruning.get("methods", "one-shot")).split(", "))


def pruning_words(facts: StudyFacts, ink: Ink) -> str:
    """How trained models were pruned; empty where none were."""
    methods = methods_of(facts)
    if not methods:
        return ""
    share = ink.percent(float(facts.pruning["fine_tune_fraction"]))
    level = ink.percent(float(facts.pruning.get("level_ratio", 0.2)))
    levels = f"over levels that each remove {level} of the remaining weights"
    tuned = f"fine-tuned for {share} of the training steps"
    ways = {
        "one-shot": f"in one cut and {tuned}",
        "untuned": "in one cut with no training after it",
        "iterative": f"{levels}, {tuned} after each",
        "rewind-weights": f"{levels}, trained again from the first weights after each",
        "rewind-rate": f"{levels}, trained again at the learning rates of training after each",
    }
    named = [
        f"{ways[m]}{ink.cite(SOURCES[m])}" if m in ways else ink.words(m)
        for m in methods
        if m != "structured"
    ]
    scopes = [_SCOPES.get(s, s) for s in str(facts.pruning.get("scopes", "global")).split(", ")]
    text = ""
    if named:
        text = (
            f"Pruned models were made from the trained ones by removing the weights of least "
            f"magnitude ({ink.listed(scopes)}): {'; '.join(named)}."
        )
    if "structured" in methods:
        also = "also " if named else ""
        text += (
            f" Trained models were {also}pruned by whole units or channels of least L1 norm"
            f"{ink.cite(SOURCES['structured'])}, {tuned}, and made smaller dense models."
        )
    return text.strip()


def student_words(facts: StudyFacts, tuned: list[str], ink: Ink) -> str:
    """How models were distilled; empty where none were."""
    if not facts.teachers:
        return ""
    teachers = [
        "the trained model of the same examples with the lowest validation error"
        if name == "best"
        else f"the trained model {ink.words(name)}"
        for name in facts.teachers
    ]
    also = f"; for them {ink.listed(tuned)} were tuned likewise" if tuned else ""
    return (
        "Students were trained on a mixture of the labels and the softened answers of a teacher"
        f"{ink.cite('hinton2015distilling')}: {ink.listed(teachers)}{also}."
    )


def entries() -> dict[str, str]:
    """Key -> BibTeX of programs and methods. Long author lists end in "others"."""
    text = (files("analysis.export") / "assets" / "references.bib").read_text(encoding="utf-8")
    return {one[one.index("{") + 1 : one.index(",")]: one for one in text.strip().split("\n\n")}


def cited(facts: StudyFacts | None, settings: AnalysisSettings) -> tuple[str, ...]:
    """Keys of what a study must cite."""
    keys = ["li2025misfitting", "smyth2004linear"]
    if settings.law == "auto":
        keys += ["rosenfeld2020constructive", "rasmussen2006gaussian"]
    else:
        keys.append("hoffmann2022training")
    if facts is None:
        return tuple(keys)
    keys += ["akiba2019optuna", "zaharia2018mlflow", *facts.references]
    if facts.search_trials and facts.sampler in SAMPLERS:
        keys.append(SAMPLERS[facts.sampler][1])
    if facts.search_trials and facts.winner == "pooled":
        keys.append("rasmussen2006gaussian")
    if not facts.own_trainer:
        keys.append("paszke2019pytorch")
        if facts.training.get("optimizer") == "adamw":
            keys.append("loshchilov2019decoupled")
        keys += dict.fromkeys(SOURCES[m] for m in methods_of(facts) if m in SOURCES)
        keys += ["hinton2015distilling"] if facts.teachers else []
    return tuple(dict.fromkeys(keys))


def bibliography(facts: StudyFacts | None, settings: AnalysisSettings) -> str:
    """BibTeX of what a study must cite, by key."""
    known = entries() | dict(facts.references if facts else {})
    return "\n\n".join(known[key] for key in sorted(cited(facts, settings))) + "\n"
