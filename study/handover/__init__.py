"""Finished trials to whoever asks for them: trial table, readers, paper facts, report source, importance."""
