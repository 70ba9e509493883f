"""The report of a study: one HTML file, the same in short as Markdown, and the numbers as JSON."""

from splitplot.report.write import write_report

__all__ = ["write_report"]
