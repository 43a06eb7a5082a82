"""Beyond what was tried: extrapolation, surfaces over size and data, frontiers."""
