"""Reports, which are made after the fact, kept with a study's analysis run."""

from __future__ import annotations

from pathlib import Path

from study.errors import StorageError
from study.redaction import redact
from study.tracking.entries import ANALYSIS, DIGEST_TAG, KIND_TAG
from study.tracking.reading import experiment_id, explained
from study.tracking.tracker import quieten

NAME = "report.html"
"""The report's name in MLflow, whatever the file is called."""


def log_report(address: str, experiment: str, digest: str, path: Path) -> str:
    """Keep a report with the analysis run of a study; return the run's id.

    Parameters
    ----------
    address
        Tracking address, which must be there.
    experiment
        Name of the study.
    digest
        The study's digest: others may share its name.
    path
        The report.

    Raises
    ------
    StorageError
        If the store does not answer, or the study has no analysis run yet.
    """
    quieten()
    from mlflow import MlflowClient

    def keep() -> str:
        client = MlflowClient(tracking_uri=address, registry_uri=address)
        number = experiment_id(client, redact(address), experiment)
        condition = f"tags.`{KIND_TAG}` = '{ANALYSIS}' and tags.{DIGEST_TAG} = '{digest}'"
        runs = client.search_runs([number], condition, max_results=1)
        if not runs:
            raise StorageError(
                f"{experiment}: MLflow has no analysis of this study yet; run the study to its end"
            )
        client.log_text(runs[0].info.run_id, path.read_text(encoding="utf-8"), NAME)
        return str(runs[0].info.run_id)

    return explained(keep, address)
