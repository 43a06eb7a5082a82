"""Finished trials into MLflow, each exactly once: entries, rows, delivery, views, registry.

The only importer of ``mlflow``.
"""
