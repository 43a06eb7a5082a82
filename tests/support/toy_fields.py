"""A cost and a word that no trial of ours has, declared and measured in this file alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.table.fields import Cost, Word
from study.record import Value

if TYPE_CHECKING:
    from study.trials.laboratory import Laboratory
    from study.trials.networks import Network

TOYS = {
    "grams_of_co2": Cost(name="grams_of_co2", plain="grams of CO2", unit="gram"),
    "arithmetic": Word(name="arithmetic", place="words"),
}


def toys(_: Laboratory, network: Network) -> dict[str, Value]:
    """Measure both of one network."""
    weights = sum(parameter.numel() for parameter in network.model.parameters())
    return {"grams_of_co2": 0.5 * weights, "arithmetic": "float32"}
