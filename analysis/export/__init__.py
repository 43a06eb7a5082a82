"""Everything of a study that goes into a paper: figures, tables, macros, curves, trials."""

from analysis.export.study import export_study

__all__ = ["export_study"]
