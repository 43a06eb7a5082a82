"""Finished trials into MLflow, exactly once: entries, rows, delivery, views, registry. The only importer of ``mlflow``."""
