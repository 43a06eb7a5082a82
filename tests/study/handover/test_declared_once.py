"""A field is declared once: every room carries one that a test adds, and a cost sizes a study."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from analysis.table import columns
from analysis.table.fields import Word
from analysis.table.reading import read_table
from analysis.table.trials import TrialTable
from analysis.table.writing import write_table
from search_spaces.errors import PayoffError
from study.cli import main
from study.cli.studies import with_size
from study.handover.readers import read_address
from study.handover.results import analyse_study
from study.launch.job import make_tracker
from study.places import Places
from study.queue.opening import open_storage
from study.queue.store import StudyStore
from study.record import Value
from study.spec.study_file import StudySpec, parse_spec
from study.trials import networks
from study.trials.costs import measured
from study.trials.laboratory import Laboratory
from tests.toys import grams

COST = dataclasses.replace(grams.COST, name="grams_of_co2")


def spec_of(base: Path, size: str) -> StudySpec:
    return parse_spec(
        {
            "study": {"name": "toys"},
            "data": {"sizes": [80]},
            "space": {
                "width": [2, 4, 8, 16], "depth": [1], "prune_ratio": [0.0],
                "learning_rate": 0.01, "weight_decay": 0.01, "dropout": 0.0,
            },
            "training": {"epochs": 1, "min_steps": 20},
            "search": {"trials": 0},
            "replicates": {"draws": 2},
            "analysis": {"size": size, "resamples": 100},
        },
        base=base,
    )  # fmt: skip


def test_a_cost_that_nobody_declared_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PayoffError, match=r"analysis\.size: must be one of n_parameters, "):
        spec_of(tmp_path, "grams_of_co2")


@pytest.mark.slow
def test_a_declared_cost_and_word_are_carried_from_the_trainer_to_the_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for field in (COST, Word(name="arithmetic", place="words")):
        monkeypatch.setitem(columns._DECLARED, field.name, field)

    def with_word(laboratory: Laboratory, network: networks.Network) -> dict[str, Value]:
        return {**measured(laboratory, network), "arithmetic": "float32"}

    monkeypatch.setattr(networks, "measured", with_word)

    spec, places = spec_of(tmp_path, "grams_of_co2"), Places.at(tmp_path / "mlruns")
    assert with_size(spec_of(tmp_path, "n_nonzero"), "grams_of_co2") == spec
    laboratory, store = Laboratory(spec), StudyStore(spec, open_storage("", places))
    tracker = make_tracker(spec, places)
    tracker.initialise()
    store.prepare()
    while claims := store.claim("w", most=8):
        trial_ids = {claim.slot.name: claim.trial_id for claim in claims}
        for task, record in laboratory.run(claims):
            assert store.finish(trial_ids[task.slot.name], record)
            tracker.deliver(record)

    records = store.records()
    assert {record.words["arithmetic"] for record in records} == {"float32"}
    analysis, table = analyse_study(spec, records)
    expected = grams.GRAMS_PER_FLOP * table.train_flops
    np.testing.assert_array_equal(table.column("grams_of_co2"), expected)
    assert "grams of CO2" in analysis.markdown()

    file = tmp_path / "trials.csv"
    write_table(table, file)
    addresses = (
        f"optuna+journal://{places.optuna_journal}#toys",
        f"mlflow+{places.mlflow_address}#toys",
    )
    copies = [TrialTable.from_rows(read_address(one).rows) for one in addresses]
    for copy in (read_table(file), *copies):
        order = np.argsort(copy.trial)
        np.testing.assert_array_equal(copy.column("grams_of_co2")[order], expected)
        assert set(copy.columns["arithmetic"]) == {"float32"}

    for source in (str(file), *addresses):
        words = ["--size", "grams_of_co2", "--error", "test_error", "--examples", "n_examples"]
        assert main(["fit", source, *words, "--resamples", "100"]) == 0
        assert "grams of CO2" in capsys.readouterr().out
