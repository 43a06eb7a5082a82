"""What a run works with, and what it ends with."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from study.launch.analyst import Analyst
from study.launch.keeping import Keeper
from study.launch.progress import Screen
from study.patience import Patience
from study.places import Places
from study.plan.design import slots
from study.spec.study_file import StudySpec
from study.tracking.delivery import TrackerThread
from study.tracking.entries import StudyInfo
from study.tracking.tracker import Tracker

if TYPE_CHECKING:
    from analysis.study import StudyAnalysis
    from study.handover.told import Told


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a run ended with."""

    told: Told | None
    """None if it was interrupted before all trials had finished."""
    analysis: StudyAnalysis | None = None
    """None too where the same was told before and the analysis was not asked for."""
    trials: int
    failed: int
    not_logged: int
    """Finished trials that still wait for MLflow."""
    interrupted: bool = False
    """Whether Ctrl-C came before the result was there; it may be there all the same."""
    before: int = 0
    """Trials that had finished when it began."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a run works with."""

    spec: StudySpec
    places: Places
    keeper: Keeper
    tracker: Tracker
    thread: TrackerThread
    view: Screen
    again: str
    """The command that goes on with the study."""
    stop: threading.Event = field(default_factory=threading.Event)
    """Set by the first Ctrl-C."""
    analyst: Analyst = field(default_factory=Analyst)
    """Begins when the end is near."""
    whole: bool = False
    """Whether the analysis itself is asked for, and not only what is told of it."""

    @property
    def patience(self) -> Patience:
        """Waits for a database that is away."""

        say = self.view.say
        return Patience(self.spec.run.patience, self.stop, lambda text: text and say(text))


def make_tracker(spec: StudySpec, places: Places) -> Tracker:
    """Return the tracker of a study; nothing is connected yet."""
    per_size = Counter(slot.cell.n_examples for slot in slots(spec))
    info = StudyInfo(
        name=spec.name,
        digest=spec.digest(),
        description=spec.study.description,
        tags={
            "data": spec.training.function or spec.data.name,
            "family": spec.training.function or spec.model.family,
            "sizes": ", ".join(map(str, spec.sizes)),
            "capacities": ", ".join(
                f"{axis.name} {', '.join(map(str, axis.values))}" for axis in spec.space.scientific
            ),
        },
        trials=dict(per_size),
    )
    address = spec.storage.mlflow or places.mlflow_address
    return Tracker(address, None if spec.storage.mlflow else places.artifacts, info)
