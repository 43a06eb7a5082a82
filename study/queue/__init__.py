"""Trials in Optuna's storages: opening them; who may take, who holds, who returns what.

The only importer of ``optuna.storages``.
"""
