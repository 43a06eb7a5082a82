"""Models in MLflow: logged with signature, input example, data set and origin, and registered.

Models are stored as exported programs (pt2), not pickled: loading one runs no code of a stranger
and needs none of this package.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from study.tracking.client import for_mlflow
from study.tracking.entries import KIND_TAG, NOTE_TAG
from study.tracking.parents import dataset_input
from study.tracking.reading import asking

if TYPE_CHECKING:
    from study.handover.registering import TrainedModel
    from study.spec.study_file import StudySpec

MODEL = "model"
"""Kind of the run that holds a model."""


def register_model(
    address: str, spec: StudySpec, model: TrainedModel, *, name: str, sentence: str
) -> str:
    """Log a model to a run of its own and make it a version of the registered model of a name.

    The sentence is the study's verdict, which the model's page shows. Returns the address for
    ``mlflow.pytorch.load_model``.
    """
    import torch

    record = model.record
    with asking(address, spec.name) as (client, number), _at(address) as mlflow:
        with torch.no_grad():
            outputs = model.network(torch.from_numpy(model.example)).numpy()
        tags = {
            KIND_TAG: MODEL,
            "study": spec.name,
            "study_digest": record.study_digest,
            "cell": record.cell,
            "slot": record.slot,
            "n_examples": str(record.n_examples),
            "data_digest": record.data_digest,
            NOTE_TAG: f"{sentence}\n\nThe replicate `{record.slot}`, trained again.",
        }
        with (
            warnings.catch_warnings(),
            mlflow.start_run(
                experiment_id=number, run_name=f"model {record.cell}", tags=tags
            ) as run,
        ):
            warnings.simplefilter("ignore")  # torch.export's and MLflow's own
            client.log_inputs(
                run.info.run_id, [dataset_input(spec.data.name, record, record.n_examples)]
            )
            mlflow.log_params({key: str(value) for key, value in record.params.items()})
            mlflow.log_metrics({**record.sizes, "test_error": model.test_error})
            logged = mlflow.pytorch.log_model(
                model.network,
                name="model",
                signature=mlflow.models.infer_signature(model.example, outputs),
                input_example=model.example,
                pip_requirements=[f"torch=={version('torch')}", f"numpy=={version('numpy')}"],
                serialization_format="pt2",
                registered_model_name=name,
            )
        found = str(logged.registered_model_version)
        client.update_model_version(name, found, description=f"{sentence} Cell {record.cell}.")
        for key in ("cell", "n_examples", "study_digest", "data_digest"):
            client.set_model_version_tag(name, found, key, tags[key])
    return f"models:/{name}/{found}"


@contextmanager
def _at(address: str) -> Iterator[Any]:
    """Have MLflow's own functions ask the store at an address for a while."""
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(for_mlflow(address))
    mlflow.set_registry_uri(for_mlflow(address))
    try:
        yield mlflow
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
