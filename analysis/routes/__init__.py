"""Trained, pruned, distilled: their curves, crossings, laws, teachers and fronts."""
