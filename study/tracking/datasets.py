"""Data sets as MLflow knows them: a name, a digest and how many examples, never the examples.

They stand on the parent runs, one for each dataset size, and on registered models: a call for each
trial would cost a third of its logging and say the same.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from study.record import TrialRecord

if TYPE_CHECKING:
    from mlflow.entities import DatasetInput

MAX_DIGEST = 36
"""Longest digest of a data set that the store accepts."""
CONTEXT_TAG = "mlflow.data.context"


def dataset_input(name: str, record: TrialRecord, n_examples: int) -> DatasetInput:
    """Return the training subsets of one dataset size as an input of a run.

    Parameters
    ----------
    name
        Name of the data set; the study's if empty.
    record
        A trial on it, which knows its digest.
    n_examples
        Training examples.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    name = name or record.study
    dataset = Dataset(
        name=f"{name} n={n_examples}",
        digest=(record.data_digest or "unknown")[:MAX_DIGEST],
        source_type="payoff",
        source=json.dumps({"data": name, "digest": record.data_digest}),
        profile=json.dumps({"num_rows": n_examples, "test_rows": record.n_test}),
    )
    return DatasetInput(dataset=dataset, tags=[InputTag(CONTEXT_TAG, "training")])
