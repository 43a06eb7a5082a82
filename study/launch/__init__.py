"""A run from start to end: workers and who keeps them, engines, conclusion, progress."""
