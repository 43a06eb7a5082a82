"""From trials to the points of curves, with their noise level by level."""
