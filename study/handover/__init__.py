"""Finished trials to whoever asks: trial table, readers, paper facts, report source, importance."""
