"""A result as one HTML page: warnings, numbers, maps to click, tables, figures.

The page holds everything itself, its program included, and opens without a network.
"""

from jaxload.report.page import write_report

__all__ = ["write_report"]
