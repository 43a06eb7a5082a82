"""Trials in Optuna's storages: opening them, and who may take, holds and returns what. The only importer of ``optuna.storages``."""
