"""Reading and queueing in bulk, against what Optuna itself reads and queues."""

from __future__ import annotations

from pathlib import Path

from study.places import Places
from study.queue.filling import template
from study.queue.lean import LeanStorage
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from tests.support.queues import drain, spec_of, sqlite_address


def test_bulk_reading_and_queueing_give_what_optunas_own_give(tmp_path: Path) -> None:
    spec = spec_of(search={"trials": 3, "sampler": "tpe"})
    lean = open_storage(sqlite_address(tmp_path), Places.at(tmp_path))
    store = StudyStore(spec, lean)
    store.prepare()
    drain(store)
    assert isinstance(lean, LeanStorage)
    for n_examples in spec.sizes:
        study_id = lean.get_study_id_from_name(f"small/n={n_examples}")
        queued = template(spec, next(iter(store.trials.slots.values())))
        lean.create_new_trial(study_id, queued)
        queued.user_attrs = {**queued.user_attrs, "slot": "another"}
        lean.create_many(study_id, [queued])
        plain = lean._backend.get_all_trials(study_id)
        assert lean.get_all_trials(study_id) == plain
        ours, theirs = plain[-1], plain[-2]
        assert ours.number == theirs.number + 1
        assert (ours.params, ours.distributions, ours.user_attrs, ours.state) == (
            theirs.params,
            theirs.distributions,
            {**theirs.user_attrs, "slot": "another"},
            theirs.state,
        )
