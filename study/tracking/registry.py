"""Models in MLflow: logged with signature, input example, data set and origin, and registered.

Models are stored as exported programs (pt2), not pickled: loading one runs no code of a stranger
and needs none of this package.
"""

from __future__ import annotations

import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING

from study.tracking.datasets import dataset_input
from study.tracking.entries import KIND_TAG, NOTE_TAG
from study.tracking.reading import asking

if TYPE_CHECKING:
    from mlflow import MlflowClient

    from study.handover.registering import TrainedModel
    from study.spec.study_file import StudySpec

MODEL = "model"
"""Kind of the run that holds a model."""


def register_model(
    address: str, spec: StudySpec, model: TrainedModel, *, name: str, sentence: str
) -> str:
    """Log a model to a run of its own and make it a version of a registered model.

    Parameters
    ----------
    address
        Tracking address, which must be there.
    spec, model
        The study, and the trained network.
    name
        Name of the registered model; a further version is added where it exists.
    sentence
        The study's verdict, which the model's page shows.

    Returns
    -------
    str
        Address for ``mlflow.pytorch.load_model``.
    """
    with asking(address, spec.name) as (client, number):
        return _register(client, number, address, spec, model, name, sentence)


def _register(
    client: MlflowClient,
    number: str,
    address: str,
    spec: StudySpec,
    model: TrainedModel,
    name: str,
    sentence: str,
) -> str:
    import mlflow
    import torch
    from mlflow.models import infer_signature

    record = model.record
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    try:
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
                signature=infer_signature(model.example, outputs),
                input_example=model.example,
                pip_requirements=[f"torch=={version('torch')}", f"numpy=={version('numpy')}"],
                serialization_format="pt2",
                registered_model_name=name,
            )
        found = str(logged.registered_model_version)
        client.update_model_version(name, found, description=f"{sentence} Cell {record.cell}.")
        for key in ("cell", "n_examples", "study_digest", "data_digest"):
            client.set_model_version_tag(name, found, key, tags[key])
    finally:
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
    return f"models:/{name}/{found}"
