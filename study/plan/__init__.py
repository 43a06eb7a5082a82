"""Which trials a study has: cells, search points, replicates, seeds."""
