"""What a study's paper must cite: data, programs, methods; only what the study really used."""

from __future__ import annotations

from importlib.resources import files

from analysis.export.facts import StudyFacts
from analysis.export.methods import SAMPLERS, route_keys
from analysis.settings import AnalysisSettings


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
    if not facts.own_trainer:
        keys.append("paszke2019pytorch")
        if facts.training.get("optimizer") == "adamw":
            keys.append("loshchilov2019decoupled")
        keys += route_keys(facts)
    return tuple(keys)


def bibliography(facts: StudyFacts | None, settings: AnalysisSettings) -> str:
    """BibTeX of what a study must cite, by key."""
    known = entries() | dict(facts.references if facts else {})
    return "\n\n".join(known[key] for key in sorted(cited(facts, settings))) + "\n"
