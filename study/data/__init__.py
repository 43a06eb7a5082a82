"""Data sets, their splits, their nested subsets; ``loaders/`` has one kind a file."""
