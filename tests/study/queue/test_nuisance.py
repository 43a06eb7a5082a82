"""What a taken trial is given: the winner's values, or those of Optuna's sampler."""

from __future__ import annotations

import optuna
from optuna.storages import BaseStorage

from study.queue.store import StudyStore
from tests.support.queues import drain, record_of, spec_of


def test_replicates_take_the_values_of_the_best_search_trial(storage: BaseStorage) -> None:
    spec = spec_of(search={"trials": 2, "winner": "best"})
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain(store)
    for cell in {claim.slot.cell.name for claim in taken}:
        mine = [claim for claim in taken if claim.slot.cell.name == cell]
        best = min(
            (claim for claim in mine if claim.slot.phase == "search"),
            key=lambda claim: (claim.slot.seed % 97, claim.number),
        )
        for claim in mine:
            if claim.slot.phase == "replicate":
                for name in ("learning_rate", "dropout", "weight_decay"):
                    assert claim.params[name] == best.params[name]
    # Optuna knows the values too, so its dashboard shows them.
    study = optuna.load_study(study_name="small/n=80", storage=storage)
    assert all("learning_rate" in trial.params for trial in study.trials)


def test_diverged_trials_fail_and_never_win(storage: BaseStorage) -> None:
    spec = spec_of(data={"sizes": [80]}, space={"width": [2], "depth": [1]})
    store = StudyStore(spec, storage)
    store.prepare()
    bad = store.claim("w")
    assert bad
    store.finish(bad[0].trial_id, record_of(spec, bad[0], status="diverged", metrics={}))
    good = store.claim("w")
    assert good
    store.finish(good[0].trial_id, record_of(spec, good[0], metrics={"val_error": 0.9}))
    replicate = store.claim("w")
    assert replicate
    assert replicate[0].params["learning_rate"] == good[0].params["learning_rate"]
    assert store.counts().failed == 1


def test_optunas_own_sampler_fills_in_the_nuisance_values(storage: BaseStorage) -> None:
    spec = spec_of(search={"trials": 3, "sampler": "tpe"})
    store = StudyStore(spec, storage)
    store.prepare()
    taken = drain(store)
    searches = [claim for claim in taken if claim.slot.phase == "search"]
    rates = {claim.params["learning_rate"] for claim in searches}
    assert len(rates) == len(searches)
    for claim in searches:
        assert all(a.domain.contains(claim.params[a.name]) for a in spec.space.nuisance)
        assert claim.params["width"] == claim.slot.cell.capacity["width"]
