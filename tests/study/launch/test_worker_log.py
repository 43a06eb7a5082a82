"""A worker's log of events, and what it hears from our loggers."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from study.launch.worker_log import WorkerLog
from study.packs.fused import train_pack
from study.training.settings import TrainJob, TrainSettings
from study.training.tensors import TensorSplit
from tests.support.trainings import make_data

__all__ = ["make_data"]


def said(path: Path) -> list[str]:
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert all(event["worker"] == "me" for event in events)
    return [event["text"] for event in events if event["event"] == "said"]


@pytest.mark.parametrize(
    ("settings", "compiled", "meaning"),
    [
        (TrainSettings(family="mlp", width=4, depth=1, steps=2), False, "by torch's operations"),
        (TrainSettings(family="mlp", width=4, depth=1, steps=0), True, "by the reference trainer"),
    ],
)
def test_the_log_says_which_trainer_was_chosen(
    tmp_path: Path,
    make_data: Callable[..., TensorSplit],
    settings: TrainSettings,
    compiled: bool,
    meaning: str,
) -> None:
    log = WorkerLog(tmp_path / "log.jsonl", "me")
    jobs = [TrainJob(settings=settings, data=make_data(40))]
    with log.listening():
        train_pack(jobs, compiled=compiled)
    assert [meaning in text for text in said(log.path)] == [True]
    train_pack(jobs, compiled=compiled)
    assert len(said(log.path)) == 1


def test_only_what_we_say_is_noted_and_levels_are_put_back(tmp_path: Path) -> None:
    log = WorkerLog(tmp_path / "log.jsonl", "me")
    logger = logging.getLogger("study")
    before = logger.level
    with log.listening():
        logging.getLogger("mlflow.tracking").warning("not ours")
        logging.getLogger("study.packs.fused").info("%d of %d", 1, 2)
        logging.getLogger("study.packs.fused").debug("too much")
    assert said(log.path) == ["1 of 2"]
    assert logger.level == before and not logger.handlers
