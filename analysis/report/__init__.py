"""One self-contained HTML page of a study: no network, readable on any screen and on paper."""

from analysis.report.page import report_html, write_report
from analysis.report.source import LearningCurve, ReportSource, Share

__all__ = ["LearningCurve", "ReportSource", "Share", "report_html", "write_report"]
