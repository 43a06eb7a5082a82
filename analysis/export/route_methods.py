"""How pruned and distilled models were made, for the methods paragraph, with what to cite."""

from __future__ import annotations

from analysis.export.facts import StudyFacts
from analysis.export.prose import Ink

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


def methods_of(facts: StudyFacts) -> tuple[str, ...]:
    """Ways of pruning; empty where nothing was pruned."""
    if not facts.pruning:
        return ()
    return tuple(str(facts.pruning.get("methods", "one-shot")).split(", "))


def route_keys(facts: StudyFacts) -> list[str]:
    """Keys of what the routes must cite."""
    keys = list(dict.fromkeys(SOURCES[m] for m in methods_of(facts) if m in SOURCES))
    return keys + (["hinton2015distilling"] if facts.teachers else [])


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
