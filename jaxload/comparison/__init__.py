"""Two results beside each other, and what a result is to be cited with."""

from jaxload.comparison.citations import bibtex
from jaxload.comparison.two_results import compare_results

__all__ = ["bibtex", "compare_results"]
