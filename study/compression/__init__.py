"""Smaller networks from larger ones: pruning, structured pruning, teachers and their students."""
