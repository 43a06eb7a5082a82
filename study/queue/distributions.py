"""The domains of a study's axes as Optuna's distributions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from search_spaces.domains import Categorical, Domain, Int

if TYPE_CHECKING:
    from study.spec.study_file import StudySpec


def distribution(domain: Domain) -> BaseDistribution:
    """Return Optuna's distribution of a domain."""
    if isinstance(domain, Categorical):
        return CategoricalDistribution(tuple(domain.choices))
    if isinstance(domain, Int):
        return IntDistribution(domain.low, domain.high, log=domain.log, step=domain.step or 1)
    return FloatDistribution(domain.low, domain.high, log=domain.log, step=domain.step)


def distribution_of(spec: StudySpec, name: str) -> BaseDistribution:
    """Return Optuna's distribution of one of a study's axes."""
    for axis in (*spec.space.axes, *spec.distill_axes):
        if axis.name == name:
            return distribution(axis.domain)
    return CategoricalDistribution((0.0,))  # prune_ratio where the space has no such axis
