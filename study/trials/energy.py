"""How much energy trainings take, as CodeCarbon estimates it; only when a study asks for it.

CodeCarbon (the extra ``energy``) estimates the processor's energy from the load that this process
puts on it and the power it is sold with. The processor's own counters would count the other workers
and the idle machine in, once for each worker. Graphics cards are counted whole, by their counters.
Nothing is looked up and nothing is sent: it is told a country, and asked for energy, which no
country changes.

References
----------
Courty et al. (2024), CodeCarbon, https://doi.org/10.5281/zenodo.11171501.
"""

from __future__ import annotations

import dataclasses
import logging
import math
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, TypeVar

from search_spaces.errors import PayoffError

if TYPE_CHECKING:
    from study.training.settings import TrainJob, TrainResult
    from study.trials.trainers import Trainer

JOULES_PER_KWH = 3.6e6

Answer = TypeVar("Answer")


class EnergyMeter:
    """Tells the energy of one piece of work after the other."""

    def __init__(self) -> None:
        # Its remarks on the machine would stand between a worker's own words.
        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)
        try:
            from codecarbon import OfflineEmissionsTracker
        except ImportError:
            raise PayoffError(
                "run.energy: needs CodeCarbon, which is not installed; "
                "pip install 'payoff[energy]', or set it to false"
            ) from None
        self._tracker = OfflineEmissionsTracker(
            country_iso_code="USA",
            output_methods=[],
            log_level="critical",
            tracking_mode="process",
            force_mode_cpu_load=True,
            allow_multiple_runs=True,
        )
        self._tasks = 0
        try:  # it keeps its own failure to begin to itself
            self.measure(lambda: None)
        except Exception as error:
            raise PayoffError(
                f"run.energy: CodeCarbon {version('codecarbon')} does not measure here "
                f"({type(error).__name__}: {error}); pip install -U codecarbon, or set it to false"
            ) from None

    def measure(self, action: Callable[[], Answer]) -> tuple[Answer, float]:
        """Do something; return its answer and the joules it took."""
        self._tasks += 1
        name = f"task {self._tasks}"
        self._tracker.start_task(name)
        try:
            answer = action()
        finally:
            found = self._tracker.stop_task(name)
        return answer, float(found.energy_consumed) * JOULES_PER_KWH

    def metered(self, train: Trainer) -> Trainer:
        """Return a trainer that says what each of its results took."""

        def measured(jobs: Sequence[TrainJob]) -> list[TrainResult]:
            results, joules = self.measure(lambda: train(jobs))
            return shared(results, joules)

        return measured


def shared(results: Sequence[TrainResult], joules: float) -> list[TrainResult]:
    """Give each of the trainings done together its share, by the seconds that each took."""
    seconds = [result.wall_seconds for result in results]
    total = math.fsum(seconds)
    shares = [own / total if total > 0 else 1 / len(seconds) for own in seconds]
    return [
        dataclasses.replace(result, energy_joules=joules * share)
        for result, share in zip(results, shares, strict=True)
    ]
