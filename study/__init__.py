"""Doing a study: data, models, training, storage and tracking."""
