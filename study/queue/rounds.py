"""The rounds of a study as they stand in Optuna's storage: each planned once, the same for all.

A round is one finished trial of an Optuna study of its own (:data:`PREFIX`), so that it is there
whole or not at all. Who plans takes a turn there; should two have planned the same round all the
same, the lowest number counts, for everybody.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from optuna.storages import BaseStorage
from optuna.trial import TrialState, create_trial

from study.plan.rounds import Round
from study.queue.trials import study_of
from study.spec.sections import DecideSection

PREFIX = "payoff.rounds/"
"""The Optuna study of a study's rounds is called so, followed by the study's name."""

ASKED, ROUND = "asked", "round"


class StoredRounds:
    """The rounds of one study, and what it was last asked for."""

    def __init__(self, storage: BaseStorage, study: str) -> None:
        self._storage, self._name = storage, f"{PREFIX}{study}"
        self._id: int | None = None

    @property
    def study_id(self) -> int:
        """Optuna's id of the study that holds the rounds; made on first use."""
        if self._id is None:
            self._id = study_of(self._storage, self._name)
        return self._id

    def _known_id(self) -> int | None:
        if self._id is None:
            try:
                self._id = self._storage.get_study_id_from_name(self._name)
            except KeyError:
                return None
        return self._id

    def read(self) -> tuple[Round, ...]:
        """Return the rounds in their order; creates nothing."""
        study_id = self._known_id()
        if study_id is None:
            return ()
        found: dict[int, Round] = {}
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        for trial in sorted(trials, key=lambda one: one.number):
            if trial.state == TrialState.COMPLETE and ROUND in trial.user_attrs:
                one = Round.from_json(trial.user_attrs[ROUND])
                found.setdefault(one.number, one)
        return tuple(found[number] for number in sorted(found))

    def add(self, one: Round) -> None:
        """Write a round down."""
        done = create_trial(state=TrialState.COMPLETE, value=0.0, user_attrs={ROUND: one.as_json()})
        self._storage.create_new_trial(self.study_id, done)

    def ask(self, decide: DecideSection) -> None:
        """Write down what the study is asked for, unless it stands there."""
        if not decide.goes_on and self._known_id() is None:
            return
        wish = json.loads(json.dumps(dataclasses.asdict(decide)))
        if self.asked() != wish:
            self._storage.set_study_user_attr(self.study_id, ASKED, wish)

    def awaits(self, rounds: Sequence[Round], complete: Callable[[], int]) -> bool:
        """Whether another round is to follow these ones.

        A study has ended only for what it was asked for then, and only with the results that it
        had then, of which ``complete`` counts those of now: who asks for more, lets a dataset size
        be added or failed trials run again, gets another round.
        """
        asked = self.asked()
        if asked is None or asked["until"] != "decided":
            return False
        if not (rounds and rounds[-1].ends and rounds[-1].asked == asked):
            return True
        return rounds[-1].complete not in (None, complete())

    def asked(self) -> Mapping[str, Any] | None:
        """Return what the study was last asked for; None if it only has its design."""
        study_id = self._known_id()
        if study_id is None:
            return None
        found = self._storage.get_study_user_attrs(study_id).get(ASKED)
        return dict(found) if isinstance(found, Mapping) else None
