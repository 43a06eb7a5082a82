"""Reading the runs of an MLflow experiment, whoever logged them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from search_spaces.errors import nearest
from study.errors import StorageError
from study.redaction import redact
from study.tracking import client as mlflow_client
from study.tracking.errors import StoreAway, explain

if TYPE_CHECKING:
    from mlflow import MlflowClient

NAMED_AT_MOST = 10
"""Experiments that a message lists."""


@dataclass(frozen=True, kw_only=True)
class LoggedRun:
    """One run as the store holds it."""

    run_id: str
    name: str
    status: str
    """RUNNING, SCHEDULED, FINISHED, FAILED or KILLED."""
    start_ms: int | None
    end_ms: int | None
    params: dict[str, str]
    metrics: dict[str, float]
    """The last value of each."""
    tags: dict[str, str]


@contextmanager
def asking(address: str, experiment: str) -> Iterator[tuple[MlflowClient, str]]:
    """Ask a store that must be there, with the number of an experiment that must be in it.

    What the store raises becomes one line, with no password in it.
    """
    try:
        client = mlflow_client.connect(address)
        yield client, _number_of(client, redact(address), experiment)
    except StorageError:
        raise
    except Exception as error:
        known = explain(error, address)
        if isinstance(known, StoreAway):
            reason = str(known).partition("; ")[0]
            raise StorageError(
                f"{reason}; see that it runs and that the address is right"
            ) from None
        if known is None:
            raise
        raise known from None


def read_runs(address: str, experiment: str = "") -> tuple[LoggedRun, ...]:
    """Return all runs of an experiment that were not deleted, in the order of their start.

    Parameters
    ----------
    address
        Tracking address, which must be there.
    experiment
        Name of the experiment; may be empty where the store holds only one that has runs.

    Raises
    ------
    StorageError
        If the store does not answer, or holds no such experiment.
    """
    with asking(address, experiment) as (client, number):
        found = mlflow_client.runs_of(client, number, order=["attributes.start_time ASC"])
        return tuple(
            LoggedRun(
                run_id=run.info.run_id,
                name=run.info.run_name or "",
                status=run.info.status,
                start_ms=run.info.start_time,
                end_ms=run.info.end_time,
                params=dict(run.data.params),
                metrics=dict(run.data.metrics),
                tags=dict(run.data.tags),
            )
            for run in found
        )


def _number_of(client: MlflowClient, shown: str, name: str) -> str:
    """Return the number of an experiment; of the one that has runs where no name is given."""
    every = mlflow_client.pages(
        lambda token: client.search_experiments(max_results=mlflow_client.PAGE, page_token=token)
    )
    found = {experiment.name: str(experiment.experiment_id) for experiment in every}
    if name in found:
        return found[name]
    names = ", ".join(list(found)[:NAMED_AT_MOST]) + (", ..." if len(found) > NAMED_AT_MOST else "")
    if name:
        raise StorageError(
            f"MLflow at {shown}: there is no experiment {name!r}{nearest(name, found)} "
            f"(it has: {names})"
        )
    used = [number for number in found.values() if client.search_runs([number], max_results=1)]
    if len(used) == 1:
        return used[0]
    what = "several experiments have runs" if used else "no experiment has runs"
    raise StorageError(f"MLflow at {shown}: {what}; name one as #EXPERIMENT (it has: {names})")
