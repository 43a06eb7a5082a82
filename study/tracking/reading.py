"""Reading the runs of an MLflow experiment, whoever logged them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from search_spaces.errors import nearest
from study.errors import StorageError
from study.redaction import redact
from study.tracking.errors import StoreAway, explain
from study.tracking.tracker import quieten

if TYPE_CHECKING:
    from mlflow import MlflowClient

Answer = TypeVar("Answer")

PAGE = 1000
"""Runs asked for at a time."""

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
    quieten()
    from mlflow import MlflowClient

    def ask() -> tuple[LoggedRun, ...]:
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        number = experiment_id(client, redact(address), experiment)
        return tuple(_runs(client, number))

    return explained(ask, address)


def explained(ask: Callable[[], Answer], address: str) -> Answer:
    """Ask the store; what it raises becomes one clear line, with no password in it."""
    try:
        return ask()
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


def experiment_id(client: MlflowClient, shown: str, name: str) -> str:
    """Return the number of an experiment; of the one that has runs where no name is given."""
    found = {experiment.name: experiment.experiment_id for experiment in _experiments(client)}
    if name in found:
        return str(found[name])
    names = ", ".join(list(found)[:NAMED_AT_MOST]) + (", ..." if len(found) > NAMED_AT_MOST else "")
    if name:
        raise StorageError(
            f"MLflow at {shown}: there is no experiment {name!r}{nearest(name, found)} "
            f"(it has: {names})"
        )
    used = [number for number in found.values() if client.search_runs([number], max_results=1)]
    if len(used) == 1:
        return str(used[0])
    what = "several experiments have runs" if used else "no experiment has runs"
    raise StorageError(f"MLflow at {shown}: {what}; name one as #EXPERIMENT (it has: {names})")


def _experiments(client: MlflowClient) -> Iterator[Any]:
    token = None
    while True:
        page = client.search_experiments(max_results=PAGE, page_token=token)
        yield from page
        token = page.token
        if not token:
            return


def _runs(client: MlflowClient, experiment_id: str) -> Iterator[LoggedRun]:
    token = None
    while True:
        page = client.search_runs(
            [experiment_id],
            max_results=PAGE,
            order_by=["attributes.start_time ASC"],
            page_token=token,
        )
        for run in page:
            yield LoggedRun(
                run_id=run.info.run_id,
                name=run.info.run_name or "",
                status=run.info.status,
                start_ms=run.info.start_time,
                end_ms=run.info.end_time,
                params=dict(run.data.params),
                metrics=dict(run.data.metrics),
                tags=dict(run.data.tags),
            )
        token = page.token
        if not token:
            return


def read_curves(
    address: str, experiment: str, slots: Iterable[str], names: Sequence[str]
) -> dict[str, dict[str, tuple[tuple[int, float], ...]]]:
    """Return a learning curve of each of some trials of a study.

    Parameters
    ----------
    address
        Tracking address, which must be there.
    experiment
        Name of the study.
    slots
        The trials' places in the design.
    names
        Curves wanted; of each trial the first that it has is read.

    Returns
    -------
    dict
        Slot -> curve name -> (step, value) points; trials without any are left out.

    Raises
    ------
    StorageError
        If the store does not answer, or holds no such experiment.
    """
    quieten()
    from mlflow import MlflowClient

    def ask() -> dict[str, dict[str, tuple[tuple[int, float], ...]]]:
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        number = experiment_id(client, redact(address), experiment)
        found = {}
        for slot in slots:
            if "'" in slot:
                continue  # the store's conditions have no way to quote it
            condition = f"tags.slot = '{slot}' and attributes.status = 'FINISHED'"
            for run in client.search_runs([number], condition, max_results=1):
                logged = [name for name in names if f"curve/{name}" in run.data.metrics]
                for name in logged[:1]:
                    history = client.get_metric_history(run.info.run_id, f"curve/{name}")
                    points = tuple(sorted((point.step, point.value) for point in history))
                    found[slot] = {name: points}
        return found

    return explained(ask, address)
